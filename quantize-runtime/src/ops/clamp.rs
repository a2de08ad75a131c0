//! CLAMP: limits each element to a range.

use super::{NanMode, Visit};
use crate::Shape;
use crate::float;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::Element;
use alloc::vec::Vec;

/// `output = min(max(input, min), max)`; i8, i16 or f32, any shape.
///
/// Source: TOSA 1.0, CLAMP.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Clamp {
    /// Lower bound, of the input's element type.
    pub min: Scalar,
    /// Upper bound, at least `min`.
    pub max: Scalar,
    /// What becomes of NaN.
    pub nan_mode: NanMode,
    /// Tensor.
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
        require(
            matches!(element, ElementType::I8 | ElementType::I16 | ElementType::F32),
            "only i8, i16 and f32 tensors can be clamped",
        )?;
        let input = graph.operand(self.input, element)?;
        element.check_scalar(self.min)?;
        element.check_scalar(self.max)?;
        // False for NaN, too.
        require(self.min <= self.max, "the lower bound is above the upper bound")?;
        Ok(*input)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        Ok(match result.element {
            ElementType::F32 => {
                let (min, max) = (f32::from_scalar(self.min), f32::from_scalar(self.max));
                let clamp = |&value: &f32| match self.nan_mode {
                    NanMode::Propagate => float::minimum(float::maximum(value, min), max),
                    NanMode::Ignore => float::minimum_number(float::maximum_number(value, min), max),
                };
                Tensor::F32(environment.elements(self.input).iter().map(clamp).collect())
            }
            ElementType::I16 => Tensor::I16(self.integers(environment)),
            _ => Tensor::I8(self.integers(environment)),
        })
    }

    fn integers<T: Element + Ord>(&self, environment: &Environment<'_>) -> Vec<T> {
        let (min, max) = (T::from_scalar(self.min), T::from_scalar(self.max));
        environment.elements(self.input).iter().map(|&value: &T| value.clamp(min, max)).collect()
    }
}
