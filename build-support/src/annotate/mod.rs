//! Decides where tensors are observed, which observers are shared, and which rule decided; knows no data.
//!
//! A tensor has several places at which it can be observed: where it is made, and at each of its readers. Each place has the
//! configuration of the node it belongs to. Places of one tensor whose configurations agree share an observer; where they do
//! not agree, the tensor is quantized again for the reader.
//!
//! Source: oracle of VgfQuantizer, sections 2 to 6 and 9.

mod composable;
mod given;
mod legacy;
mod places;
#[cfg(test)]
mod properties;
mod shared;
#[cfg(test)]
mod tests;

use crate::config::{Activation, Precedence, Recipe, WeightScheme};
use crate::graph::{Element, Graph, NodeId, ValueId};
use crate::ops::{FixedRange, Pattern};
use places::{Place, Table, places};

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
    /// The range it has whatever it sees.
    pub fixed: Option<FixedRange>,
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
    /// By [`NodeId`]: index in [`Recipe::rules`] of the rule that decided, or else of the first one that is about the node.
    pub rule: Vec<Option<usize>>,
    /// By model input: index of the rule that decided.
    pub input_rule: Vec<Option<usize>>,
    /// Index of the rule that decided about the model outputs.
    pub output_rule: Option<usize>,
    /// Nodes that work on real numbers and stay in float.
    pub float: Vec<NodeId>,
    /// Nodes that are quantized because a rule names them, although upstream's quantizer leaves them in float.
    pub forgotten: Vec<NodeId>,
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

/// Annotates a network whose composite operators are decomposed.
pub fn annotate(graph: &Graph, recipe: &Recipe) -> Annotation {
    if graph.is_quantized() {
        return given::annotate(graph, recipe);
    }
    let mut annotator = Annotator::new(graph, recipe);
    match recipe.precedence {
        Precedence::Last => annotator.compose(),
        Precedence::Legacy => annotator.annotate_legacy(),
    }
    annotator.finish()
}

/// By [`NodeId`]: whether passes may take a composite operator apart, because a rule quantizes it.
pub(crate) fn decomposable(graph: &Graph, recipe: &Recipe) -> Vec<bool> {
    if graph.is_quantized() {
        return graph.node_ids().map(|id| given::may_decompose(graph, id)).collect();
    }
    match recipe.precedence {
        Precedence::Last => {
            let mut annotator = Annotator::new(graph, recipe);
            annotator.compose();
            annotator.state.iter().map(|state| *state == State::Quantized).collect()
        }
        Precedence::Legacy => graph.nodes.iter().map(|node| recipe.legacy_config(node).is_some()).collect(),
    }
}

/// What a place asks for, and by which rule.
#[derive(Clone, Copy, Debug)]
struct Spec {
    activation: Activation,
    fixed: Option<FixedRange>,
    rule: usize,
    /// Whether the place asks for another one's observer: whoever takes over its specification joins that too.
    shares: bool,
}

impl Spec {
    /// Whether both can share an observer; the observer's own options are not compared.
    fn agrees(&self, other: &Self) -> bool {
        self.activation.agrees(&other.activation) && self.fixed == other.fixed
    }
}

/// What the rules have decided about a node so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    Float,
    Quantized,
}

/// Who reads a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum User {
    Node(NodeId),
    /// The caller of the model, through any of its outputs.
    Caller,
}

/// Overloads that move elements and that upstream nevertheless observes before and behind.
const OBSERVED_APART: [&str; 4] =
    ["aten.moveaxis.int", "aten.moveaxis.intlist", "aten.movedim.int", "aten.movedim.intlist"];

/// Overloads that upstream's default quantizer does not know, although it knows others that do the same.
const UNKNOWN_MOVES: [&str; 10] = [
    "aten.as_strided.default",
    "aten.broadcast_to.default",
    "aten.clamp_max.default",
    "aten.clamp_min.default",
    "aten.expand_as.default",
    "aten.mT.default",
    "aten.narrow.default",
    "aten.numpy_T.default",
    "aten.reshape_as.default",
    "aten.swapaxes.default",
];

struct Annotator<'a> {
    graph: &'a Graph,
    recipe: &'a Recipe,
    producers: Vec<Option<NodeId>>,
    /// By value: each user once, in execution order.
    users: Vec<Vec<User>>,
    table: Table,
    state: Vec<State>,
    /// By node: the rule that decided.
    rule: Vec<Option<usize>>,
    /// By node: the first rule about it.
    found: Vec<Option<usize>>,
    /// By model input.
    input_rule: Vec<Option<usize>>,
    output_rule: Option<usize>,
    fused: Vec<Option<NodeId>>,
    forgotten: Vec<NodeId>,
}

impl<'a> Annotator<'a> {
    fn new(graph: &'a Graph, recipe: &'a Recipe) -> Self {
        let nodes = graph.nodes.len();
        let mut users: Vec<Vec<User>> = vec![Vec::new(); graph.value_count()];
        for (users, mut readers) in users.iter_mut().zip(graph.consumers()) {
            readers.dedup();
            users.extend(readers.into_iter().map(User::Node));
        }
        for output in &graph.outputs {
            let users = &mut users[output.value.index()];
            if users.last() != Some(&User::Caller) {
                users.push(User::Caller);
            }
        }
        Self {
            graph,
            recipe,
            producers: graph.producers(),
            users,
            table: Table::new(graph),
            state: vec![State::Open; nodes],
            rule: vec![None; nodes],
            found: vec![None; nodes],
            input_rule: vec![None; graph.inputs.len()],
            output_rule: None,
            fused: vec![None; nodes],
            forgotten: Vec::new(),
        }
    }

    /// What a rule with a configuration asks for.
    fn spec(&self, rule: usize) -> Option<Spec> {
        let activation = self.recipe.rules[rule].config?.activation;
        Some(Spec { activation, fixed: None, rule, shares: false })
    }

    /// How upstream annotates the node: of operators that move elements it knows some overloads only.
    fn pattern(&self, id: NodeId) -> Pattern {
        let node = self.graph.node(id);
        match node.op.pattern() {
            Pattern::Shared if OBSERVED_APART.contains(&node.target.as_str()) => Pattern::Own,
            Pattern::Shared if UNKNOWN_MOVES.contains(&node.target.as_str()) => Pattern::Forgotten,
            pattern => pattern,
        }
    }

    fn is_real(&self, value: ValueId) -> bool {
        self.graph.value(value).element == Element::F32
    }

    /// Operands that hold real numbers: only these are observed.
    fn real_operands(&self, id: NodeId) -> Vec<Place> {
        let operands = self.graph.node(id).inputs.iter().enumerate();
        operands.filter(|(_, value)| self.is_real(**value)).map(|(operand, _)| Place::Read(id, operand)).collect()
    }

    /// Results that hold real numbers.
    fn real_results(&self, id: NodeId) -> Vec<Place> {
        let results = self.graph.node(id).outputs.iter().copied();
        results.filter(|&value| self.is_real(value)).map(Place::Made).collect()
    }

    fn set_all(&mut self, places: impl IntoIterator<Item = Place>, spec: Spec) {
        places.into_iter().for_each(|place| self.table.set(place, spec));
    }

    /// The first operand's observer is that of the other operands and the results too.
    fn share_with_first(&mut self, operands: &[Place], results: &[Place], spec: Spec) {
        let [first, others @ ..] = operands else { return };
        self.table.set(*first, spec);
        for &place in others.iter().chain(results) {
            self.table.set(place, Spec { shares: true, ..spec });
            self.table.join(*first, place);
        }
    }

    fn decide(&mut self, id: NodeId, state: State, rule: usize) {
        self.state[id.index()] = state;
        self.rule[id.index()] = Some(rule);
    }

    /// The operands of a layer that are observed: not its weight and bias where they are constants.
    fn observed_operands(&self, id: NodeId) -> Vec<Place> {
        let is_parameter =
            |operand: usize| operand > 0 && self.graph.value(self.graph.node(id).inputs[operand]).constant.is_some();
        let operands = self.real_operands(id).into_iter();
        operands.filter(|place| !matches!(*place, Place::Read(_, operand) if is_parameter(operand))).collect()
    }

    /// Places of one tensor whose specifications agree get one observer.
    fn share_observers(&mut self) {
        for index in 0..self.graph.value_count() {
            let mut distinct: Vec<(Place, Spec)> = Vec::new();
            for place in places(self.graph, ValueId(index as u32)) {
                let Some(spec) = self.table.get(place) else { continue };
                match distinct.iter().find(|(_, other)| other.agrees(&spec)) {
                    Some((other, _)) => self.table.join(*other, place),
                    None => distinct.push((place, spec)),
                }
            }
        }
    }

    fn finish(mut self) -> Annotation {
        self.share_observers();
        let graph = self.graph;
        let mut observers = Vec::new();
        let mut numbers = std::collections::BTreeMap::new();
        let mut group = |place: Place, value: ValueId| {
            let Spec { activation, fixed, rule, .. } = self.table.get(place)?;
            Some(*numbers.entry(self.table.root(place)).or_insert_with(|| {
                observers.push(Observed { activation, fixed, value, rule });
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
        let is_quantized = |id: NodeId| self.state[id.index()] == State::Quantized;
        let weights = graph.node_ids().map(|id| {
            let is_layer = is_quantized(id) && graph.node(id).op.pattern().is_layer();
            let rule = self.rule[id.index()].filter(|_| is_layer)?;
            self.recipe.rules[rule].config.map(|config| config.weights)
        });
        let weights = weights.collect();
        let works_on_reals = |id: NodeId| !self.real_operands(id).is_empty() || !self.real_results(id).is_empty();
        let float = graph.node_ids().filter(|&id| !is_quantized(id) && works_on_reals(id)).collect();
        let rule = self.rule.iter().zip(&self.found).map(|(decided, found)| decided.or(*found)).collect();
        Annotation {
            made,
            read,
            returned,
            observers,
            weights,
            fused: self.fused,
            rule,
            input_rule: self.input_rule,
            output_rule: self.output_rule,
            float,
            forgotten: self.forgotten,
        }
    }
}
