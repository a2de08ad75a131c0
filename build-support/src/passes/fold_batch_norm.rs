//! Batch normalization after a convolution or linear layer goes into the layer's weight and bias.
//!
//! Source: oracle of VgfQuantizer, section 8.

use crate::graph::{Graph, NodeId, Tensor};
use crate::ops::Op;
use crate::quantize::channel_axis;
use ndarray::Axis;

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
        Op::Conv1d(_) | Op::Conv2d(_) | Op::Conv3d(_) => true,
        // With groups an output channel is no slice of the weights.
        Op::ConvTranspose2d(conv) => conv.groups == 1,
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
    let axis = Axis(channel_axis(&graph.node(layer).op));
    for (channel, mut weights) in weight.axis_iter_mut(axis).enumerate() {
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
    // What is dead reads nothing: a second normalization is then the layer's only reader.
    graph.nodes[norm.index()].inputs.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::evaluate;
    use crate::graph::{Data, Node, Output, Type};
    use crate::ops::batch_norm::BatchNorm;
    use crate::ops::conv_transpose2d::ConvTranspose2d;

    #[test]
    fn a_transposed_convolution_takes_the_normalizations_of_its_output_channels() {
        let mut graph = Graph::default();
        let ramp = |shape: &[usize]| {
            let data = (1..=shape.iter().product()).map(|x: usize| x as f32).collect();
            Tensor::from_shape_vec(shape, data).expect("as many elements as the shape says")
        };
        let input = graph.add_value("x", Type::real(vec![1, 2, 2, 2]));
        let weight = graph.add_constant("weight", ramp(&[2, 3, 1, 1]));
        let parameters = ["gamma", "beta", "mean", "variance"].map(|name| graph.add_constant(name, ramp(&[3])));
        let made = ["y", "z", "result"].map(|name| graph.add_value(name, Type::real(vec![1, 3, 2, 2])));
        let node = |op: Op, inputs: &[_], output| Node {
            target: op.target().to_owned(),
            name: op.target().to_owned(),
            op,
            inputs: inputs.to_vec(),
            outputs: vec![output],
            scopes: Vec::new(),
        };
        let conv =
            ConvTranspose2d { stride: [1, 1], pad: [[0; 2]; 2], output_pad: [0; 2], dilation: [1, 1], groups: 1 };
        let [gamma, beta, mean, variance] = parameters;
        let norm = |from, to| node(BatchNorm { eps: 1.0 }.into(), &[from, gamma, beta, mean, variance], to);
        graph.nodes =
            vec![node(conv.into(), &[input, weight], made[0]), norm(made[0], made[1]), norm(made[1], made[2])];
        graph.inputs = vec![input];
        graph.outputs = vec![Output { name: "result".to_owned(), value: made[2] }];
        let run = |graph: &Graph| evaluate(graph, vec![Data::from(ramp(&[1, 2, 2, 2]))]).expect("finite numbers");

        let whole = run(&graph);
        super::run(&mut graph);
        assert_eq!(graph.nodes.len(), 1);
        let folded = run(&graph);
        let (whole, folded) = (whole[0].real().expect("real"), folded[0].real().expect("real"));
        assert!(whole.iter().zip(folded).all(|(a, b)| (a - b).abs() < 1e-4), "{whole} and {folded}");
    }
}
