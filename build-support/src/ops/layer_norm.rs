//! Layer normalization; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `(x - mean) / sqrt(var + eps) · weight + bias` over the last `dims` axes; operands: x, then those parameters that there are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LayerNorm {
    /// Number of axes that are normalized together.
    pub dims: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a factor for each element.
    pub weight: bool,
    /// Whether there is a summand for each element.
    pub bias: bool,
}

impl Room for LayerNorm {
    const NAME: &'static str = "layer_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (x, parameters) = (inputs[0], &inputs[1..]);
        let outer = x.len().checked_sub(self.dims).filter(|_| self.dims > 0);
        let normalized = outer.map(|outer| &x[outer..]).ok_or_else(|| format!("the last {} axes of {x:?}", self.dims))?;
        let expected = usize::from(self.weight) + usize::from(self.bias);
        if parameters.len() != expected || parameters.iter().any(|shape| *shape != normalized) {
            return Err(format!("layer normalization of {x:?} with parameters {parameters:?}"));
        }
        Ok(x.to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        let size = output.shape()[output.ndim() - self.dims..].iter().product();
        let mut parameters = inputs[1..].iter().map(|parameter| parameter.as_slice().expect("standard layout"));
        let weight = self.weight.then(|| parameters.next()).flatten();
        let bias = self.bias.then(|| parameters.next()).flatten();
        for row in output.as_slice_mut().expect("standard layout").chunks_exact_mut(size) {
            quantize_float::normalize(row, self.eps);
            for (index, x) in row.iter_mut().enumerate() {
                *x = *x * weight.map_or(1.0, |weight| weight[index]) + bias.map_or(0.0, |bias| bias[index]);
            }
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.layer_norm.default"
    }

    composite!();
}
