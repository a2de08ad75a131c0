//! Which tensors share memory: an operator in place (`add_`) may change what a later node reads under another name.

use super::schema::{Argument, Graph, Int, Node};
use std::collections::BTreeMap;

/// The names of a program's tensors, met in order.
pub(super) struct Aliases<'a> {
    /// The first name of the memory that a tensor shares.
    roots: BTreeMap<&'a str, &'a str>,
    /// Index of the last node that reads a name; outputs are read at the end.
    last_uses: BTreeMap<&'a str, usize>,
}

impl<'a> Aliases<'a> {
    pub(super) fn new(graph: &'a Graph, outputs: impl Iterator<Item = &'a Argument>) -> Self {
        let mut last_uses = BTreeMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            let read = node.inputs.iter().flat_map(|input| names(&input.arg));
            last_uses.extend(read.map(|name| (name, index)));
        }
        last_uses.extend(outputs.flat_map(names).map(|name| (name, usize::MAX)));
        Self { roots: BTreeMap::new(), last_uses }
    }

    /// Goes past node `index`.
    ///
    /// # Errors
    ///
    /// It changes a tensor that is no value of the network, or one that is read later under another name than its result's.
    pub(super) fn pass(&mut self, index: usize, node: &'a Node, is_state: impl Fn(&str) -> bool) -> Result<(), String> {
        let (name, is_in_place) = base_name(&node.target);
        let Some(Argument::Tensor(source)) = node.inputs.first().map(|input| &input.arg) else { return Ok(()) };
        if !is_in_place && !VIEWS.contains(&name) {
            return Ok(());
        }
        let root = *self.roots.get(source.as_str()).unwrap_or(&source.as_str());
        if is_in_place {
            if is_state(root) {
                return Err(format!("changes `{root}` while it runs; a program keeps no state yet"));
            }
            let others = self.roots.iter().filter(|(_, known)| **known == root).map(|(name, _)| *name);
            let is_read_later = |name: &&str| self.last_uses.get(name).is_some_and(|&last| last > index);
            if let Some(other) = others.chain([root]).find(is_read_later) {
                return Err(format!("changes `{other}` in place, which is read later; use the operator without `_`"));
            }
        }
        self.roots.extend(node.outputs.iter().flat_map(names).map(|name| (name, root)));
        Ok(())
    }
}

/// Operators of ATen whose results share their first operand's memory, or may.
const VIEWS: [&str; 33] = [
    "_reshape_alias",
    "_unsafe_view",
    "alias",
    "as_strided",
    "chunk",
    "contiguous",
    "detach",
    "diagonal",
    "dropout",
    "expand",
    "expand_as",
    "flatten",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "reshape",
    "reshape_as",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "swapaxes",
    "t",
    "to",
    "transpose",
    "type_as",
    "unbind",
    "unflatten",
    "unsqueeze",
    "view",
    "view_as",
];

/// Name of an overload's operator without the mark of operators in place, and whether it had one.
fn base_name(target: &str) -> (&str, bool) {
    let name = target.strip_prefix("torch.ops.aten.").and_then(|rest| rest.split('.').next()).unwrap_or("");
    match name.strip_suffix('_') {
        Some(base) if !base.is_empty() && !base.ends_with('_') => (base, true),
        _ => (name, false),
    }
}

/// Tensors and numbers that an argument names.
fn names(argument: &Argument) -> impl Iterator<Item = &str> {
    let names: Vec<&str> = match argument {
        Argument::Tensor(name) | Argument::Int(Int::Named(name)) => vec![name],
        Argument::Tensors(names) => names.iter().flatten().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes are `result = target(operand)`; the last result is the output, `state` a buffer.
    fn check(nodes: &[(&str, &str, &str)], expected: Result<(), &str>) {
        let tensor = |name: &str| serde_json::json!({"as_tensor": {"name": name}});
        let node = |(result, target, operand): &(&str, &str, &str)| {
            let inputs = serde_json::json!([{"name": "self", "arg": tensor(operand)}]);
            let target = format!("torch.ops.aten.{target}");
            serde_json::json!({"target": target, "inputs": inputs, "outputs": [tensor(result)]})
        };
        let nodes: Vec<_> = nodes.iter().map(node).collect();
        let graph = serde_json::json!({"nodes": nodes, "tensor_values": {}});
        let graph: Graph = serde_json::from_value(graph).expect("a graph");
        let mut aliases = Aliases::new(&graph, graph.nodes.last().expect("a node").outputs.iter());
        let mut nodes = graph.nodes.iter().enumerate();
        let found = nodes.try_for_each(|(index, node)| aliases.pass(index, node, |name| name == "state"));
        match expected {
            Ok(()) => assert_eq!(found, Ok(())),
            Err(part) => assert!(found.as_ref().is_err_and(|message| message.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn a_change_that_only_its_result_sees_is_allowed() {
        check(
            &[
                ("a", "relu.default", "x"),
                ("b", "add_.Tensor", "a"),
                ("c", "view.default", "b"),
                ("d", "relu_.default", "c"),
            ],
            Ok(()),
        );
    }

    #[test]
    fn a_change_that_shows_through_a_view_is_refused() {
        let nodes = [("row", "select.int", "x"), ("changed", "add_.Tensor", "row"), ("y", "relu.default", "x")];
        check(&nodes, Err("changes `x` in place"));
        let nodes = [("row", "select.int", "x"), ("changed", "add_.Tensor", "x"), ("y", "relu.default", "row")];
        check(&nodes, Err("changes `row` in place"));
    }

    #[test]
    fn state_is_refused() {
        check(&[("view", "view.default", "state"), ("y", "add_.Tensor", "view")], Err("changes `state`"));
    }
}
