//! ADD: the sum of two i32 tensors.

use super::{Visit, elementwise};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output = input1 + input2`, i32, with broadcasting; the sum must fit i32.
///
/// Source: TOSA 1.0, ADD.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Add {
    /// First operand, i32.
    pub input1: ValueId,
    /// Second operand, i32.
    pub input2: ValueId,
}

impl Add {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input1)?;
        visitor.tensor(&mut self.input2)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        elementwise::infer(graph, ElementType::I32, [self.input1, self.input2], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        elementwise::evaluate(environment, [self.input1, self.input2], &result.shape, i64::checked_add)
    }
}
