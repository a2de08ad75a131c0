//! MUL: the product of two tensors, shifted right.

use super::{Like, Visit, elementwise};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::multiply;

/// `output = input1 · input2`, i32 for i8 and i16 operands; f32 for f32 ones; for i32 operands
/// `(input1 · input2 + 2^(shift−1)) >> shift`, which must fit i32, or the low 32 bits of the product for shift 0.
///
/// Operands broadcast.
///
/// Source: TOSA 1.0, MUL.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mul {
    /// First operand.
    pub input1: ValueId,
    /// Second operand, of the same type.
    pub input2: ValueId,
    /// Bits dropped with rounding: 0 to 63, 0 unless the operands are i32.
    pub shift: i32,
}

impl Mul {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input1)?;
        visitor.tensor(&mut self.input2)?;
        visitor.whole(Like::I8, &mut self.shift)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        require((0..=63).contains(&self.shift), "the shift is outside 0 to 63")?;
        let operands = graph.value(self.input1)?.element;
        require(self.shift == 0 || operands == ElementType::I32, "only i32 operands can be shifted")?;
        let types = [
            (ElementType::I8, ElementType::I32),
            (ElementType::I16, ElementType::I32),
            (ElementType::I32, ElementType::I32),
            (ElementType::F32, ElementType::F32),
        ];
        elementwise::infer(graph, &types, [self.input1, self.input2], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let (inputs, shape) = ([self.input1, self.input2], &result.shape);
        match environment.tensor(self.input1).element() {
            ElementType::I8 => {
                elementwise::binary(environment, inputs, shape, |a: i8, b: i8| Some(i32::from(a) * i32::from(b)))
            }
            ElementType::I16 => {
                elementwise::binary(environment, inputs, shape, |a: i16, b: i16| Some(i32::from(a) * i32::from(b)))
            }
            ElementType::F32 => elementwise::binary(environment, inputs, shape, |a: f32, b: f32| Some(a * b)),
            _ => elementwise::binary(environment, inputs, shape, |a, b| multiply(a, b, self.shift as u32)), // 0 to 63
        }
    }
}
