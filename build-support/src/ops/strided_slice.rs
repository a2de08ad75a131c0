//! Every so many elements of one axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis, Slice as Span};
use quantize_runtime::graph::ValueId;

/// Elements `start`, `start + step`, … below `end` of an axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct StridedSlice {
    /// The axis that shrinks.
    pub axis: usize,
    /// First element.
    pub start: usize,
    /// Where to stop.
    pub end: usize,
    /// Distance between elements, at least 1.
    pub step: usize,
}

impl StridedSlice {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let span = Span::from(self.start..self.end).step_by(self.step as isize); // at most a dimension
        T::standard(inputs[0].slice_axis(Axis(self.axis), span))
    }

    fn count(&self) -> usize {
        (self.end - self.start).div_ceil(self.step)
    }
}

impl Room for StridedSlice {
    const NAME: &'static str = "slice";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match shape.get_mut(self.axis) {
            Some(dim) if self.step > 0 && self.start < self.end && self.end <= *dim => *dim = self.count(),
            _ => {
                let Self { axis, start, end, step } = self;
                return Err(format!("elements {start}..{end} by {step} of axis {axis} of {shape:?}"));
            }
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
        let result = self.apply(lowering, input.id, &input.shape)?;
        lowering.finish(node, result)
    }
}

impl StridedSlice {
    /// SLICE of the span, RESHAPE so that each element begins a row of `step` elements, SLICE, RESHAPE; where the span ends
    /// within a row, that row's first element comes by a CONCAT.
    pub(super) fn apply(
        &self,
        lowering: &mut Lowering<'_>,
        input: ValueId,
        shape: &[usize],
    ) -> Result<ValueId, String> {
        let outer: usize = shape[..self.axis].iter().product();
        let inner: usize = shape[self.axis + 1..].iter().product();
        let value = lowering.reshape(input, &[outer, shape[self.axis], inner])?;
        // As many whole rows as lie inside the input, which may be more than the span has.
        let rows = ((shape[self.axis] - self.start) / self.step).min(self.count());
        let mut parts = Vec::new();
        if rows > 0 {
            let span = lowering.slice(value, &[0, self.start, 0], &[outer, rows * self.step, inner])?;
            let span = lowering.reshape(span, &[outer, rows, self.step, inner])?;
            let firsts = lowering.slice(span, &[0; 4], &[outer, rows, 1, inner])?;
            parts.push(lowering.reshape(firsts, &[outer, rows, inner])?);
        }
        if rows < self.count() {
            let last = self.start + rows * self.step;
            parts.push(lowering.slice(value, &[0, last, 0], &[outer, 1, inner])?);
        }
        let result = lowering.concat(&parts, 1)?;
        let mut shape = shape.to_vec();
        shape[self.axis] = self.count();
        lowering.reshape(result, &shape)
    }
}
