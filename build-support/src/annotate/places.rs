//! The places at which a tensor can be observed, what each asks for, and which share an observer.

use super::Spec;
use crate::graph::{Graph, Node, NodeId, ValueId};

/// Where a tensor can be observed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Place {
    /// Where it is made.
    Made(ValueId),
    /// At an operand.
    Read(NodeId, usize),
    /// At a model output.
    Returned(usize),
}

/// The places of a tensor in execution order.
pub(super) fn places(graph: &Graph, value: ValueId) -> impl Iterator<Item = Place> {
    let read = graph.node_ids().flat_map(move |node| {
        let operands = graph.node(node).inputs.iter().enumerate().filter(move |(_, id)| **id == value);
        operands.map(move |(operand, _)| Place::Read(node, operand))
    });
    let outputs = graph.outputs.iter().enumerate().filter(move |(_, output)| output.value == value);
    [Place::Made(value)].into_iter().chain(read).chain(outputs.map(|(index, _)| Place::Returned(index)))
}

/// The specifications of all places, and as a union of sets which of them share an observer.
pub(super) struct Table {
    /// Where the places of a node's operands start.
    operands: Vec<usize>,
    /// Where those of the model outputs start.
    returned: usize,
    specs: Vec<Option<Spec>>,
    parent: Vec<usize>,
}

impl Table {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut next = graph.value_count();
        let start = |node: &Node| {
            next += node.inputs.len();
            next - node.inputs.len()
        };
        let operands = graph.nodes.iter().map(start).collect();
        let places = next + graph.outputs.len();
        Self { operands, returned: next, specs: vec![None; places], parent: (0..places).collect() }
    }

    fn index(&self, place: Place) -> usize {
        match place {
            Place::Made(value) => value.index(),
            Place::Read(node, operand) => self.operands[node.index()] + operand,
            Place::Returned(output) => self.returned + output,
        }
    }

    pub(super) fn get(&self, place: Place) -> Option<Spec> {
        self.specs[self.index(place)]
    }

    pub(super) fn set(&mut self, place: Place, spec: Spec) {
        let index = self.index(place);
        self.specs[index] = Some(spec);
    }

    /// What stands for all places that share an observer with this one.
    pub(super) fn root(&self, place: Place) -> usize {
        let mut index = self.index(place);
        while self.parent[index] != index {
            index = self.parent[index];
        }
        index
    }

    pub(super) fn join(&mut self, a: Place, b: Place) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }
}
