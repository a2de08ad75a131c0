//! CONCAT: joins tensors along an axis.

use super::Visit;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::{Element, with_type};
use alloc::vec::Vec;

/// Most inputs (TOSA 1.0, level 8K).
const MAX_INPUTS: usize = 64;

/// The inputs one after the other along `axis`; other axes and the element type are equal.
///
/// Source: TOSA 1.0, CONCAT.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Concat {
    /// Axis, below the rank.
    pub axis: u32,
    /// One to 64 tensors.
    pub inputs: Vec<ValueId>,
}

impl Concat {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.word(&mut self.axis)?;
        visitor.tensors(&mut self.inputs)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let (first, rest) = self.inputs.split_first().ok_or("there is no input")?;
        require(self.inputs.len() <= MAX_INPUTS, "there are more than 64 inputs")?;
        let mut shape = *graph.moved(*first, element)?;
        for input in rest {
            let input = graph.moved(*input, element)?;
            let axis = self.axis as usize;
            let grown = match (shape.dims().get(axis), input.dims().get(axis)) {
                (Some(size), Some(more)) => size.checked_add(*more).ok_or("the result is too large")?,
                _ => return Err("the axis is not below the rank"),
            };
            require(
                input.with_axis(self.axis, 1) == shape.with_axis(self.axis, 1),
                "the inputs differ in another axis than the one they are joined along",
            )?;
            shape = shape.with_axis(self.axis, grown).ok_or("the axis is not below the rank")?;
        }
        require((self.axis as usize) < shape.rank(), "the axis is not below the rank")?;
        Ok(shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let (outer, _, inner) = result.shape.around(self.axis);
        // One run of each input for each position on the axes before.
        let runs = (0..outer).flat_map(|o| {
            self.inputs.iter().map(move |&id| {
                let (_, size, _) = environment.shape(id).around(self.axis);
                (id, o * size * inner..(o + 1) * size * inner)
            })
        });
        Ok(with_type!(result.element, T => {
            T::tensor(runs.flat_map(|(id, run)| environment.elements::<T>(id)[run].iter().copied()).collect())
        }))
    }
}
