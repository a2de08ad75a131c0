//! CLAMP: limits each element to a range.

use super::{NanMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output = min(max(input, min), max)`, i8, any shape.
///
/// Source: TOSA 1.0, CLAMP.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Clamp {
    /// Lower bound.
    pub min: i32,
    /// Upper bound, at least `min`.
    pub max: i32,
    /// Without meaning for integers.
    pub nan_mode: NanMode,
    /// Tensor, i8.
    pub input: ValueId,
}

impl Clamp {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.bound(&mut self.min)?;
        visitor.bound(&mut self.max)?;
        visitor.enumeration(&mut self.nan_mode)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.operand(self.input, ElementType::I8)?;
        require(element == ElementType::I8, "the result has not the input's element type")?;
        ElementType::I8.check_range(self.min)?;
        ElementType::I8.check_range(self.max)?;
        require(self.min <= self.max, "the lower bound is above the upper bound")?;
        Ok(*input)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, _: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let clamp = |&value| i32::from(value).clamp(self.min, self.max) as i8; // the bounds are i8
        Ok(Tensor::I8(environment.i8s(self.input).iter().map(clamp).collect()))
    }
}
