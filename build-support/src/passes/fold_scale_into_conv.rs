//! A convolution with a bias, times a constant for each output channel, becomes a convolution.

use crate::graph::{Graph, NodeId, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;

/// Folds where the product is quantized.
pub(super) fn run(graph: &mut Graph, selected: &mut Vec<bool>) {
    let mut folded = vec![false; graph.nodes.len()];
    for id in graph.node_ids().filter(|id| selected[id.index()]) {
        if let Some((layer, scale)) = scaled_layer(graph, id) {
            fold(graph, layer, id, &scale);
            folded[id.index()] = true;
        }
    }
    let mut keep = folded.iter().map(|folded| !folded);
    graph.nodes.retain(|_| keep.next().expect("one flag a node"));
    let mut keep = folded.iter().map(|folded| !folded);
    selected.retain(|_| keep.next().expect("one flag a node"));
}

/// The convolution that is multiplied, and the factor of each output channel.
fn scaled_layer(graph: &Graph, product: NodeId) -> Option<(NodeId, Vec<f32>)> {
    let node = graph.node(product);
    let Op::Binary(Binary::Mul) = node.op else { return None };
    let [a, b] = node.inputs[..] else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(result, factor)| {
        let layer = graph.producers()[result.index()]?;
        let convolution = graph.node(layer);
        let is_alone = graph.consumers()[result.index()] == [product] && !graph.is_output(result);
        if !matches!(convolution.op, Op::Conv2d(_)) || convolution.inputs.len() < 3 || !is_alone {
            return None;
        }
        let is_own = |&id: &ValueId| graph.value(id).real().is_some() && graph.consumers()[id.index()] == [layer];
        if !convolution.inputs[1..].iter().all(is_own) {
            return None;
        }
        let factors = factors(graph.value(factor).real()?, &graph.value(result).shape)?;
        Some((layer, factors))
    })
}

/// One factor a channel (axis 1), if the constant has no more than that.
fn factors(constant: &Tensor, result: &[usize]) -> Option<Vec<f32>> {
    let channels = result[1];
    let values = constant.as_slice().expect("standard layout");
    if let [one] = *values {
        return Some(vec![one; channels]);
    }
    let missing = result.len().checked_sub(constant.ndim())?;
    let is_channel = |(axis, &dim): (usize, &usize)| dim == 1 || axis + missing == 1;
    let fits = values.len() == channels && constant.shape().iter().enumerate().all(is_channel);
    fits.then(|| values.to_vec())
}

fn fold(graph: &mut Graph, layer: NodeId, product: NodeId, factors: &[f32]) {
    let [input, weight, bias] = graph.node(layer).inputs[..] else { unreachable!("it has a bias") };
    let mut scaled = |id: ValueId| {
        let value = graph.value(id);
        let (name, mut data) = (value.name.clone(), value.real().expect("a constant").clone());
        for (mut channel, &factor) in data.outer_iter_mut().zip(factors) {
            channel.mapv_inplace(|x| x * factor);
        }
        graph.add_constant(name, data)
    };
    let inputs = vec![input, scaled(weight), scaled(bias)];
    graph.nodes[layer.index()].inputs = inputs;
    let (old, new) = (graph.node(product).output(), graph.node(layer).output());
    graph.replace_uses(old, new);
}
