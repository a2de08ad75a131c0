//! Batch normalization after a convolution or linear layer goes into the layer's weight and bias.
//!
//! Source: oracle of VgfQuantizer, section 8.

use crate::graph::{Graph, NodeId, Tensor};
use crate::ops::Op;

pub(super) fn run(graph: &mut Graph) {
    for id in graph.node_ids() {
        if let Op::BatchNorm(norm) = graph.node(id).op
            && let Some(layer) = layer_before(graph, id)
        {
            fold(graph, layer, id, norm.eps);
        }
    }
    graph.remove_dead_nodes();
}

/// The layer whose only reader is this normalization and whose parameters are constants.
fn layer_before(graph: &Graph, norm: NodeId) -> Option<NodeId> {
    let input = graph.node(norm).inputs[0];
    let layer = graph.producers()[input.index()]?;
    let node = graph.node(layer);
    let is_layer = match node.op {
        Op::Conv2d(_) => true,
        Op::Linear(_) => graph.value(input).shape.len() == 2,
        _ => false,
    };
    let constants = node.inputs[1..].iter().chain(&graph.node(norm).inputs[1..]);
    let foldable = is_layer
        && constants.copied().all(|id| graph.value(id).real().is_some())
        && graph.consumers()[input.index()] == [norm]
        && !graph.is_output(input);
    foldable.then_some(layer)
}

fn fold(graph: &mut Graph, layer: NodeId, norm: NodeId, eps: f32) {
    let constant = |node: NodeId, operand: usize| {
        let id = *graph.node(node).inputs.get(operand)?;
        graph.value(id).real().cloned()
    };
    let parameter = |operand| constant(norm, operand).expect("batch normalization has five operands");
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(parameter);
    let mut weight = constant(layer, 1).expect("a layer has a weight");
    let mut bias = constant(layer, 2).unwrap_or_else(|| Tensor::zeros(gamma.raw_dim()));
    // All in f32 and in this order, as upstream folds: the results are equal bit for bit.
    let factor = variance.mapv(|variance| 1.0 / libm::sqrtf(variance + eps));
    for (channel, mut weights) in weight.outer_iter_mut().enumerate() {
        let scale = gamma[[channel]] * factor[[channel]];
        weights.mapv_inplace(|w| w * scale);
        bias[[channel]] = (bias[[channel]] - mean[[channel]]) * factor[[channel]] * gamma[[channel]] + beta[[channel]];
    }
    let name = graph.node(layer).name.clone();
    let weight = graph.add_constant(format!("{name}.weight"), weight);
    let bias = graph.add_constant(format!("{name}.bias"), bias);
    let input = graph.node(layer).inputs[0];
    graph.nodes[layer.index()].inputs = vec![input, weight, bias];
    let (old, new) = (graph.node(norm).output(), graph.node(layer).output());
    graph.replace_uses(old, new);
}
