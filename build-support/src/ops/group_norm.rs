//! Group normalization; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `(x - mean) / sqrt(var + eps) · weight + bias` for each sample and group of channels of `[N, C, …]`; operands: x, then
/// those parameters of shape `[C]` that there are.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GroupNorm {
    /// Number of groups.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a factor for each channel.
    pub weight: bool,
    /// Whether there is a summand for each channel.
    pub bias: bool,
}

impl Room for GroupNorm {
    const NAME: &'static str = "group_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (x, parameters) = (inputs[0], &inputs[1..]);
        let fits = x.len() >= 2
            && self.groups > 0
            && x[1].is_multiple_of(self.groups)
            && parameters.len() == usize::from(self.weight) + usize::from(self.bias)
            && parameters.iter().all(|shape| **shape == x[1..2]);
        if fits {
            Ok(x.to_vec())
        } else {
            Err(format!("{} groups of the channels of {x:?} with parameters {parameters:?}", self.groups))
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        let channels = output.shape()[1];
        let plane: usize = output.shape()[2..].iter().product();
        let mut parameters = inputs[1..].iter().map(|parameter| parameter.as_slice().expect("standard layout"));
        let weight = self.weight.then(|| parameters.next()).flatten();
        let bias = self.bias.then(|| parameters.next()).flatten();
        let elements = output.as_slice_mut().expect("standard layout");
        elements.chunks_exact_mut(channels / self.groups * plane).for_each(|group| quantize_float::normalize(group, self.eps));
        for (index, plane) in elements.chunks_exact_mut(plane).enumerate() {
            let channel = index % channels;
            let (factor, summand) = (weight.map_or(1.0, |w| w[channel]), bias.map_or(0.0, |b| b[channel]));
            plane.iter_mut().for_each(|x| *x = *x * factor + summand);
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.group_norm.default"
    }

    composite!();
}
