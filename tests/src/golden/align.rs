//! Which of our nodes, tensors and observers are which of upstream's.
//!
//! Names are no help inside decompositions, so nodes are paired by what they compute of what: in upstream's order, each with
//! the first of ours that is of the same family and reads the tensors paired before.

use std::collections::{BTreeMap, BTreeSet};

use quantize_build::annotate::GroupId;
use quantize_build::graph::{NodeId, ValueId};

use super::Annotated;
use super::upstream::{Edge, Kind, Node, Prepared, family};

/// Operators that upstream's quantizer does not know, or decomposes where it quantizes them: observers around them are their
/// neighbours'.
const UNKNOWN: [&str; 12] = [
    "adaptive_avg_pool1d",
    "avg_pool1d",
    "instance_norm",
    "log_sigmoid",
    "max_pool1d",
    "mish",
    "rms_norm",
    "roll",
    "scaled_dot_product_attention",
    "softplus",
    "square",
    "std",
];

/// The pairs.
pub struct Alignment {
    /// Our node for each operator of upstream's by name.
    pub nodes: BTreeMap<String, NodeId>,
    /// Our tensor for each node of upstream's by name.
    pub values: BTreeMap<String, ValueId>,
    /// Our observer for each of upstream's that sits at the same places, and the other way round.
    pub observers: BTreeMap<String, GroupId>,
    /// Upstream's operators without a counterpart.
    pub unpaired: Vec<String>,
    /// Upstream's observers that sit elsewhere than ours.
    pub misplaced: Vec<String>,
    /// Our observers that upstream has not.
    pub surplus: usize,
}

impl Alignment {
    /// Pairs everything.
    pub fn new(upstream: &Prepared, ours: &Annotated) -> Self {
        let mut alignment = Self {
            nodes: BTreeMap::new(),
            values: BTreeMap::new(),
            observers: BTreeMap::new(),
            unpaired: Vec::new(),
            misplaced: Vec::new(),
            surplus: 0,
        };
        let inputs = upstream.nodes.iter().filter(|node| node.kind == Kind::Input);
        for (input, &id) in inputs.zip(&ours.graph.inputs) {
            alignment.values.insert(input.name.clone(), id);
        }
        for node in upstream.nodes.iter().filter(|node| node.kind == Kind::Operator) {
            alignment.pair(upstream, node, ours);
        }
        alignment.pair_observers(upstream, ours);
        alignment
    }

    fn pair(&mut self, upstream: &Prepared, node: &Node, ours: &Annotated) {
        let graph = &ours.graph;
        if node.is_item() {
            return self.pair_item(upstream, node, ours);
        }
        let (constants, tensors): (Vec<&Edge>, Vec<&Edge>) =
            node.operands.iter().partition(|edge| is_constant(upstream, &edge.source));
        let wanted: Vec<Option<&ValueId>> = tensors.iter().map(|edge| self.values.get(&edge.source)).collect();
        let taken: BTreeSet<NodeId> = self.nodes.values().copied().collect();
        let fits = |id: &NodeId| {
            let candidate = &graph.nodes[id.0 as usize];
            let read: Vec<Option<&ValueId>> =
                candidate.inputs.iter().filter(|id| graph.value(**id).constant.is_none()).map(Some).collect();
            let same_kind = candidate.name == node.name || family(&candidate.target) == family(&node.target);
            !taken.contains(id) && same_kind && read == wanted
        };
        let by_name = |id: &NodeId| graph.nodes[id.0 as usize].name == node.name;
        let found = graph.node_ids().filter(fits).find(by_name).or_else(|| graph.node_ids().find(fits));
        // A node that reads something else may still be the one of that name.
        let found = found.or_else(|| graph.node_ids().find(|id| by_name(id) && !taken.contains(id)));
        let Some(id) = found else {
            if upstream.side(node) != Side::Neither {
                self.unpaired.push(node.name.clone());
            }
            return;
        };
        let counterpart = &graph.nodes[id.0 as usize];
        self.nodes.insert(node.name.clone(), id);
        let is_list = upstream.nodes.iter().any(|item| item.is_item() && item.operands[0].source == node.name);
        if let ([output], false) = (&counterpart.outputs[..], is_list) {
            self.values.insert(node.name.clone(), *output);
        }
        let parameters = counterpart.inputs.iter().filter(|id| graph.value(**id).constant.is_some());
        for (edge, &value) in constants.iter().zip(parameters) {
            self.values.entry(edge.source.clone()).or_insert(value);
        }
    }

    /// Pairs what takes one tensor out of a list: ours is a result of the node that makes the list, or one of several nodes, a
    /// part each, in the order of the parts.
    fn pair_item(&mut self, upstream: &Prepared, node: &Node, ours: &Annotated) {
        let list = &node.operands[0].source;
        let rank = upstream.nodes.iter().filter(|item| item.is_item() && item.operands[0].source == *list);
        let rank = rank.take_while(|item| item.name != node.name).count();
        let graph = &ours.graph;
        let part = self.nodes.get(list).map(|&id| (id, &graph.nodes[id.0 as usize])).and_then(|(id, whole)| {
            if whole.outputs.len() > 1 {
                return whole.outputs.get(node.item).copied();
            }
            let is_part = |part: &NodeId| {
                let part = &graph.nodes[part.0 as usize];
                part.inputs == whole.inputs && part.target == whole.target
            };
            let part = graph.node_ids().filter(|part| *part >= id && is_part(part)).nth(rank)?;
            if part != id {
                self.nodes.insert(node.name.clone(), part);
            }
            Some(graph.nodes[part.0 as usize].outputs[0])
        });
        match part {
            Some(value) => _ = self.values.insert(node.name.clone(), value),
            None => self.unpaired.push(node.name.clone()),
        }
    }

    fn pair_observers(&mut self, upstream: &Prepared, ours: &Annotated) {
        let mut backwards: BTreeMap<GroupId, String> = BTreeMap::new();
        let mut misplaced: BTreeSet<String> = BTreeSet::new();
        for (node, operand, edge) in edges(upstream) {
            let observed = edge.observers.iter().filter(|id| !upstream.observers[*id].is_parameter).collect::<Vec<_>>();
            if observed.is_empty() && !edge.observers.is_empty() {
                continue; // a weight or bias
            }
            if ["full_like", "ones_like", "zeros_like"].contains(&family(&node.target)) {
                continue; // ours do not read the tensor, which has the shape alone to say
            }
            let Some(groups) = self.observers_at(upstream, ours, node, operand) else {
                misplaced.extend(observed.into_iter().cloned());
                continue;
            };
            let same = groups.len() == observed.len()
                && observed.iter().zip(&groups).all(|(id, group)| {
                    *self.observers.entry((*id).clone()).or_insert(*group) == *group
                        && backwards.entry(*group).or_insert_with(|| (*id).clone()) == *id
                });
            if !same {
                misplaced.extend(observed.into_iter().cloned());
                // An observer of ours where upstream has none.
                misplaced.extend(groups.iter().filter_map(|group| backwards.get(group)).cloned());
            }
        }
        for Edge { source, observers } in &upstream.unread {
            match self.values.get(source).and_then(|id| ours.annotation.made[id.0 as usize]) {
                Some(group) => {
                    self.observers.insert(observers[0].clone(), group);
                    backwards.insert(group, observers[0].clone());
                }
                None => _ = misplaced.insert(observers[0].clone()),
            }
        }
        self.surplus = ours.annotation.observers.len().saturating_sub(backwards.len());
        self.misplaced = misplaced.into_iter().collect();
    }

    /// Our observers between the maker of an operand and its reader; `None` where one of them has no counterpart.
    pub fn observers_at(
        &self,
        upstream: &Prepared,
        ours: &Annotated,
        node: &Node,
        operand: usize,
    ) -> Option<Vec<GroupId>> {
        let annotation = &ours.annotation;
        let source = &node.operands[operand].source;
        let (value, read) = if node.kind == Kind::Output {
            let output = ours.graph.outputs.get(operand)?;
            (output.value, annotation.returned[operand])
        } else if node.is_item() {
            // Ours makes the parts directly.
            return Some(Vec::new()).filter(|_| node.operands[operand].observers.is_empty());
        } else {
            let id = *self.nodes.get(&node.name)?;
            let inputs = &ours.graph.nodes[id.0 as usize].inputs;
            let constant = is_constant(upstream, source);
            let is_alike = |edge: &Edge| is_constant(upstream, &edge.source) == constant;
            let rank = node.operands[..operand].iter().filter(|edge| is_alike(edge)).count();
            let is_ours = |id: ValueId| ours.graph.value(id).constant.is_some() == constant;
            let (at, value) = inputs.iter().copied().enumerate().filter(|(_, id)| is_ours(*id)).nth(rank)?;
            (value, annotation.read[id.0 as usize][at])
        };
        if !is_constant(upstream, source) && self.values.get(source) != Some(&value) {
            return None;
        }
        let made = annotation.made[value.0 as usize];
        Some(made.into_iter().chain(read.filter(|read| made != Some(*read))).collect())
    }

    /// For each operator of upstream's by name whether ours is on the same side: integers or float.
    pub fn float_nodes(&self, upstream: &Prepared, ours: &Annotated, float: &[bool]) -> BTreeMap<String, bool> {
        let operators = upstream.nodes.iter().filter(|node| node.kind == Kind::Operator && !node.is_item());
        let mut equal = BTreeMap::new();
        for node in operators {
            let side = upstream.side(node);
            let is_equal = match self.nodes.get(&node.name).map(|id| self.is_float(ours, *id, float)) {
                Some(ours_is_float) => match side {
                    Side::Float => ours_is_float,
                    Side::Integer => !ours_is_float,
                    Side::Open | Side::Neither => true,
                },
                None => side == Side::Neither,
            };
            equal.insert(node.name.clone(), is_equal);
        }
        equal
    }

    fn is_float(&self, ours: &Annotated, id: NodeId, float: &[bool]) -> bool {
        let fused = ours.annotation.fused.iter().position(|activation| *activation == Some(id));
        float[fused.unwrap_or(id.0 as usize)]
    }
}

/// On which side a node of upstream's is, as far as the observers around it tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Something that it reads or makes is not observed.
    Float,
    /// All that it reads and makes is observed, and upstream lowered all operators of the family.
    Integer,
    /// All is observed, but some operators of the family were not lowered, or nothing was.
    Open,
    /// It works on no real numbers.
    Neither,
}

impl Prepared {
    /// On which side a node is.
    pub fn side(&self, node: &Node) -> Side {
        let readers: Vec<(&Node, &Edge)> = edges(self)
            .filter(|(_, _, edge)| edge.source == node.name)
            .map(|(reader, _, edge)| (reader, edge))
            .collect();
        let inside = |layer: &Node, activation: &Node| {
            ["linear", "conv"].contains(&family(&layer.target))
                && ["relu", "clamp"].contains(&family(&activation.target))
                && layer.operands.iter().skip(1).any(|edge| !edge.observers.is_empty())
        };
        let by_name = |name: &str| self.nodes.iter().find(|node| node.name == name).expect("an operand is a node");
        let read = node.operands.iter().map(|edge| (by_name(&edge.source), node, edge));
        let made = readers.iter().map(|&(reader, edge)| (node, reader, edge));
        let real: Vec<_> = read.chain(made).filter(|(maker, ..)| maker.is_real).collect();
        let unobserved =
            |(maker, reader, edge): &(&Node, &Node, &Edge)| edge.observers.is_empty() && !inside(maker, reader);
        match real.iter().any(unobserved) || UNKNOWN.contains(&family(&node.target)) {
            _ if real.is_empty() => Side::Neither,
            true => Side::Float,
            false => match &self.outside {
                Some(outside) if !outside.iter().any(|outside| outside == family(&node.target)) => Side::Integer,
                _ => Side::Open,
            },
        }
    }
}

/// All places where a tensor is read: the reader, which operand, the edge.
pub fn edges(upstream: &Prepared) -> impl Iterator<Item = (&Node, usize, &Edge)> {
    upstream
        .nodes
        .iter()
        .flat_map(|node| node.operands.iter().enumerate().map(move |(index, edge)| (node, index, edge)))
}

fn is_constant(upstream: &Prepared, name: &str) -> bool {
    upstream.nodes.iter().any(|node| node.name == name && node.kind == Kind::Constant)
}
