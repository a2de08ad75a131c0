//! RESHAPE: the same elements under another shape.

use super::Visit;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::shape::MAX_RANK;
use alloc::vec::Vec;

/// The elements of the input in the same order, of any type but i48, with as many elements as before.
///
/// Source: TOSA 1.0, RESHAPE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Reshape {
    /// Tensor.
    pub input: ValueId,
    /// The result's dimensions.
    pub shape: Vec<i32>,
}

impl Reshape {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.list(&mut self.shape)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.moved(self.input, element)?;
        let shape = shape_of(&self.shape)?;
        require(shape.len() == input.len(), "the number of elements changes")?;
        Ok(shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, _: &Value<'_>) -> Result<Tensor, Unpredictable> {
        Ok(environment.tensor(self.input).clone())
    }
}

/// The shape with these signed dimensions.
pub(super) fn shape_of(sizes: &[i32]) -> Result<Shape, Rule> {
    let mut dims = [0; MAX_RANK];
    let dims = dims.get_mut(..sizes.len()).ok_or("the rank is above 6")?;
    for (dim, size) in dims.iter_mut().zip(sizes) {
        *dim = u32::try_from(*size).map_err(|_| "a dimension is below 1")?;
    }
    Shape::new(dims).ok_or("a dimension is below 1")
}
