//! Data movement and unfused clamps: connected ones form a group, which takes the specification of a neighbour.
//!
//! Source: oracle of VgfQuantizer, section 6.

use super::places::Place;
use super::{Annotator, Spec, State, User};
use crate::config::Dtype;
use crate::graph::{NodeId, ValueId};
use std::collections::VecDeque;

/// A node of the exporter's graph.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Node(NodeId),
    /// One of several results of a node, which the exporter takes out with a node of its own.
    Result(ValueId),
}

/// Connected operators that share parameters.
#[derive(Default)]
struct Group {
    members: Vec<Member>,
    /// Places of annotated neighbours, in the order found.
    neighbours: Vec<Place>,
    /// Whether a rule has decided about a model input or output beside the group.
    touches_boundary: bool,
    /// Whether such an input or output is uint8.
    touches_uint8: bool,
}

/// Operators that upstream leaves in float between uint8 model inputs and outputs.
const NO_BRIDGE: [&str; 5] = [
    "aten.cat.default",
    "aten.concatenate.default",
    "aten.pixel_shuffle.default",
    "aten.slice.Tensor",
    "aten.stack.default",
];

/// Operators that take a tensor apart.
const LISTS: [&str; 4] =
    ["aten.chunk.default", "aten.split.Tensor", "aten.split_with_sizes.default", "aten.unbind.int"];

impl Annotator<'_> {
    /// Annotates what no rule has taken: all groups, in execution order.
    pub(super) fn annotate_shared(&mut self) {
        for id in self.graph.node_ids() {
            let works_on_reals = !self.real_operands(id).is_empty() || !self.real_results(id).is_empty();
            if self.pattern(id).may_share() && self.is_open(id) && !works_on_reals {
                self.state[id.index()] = State::Quantized;
            }
            for member in self.members_of(id) {
                if self.may_join(member) {
                    self.annotate_group(member);
                }
            }
        }
    }

    /// The node, and what takes out its results.
    fn members_of(&self, id: NodeId) -> Vec<Member> {
        let outputs = &self.graph.node(id).outputs;
        let results = outputs.iter().filter(|_| outputs.len() > 1).map(|&value| Member::Result(value));
        [Member::Node(id)].into_iter().chain(results).collect()
    }

    fn may_join(&self, member: Member) -> bool {
        match member {
            Member::Node(id) => self.pattern(id).may_share() && self.is_open(id),
            Member::Result(value) => self.table.get(Place::Made(value)).is_none(),
        }
    }

    fn annotate_group(&mut self, first: Member) {
        let mut group = self.connected(first);
        group.members.sort_by_key(|member| match *member {
            Member::Node(id) => (id, None),
            Member::Result(value) => (self.producers[value.index()].expect("a result of a node"), Some(value)),
        });
        let operands = |annotator: &Self, member: &Member| match *member {
            Member::Node(id) => annotator.real_operands(id),
            Member::Result(_) => Vec::new(),
        };
        let is_no_bridge = |member: &Member| match *member {
            Member::Node(id) => NO_BRIDGE.contains(&self.graph.node(id).target.as_str()),
            Member::Result(_) => false,
        };
        if group.touches_uint8 && group.members.iter().any(is_no_bridge) {
            return;
        }
        // Everything shares the observer of the first operand of the first node.
        let Some(&root) = operands(self, &group.members[0]).first() else { return };
        let neighbour = group.neighbours.first().map(|&place| (self.table.get(place).expect("annotated"), Some(place)));
        let global = || Some((self.spec(self.recipe.global_rule()?)?, None)).filter(|_| group.touches_boundary);
        let Some((spec, neighbour)) = neighbour.or_else(global) else { return };
        if let Some(place) = neighbour.filter(|_| spec.shares) {
            self.table.join(place, root);
        }
        for member in &group.members {
            let made: Vec<Place> = match *member {
                Member::Node(id) if self.graph.node(id).outputs.len() > 1 => Vec::new(),
                Member::Node(id) => self.real_results(id),
                Member::Result(value) if self.is_real(value) => vec![Place::Made(value)],
                Member::Result(_) => Vec::new(),
            };
            for place in operands(self, member).into_iter().chain(made) {
                self.table.set(place, Spec { shares: true, ..spec });
                self.table.join(root, place);
            }
            if let Member::Node(id) = *member {
                self.decide(id, State::Quantized, spec.rule);
            }
        }
    }

    /// Everything connected to `first`, breadth first: what is before a node, then what is after it.
    fn connected(&self, first: Member) -> Group {
        let mut group = Group { members: vec![first], ..Group::default() };
        let mut queue = VecDeque::from([first]);
        while let Some(member) = queue.pop_front() {
            let mut join = |group: &mut Group, neighbour: Member| {
                if self.may_join(neighbour) && !group.members.contains(&neighbour) {
                    group.members.push(neighbour);
                    queue.push_back(neighbour);
                }
            };
            for source in self.sources(member) {
                if let Ok(producer) = source {
                    join(&mut group, producer);
                }
                let made = match source {
                    Ok(Member::Node(id)) if self.graph.node(id).outputs.len() > 1 => continue,
                    Ok(Member::Node(id)) => self.graph.node(id).output(),
                    Ok(Member::Result(value)) | Err(value) => value,
                };
                match self.graph.inputs.iter().position(|&id| id == made) {
                    Some(input) => self.add_boundary(&mut group, Place::Made(made), self.input_rule[input]),
                    None => group.neighbours.extend(self.annotated(Place::Made(made))),
                }
            }
            for value in self.results(member) {
                for &user in &self.users[value.index()] {
                    match user {
                        User::Node(reader) => {
                            join(&mut group, Member::Node(reader));
                            let operand = self.graph.node(reader).inputs.iter().position(|&id| id == value);
                            let place = Place::Read(reader, operand.expect("it reads the tensor"));
                            group.neighbours.extend(self.annotated(place));
                        }
                        User::Caller => {
                            let output = self.graph.outputs.iter().position(|output| output.value == value);
                            let place = Place::Returned(output.expect("the caller reads the tensor"));
                            self.add_boundary(&mut group, place, self.output_rule);
                        }
                    }
                }
            }
            if let Member::Node(id) = member {
                self.members_of(id)[1..].iter().for_each(|&result| join(&mut group, result));
                self.other_parts(id).for_each(|part| join(&mut group, Member::Node(part)));
            }
        }
        group
    }

    /// The nodes that take the other parts out of the same tensor: the exporter's graph has one node for all.
    fn other_parts(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let node = self.graph.node(id);
        let whole = node.inputs.first().filter(|_| LISTS.contains(&node.target.as_str()));
        let readers = whole.into_iter().flat_map(|whole| &self.users[whole.index()]);
        readers.filter_map(move |user| match *user {
            User::Node(reader) if reader != id && self.graph.node(reader).target == node.target => Some(reader),
            _ => None,
        })
    }

    /// A model input or output beside the group: uint8 ones lend nobody their specification.
    fn add_boundary(&self, group: &mut Group, place: Place, rule: Option<usize>) {
        group.touches_boundary |= rule.is_some();
        match self.table.get(place) {
            Some(spec) if spec.activation.dtype == Dtype::Uint8 => group.touches_uint8 = true,
            Some(_) => group.neighbours.push(place),
            None => {}
        }
    }

    fn annotated(&self, place: Place) -> Option<Place> {
        self.table.get(place).is_some().then_some(place)
    }

    /// What is before a member, each once: what makes its operands, or the model input or constant itself.
    fn sources(&self, member: Member) -> Vec<Result<Member, ValueId>> {
        let mut sources = Vec::new();
        let mut push = |source| {
            if !sources.contains(&source) {
                sources.push(source);
            }
        };
        match member {
            Member::Result(value) => {
                push(Ok(Member::Node(self.producers[value.index()].expect("a result of a node"))));
            }
            Member::Node(id) => {
                for &value in &self.graph.node(id).inputs {
                    push(match self.producers[value.index()] {
                        Some(producer) if self.graph.node(producer).outputs.len() > 1 => Ok(Member::Result(value)),
                        Some(producer) => Ok(Member::Node(producer)),
                        None => Err(value),
                    });
                }
            }
        }
        sources
    }

    /// The tensors of a member that others read directly.
    fn results(&self, member: Member) -> Vec<ValueId> {
        match member {
            Member::Result(value) => vec![value],
            Member::Node(id) if self.graph.node(id).outputs.len() > 1 => Vec::new(),
            Member::Node(id) => self.graph.node(id).outputs.clone(),
        }
    }
}
