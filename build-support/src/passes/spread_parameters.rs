//! Parameters that a quantized model gives a tensor are those of the same elements before and after they are moved.
//!
//! Tools leave them out around operators that only move elements, and passes make such operators.

use crate::graph::{Graph, Node, ValueId};
use crate::ops::Pattern;

pub(super) fn run(graph: &mut Graph) {
    let consumers = graph.consumers();
    for index in 0..graph.nodes.len() {
        if let Some((before, after)) = moved(graph, &graph.nodes[index]) {
            spread(graph, before, after);
        }
    }
    for index in (0..graph.nodes.len()).rev() {
        if let Some((before, after)) = moved(graph, &graph.nodes[index])
            && consumers[before.index()].len() == 1
        {
            spread(graph, after, before);
        }
    }
}

/// Operand and result of a node that has one of each, where they share their parameters.
fn moved(graph: &Graph, node: &Node) -> Option<(ValueId, ValueId)> {
    let shares = matches!(node.op.pattern(), Pattern::Shared | Pattern::SharesInput);
    match (&node.inputs[..], &node.outputs[..]) {
        (&[before], &[after]) if shares && graph.value(before).constant.is_none() => Some((before, after)),
        _ => None,
    }
}

fn spread(graph: &mut Graph, from: ValueId, to: ValueId) {
    if let (Some(given), None) = (graph.value(from).given.clone(), &graph.value(to).given) {
        graph.give(to, given);
    }
}
