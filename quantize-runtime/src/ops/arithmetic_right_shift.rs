//! ARITHMETIC_RIGHT_SHIFT: divides by powers of two.

use super::{Visit, elementwise};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output = input1 / 2^input2`, towards −∞ or to the nearest with ties towards +∞; the operands broadcast.
///
/// i8, i16 or i32; `input2` is at least 0 and less than the width.
///
/// Source: TOSA 1.0, ARITHMETIC_RIGHT_SHIFT.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ArithmeticRightShift {
    /// To the nearest.
    pub round: bool,
    /// What is shifted.
    pub input1: ValueId,
    /// Number of bits, of the same type.
    pub input2: ValueId,
}

impl ArithmeticRightShift {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.flag(&mut self.round)?;
        visitor.tensor(&mut self.input1)?;
        visitor.tensor(&mut self.input2)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let types = [ElementType::I8, ElementType::I16, ElementType::I32].map(|element| (element, element));
        elementwise::infer(graph, &types, [self.input1, self.input2], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let inputs = [self.input1, self.input2];
        let shift = |a: i32, b: i32, bits: i32| {
            (0..bits).contains(&b).then(|| {
                let lost = if self.round && b > 0 { a >> (b - 1) & 1 } else { 0 };
                (a >> b) + lost
            })
        };
        // The result is not wider than the first operand: rounding up follows a shift by at least 1.
        match result.element {
            ElementType::I8 => elementwise::binary(environment, inputs, &result.shape, |a: i8, b: i8| {
                shift(a.into(), b.into(), 8).map(|result| result as i8)
            }),
            ElementType::I16 => elementwise::binary(environment, inputs, &result.shape, |a: i16, b: i16| {
                shift(a.into(), b.into(), 16).map(|result| result as i16)
            }),
            _ => elementwise::binary(environment, inputs, &result.shape, |a, b| shift(a, b, 32)),
        }
    }
}
