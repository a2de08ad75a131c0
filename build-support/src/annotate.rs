//! Decides where tensors are observed, which observers are shared, and which rule decided; knows no data.
//!
//! A tensor has several places at which it can be observed: where it is made, and at each of its readers. Each place has the
//! configuration of the node it belongs to. Places of one tensor whose configurations agree share an observer; where they do
//! not agree, the tensor is quantized again for the reader.
//!
//! Source: oracle of VgfQuantizer, sections 3 to 6 and 9; the composable quantizer.

use crate::config::{Activation, Config, Recipe, WeightScheme};
use crate::graph::{Element, Graph, Node, NodeId, ValueId};
use crate::ops::Pattern;

/// Index of an observer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

impl GroupId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An observer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Observed {
    /// What it looks for.
    pub activation: Activation,
    /// The first tensor it sees.
    pub value: ValueId,
    /// Index in [`Recipe::rules`] of the rule that asks for it.
    pub rule: usize,
}

/// What is quantized, and how.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// By [`ValueId`]: the observer where the tensor is made; `None` inside a fused pair, for constants and float tensors.
    pub made: Vec<Option<GroupId>>,
    /// By [`NodeId`] and operand: the observer where the tensor is read; `None` for weights, biases and float operands.
    pub read: Vec<Vec<Option<GroupId>>>,
    /// By model output: the observer where the caller reads it.
    pub returned: Vec<Option<GroupId>>,
    /// By [`GroupId`], in the order of what they see first.
    pub observers: Vec<Observed>,
    /// By [`NodeId`]: for quantized layers with weights.
    pub weights: Vec<Option<WeightScheme>>,
    /// By [`NodeId`]: the activation fused into a layer.
    pub fused: Vec<Option<NodeId>>,
    /// By [`NodeId`]: index of the deciding rule in [`Recipe::rules`].
    pub rule: Vec<Option<usize>>,
    /// Nodes that stay in float.
    pub float: Vec<NodeId>,
}

impl Annotation {
    /// The observers that see a tensor: first that of the place where it is made.
    pub fn observers_of(&self, graph: &Graph, value: ValueId) -> Vec<GroupId> {
        let mut groups = Vec::new();
        let observed = places(graph, value).map(|place| match place {
            Place::Made(value) => self.made[value.index()],
            Place::Read(node, operand) => self.read[node.index()][operand],
            Place::Returned(output) => self.returned[output],
        });
        for group in observed.flatten() {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }
}

/// Where a tensor can be observed.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Place {
    /// Where it is made.
    Made(ValueId),
    /// At an operand.
    Read(NodeId, usize),
    /// At a model output.
    Returned(usize),
}

/// The places of a tensor in execution order.
fn places(graph: &Graph, value: ValueId) -> impl Iterator<Item = Place> {
    let read = graph.node_ids().flat_map(move |node| {
        let operands = graph.node(node).inputs.iter().enumerate().filter(move |(_, id)| **id == value);
        operands.map(move |(operand, _)| Place::Read(node, operand))
    });
    let outputs = graph.outputs.iter().enumerate().filter(move |(_, output)| output.value == value);
    [Place::Made(value)].into_iter().chain(read).chain(outputs.map(|(index, _)| Place::Returned(index)))
}

/// Annotates a network whose composite operators are decomposed.
pub fn annotate(graph: &Graph, recipe: &Recipe) -> Annotation {
    let rule: Vec<Option<usize>> = graph.nodes.iter().map(|node| recipe.rule_of(node)).collect();
    let mut annotator = Annotator {
        graph,
        consumers: graph.consumers(),
        config: rule.iter().map(|rule| rule.and_then(|index| recipe.rules[index].config)).collect(),
        rule,
        table: Table::new(graph),
        annotated: vec![false; graph.nodes.len()],
        fused: vec![None; graph.nodes.len()],
    };
    annotator.annotate_boundary(recipe);
    annotator.annotate_patterns();
    annotator.annotate_shared();
    annotator.share_observers();
    annotator.finish()
}

/// What a place asks for, and by which rule.
#[derive(Clone, Copy)]
struct Spec {
    activation: Activation,
    rule: usize,
}

/// The specifications of all places, and as a union of sets which of them share an observer.
struct Table {
    /// Where the places of a node's operands start.
    operands: Vec<usize>,
    /// Where those of the model outputs start.
    returned: usize,
    specs: Vec<Option<Spec>>,
    parent: Vec<usize>,
}

impl Table {
    fn new(graph: &Graph) -> Self {
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

    fn get(&self, place: Place) -> Option<Spec> {
        self.specs[self.index(place)]
    }

    fn set(&mut self, place: Place, spec: Spec) {
        let index = self.index(place);
        self.specs[index] = Some(spec);
    }

    fn root(&self, place: Place) -> usize {
        let mut index = self.index(place);
        while self.parent[index] != index {
            index = self.parent[index];
        }
        index
    }

    fn join(&mut self, a: Place, b: Place) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }
}

struct Annotator<'a> {
    graph: &'a Graph,
    consumers: Vec<Vec<NodeId>>,
    config: Vec<Option<Config>>,
    rule: Vec<Option<usize>>,
    table: Table,
    annotated: Vec<bool>,
    fused: Vec<Option<NodeId>>,
}

impl Annotator<'_> {
    fn annotate_boundary(&mut self, recipe: &Recipe) {
        let spec = |rule: Option<usize>| {
            let activation = recipe.rules[rule?].config?.activation;
            Some(Spec { activation, rule: rule? })
        };
        for &input in &self.graph.inputs {
            if let Some(spec) = spec(recipe.rule_of_input(&self.graph.value(input).name)) {
                self.table.set(Place::Made(input), spec);
            }
        }
        if let Some(spec) = spec(recipe.rule_of_outputs()) {
            (0..self.graph.outputs.len()).for_each(|output| self.table.set(Place::Returned(output), spec));
        }
    }

    /// What a quantized node asks for; `None` for one that no rule quantizes.
    fn spec(&self, id: NodeId) -> Option<Spec> {
        let (config, rule) = self.config[id.index()].zip(self.rule[id.index()])?;
        Some(Spec { activation: config.activation, rule })
    }

    /// All operators with a pattern of their own, in graph order.
    fn annotate_patterns(&mut self) {
        for id in self.graph.node_ids() {
            let Some(spec) = self.spec(id).filter(|_| !self.annotated[id.index()]) else { continue };
            let node = self.graph.node(id);
            match node.op.pattern() {
                Pattern::Weighted => self.annotate_layer(id, spec),
                Pattern::Own => {
                    self.real_places(id).into_iter().for_each(|place| self.table.set(place, spec));
                    self.annotated[id.index()] = true;
                }
                Pattern::SharesInput => {
                    let (input, output) = (Place::Read(id, 0), Place::Made(node.output()));
                    self.table.set(input, spec);
                    self.table.set(output, spec);
                    self.table.join(input, output);
                    self.annotated[id.index()] = true;
                }
                Pattern::Comparison => {
                    let places = self.real_places(id);
                    for &place in &places {
                        self.table.set(place, spec);
                        self.table.join(places[0], place);
                    }
                    self.annotated[id.index()] = !places.is_empty();
                }
                Pattern::Activation | Pattern::Shared | Pattern::Cast | Pattern::Float => {}
            }
        }
    }

    /// Operands and results of a node that hold real numbers: only these are observed.
    fn real_places(&self, id: NodeId) -> Vec<Place> {
        let node = self.graph.node(id);
        let is_real = |value: ValueId| self.graph.value(value).element == Element::F32;
        let operands = node.inputs.iter().enumerate().filter(|(_, value)| is_real(**value));
        let read = operands.map(|(operand, _)| Place::Read(id, operand));
        read.chain(node.outputs.iter().copied().filter(|&value| is_real(value)).map(Place::Made)).collect()
    }

    /// A linear layer or convolution, with the activation after it where both stand side by side under one rule.
    fn annotate_layer(&mut self, id: NodeId, spec: Spec) {
        self.table.set(Place::Read(id, 0), spec);
        self.annotated[id.index()] = true;
        self.fused[id.index()] = self.fusable_activation(id);
        let last = self.fused[id.index()].unwrap_or(id);
        self.annotated[last.index()] = true;
        self.table.set(Place::Made(self.graph.node(last).output()), spec);
    }

    /// The next node of the layer's rule, if it is an activation and the only reader of the layer.
    fn fusable_activation(&self, layer: NodeId) -> Option<NodeId> {
        let output = self.graph.node(layer).output();
        let rule = self.rule[layer.index()];
        let next = self.graph.node_ids().skip(layer.index() + 1).find(|id| self.rule[id.index()] == rule)?;
        let only_reader = self.consumers[output.index()] == [next] && !self.graph.is_output(output);
        (only_reader && self.graph.node(next).op.pattern() == Pattern::Activation).then_some(next)
    }

    /// Data movement and unfused clamps: connected ones form a group, which takes the specification of a neighbour.
    fn annotate_shared(&mut self) {
        let producers = self.graph.producers();
        let is_member = |id: NodeId| {
            let pattern = self.graph.node(id).op.pattern();
            // A `None` rule keeps a node out of every group; without any rule it follows its neighbours.
            let may_share = self.config[id.index()].is_some() || self.rule[id.index()].is_none();
            matches!(pattern, Pattern::Shared | Pattern::Activation) && !self.annotated[id.index()] && may_share
        };
        let members: Vec<bool> = self.graph.node_ids().map(is_member).collect();
        let mut visited = vec![false; members.len()];
        for first in self.graph.node_ids() {
            if !members[first.index()] || visited[first.index()] {
                continue;
            }
            visited[first.index()] = true;
            let (mut group, mut found, mut next) = (vec![first], None, 0);
            while next < group.len() {
                let id = group[next];
                let node = self.graph.node(id);
                // What is before the node, then what is after it: the first specification decides.
                let before = node.inputs.iter().map(|&input| (producers[input.index()], Place::Made(input)));
                let after = node.outputs.iter().flat_map(|&output| places(self.graph, output).skip(1));
                let after = after.map(|place| match place {
                    Place::Read(reader, _) => (Some(reader), place),
                    _ => (None, place),
                });
                for (neighbour, place) in before.chain(after) {
                    match neighbour.filter(|neighbour| members[neighbour.index()]) {
                        Some(member) if visited[member.index()] => {}
                        Some(member) => {
                            visited[member.index()] = true;
                            group.push(member);
                        }
                        None => found = found.or(self.table.get(place)),
                    }
                }
                next += 1;
            }
            if let Some(spec) = found {
                self.share(&group, spec);
            }
        }
    }

    fn share(&mut self, group: &[NodeId], spec: Spec) {
        let mut first = None;
        for &id in group {
            for place in self.real_places(id) {
                self.table.set(place, spec);
                self.table.join(*first.get_or_insert(place), place);
            }
            self.annotated[id.index()] = true;
        }
    }

    /// Places of one tensor whose specifications agree get one observer.
    fn share_observers(&mut self) {
        for index in 0..self.graph.value_count() {
            let mut distinct: Vec<(Place, Spec)> = Vec::new();
            for place in places(self.graph, ValueId(index as u32)) {
                let Some(spec) = self.table.get(place) else { continue };
                match distinct.iter().find(|(_, other)| other.activation.agrees(&spec.activation)) {
                    Some((other, _)) => self.table.join(*other, place),
                    None => distinct.push((place, spec)),
                }
            }
        }
    }

    fn finish(self) -> Annotation {
        let graph = self.graph;
        let mut observers = Vec::new();
        let mut numbers = std::collections::BTreeMap::new();
        let mut group = |place: Place, value: ValueId| {
            let spec = self.table.get(place)?;
            Some(*numbers.entry(self.table.root(place)).or_insert_with(|| {
                observers.push(Observed { activation: spec.activation, value, rule: spec.rule });
                GroupId((observers.len() - 1) as u32)
            }))
        };
        // In execution order: the first place of a group decides what its observer looks for.
        let mut made = vec![None; graph.value_count()];
        for &input in &graph.inputs {
            made[input.index()] = group(Place::Made(input), input);
        }
        let mut read = Vec::with_capacity(graph.nodes.len());
        for id in graph.node_ids() {
            let node = graph.node(id);
            let operands = node.inputs.iter().enumerate();
            read.push(operands.map(|(operand, &value)| group(Place::Read(id, operand), value)).collect());
            for &output in &node.outputs {
                made[output.index()] = group(Place::Made(output), output);
            }
        }
        let outputs = graph.outputs.iter().enumerate();
        let returned = outputs.map(|(index, output)| group(Place::Returned(index), output.value)).collect();
        let weights = graph.node_ids().map(|id| {
            let is_layer = self.annotated[id.index()] && graph.node(id).op.pattern() == Pattern::Weighted;
            is_layer.then(|| self.config[id.index()].expect("annotated by a rule").weights)
        });
        let weights = weights.collect();
        let float = graph.node_ids().filter(|id| !self.annotated[id.index()]).collect();
        Annotation { made, read, returned, observers, weights, fused: self.fused, rule: self.rule, float }
    }
}
