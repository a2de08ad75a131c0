//! Normalization by the root of the mean square.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `x / √(mean(x²) + eps) · weight` over the last `dims` axes; operands: x, and perhaps the weight of their shape. Upstream's
/// quantizer does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RmsNorm {
    /// Number of axes that are normalized together.
    pub dims: usize,
    /// Added to the mean square.
    pub eps: f64,
}

impl Room for RmsNorm {
    const NAME: &'static str = "rms_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (x, weights) = (inputs[0], &inputs[1..]);
        let outer = x.len().checked_sub(self.dims).filter(|_| self.dims > 0);
        let normalized = outer.map(|outer| &x[outer..]).ok_or_else(|| format!("the last {} axes of {x:?}", self.dims))?;
        match weights.iter().all(|weight| *weight == normalized) {
            true => Ok(x.to_vec()),
            false => Err(format!("root mean square normalization of {x:?} with weights {weights:?}")),
        }
    }

    /// Sums in f64, in memory order.
    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        let size: usize = output.shape()[output.ndim() - self.dims..].iter().product();
        let weight = inputs.get(1).map(|weight| weight.as_slice().expect("standard layout"));
        for row in output.as_slice_mut().expect("standard layout").chunks_exact_mut(size) {
            let squares: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            let factor = 1.0 / libm::sqrt(squares / size as f64 + self.eps);
            for (index, x) in row.iter_mut().enumerate() {
                *x = (f64::from(*x) * factor) as f32 * weight.map_or(1.0, |weight| weight[index]);
            }
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.rms_norm.default"
    }

    float_composite!();
}
