//! Batch normalization in inference mode; folded into the layer before it, or decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `(x - mean) / sqrt(var + eps) · gamma + beta` per channel (axis 1); operands: x, gamma, beta, mean, var.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f32,
}

impl Room for BatchNorm {
    const NAME: &'static str = "batch_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match inputs {
            [x, parameters @ ..] if x.len() >= 2 && parameters.iter().all(|shape| **shape == x[1..2]) => Ok(x.to_vec()),
            _ => Err(format!("batch normalization of {:?} with parameters {:?}", inputs[0], &inputs[1..])),
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let channel = |i: usize, c: usize| inputs[i].as_slice().expect("standard layout")[c];
        let mut output = inputs[0].clone();
        for (mut plane, c) in output.axis_iter_mut(ndarray::Axis(1)).zip(0..) {
            let factor = 1.0 / libm::sqrtf(channel(4, c) + self.eps);
            plane.mapv_inplace(|x| (x - channel(3, c)) * factor * channel(1, c) + channel(2, c));
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.batch_norm.default"
    }

    composite!();
}
