//! Repetition of whole axes.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// The operand several times in a row along each axis: repeat, tile.
#[derive(Clone, PartialEq, Debug)]
pub struct Repeat {
    /// Repetitions on each axis, each at least 1; axes beyond the operand's rank come first.
    pub repeats: Vec<usize>,
}

impl Repeat {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let mut result = inputs[0].to_owned();
        while result.ndim() < self.repeats.len() {
            result.insert_axis_inplace(Axis(0));
        }
        for (axis, &count) in self.repeats.iter().enumerate() {
            let copies = vec![result.view(); count];
            result = T::joined(Axis(axis), &copies);
        }
        result
    }
}

impl Room for Repeat {
    const NAME: &'static str = "repeat";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let new = self.repeats.len().checked_sub(inputs[0].len()).filter(|_| !self.repeats.contains(&0));
        let new = new.ok_or_else(|| format!("{:?} repetitions of {:?}", self.repeats, inputs[0]))?;
        let dims = std::iter::repeat_n(1, new).chain(inputs[0].iter().copied());
        Ok(dims.zip(&self.repeats).map(|(dim, count)| dim * count).collect())
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.repeat.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE to the result's rank and TILE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let mut shape = vec![1; self.repeats.len() - input.shape.len()];
        shape.extend(&input.shape);
        let value = lowering.reshape(input.id, &shape)?;
        let result = lowering.tile(value, &self.repeats)?;
        lowering.finish(node, result)
    }
}
