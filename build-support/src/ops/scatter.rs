//! A part of an axis replaced by another tensor: `select_scatter`, `slice_scatter`; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis, Slice as Span};

/// `x` with a part of an axis replaced; operands: x, what comes in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scatter {
    /// One element, which has one dimension less.
    Select {
        /// The axis.
        axis: usize,
        /// Which element.
        index: usize,
    },
    /// Every `step`th of the elements `start..end`.
    Slice {
        /// The axis.
        axis: usize,
        /// First element.
        start: usize,
        /// Where to stop.
        end: usize,
        /// Distance between elements, at least 1.
        step: usize,
    },
}

impl Scatter {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let mut result = inputs[0].to_owned();
        match *self {
            Self::Select { axis, index } => result.index_axis_mut(Axis(axis), index).assign(&inputs[1]),
            Self::Slice { axis, start, end, step } => {
                let span = Span::from(start..end).step_by(step as isize); // at most a dimension
                result.slice_axis_mut(Axis(axis), span).assign(&inputs[1]);
            }
        }
        result
    }
}

impl Room for Scatter {
    const NAME: &'static str = "scatter";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut part = inputs[0].to_vec();
        let fits = match *self {
            Self::Select { axis, index } if part.get(axis).is_some_and(|&dim| index < dim) => {
                part.remove(axis);
                true
            }
            Self::Slice { axis, start, end, step }
                if step > 0 && part.get(axis).is_some_and(|&dim| start < end && end <= dim) =>
            {
                part[axis] = (end - start).div_ceil(step);
                true
            }
            _ => false,
        };
        match fits && part == inputs[1] {
            true => Ok(inputs[0].to_vec()),
            false => Err(format!("a part of shape {:?} of a tensor of shape {:?}", inputs[1], inputs[0])),
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        self.rearrange(&[inputs[0].view(), inputs[1].view()])
    }

    fn target(&self) -> &'static str {
        match self {
            Self::Select { .. } => "aten.select_scatter.default",
            Self::Slice { .. } => "aten.slice_scatter.default",
        }
    }

    composite!();
}
