//! PAD: puts a border of one value around a tensor.

use super::elementwise::offset;
use super::{Like, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// The input inside a border of `pad_const`; any type but i48, rank at least 1.
///
/// Source: TOSA 1.0, PAD.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pad {
    /// Tensor.
    pub input: ValueId,
    /// Elements added: before and after on axis 0, then axis 1 and so on; each at least 0.
    pub padding: Vec<i32>,
    /// Value of the border, of the input's element type.
    pub pad_const: Scalar,
}

impl Pad {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.list(&mut self.padding)?;
        visitor.single(Like::Operand(self.input), &mut self.pad_const)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.moved(self.input, element)?;
        require(input.rank() >= 1, "the rank is 0")?;
        require(self.padding.len() == 2 * input.rank(), "there are not two amounts of padding per axis")?;
        element.check_scalar(self.pad_const)?;
        let mut shape = *input;
        for (axis, pair) in (0..).zip(self.padding.chunks_exact(2)) {
            require(pair[0] >= 0 && pair[1] >= 0, "an amount of padding is negative")?;
            let size = i64::from(input.dims()[axis as usize]) + i64::from(pair[0]) + i64::from(pair[1]);
            let size = u32::try_from(size).map_err(|_| "the result is too large")?;
            shape = shape.with_axis(axis, size).ok_or("the result is too large")?;
        }
        Ok(shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let input = environment.shape(self.input);
        let strides = input.strides();
        let positions = result.shape.indices().map(|mut index| {
            for (axis, pair) in self.padding.chunks_exact(2).enumerate() {
                index[axis] = index[axis].checked_sub(pair[0] as usize)?; // not negative
                if index[axis] >= input.dims()[axis] as usize {
                    return None;
                }
            }
            Some(offset(&index, &strides))
        });
        Ok(environment.tensor(self.input).gather(positions, self.pad_const))
    }
}
