//! A contiguous part of one axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// Elements `start..end` of an axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slice {
    /// The axis that shrinks.
    pub axis: usize,
    /// First element.
    pub start: usize,
    /// One past the last element.
    pub end: usize,
}

impl Slice {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let part = inputs[0].slice_axis(ndarray::Axis(self.axis), (self.start..self.end).into());
        T::standard(part)
    }
}

impl Room for Slice {
    const NAME: &'static str = "slice";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match shape.get_mut(self.axis) {
            Some(dim) if self.start < self.end && self.end <= *dim => *dim = self.end - self.start,
            _ => return Err(format!("elements {}..{} of axis {} of {shape:?}", self.start, self.end, self.axis)),
        }
        Ok(shape)
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.slice.Tensor"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let mut start = vec![0; input.shape.len()];
        let mut size = input.shape.clone();
        start[self.axis] = self.start;
        size[self.axis] = self.end - self.start;
        let result = lowering.slice(input.id, &start, &size)?;
        lowering.finish(node, result)
    }
}
