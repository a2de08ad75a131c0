//! MAXIMUM: the larger of each pair of elements of two i32 tensors.

use super::{NanMode, Visit, elementwise};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output = max(input1, input2)`, i32, with broadcasting.
///
/// Source: TOSA 1.0, MAXIMUM.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Maximum {
    /// Without meaning for integers.
    pub nan_mode: NanMode,
    /// First operand, i32.
    pub input1: ValueId,
    /// Second operand, i32.
    pub input2: ValueId,
}

impl Maximum {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.enumeration(&mut self.nan_mode)?;
        visitor.tensor(&mut self.input1)?;
        visitor.tensor(&mut self.input2)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        elementwise::infer(graph, ElementType::I32, [self.input1, self.input2], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        elementwise::evaluate(environment, [self.input1, self.input2], &result.shape, |a, b| Some(a.max(b)))
    }
}
