//! SELECT: takes each element from one of two tensors.

use super::Visit;
use super::elementwise::offset;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::{Element, with_type};

/// `output = condition ? if_true : if_false`; any type but i48, and all three broadcast.
///
/// Source: TOSA 1.0, SELECT.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Select {
    /// Which to take, bool.
    pub condition: ValueId,
    /// Elements where the condition holds.
    pub if_true: ValueId,
    /// Elements where it does not, of the same type.
    pub if_false: ValueId,
}

impl Select {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.condition)?;
        visitor.tensor(&mut self.if_true)?;
        visitor.tensor(&mut self.if_false)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let shape = graph.operand(self.condition, ElementType::Bool)?;
        require(element != ElementType::I48, "nothing is selected from i48 tensors")?;
        [self.if_true, self.if_false].into_iter().try_fold(*shape, |shape, operand| {
            shape.broadcast(graph.operand(operand, element)?).ok_or("the operands' shapes do not broadcast")
        })
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let strides = |id| environment.shape(id).broadcast_strides();
        let (condition, strides0) = (environment.elements::<bool>(self.condition), strides(self.condition));
        let (strides1, strides2) = (strides(self.if_true), strides(self.if_false));
        Ok(with_type!(result.element, T => {
            let (a, b) = (environment.elements::<T>(self.if_true), environment.elements::<T>(self.if_false));
            T::tensor(result.shape.indices().map(|index| match condition[offset(&index, &strides0)] {
                true => a[offset(&index, &strides1)],
                false => b[offset(&index, &strides2)],
            }).collect())
        }))
    }
}
