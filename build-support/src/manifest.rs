//! The tables of a manifest that are for people and tools: parameters and sizes.

use crate::annotate::{Annotation, Observed};
use crate::config::{Recipe, Rule};
use crate::graph::{Graph, NodeId};
use crate::plan::{self, Plan};
use crate::quantize::{Params, QuantGraph, QuantParams};
use crate::stack;
use quantize_runtime::graph::{Graph as TosaGraph, Node};
use quantize_syntax::manifest::{Body, Decided, Flash, InTurn, Live, Size, Tensor};

/// Everything below the head.
pub(crate) fn body(
    network: &QuantGraph,
    annotation: &Annotation,
    params: &Params,
    recipe: &Recipe,
    plan: &Plan<'_>,
    (decoded, labels): (&TosaGraph<'_>, &[String]),
    flash: Flash,
) -> Body {
    let constants = decoded.values.iter().filter_map(|value| value.constant.as_ref());
    let size = Size {
        arena: plan.arena_bytes,
        constants: constants.filter_map(|constant| constant.range.as_ref()).map(|range| range.len()).sum(),
        lower_bound: plan.lower_bound,
        macs: plan.macs,
        vgf: flash.vgf,
        peak: plan.peak.iter().map(|live| Live { tensor: tensor(decoded, labels, live), bytes: live.bytes }).collect(),
        in_turn: in_turn(plan, labels),
        stack: stack::stack(plan),
    };
    Body {
        rules: rules(&network.graph, annotation, recipe),
        tensors: tensors(&network.graph, annotation, params, recipe),
        weights: weights(network, annotation, recipe),
        size: Some(size),
        flash: Some(flash),
    }
}

/// The layers that are computed in turn, and what that does.
fn in_turn(plan: &Plan<'_>, labels: &[String]) -> Option<InTurn> {
    let steps = plan.strips.iter().flat_map(|strip| &plan.steps[strip.steps.clone()]);
    let layers: Vec<String> = steps.filter_map(|step| Some(labels[step.node?].clone())).collect();
    (!layers.is_empty()).then(|| InTurn {
        layers,
        saved: plan.without_strips - plan.arena_bytes,
        moved: plan.strips.iter().map(|strip| strip.moved).sum(),
    })
}

/// The name of a tensor: that of an input, or the label of the operator that makes it.
pub(crate) fn tensor(decoded: &TosaGraph<'_>, labels: &[String], live: &plan::Live) -> String {
    let input = decoded.inputs.iter().find(|port| Some(port.value) == live.value).map(|port| &port.name);
    let is_made = |node: &Node| live.value.is_some_and(|value| node.outputs.contains(&value));
    let node = || decoded.nodes.iter().position(is_made).map(|node| &labels[node]);
    input.or_else(node).cloned().unwrap_or_else(|| "the copy of an output".to_owned())
}

/// One entry per rule.
fn rules(graph: &Graph, annotation: &Annotation, recipe: &Recipe) -> Vec<Decided> {
    let decided = |index: usize| {
        let nodes = graph.node_ids().filter(move |id| annotation.rule[id.index()] == Some(index));
        nodes.map(|id| graph.node(id).name.clone()).collect()
    };
    let ends = |index: usize| {
        let inputs = graph.inputs.iter().zip(&annotation.input_rule).filter(move |(_, rule)| **rule == Some(index));
        let inputs = inputs.map(|(&id, _)| graph.value(id).name.clone());
        let outputs = graph.outputs.iter().filter(move |_| annotation.output_rule == Some(index));
        inputs.chain(outputs.map(|output| output.name.clone())).collect()
    };
    let beyond_upstream = |index: usize| {
        let nodes = annotation.forgotten.iter().filter(move |id| annotation.rule[id.index()] == Some(index));
        nodes.map(|&id| graph.node(id).name.clone()).collect()
    };
    let entry = |(index, rule): (usize, &Rule)| Decided {
        argument: rule.argument.to_string(),
        nodes: decided(index),
        ends: ends(index),
        beyond_upstream: beyond_upstream(index),
    };
    recipe.rules.iter().enumerate().map(entry).collect()
}

/// One entry per observer, named after the first tensor it watches.
fn tensors(graph: &Graph, annotation: &Annotation, params: &Params, recipe: &Recipe) -> Vec<Tensor> {
    let (producers, consumers) = (graph.producers(), graph.consumers());
    let entry = |(observed, params): (&Observed, &QuantParams)| {
        let value = graph.value(observed.value);
        // A constant has no node: the one that reads it stands for it.
        let reader = || consumers[observed.value.index()].first().copied().filter(|_| value.constant.is_some());
        let node = producers[observed.value.index()].or_else(reader);
        Tensor {
            node: value.name.clone(),
            module: node.map_or("", |id| graph.node(id).module()).to_owned(),
            rule: recipe.rules[observed.rule].argument.to_string(),
            dtype: params.dtype.name().to_owned(),
            shape: value.shape.clone(),
            axis: None,
            scale: vec![f64::from(params.scale)],
            zero_point: vec![params.zero_point],
        }
    };
    annotation.observers.iter().zip(&params.0).map(entry).collect()
}

/// One entry per layer.
fn weights(network: &QuantGraph, annotation: &Annotation, recipe: &Recipe) -> Vec<Tensor> {
    let graph = &network.graph;
    let entry = |id: NodeId| {
        let weights = network.weights[id.index()].as_ref()?;
        let node = graph.node(id);
        let per_channel = weights.scales.len() > 1;
        Some(Tensor {
            node: node.name.clone(),
            module: node.module().to_owned(),
            rule: annotation.rule[id.index()].map_or_else(String::new, |rule| recipe.rules[rule].argument.to_string()),
            dtype: "int8".to_owned(),
            shape: weights.shape.clone(),
            axis: per_channel.then_some(0),
            scale: weights.scales.iter().map(|&scale| f64::from(scale)).collect(),
            zero_point: vec![0; weights.scales.len()],
        })
    };
    graph.node_ids().filter_map(entry).collect()
}
