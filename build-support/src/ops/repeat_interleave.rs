//! Repetition of each element beside itself.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// Each element along an axis several times in a row.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RepeatInterleave {
    /// The axis that grows.
    pub axis: usize,
    /// Repetitions, at least 1.
    pub count: usize,
}

impl RepeatInterleave {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let size = inputs[0].shape()[self.axis];
        let rows: Vec<usize> = (0..size * self.count).map(|row| row / self.count).collect();
        T::standard(inputs[0].select(Axis(self.axis), &rows).view())
    }
}

impl Room for RepeatInterleave {
    const NAME: &'static str = "repeat_interleave";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match shape.get_mut(self.axis) {
            Some(dim) if self.count > 0 => *dim *= self.count,
            _ => return Err(format!("{} repetitions along axis {} of {shape:?}", self.count, self.axis)),
        }
        Ok(shape)
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.repeat_interleave.self_int"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE to three dimensions around a new one, TILE, RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (outer, inner) = input.shape.split_at(self.axis + 1);
        let value = lowering.reshape(input.id, &[outer.iter().product(), 1, inner.iter().product()])?;
        let result = lowering.tile(value, &[1, self.count, 1])?;
        lowering.finish(node, result)
    }
}
