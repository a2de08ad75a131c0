//! Gated linear unit; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use crate::ops::unary::Unary;
use ndarray::Axis;

/// The first half of an axis times the sigmoid of the second half.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Glu {
    /// The axis that halves.
    pub axis: usize,
}

impl Room for Glu {
    const NAME: &'static str = "glu";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match shape.get_mut(self.axis) {
            Some(dim) if dim.is_multiple_of(2) => *dim /= 2,
            _ => return Err(format!("halves of axis {} of {shape:?}", self.axis)),
        }
        Ok(shape)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let half = inputs[0].shape()[self.axis] / 2;
        let (value, gate) = inputs[0].view().split_at(Axis(self.axis), half);
        let product = ndarray::Zip::from(value)
            .and(gate)
            .map_collect(|&value, &gate| value * Unary::Sigmoid.apply(f64::from(gate)) as f32);
        product.as_standard_layout().into_owned()
    }

    fn target(&self) -> &'static str {
        "aten.glu.default"
    }

    composite!();
}
