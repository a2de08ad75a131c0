//! Decides which tensors are observed, which share an observer, and which rule decided; knows no data.
//!
//! Source: oracle of VgfQuantizer, sections 3 to 6 and 9; the composable quantizer.

use crate::config::{Activation, Recipe, Rule, Target};
use crate::graph::{Graph, Node, NodeId, ValueId};
use crate::ops::Pattern;

/// Index of an observer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub u32);

impl GroupId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a weight is quantized: symmetric int8 in both cases.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WeightScheme {
    /// One scale.
    PerTensor,
    /// A scale per output channel.
    PerChannel,
}

/// What is quantized, and how.
#[derive(Clone, Debug)]
pub struct Annotation {
    /// By [`ValueId`]: the observer of an activation; `None` inside a fused pair, for weights and for float tensors.
    pub group: Vec<Option<GroupId>>,
    /// Number of observers.
    pub groups: usize,
    /// By [`NodeId`]: for quantized layers with weights.
    pub weights: Vec<Option<WeightScheme>>,
    /// By [`NodeId`]: the activation fused into a layer.
    pub fused: Vec<Option<NodeId>>,
    /// By [`NodeId`]: index of the deciding rule in [`Recipe::rules`].
    pub rule: Vec<Option<usize>>,
    /// Nodes that stay in float.
    pub float: Vec<NodeId>,
}

/// The index of the rule that decides about each node, and the rules that match nothing.
///
/// The last matching rule wins, whatever its kind; the global one is the fallback wherever it stands.
pub fn match_rules(graph: &Graph, rules: &[Rule]) -> (Vec<Option<usize>>, Vec<usize>) {
    let mut used = vec![false; rules.len()];
    let mut decide = |node: &Node| {
        let matching = |rule: &Rule| match &rule.target {
            Target::Global | Target::Io => false,
            Target::Module(path) => node.scopes.iter().any(|scope| scope.path == *path),
            Target::Type(class) => node.scopes.iter().any(|scope| scope.class == *class),
        };
        let mut winner = None;
        for (index, rule) in rules.iter().enumerate() {
            if matching(rule) {
                used[index] = true;
                winner = Some(index);
            }
        }
        winner.or_else(|| rules.iter().position(|rule| rule.target == Target::Global))
    };
    let decided = graph.nodes.iter().map(&mut decide).collect();
    let explicit = |rule: &Rule| matches!(rule.target, Target::Module(_) | Target::Type(_));
    let unused = (0..rules.len()).filter(|&index| explicit(&rules[index]) && !used[index]).collect();
    (decided, unused)
}

/// Annotates a network whose composite operators are decomposed.
pub fn annotate(graph: &Graph, recipe: &Recipe) -> Annotation {
    let (rule, _) = match_rules(graph, &recipe.rules);
    let mut annotator = Annotator {
        graph,
        consumers: graph.consumers(),
        config: rule.iter().map(|rule| rule.and_then(|index| recipe.rules[index].config)).collect(),
        rule,
        observed: Observed::new(graph.value_count()),
        annotated: vec![false; graph.nodes.len()],
        fused: vec![None; graph.nodes.len()],
    };
    annotator.annotate_boundary(recipe);
    annotator.annotate_patterns();
    annotator.annotate_shared(recipe.global().is_some());
    annotator.finish()
}

/// Which values are observed, as a union of sets: members of one set share an observer.
struct Observed {
    parent: Vec<usize>,
    is_observed: Vec<bool>,
}

impl Observed {
    fn new(values: usize) -> Self {
        Self { parent: (0..values).collect(), is_observed: vec![false; values] }
    }

    fn root(&self, mut value: usize) -> usize {
        while self.parent[value] != value {
            value = self.parent[value];
        }
        value
    }

    fn add(&mut self, value: ValueId) {
        self.is_observed[value.index()] = true;
    }

    fn contains(&self, value: ValueId) -> bool {
        self.is_observed[value.index()]
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.root(a.index()), self.root(b.index()));
        self.parent[a.max(b)] = a.min(b);
    }
}

struct Annotator<'a> {
    graph: &'a Graph,
    consumers: Vec<Vec<NodeId>>,
    config: Vec<Option<Activation>>,
    rule: Vec<Option<usize>>,
    observed: Observed,
    annotated: Vec<bool>,
    fused: Vec<Option<NodeId>>,
}

impl Annotator<'_> {
    /// Model inputs and outputs: the `io` rule, else the global one.
    fn annotate_boundary(&mut self, recipe: &Recipe) {
        if recipe.boundary().is_some() {
            self.graph.inputs.iter().for_each(|&input| self.observed.add(input));
            self.graph.outputs.iter().for_each(|output| self.observed.add(output.value));
        }
    }

    /// All operators with a pattern of their own, in graph order.
    fn annotate_patterns(&mut self) {
        for id in self.graph.node_ids() {
            let node = self.graph.node(id);
            if self.annotated[id.index()] || self.config[id.index()].is_none() {
                continue;
            }
            match node.op.pattern() {
                Pattern::Weighted => self.annotate_layer(id),
                Pattern::Own => {
                    node.inputs.iter().for_each(|&input| self.observed.add(input));
                    self.observed.add(node.output);
                    self.annotated[id.index()] = true;
                }
                Pattern::SharesInput => {
                    self.observed.add(node.inputs[0]);
                    self.observed.add(node.output);
                    self.observed.join(node.inputs[0], node.output);
                    self.annotated[id.index()] = true;
                }
                Pattern::Activation | Pattern::Shared | Pattern::Float => {}
            }
        }
    }

    /// A linear layer or convolution, with the activation after it where both stand side by side under one rule.
    fn annotate_layer(&mut self, id: NodeId) {
        let node = self.graph.node(id);
        self.observed.add(node.inputs[0]);
        self.annotated[id.index()] = true;
        self.fused[id.index()] = self.fusable_activation(id);
        match self.fused[id.index()] {
            None => self.observed.add(node.output),
            Some(activation) => {
                self.annotated[activation.index()] = true;
                self.observed.add(self.graph.node(activation).output);
            }
        }
    }

    /// The next node of the layer's rule, if it is an activation and the only reader of the layer.
    fn fusable_activation(&self, layer: NodeId) -> Option<NodeId> {
        let output = self.graph.node(layer).output;
        let rule = self.rule[layer.index()];
        let next = self.graph.node_ids().skip(layer.index() + 1).find(|id| self.rule[id.index()] == rule)?;
        let only_reader = self.consumers[output.index()] == [next] && !self.graph.is_output(output);
        (only_reader && self.graph.node(next).op.pattern() == Pattern::Activation).then_some(next)
    }

    /// Data movement and unfused clamps: connected ones form a group, which takes the parameters of a neighbour.
    fn annotate_shared(&mut self, has_global: bool) {
        let is_shared = |id: NodeId| {
            let pattern = self.graph.node(id).op.pattern();
            matches!(pattern, Pattern::Shared | Pattern::Activation)
                && !self.annotated[id.index()]
                && self.may_share(id)
        };
        let members: Vec<bool> = self.graph.node_ids().map(is_shared).collect();
        let producers = self.graph.producers();
        let mut visited = vec![false; members.len()];
        for first in self.graph.node_ids() {
            if !members[first.index()] || visited[first.index()] {
                continue;
            }
            let mut group = vec![first];
            visited[first.index()] = true;
            let mut next = 0;
            while next < group.len() {
                let node = self.graph.node(group[next]);
                let before = node.inputs.iter().filter_map(|input| producers[input.index()]);
                let after = self.consumers[node.output.index()].iter().copied();
                for neighbour in before.chain(after) {
                    if members[neighbour.index()] && !visited[neighbour.index()] {
                        visited[neighbour.index()] = true;
                        group.push(neighbour);
                    }
                }
                next += 1;
            }
            self.share(&group, has_global);
        }
    }

    /// A `None` rule keeps a node out of every group.
    fn may_share(&self, id: NodeId) -> bool {
        self.config[id.index()].is_some() || self.rule[id.index()].is_none()
    }

    fn share(&mut self, group: &[NodeId], has_global: bool) {
        let values = |id: &NodeId| {
            let node = self.graph.node(*id);
            node.inputs.iter().copied().chain([node.output]).collect::<Vec<_>>()
        };
        let values: Vec<ValueId> = group.iter().flat_map(values).collect();
        let touches_boundary = || values.iter().any(|v| self.graph.inputs.contains(v) || self.graph.is_output(*v));
        if !(values.iter().any(|&value| self.observed.contains(value)) || has_global && touches_boundary()) {
            return;
        }
        for &value in &values {
            self.observed.add(value);
            self.observed.join(values[0], value);
        }
        group.iter().for_each(|id| self.annotated[id.index()] = true);
    }

    fn finish(self) -> Annotation {
        let mut numbers = std::collections::BTreeMap::new();
        let group = (0..self.graph.value_count())
            .map(|value| {
                self.observed.is_observed[value].then(|| {
                    let next = GroupId(numbers.len() as u32);
                    *numbers.entry(self.observed.root(value)).or_insert(next)
                })
            })
            .collect();
        let weights = self
            .graph
            .node_ids()
            .map(|id| {
                let layer = self.annotated[id.index()] && self.graph.node(id).op.pattern() == Pattern::Weighted;
                layer.then(|| self.config[id.index()].expect("annotated by a rule").weights())
            })
            .collect();
        let float = self.graph.node_ids().filter(|id| !self.annotated[id.index()]).collect();
        Annotation { group, groups: numbers.len(), weights, fused: self.fused, rule: self.rule, float }
    }
}
