//! Networks that bring their own parameters: each tensor has those that the model gives it, and no rule decides.

use super::{Annotation, GroupId, Observed};
use crate::config::{Config, Recipe};
use crate::graph::{Element, Graph, NodeId, ValueId};
use crate::ops::Pattern;

/// Whether a pass may take the operator apart: its pieces move elements, or share the parameters of what they read.
pub(super) fn may_decompose(graph: &Graph, id: NodeId) -> bool {
    use crate::ops::Op;
    let node = graph.node(id);
    let is_given = node.outputs.iter().all(|&output| graph.value(output).given.is_some());
    is_given && matches!(node.op, Op::AdaptiveAvgPool2d(_) | Op::AvgPool2d(_) | Op::MatMul(_))
}

/// One group for each tensor with parameters; a node whose tensors all have some works on codes, unless it is composite.
pub(super) fn annotate(graph: &Graph, recipe: &Recipe) -> Annotation {
    let config =
        recipe.rules.first().and_then(|rule| rule.config).expect("the recipe of a quantized model has its rule");
    let mut annotator = Given {
        graph,
        config,
        groups: vec![None; graph.value_count()],
        observers: Vec::new(),
        fused: vec![None; graph.nodes.len()],
    };
    let mut made = vec![None; graph.value_count()];
    for &input in &graph.inputs {
        made[input.index()] = annotator.group(input);
    }
    let mut read = vec![Vec::new(); graph.nodes.len()];
    let mut weights = vec![None; graph.nodes.len()];
    let mut float = Vec::new();
    let consumers = graph.consumers();
    let mut activations = Vec::new();
    for id in graph.node_ids() {
        let node = graph.node(id);
        read[id.index()] = vec![None; node.inputs.len()];
        if activations.contains(&id) {
            made[node.output().index()] = annotator.group(node.output());
            continue;
        }
        let is_layer = node.op.pattern().is_layer();
        let operands: Vec<usize> =
            (0..node.inputs.len()).filter(|&operand| annotator.is_real(node.inputs[operand])).collect();
        let results: Vec<ValueId> = node.outputs.iter().copied().filter(|&value| annotator.is_real(value)).collect();
        if operands.is_empty() && results.is_empty() {
            continue;
        }
        if is_layer && annotator.is_quantized_layer(id) {
            // The activation behind a layer has the parameters of both.
            let output = node.output();
            if !annotator.is_given(output)
                && let [activation] = consumers[output.index()][..]
                && graph.node(activation).op.pattern() == Pattern::Activation
                && annotator.is_given(graph.node(activation).output())
                && !graph.is_output(output)
            {
                annotator.fused[id.index()] = Some(activation);
                activations.push(activation);
            } else if !annotator.is_given(output) {
                float.push(id);
                continue;
            }
            read[id.index()][0] = annotator.group(node.inputs[0]);
            made[output.index()] = annotator.group(output);
            weights[id.index()] = Some(annotator.config.weights);
            continue;
        }
        let is_complete = operands.iter().all(|&operand| annotator.is_given(node.inputs[operand]))
            && results.iter().all(|&value| annotator.is_given(value));
        // The pieces of a composite operator would have parameters that the model does not give.
        if is_layer || !is_complete || node.op.is_composite() {
            float.push(id);
            continue;
        }
        for operand in operands {
            // What shares its result's parameters reads with them: other ones are rescaled.
            read[id.index()][operand] = match (node.op.pattern(), results.first()) {
                (Pattern::Shared | Pattern::SharesInput | Pattern::Activation, Some(&result)) => {
                    annotator.group(result)
                }
                _ => annotator.group(node.inputs[operand]),
            };
        }
        for value in results {
            made[value.index()] = annotator.group(value);
        }
    }
    // An output has the parameters that the model gives it, also where it is computed in float.
    let returned = graph.outputs.iter().map(|output| annotator.group(output.value)).collect();
    Annotation {
        made,
        read,
        returned,
        observers: annotator.observers,
        weights,
        fused: annotator.fused,
        rule: vec![Some(0); graph.nodes.len()],
        input_rule: vec![Some(0); graph.inputs.len()],
        output_rule: Some(0),
        float,
        forgotten: Vec::new(),
    }
}

struct Given<'a> {
    graph: &'a Graph,
    config: Config,
    /// By value.
    groups: Vec<Option<GroupId>>,
    observers: Vec<Observed>,
    fused: Vec<Option<NodeId>>,
}

impl Given<'_> {
    fn is_real(&self, value: ValueId) -> bool {
        self.graph.value(value).element == Element::F32
    }

    /// Whether a tensor has parameters for all its elements.
    fn is_given(&self, value: ValueId) -> bool {
        self.graph.value(value).given.as_ref().is_some_and(|given| given.scales.len() == 1)
    }

    /// The group of a tensor with parameters.
    fn group(&mut self, value: ValueId) -> Option<GroupId> {
        if !self.is_given(value) {
            return None;
        }
        let observers = &mut self.observers;
        let activation = self.config.activation;
        Some(*self.groups[value.index()].get_or_insert_with(|| {
            observers.push(Observed { activation, fixed: None, value, rule: 0 });
            GroupId((observers.len() - 1) as u32)
        }))
    }

    /// Whether input and weight have parameters that the integer form of a layer takes.
    fn is_quantized_layer(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        let axis = crate::quantize::channel_axis(&node.op);
        let weight = self.graph.value(node.inputs[1]);
        let fits =
            |given: &crate::graph::Given| given.zero_point == 0 && (given.scales.len() == 1 || given.axis == axis);
        self.is_given(node.inputs[0]) && weight.constant.is_some() && weight.given.as_ref().is_some_and(fits)
    }
}
