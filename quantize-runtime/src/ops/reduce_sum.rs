//! REDUCE_SUM: the sum along one axis.

use super::Visit;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec;

/// The sum of the elements along `axis`, which stays with size 1; i32, and every partial sum must fit.
///
/// Source: TOSA 1.0, REDUCE_SUM.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ReduceSum {
    /// Axis, below the rank.
    pub axis: u32,
    /// Tensor, i32.
    pub input: ValueId,
}

impl ReduceSum {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.word(&mut self.axis)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.operand(self.input, ElementType::I32)?;
        require(element == ElementType::I32, "the result has not the input's element type")?;
        input.with_axis(self.axis, 1).ok_or("the axis is not below the rank")
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let input = environment.elements::<i32>(self.input);
        let (outer, size, inner) = environment.shape(self.input).around(self.axis);
        let mut output = vec![0_i32; result.shape.len()];
        for o in 0..outer {
            for i in 0..size {
                for c in 0..inner {
                    let sum = &mut output[o * inner + c];
                    *sum = sum.checked_add(input[(o * size + i) * inner + c]).ok_or(Unpredictable)?;
                }
            }
        }
        Ok(Tensor::I32(output))
    }
}
