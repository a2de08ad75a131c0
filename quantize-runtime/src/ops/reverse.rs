//! REVERSE: mirrors a tensor along an axis.

use super::Visit;
use super::elementwise::offset;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// The elements in reverse order along `axis`; any type but i48, rank at least 1.
///
/// Source: TOSA 1.0, REVERSE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Reverse {
    /// Axis, below the rank.
    pub axis: u32,
    /// Tensor.
    pub input: ValueId,
}

impl Reverse {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.word(&mut self.axis)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.moved(self.input, element)?;
        require((self.axis as usize) < input.rank(), "the axis is not below the rank")?;
        Ok(*input)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let (axis, strides) = (self.axis as usize, result.shape.strides());
        let last = result.shape.dims()[axis] as usize - 1;
        let positions = result.shape.indices().map(|mut index| {
            index[axis] = last - index[axis];
            Some(offset(&index, &strides))
        });
        Ok(environment.tensor(self.input).gather(positions, Scalar::default()))
    }
}
