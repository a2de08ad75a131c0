//! SLICE: a box out of a tensor.

use super::Visit;
use super::elementwise::offset;
use super::reshape::shape_of;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// The elements from `start`, `size` of them on each axis; any type but i48, rank at least 1.
///
/// Source: TOSA 1.0, SLICE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Slice {
    /// Tensor.
    pub input: ValueId,
    /// First index on each axis, at least 0.
    pub start: Vec<i32>,
    /// The result's dimensions; `start + size` stays inside the input.
    pub size: Vec<i32>,
}

impl Slice {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.list(&mut self.start)?;
        visitor.list(&mut self.size)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.moved(self.input, element)?;
        require(input.rank() >= 1, "the rank is 0")?;
        let ranks = [self.start.len(), self.size.len()];
        require(ranks == [input.rank(); 2], "start and size have not one entry per axis")?;
        let shape = shape_of(&self.size)?;
        for ((&start, &size), &dim) in self.start.iter().zip(shape.dims()).zip(input.dims()) {
            require(start >= 0, "a start is negative")?;
            require(i64::from(start) + i64::from(size) <= i64::from(dim), "the slice leaves the input")?;
        }
        Ok(shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let strides = environment.shape(self.input).strides();
        let positions = result.shape.indices().map(|mut index| {
            for (i, start) in index.iter_mut().zip(&self.start) {
                *i += *start as usize; // not negative
            }
            Some(offset(&index, &strides))
        });
        Ok(environment.tensor(self.input).gather(positions, Scalar::default()))
    }
}
