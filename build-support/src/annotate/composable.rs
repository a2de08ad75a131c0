//! The default quantizer: rules from the last to the first, each over the nodes it is about.
//!
//! Source: oracle of VgfQuantizer, sections 3 and 4.

use super::places::Place;
use super::{Annotator, Spec, State, User};
use crate::config::Target;
use crate::graph::NodeId;
use crate::ops::Pattern;

/// What a rule is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A model input, by its place among them.
    Input(usize),
    Node(NodeId),
    /// All model outputs, which are one node of the exporter's graph.
    Outputs,
}

impl Annotator<'_> {
    pub(super) fn compose(&mut self) {
        for rule in self.recipe.by_precedence() {
            let found = self.found_by(rule);
            for item in &found {
                if let Found::Node(id) = item {
                    self.found[id.index()].get_or_insert(rule);
                }
            }
            match self.spec(rule) {
                None => found.into_iter().for_each(|item| self.keep_float(item, rule)),
                Some(spec) => self.annotate_found(&found, spec),
            }
        }
        self.annotate_shared();
    }

    /// What the rule is about, in execution order.
    fn found_by(&self, rule: usize) -> Vec<Found> {
        let target = &self.recipe.rules[rule].target;
        let inputs = self.graph.inputs.iter().enumerate();
        let inputs = inputs.filter(|(_, id)| target.matches_input(&self.graph.value(**id).name));
        let nodes = self.graph.node_ids().filter(|id| target.matches(self.graph.node(*id)));
        let outputs = target.matches_outputs().then_some(Found::Outputs);
        inputs.map(|(index, _)| Found::Input(index)).chain(nodes.map(Found::Node)).chain(outputs).collect()
    }

    /// A configuration of `None`: no later rule may quantize the item.
    fn keep_float(&mut self, item: Found, rule: usize) {
        match item {
            Found::Input(index) => _ = self.input_rule[index].get_or_insert(rule),
            Found::Outputs => _ = self.output_rule.get_or_insert(rule),
            Found::Node(id) if self.is_open(id) => self.decide(id, State::Float, rule),
            Found::Node(_) => {}
        }
    }

    fn annotate_found(&mut self, found: &[Found], spec: Spec) {
        let mut next = 0;
        while let Some(&item) = found.get(next) {
            next += 1;
            match item {
                Found::Input(index) => self.annotate_input(index, spec),
                Found::Outputs => self.annotate_outputs(spec),
                Found::Node(id) => match self.fusable(id, found.get(next).copied(), spec) {
                    Some(activation) => {
                        self.annotate_layer(id, Some(activation), spec);
                        next += 1;
                    }
                    None => self.annotate_alone(id, spec),
                },
            }
        }
    }

    pub(super) fn is_open(&self, id: NodeId) -> bool {
        self.state[id.index()] == State::Open
    }

    pub(super) fn annotate_input(&mut self, index: usize, spec: Spec) {
        let input = self.graph.inputs[index];
        if self.input_rule[index].is_none() {
            self.input_rule[index] = Some(spec.rule);
            if self.is_real(input) {
                self.table.set(Place::Made(input), spec);
            }
        }
    }

    pub(super) fn annotate_outputs(&mut self, spec: Spec) {
        if self.output_rule.is_none() {
            self.output_rule = Some(spec.rule);
            for (index, output) in self.graph.outputs.iter().enumerate() {
                if self.is_real(output.value) {
                    self.table.set(Place::Returned(index), spec);
                }
            }
        }
    }

    /// The activation that follows a layer as the next item of the same rule and is its only user.
    fn fusable(&self, layer: NodeId, next: Option<Found>, spec: Spec) -> Option<NodeId> {
        let Some(Found::Node(next)) = next.filter(|_| !spec.activation.symmetric) else { return None };
        let is_pair = self.pattern(layer) == Pattern::Weighted && self.pattern(next) == Pattern::Activation;
        let is_chain = self.users[self.graph.node(layer).output().index()] == [User::Node(next)];
        (is_pair && is_chain && self.is_open(layer) && self.is_open(next)).then_some(next)
    }

    fn annotate_layer(&mut self, id: NodeId, activation: Option<NodeId>, spec: Spec) {
        let last = activation.unwrap_or(id);
        self.set_all(self.observed_operands(id), spec);
        self.set_all(self.real_results(last), spec);
        self.fused[id.index()] = activation;
        self.decide(id, State::Quantized, spec.rule);
        self.decide(last, State::Quantized, spec.rule);
    }

    /// An operator that is a pattern by itself.
    fn annotate_alone(&mut self, id: NodeId, spec: Spec) {
        if !self.is_open(id) {
            return;
        }
        let (operands, results) = (self.real_operands(id), self.real_results(id));
        match self.pattern(id) {
            Pattern::Weighted => return self.annotate_layer(id, None, spec),
            Pattern::Arithmetic if operands.len() < self.graph.node(id).inputs.len() => return,
            Pattern::Own | Pattern::Arithmetic | Pattern::Extremum => {
                self.set_all(operands.into_iter().chain(results), spec);
            }
            Pattern::Cast if operands.is_empty() || results.is_empty() => return,
            Pattern::SharesInput | Pattern::Cast | Pattern::Comparison => {
                self.share_with_first(&operands, &results, spec)
            }
            Pattern::FixedInput(range) => {
                self.set_all(operands, Spec { fixed: Some(range), ..spec });
                self.set_all(results, spec);
            }
            Pattern::Forgotten if self.names(spec.rule) => {
                match self.graph.node(id).op.pattern() {
                    Pattern::Shared => self.share_with_first(&operands, &results, spec),
                    _ => self.set_all(operands.into_iter().chain(results), spec),
                }
                self.forgotten.push(id);
            }
            Pattern::ForgottenLayer if self.names(spec.rule) => {
                self.annotate_layer(id, None, spec);
                self.forgotten.push(id);
            }
            Pattern::Activation | Pattern::Shared | Pattern::Forgotten | Pattern::ForgottenLayer | Pattern::Float => {
                return;
            }
        }
        self.decide(id, State::Quantized, spec.rule);
    }

    /// Whether the rule names single operators rather than whatever is in a module.
    fn names(&self, rule: usize) -> bool {
        matches!(self.recipe.rules[rule].target, Target::Node(_) | Target::Op(_))
    }
}
