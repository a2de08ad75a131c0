//! Normalization of each channel of each sample.

use super::group_norm::GroupNorm;
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// [`GroupNorm`] with a group for each channel; upstream's quantizer does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct InstanceNorm {
    /// Added to the variance.
    pub eps: f64,
    /// Whether there is a factor for each channel.
    pub weight: bool,
    /// Whether there is a summand for each channel.
    pub bias: bool,
}

impl InstanceNorm {
    /// The same for this number of channels.
    pub(crate) fn in_groups(self, channels: usize) -> GroupNorm {
        GroupNorm { groups: channels, eps: self.eps, weight: self.weight, bias: self.bias }
    }
}

impl Room for InstanceNorm {
    const NAME: &'static str = "instance_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let channels = inputs[0].get(1).copied().unwrap_or(0);
        self.in_groups(channels).infer(inputs)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        self.in_groups(inputs[0].shape()[1]).evaluate(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.instance_norm.default"
    }

    float_composite!();
}
