//! MUL: the product of two tensors, shifted right.

use super::{Like, Visit, elementwise};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::multiply;

/// `output = input1 · input2` for i8 operands; for i32 `(input1 · input2 + 2^(shift−1)) >> shift`, or the low 32 bits of
/// the product for shift 0. The result is i32; operands broadcast.
///
/// Source: TOSA 1.0, MUL.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Mul {
    /// First operand, i8 or i32.
    pub input1: ValueId,
    /// Second operand, of the same type.
    pub input2: ValueId,
    /// Bits dropped with rounding: 0 to 63, 0 for i8.
    pub shift: i32,
}

impl Mul {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input1)?;
        visitor.tensor(&mut self.input2)?;
        visitor.whole(Like::I8, &mut self.shift)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let operands = graph.value(self.input1)?.element;
        require((0..=63).contains(&self.shift), "the shift is outside 0 to 63")?;
        require(self.shift == 0 || operands == ElementType::I32, "only i32 operands can be shifted")?;
        elementwise::infer(graph, operands, [self.input1, self.input2], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        // The operands have at most 32 bits, the shift is 0 to 63.
        let product = |a, b| multiply(a as i32, b as i32, self.shift as u32).map(i64::from);
        elementwise::evaluate(environment, [self.input1, self.input2], &result.shape, product)
    }
}
