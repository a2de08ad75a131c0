//! Names of nodes as torch.fx gives them: the operator's, with the first free number where it is taken.

use crate::graph::{Graph, Node};
use std::collections::{BTreeMap, BTreeSet};

/// Names of Python, which torch.fx does not give to a node without a number.
const PYTHON: [&str; 12] = ["abs", "all", "any", "bin", "filter", "hash", "max", "min", "pow", "round", "slice", "sum"];

/// The names that are taken.
pub(crate) struct Names {
    used: BTreeSet<String>,
    /// The last number given to a name.
    last: BTreeMap<String, usize>,
}

impl Names {
    /// Those of a network's nodes and inputs.
    pub(super) fn new(graph: &Graph) -> Self {
        let inputs = graph.inputs.iter().map(|&id| graph.value(id).name.clone());
        let used = inputs.chain(graph.nodes.iter().map(|node| node.name.clone())).collect();
        Self { used, last: BTreeMap::new() }
    }

    /// A free name for a piece of a node: that of its operator, behind the node's own name where that was not given by torch.
    pub(super) fn of_piece(&mut self, origin: &Node, target: &str) -> String {
        let operator = operator(target);
        match is_given_by_torch(origin) {
            true => self.unique(operator),
            false => self.unique(&format!("{}.{operator}", origin.name)),
        }
    }

    fn unique(&mut self, name: &str) -> String {
        let last = self.last.entry(name.to_owned()).or_default();
        let mut candidate = name.to_owned();
        while self.used.contains(&candidate) || PYTHON.contains(&candidate.as_str()) {
            *last += 1;
            candidate = format!("{name}_{last}");
        }
        self.used.insert(candidate.clone());
        candidate
    }
}

/// Names all nodes anew in execution order, but those whose name is not torch's.
pub(super) fn renumber(graph: &mut Graph) {
    let inputs = graph.inputs.iter().map(|&id| graph.value(id).name.clone());
    let others = graph.nodes.iter().filter(|node| !is_given_by_torch(node)).map(|node| node.name.clone());
    let mut names = Names { used: inputs.chain(others).collect(), last: BTreeMap::new() };
    for id in graph.node_ids() {
        let node = graph.node(id);
        if is_given_by_torch(node) {
            let name = names.unique(operator(&node.target));
            graph.rename(id, name);
        }
    }
}

/// `mul` of `aten.mul.Tensor`.
fn operator(target: &str) -> &str {
    target.split('.').nth(1).unwrap_or(target)
}

/// Whether the name is that of the operator, with or without a number.
fn is_given_by_torch(node: &Node) -> bool {
    let Some(rest) = node.name.strip_prefix(operator(&node.target)) else { return false };
    rest.is_empty() || rest.strip_prefix('_').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}
