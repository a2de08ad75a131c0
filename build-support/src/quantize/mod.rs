//! Turns a calibrated network into integers: parameters per tensor, weights, biases.

mod multiplier;
pub mod weights;

pub(crate) use multiplier::multiplier_and_shift;
pub use weights::QuantWeights;
pub(crate) use weights::channel_axis;

use crate::annotate::{Annotation, GroupId};
use crate::config::Dtype;
use crate::graph::{Element, Graph, NodeId, ValueId};

/// How reals become codes: `real = (code - zero_point) · scale`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QuantParams {
    /// Type of the codes.
    pub dtype: Dtype,
    /// Size of one quantum, above zero.
    pub scale: f32,
    /// The code of zero.
    pub zero_point: i32,
    /// Smallest code.
    pub qmin: i32,
    /// Largest code.
    pub qmax: i32,
}

impl QuantParams {
    /// int8 activations.
    pub const fn int8(scale: f32, zero_point: i32) -> Self {
        Self { dtype: Dtype::Int8, scale, zero_point, qmin: -128, qmax: 127 }
    }

    /// The code of a real number, ties to even; the arithmetic of `quantize_per_tensor` in PyTorch.
    pub fn quantize(&self, real: f32) -> i32 {
        let inverse = 1.0 / self.scale;
        let code = libm::rintf(real * inverse) + self.zero_point as f32;
        code.clamp(self.qmin as f32, self.qmax as f32) as i32 // saturates where f32 rounds the bound up to 2^31
    }

    /// The real number behind a code.
    pub fn dequantize(&self, code: i32) -> f32 {
        (code as f32 - self.zero_point as f32) * self.scale
    }
}

/// Parameters per observer group, the result of calibration.
#[derive(Clone, PartialEq, Debug)]
pub struct Params(pub Vec<QuantParams>);

/// A network with the parameters of every tensor that is quantized.
#[derive(Clone, Debug)]
pub struct QuantGraph {
    /// The float network it came from.
    pub graph: Graph,
    /// By [`ValueId`]: the parameters a tensor is stored with; `None` for one that is stored in float, for integers and truth
    /// values, and for constants, which each reader has in its own form.
    pub stored: Vec<Option<QuantParams>>,
    /// By [`NodeId`] and operand: the parameters a tensor is read with; other ones than it is stored with ask for a rescale.
    /// `None` where it is read in float, and for weights and biases.
    pub read: Vec<Vec<Option<QuantParams>>>,
    /// By model output: the parameters the caller reads it with; `None` where the caller reads real numbers.
    pub returned: Vec<Option<QuantParams>>,
    /// By [`NodeId`]: integers of linear layers and convolutions.
    pub weights: Vec<Option<QuantWeights>>,
    /// By [`NodeId`]: the activation fused into a linear layer or convolution.
    pub fused: Vec<Option<NodeId>>,
    /// By [`NodeId`]: whether the node works on real numbers.
    pub float: Vec<bool>,
}

impl QuantGraph {
    /// Parameters of a tensor that annotation has found to be quantized.
    pub fn stored(&self, value: ValueId) -> QuantParams {
        self.stored[value.index()].expect("every tensor between operators is quantized")
    }
}

/// Applies calibrated parameters to a network.
pub fn quantize(graph: Graph, annotation: &Annotation, params: &Params) -> QuantGraph {
    let of_group = |group: &Option<GroupId>| group.map(|group| params.0[group.index()]);
    let read: Vec<Vec<_>> = annotation.read.iter().map(|operands| operands.iter().map(of_group).collect()).collect();
    let mut stored: Vec<Option<QuantParams>> = annotation.made.iter().map(of_group).collect();
    for &input in &graph.inputs {
        stored[input.index()] = stored[input.index()].or_else(|| common_reading(&graph, annotation, input, of_group));
    }
    let outputs = graph.outputs.iter().zip(&annotation.returned);
    let returned = outputs.map(|(output, group)| of_group(group).or(stored[output.value.index()])).collect();
    let weights = graph
        .node_ids()
        .map(|id| {
            let scheme = annotation.weights[id.index()]?;
            let input = read[id.index()][0].expect("a quantized layer's input is observed");
            Some(QuantWeights::new(&graph, id, scheme, input.scale))
        })
        .collect();
    let float = graph.node_ids().map(|id| !is_integer(&graph, annotation, id)).collect();
    QuantGraph { stored, read, returned, weights, fused: annotation.fused.clone(), float, graph }
}

/// The parameters of a model input that nothing observes where it is made, if all its readers want the same ones.
fn common_reading(
    graph: &Graph,
    annotation: &Annotation,
    input: ValueId,
    of_group: impl Fn(&Option<GroupId>) -> Option<QuantParams>,
) -> Option<QuantParams> {
    let operands = graph.nodes.iter().zip(&annotation.read).flat_map(|(node, read)| node.inputs.iter().zip(read));
    let outputs = graph.outputs.iter().map(|output| &output.value).zip(&annotation.returned);
    let mut groups = operands.chain(outputs).filter(|(value, _)| **value == input).map(|(_, group)| group);
    let first = groups.next()?;
    groups.all(|group| group == first).then(|| of_group(first)).flatten()
}

/// Whether a node works on codes: all real numbers that it reads and makes have parameters.
///
/// Rules can ask for less, such as for the result of an activation whose layer stays in float.
fn is_integer(graph: &Graph, annotation: &Annotation, id: NodeId) -> bool {
    let node = graph.node(id);
    let is_real = |value: ValueId| graph.value(value).element == Element::F32;
    let is_parameter = |operand: usize| annotation.weights[id.index()].is_some() && operand > 0;
    let operands = node.inputs.iter().enumerate().filter(|&(operand, &value)| is_real(value) && !is_parameter(operand));
    let mut read = operands.map(|(operand, _)| annotation.read[id.index()][operand]);
    let last = annotation.fused[id.index()].map_or(node, |activation| graph.node(activation));
    let mut made = last.outputs.iter().filter(|&&value| is_real(value)).map(|value| annotation.made[value.index()]);
    let works_on_reals = node.inputs.iter().chain(&node.outputs).any(|&value| is_real(value));
    works_on_reals && read.all(|group| group.is_some()) && made.all(|group| group.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantizing_rounds_ties_to_even_and_saturates() {
        let params = QuantParams::int8(0.5, 3);
        let codes = [0.25, 0.75, -0.25, -0.75, 1e9, -1e9].map(|x| params.quantize(x));
        assert_eq!(codes, [3, 5, 3, 1, 127, -128]);
    }

    #[test]
    fn dequantizing_inverts_every_code() {
        let params = QuantParams::int8(0.037, -5);
        for code in -128..=127 {
            assert_eq!(params.quantize(params.dequantize(code)), code);
        }
    }
}
