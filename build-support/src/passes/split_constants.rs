//! A constant with several readers becomes one constant a reader; the caller of the model is the last of them.

use crate::graph::{Graph, ValueId};
use std::collections::BTreeSet;

pub(super) fn run(graph: &mut Graph) {
    let mut seen = BTreeSet::new();
    for node in 0..graph.nodes.len() {
        let mut inputs = graph.nodes[node].inputs.clone();
        split(graph, &mut inputs, &mut seen);
        graph.nodes[node].inputs = inputs;
    }
    let mut returned: Vec<ValueId> = graph.outputs.iter().map(|output| output.value).collect();
    split(graph, &mut returned, &mut seen);
    for (output, value) in graph.outputs.iter_mut().zip(returned) {
        output.value = value;
    }
}

/// Gives one reader its own copies of the constants that an earlier reader has seen.
fn split(graph: &mut Graph, read: &mut [ValueId], seen: &mut BTreeSet<ValueId>) {
    let mut copies: Vec<(ValueId, ValueId)> = Vec::new();
    for id in read {
        let original = *id;
        if let Some((_, copy)) = copies.iter().find(|(from, _)| *from == original) {
            *id = *copy;
        } else if let Some(data) = &graph.value(original).constant {
            if !seen.insert(original) {
                let (name, data) = (graph.value(original).name.clone(), data.clone());
                let given = graph.value(original).given.clone();
                *id = graph.add_constant(name, data);
                if let Some(given) = given {
                    graph.give(*id, given);
                }
            }
            copies.push((original, *id));
        }
    }
}
