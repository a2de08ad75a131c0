//! TRANSPOSE: reorders the axes.

use super::Visit;
use super::elementwise::offset;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::shape::MAX_RANK;
use alloc::vec::Vec;

/// Axis `i` of the result is axis `perms[i]` of the input; any type but i48, rank at least 1.
///
/// Source: TOSA 1.0, TRANSPOSE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Transpose {
    /// A permutation of the axes.
    pub perms: Vec<i32>,
    /// Tensor.
    pub input: ValueId,
}

impl Transpose {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.list(&mut self.perms)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.moved(self.input, element)?;
        require(input.rank() >= 1, "the rank is 0")?;
        require(self.perms.len() == input.rank(), "there is not one entry of perms per axis")?;
        let mut shape = *input;
        let mut seen = [false; MAX_RANK];
        for (axis, &perm) in (0..).zip(&self.perms) {
            let from = usize::try_from(perm).ok().filter(|&from| from < input.rank());
            let from = from.ok_or("an entry of perms is not an axis")?;
            require(!seen[from], "perms names an axis twice")?;
            seen[from] = true;
            shape = shape.with_axis(axis, input.dims()[from]).ok_or("perms is not a permutation")?;
        }
        Ok(shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let strides = environment.shape(self.input).strides();
        let positions = result.shape.indices().map(|index| {
            let mut from = [0; MAX_RANK];
            for (i, &perm) in index.iter().zip(&self.perms) {
                from[perm as usize] = *i; // perms is a permutation
            }
            Some(offset(&from, &strides))
        });
        Ok(environment.tensor(self.input).gather(positions, Scalar::default()))
    }
}
