//! A constant with several readers becomes one constant a reader.

use crate::graph::Graph;
use std::collections::BTreeSet;

pub(super) fn run(graph: &mut Graph) {
    let mut seen = BTreeSet::new();
    for node in 0..graph.nodes.len() {
        for operand in 0..graph.nodes[node].inputs.len() {
            let id = graph.nodes[node].inputs[operand];
            let value = graph.value(id);
            if let Some(data) = &value.constant
                && !seen.insert(id)
            {
                let (name, data) = (value.name.clone(), data.clone());
                graph.nodes[node].inputs[operand] = graph.add_constant(name, data);
            }
        }
    }
}
