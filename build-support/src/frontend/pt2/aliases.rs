//! Which tensors share memory: an operator in place (`add_`) may change what a later node reads under another name.

use super::schema::{Argument, Graph, Int, Node};
use std::collections::BTreeMap;

/// The names of a program's tensors, met in order.
pub(super) struct Aliases<'a> {
    /// The first name of the memory that a tensor shares.
    roots: BTreeMap<&'a str, &'a str>,
    /// The tensor of which another one is a part, and the index of the node that takes the part; without one it is the whole.
    wholes: BTreeMap<&'a str, (&'a str, Option<usize>)>,
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
        Self { roots: BTreeMap::new(), wholes: BTreeMap::new(), last_uses }
    }

    /// Goes past node `index`; the names whose tensors it changes and which are read later, from its operand to what that is a part
    /// of.
    ///
    /// # Errors
    ///
    /// It changes a tensor that is no value of the network, or one that is read later under another name than these.
    pub(super) fn pass(
        &mut self,
        index: usize,
        node: &'a Node,
        is_state: impl Fn(&str) -> bool,
    ) -> Result<Vec<Changed<'a>>, String> {
        let (name, is_in_place) = base_name(&node.target);
        let Some(Argument::Tensor(source)) = node.inputs.first().map(|input| &input.arg) else { return Ok(Vec::new()) };
        if !is_in_place && !VIEWS.contains(&name) {
            return Ok(Vec::new());
        }
        let root = *self.roots.get(source.as_str()).unwrap_or(&source.as_str());
        let mut changed = Vec::new();
        if is_in_place {
            if is_state(root) {
                return Err(format!("changes `{root}` while it runs; a program keeps no state yet"));
            }
            let is_read_later = |name: &str| self.last_uses.get(name).is_some_and(|&last| last > index);
            changed = self.changed(source);
            let others = self.roots.iter().filter(|(_, known)| **known == root).map(|(name, _)| *name);
            let is_other = |name: &&str| changed.iter().all(|changed: &Changed<'_>| changed.name != *name);
            if let Some(other) = others.chain([root]).filter(is_other).find(|name| is_read_later(name)) {
                return Err(format!("changes `{other}` in place, which is read later; use the operator without `_`"));
            }
            let last = changed.iter().rposition(|changed| is_read_later(changed.name));
            changed.truncate(last.map_or(0, |last| last + 1));
        }
        let results: Vec<&str> = node.outputs.iter().flat_map(names).collect();
        if is_in_place || PARTS.contains(&name) {
            let part = (source.as_str(), (!is_in_place).then_some(index));
            self.wholes.extend(results.iter().map(|&name| (name, part)));
        }
        self.roots.extend(results.into_iter().map(|name| (name, root)));
        Ok(changed)
    }

    /// A tensor and all that it is a part of.
    fn changed(&self, source: &'a str) -> Vec<Changed<'a>> {
        let mut changed = vec![Changed { name: source, part: None }];
        while let Some(&(whole, part)) = changed.last().and_then(|last| self.wholes.get(last.name)) {
            changed.last_mut().expect("starts with one").part = part;
            changed.push(Changed { name: whole, part: None });
        }
        changed
    }
}

/// A name whose tensor a node changes in place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Changed<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// Index of the node by which it is a part of the next one; `None` where both are the same.
    pub(super) part: Option<usize>,
}

/// Views that are a part of their operand, which a scatter of the same arguments writes back.
const PARTS: [&str; 2] = ["select", "slice"];

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
        let found = nodes.try_for_each(|(index, node)| aliases.pass(index, node, |name| name == "state").map(|_| ()));
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
    fn a_change_shows_in_what_it_is_a_part_of() {
        let nodes = [
            ("row", "select.int", "x"),
            ("half", "slice.Tensor", "row"),
            ("changed", "add_.Tensor", "half"),
            ("y", "relu.default", "x"),
        ];
        check(&nodes, Ok(()));
        let nodes = [("flat", "view.default", "x"), ("changed", "add_.Tensor", "flat"), ("y", "relu.default", "x")];
        check(&nodes, Err("changes `x` in place"));
    }

    #[test]
    fn a_change_that_shows_through_a_view_is_refused() {
        let nodes = [("row", "select.int", "x"), ("changed", "add_.Tensor", "x"), ("y", "relu.default", "row")];
        check(&nodes, Err("changes `row` in place"));
    }

    #[test]
    fn state_is_refused() {
        check(&[("view", "view.default", "state"), ("y", "add_.Tensor", "view")], Err("changes `state`"));
    }
}
