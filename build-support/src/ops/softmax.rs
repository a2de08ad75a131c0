//! Softmax and its logarithm; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `e^x / Σ e^x` along an axis, or the logarithm of that.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Softmax {
    /// The axis.
    pub axis: usize,
    /// Whether it is `log_softmax`.
    pub log: bool,
    /// Whether a row of negative infinities, which looks at nothing, is zeros rather than not a number.
    pub safe: bool,
}

impl Room for Softmax {
    const NAME: &'static str = "softmax";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if self.axis < inputs[0].len() {
            Ok(inputs[0].to_vec())
        } else {
            Err(format!("axis {} of {:?}", self.axis, inputs[0]))
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        for mut lane in output.lanes_mut(ndarray::Axis(self.axis)) {
            let largest = f64::from(lane.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            if self.safe && largest == f64::NEG_INFINITY {
                lane.fill(0.0);
                continue;
            }
            let sum: f64 = lane.iter().map(|&x| libm::exp(f64::from(x) - largest)).sum();
            lane.mapv_inplace(|x| {
                let x = f64::from(x) - largest;
                (if self.log { x - libm::log(sum) } else { libm::exp(x) / sum }) as f32
            });
        }
        output
    }

    fn target(&self) -> &'static str {
        if self.log { "aten.log_softmax.int" } else { "aten.softmax.int" }
    }

    composite!();
}
