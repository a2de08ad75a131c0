//! NEGATE: changes the sign.

use super::{Like, Visit, elementwise};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output = −(input − input_zero_point) + output_zero_point`, any shape; the result has the input's type.
///
/// i8, i16 and f32; i8 and i16 saturate. Of i32 the result must fit.
///
/// Source: TOSA 1.0, NEGATE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Negate {
    /// Tensor.
    pub input: ValueId,
    /// Quantized zero of the input; 0 unless it is i8.
    pub input_zero_point: i32,
    /// Quantized zero of the result; 0 unless it is i8.
    pub output_zero_point: i32,
}

impl Negate {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.whole(Like::Operand(self.input), &mut self.input_zero_point)?;
        visitor.whole(Like::Result, &mut self.output_zero_point)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let types = [ElementType::I8, ElementType::I16, ElementType::I32, ElementType::F32];
        element.check_zero_point(self.input_zero_point)?;
        element.check_zero_point(self.output_zero_point)?;
        elementwise::infer(graph, &types.map(|element| (element, element)), [self.input], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let saturated = |value: i32, min: i32, max: i32| {
            (self.output_zero_point - (value - self.input_zero_point)).clamp(min, max) // 18 bits
        };
        match result.element {
            ElementType::I8 => elementwise::unary(environment, self.input, |value: i8| {
                Some(saturated(value.into(), -128, 127) as i8) // in range after the clamp
            }),
            ElementType::I16 => elementwise::unary(environment, self.input, |value: i16| {
                Some(saturated(value.into(), -32_768, 32_767) as i16) // likewise
            }),
            ElementType::I32 => elementwise::unary(environment, self.input, i32::checked_neg),
            _ => elementwise::unary(environment, self.input, |value: f32| Some(-value)),
        }
    }
}
