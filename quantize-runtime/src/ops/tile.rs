//! TILE: repeats a tensor along its axes.

use super::Visit;
use super::elementwise::offset;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// The input `multiples[axis]` times in a row on each axis; any type but i48, rank at least 1.
///
/// Source: TOSA 1.0, TILE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tile {
    /// Tensor.
    pub input: ValueId,
    /// Repetitions on each axis, each at least 1.
    pub multiples: Vec<i32>,
}

impl Tile {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.list(&mut self.multiples)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.moved(self.input, element)?;
        require(input.rank() >= 1, "the rank is 0")?;
        require(self.multiples.len() == input.rank(), "there is not one multiple per axis")?;
        let mut shape = *input;
        for ((axis, &dim), &multiple) in (0..).zip(input.dims()).zip(&self.multiples) {
            let multiple = u32::try_from(multiple).ok().filter(|&multiple| multiple > 0);
            let size = dim.checked_mul(multiple.ok_or("a multiple is below 1")?).ok_or("the result is too large")?;
            shape = shape.with_axis(axis, size).ok_or("the result is too large")?;
        }
        Ok(shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let input = environment.shape(self.input);
        let strides = input.strides();
        let positions = result.shape.indices().map(|mut index| {
            for (i, &dim) in index.iter_mut().zip(input.dims()) {
                *i %= dim as usize;
            }
            Some(offset(&index, &strides))
        });
        Ok(environment.tensor(self.input).gather(positions, Scalar::default()))
    }
}
