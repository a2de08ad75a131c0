//! MINIMUM: the smaller of each pair of elements.

use super::{NanMode, Visit, elementwise};
use crate::Shape;
use crate::float;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output = min(input1, input2)`, i32 or f32, with broadcasting.
///
/// Source: TOSA 1.0, MINIMUM.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Minimum {
    /// What becomes of NaN.
    pub nan_mode: NanMode,
    /// First operand.
    pub input1: ValueId,
    /// Second operand, of the same type.
    pub input2: ValueId,
}

impl Minimum {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.enumeration(&mut self.nan_mode)?;
        visitor.tensor(&mut self.input1)?;
        visitor.tensor(&mut self.input2)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let types = [ElementType::I32, ElementType::F32].map(|element| (element, element));
        elementwise::infer(graph, &types, [self.input1, self.input2], element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let inputs = [self.input1, self.input2];
        if result.element == ElementType::I32 {
            return elementwise::binary(environment, inputs, &result.shape, |a: i32, b: i32| Some(a.min(b)));
        }
        let minimum = match self.nan_mode {
            NanMode::Propagate => float::minimum,
            NanMode::Ignore => float::minimum_number,
        };
        elementwise::binary(environment, inputs, &result.shape, |a, b| Some(minimum(a, b)))
    }
}
