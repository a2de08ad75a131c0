//! The tables of a manifest that are for people and tools: parameters and sizes.

use crate::annotate::Annotation;
use crate::config::Recipe;
use crate::graph::{NodeId, ValueId};
use crate::plan::Plan;
use crate::quantize::QuantGraph;
use quantize_runtime::graph::Graph;
use quantize_syntax::manifest::{Body, Size, Tensor};

/// Everything below the head.
pub(crate) fn body(
    network: &QuantGraph,
    annotation: &Annotation,
    recipe: &Recipe,
    plan: &Plan<'_>,
    decoded: &Graph<'_>,
    vgf: usize,
) -> Body {
    let constants = decoded.values.iter().filter_map(|value| value.constant.as_ref());
    let size = Size {
        arena: plan.arena_bytes,
        constants: constants.filter_map(|constant| constant.range.as_ref()).map(|range| range.len()).sum(),
        lower_bound: plan.lower_bound,
        macs: plan.macs,
        vgf,
    };
    let rule_of = |node: NodeId| annotation.rule[node.index()].map(|rule| recipe.argument(rule).to_string());
    Body { tensors: tensors(network, annotation, rule_of), weights: weights(network, rule_of), size: Some(size) }
}

/// One entry per observer, named after the first tensor it watches.
fn tensors(network: &QuantGraph, annotation: &Annotation, rule_of: impl Fn(NodeId) -> Option<String>) -> Vec<Tensor> {
    let graph = &network.graph;
    let (producers, consumers) = (graph.producers(), graph.consumers());
    let mut seen = vec![false; annotation.groups];
    let mut tensors = Vec::new();
    for index in 0..graph.value_count() {
        let Some(group) = annotation.group[index] else { continue };
        if std::mem::replace(&mut seen[group.index()], true) {
            continue;
        }
        let id = ValueId(index as u32);
        let (value, params) = (graph.value(id), network.params(id));
        // A model input or a constant has no node: the first one that reads it decides.
        let node = producers[index].or_else(|| consumers[index].first().copied());
        let is_input = graph.inputs.contains(&id);
        tensors.push(Tensor {
            node: value.name.clone(),
            module: if is_input { String::new() } else { node.map_or("", |id| graph.node(id).module()).to_owned() },
            rule: node.and_then(&rule_of).unwrap_or_else(|| "io".to_owned()),
            dtype: "int8".to_owned(),
            shape: value.shape.clone(),
            axis: None,
            scale: vec![f64::from(params.scale)],
            zero_point: vec![params.zero_point],
        });
    }
    tensors
}

/// One entry per layer.
fn weights(network: &QuantGraph, rule_of: impl Fn(NodeId) -> Option<String>) -> Vec<Tensor> {
    let graph = &network.graph;
    let entry = |id: NodeId| {
        let weights = network.weights[id.index()].as_ref()?;
        let node = graph.node(id);
        let per_channel = weights.scales.len() > 1;
        Some(Tensor {
            node: node.name.clone(),
            module: node.module().to_owned(),
            rule: rule_of(id).unwrap_or_default(),
            dtype: "int8".to_owned(),
            shape: weights.shape.clone(),
            axis: per_channel.then_some(0),
            scale: weights.scales.iter().map(|&scale| f64::from(scale)).collect(),
            zero_point: vec![0; weights.scales.len()],
        })
    };
    graph.node_ids().filter_map(entry).collect()
}
