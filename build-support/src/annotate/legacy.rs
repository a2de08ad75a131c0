//! The older quantizer: module names, then module types, then the global configuration, each node by itself.
//!
//! Source: oracle of VgfQuantizer, sections 3 and 5.

use super::places::Place;
use super::{Annotator, Spec, State, User};
use crate::config::Target;
use crate::graph::NodeId;
use crate::ops::Pattern;

/// Operators that take over the parameters their operand was made with, even under another configuration.
const TAKES_OVER: [&str; 15] = [
    "aten.alias.default",
    "aten.alias_copy.default",
    "aten.avg_pool2d.default",
    "aten.clone.default",
    "aten.dropout.default",
    "aten.flatten.using_ints",
    "aten.hardtanh.default",
    "aten.hardtanh_.default",
    "aten.max_pool2d.default",
    "aten.permute.default",
    "aten.permute_copy.default",
    "aten.pixel_shuffle.default",
    "aten.pixel_unshuffle.default",
    "aten.relu.default",
    "aten.relu_.default",
];

/// Operators that share parameters in the default quantizer and stay in float here.
const UNKNOWN: [&str; 7] = [
    "aten.constant_pad_nd.default",
    "aten.index_copy.default",
    "aten.lift_fresh_copy.default",
    "aten.matmul.default",
    "aten.max.dim",
    "aten.min.dim",
    "aten.ne.Tensor",
];

/// Whether the older quantizer knows the operator as one whose operand and result are observed apart.
fn is_known(target: &str) -> bool {
    let operator = target.split('.').nth(1).unwrap_or(target);
    #[rustfmt::skip]
    let is_known = matches!(
        operator.trim_end_matches('_'),
        "abs" | "acosh" | "asinh" | "atan" | "ceil" | "celu" | "cos" | "cosh" | "cumsum" | "elu" | "erf" | "erfinv" | "exp"
            | "expm1" | "floor" | "full" | "full_like" | "gelu" | "hardsigmoid" | "hardswish" | "leaky_relu" | "log" | "log10"
            | "log1p" | "ones" | "pow" | "reciprocal" | "round" | "rsqrt" | "scalar_tensor" | "selu" | "sigmoid" | "sign"
            | "silu" | "sin" | "sinh" | "sum" | "tan" | "tanh" | "zeros" | "zeros_like"
    );
    is_known || target == "aten.remainder.Scalar"
}

/// The largest constant that upstream's histogram takes.
const LARGEST_CONSTANT: f32 = 3.402_823_5e15;

impl Annotator<'_> {
    pub(super) fn annotate_legacy(&mut self) {
        let rules = &self.recipe.rules;
        let boundary = |matches: fn(&Target) -> bool| rules.iter().rposition(|rule| matches(&rule.target));
        let for_inputs = boundary(|target| matches!(target, Target::Io | Target::Input));
        if let Some(spec) = for_inputs.and_then(|rule| self.spec(rule)) {
            for (index, input) in self.graph.inputs.iter().enumerate() {
                if !self.users[input.index()].is_empty() {
                    self.annotate_input(index, spec);
                }
            }
        }
        if let Some(spec) =
            boundary(|target| matches!(target, Target::Io | Target::Output)).and_then(|rule| self.spec(rule))
        {
            self.annotate_outputs(spec);
        }
        let names = self.recipe.settings(|target| matches!(target, Target::Module(_)));
        let types = self.recipe.settings(|target| matches!(target, Target::Type(_)));
        for &rule in names.iter().chain(&types) {
            let target = &self.recipe.rules[rule].target;
            self.annotate_each(rule, |annotator, id| target.matches(annotator.graph.node(id)));
        }
        if let Some(global) = self.recipe.global_rule() {
            let named = |annotator: &Self, id| {
                let node = annotator.graph.node(id);
                names.iter().chain(&types).any(|&rule| annotator.recipe.rules[rule].target.matches(node))
            };
            self.annotate_each(global, |annotator, id| !named(annotator, id));
        }
        self.fuse_pairs();
    }

    /// Pairs of a layer and an activation between which nothing is observed.
    fn fuse_pairs(&mut self) {
        for id in self.graph.node_ids() {
            let is_layer = self.pattern(id) == Pattern::Weighted && self.state[id.index()] == State::Quantized;
            let Some(activation) = self.activation_after(id).filter(|_| is_layer) else { continue };
            let is_observed = |place| self.table.get(place).is_some();
            let is_pair = self.layer_before(activation) == Some(id)
                && !is_observed(Place::Made(self.graph.node(id).output()))
                && !is_observed(Place::Read(activation, 0))
                && is_observed(Place::Made(self.graph.node(activation).output()));
            if is_pair {
                self.fused[id.index()] = Some(activation);
            }
        }
    }

    fn annotate_each(&mut self, rule: usize, is_about: impl Fn(&Self, NodeId) -> bool) {
        for id in self.graph.node_ids() {
            if !is_about(self, id) {
                continue;
            }
            self.found[id.index()].get_or_insert(rule);
            if let Some(spec) = self.spec(rule)
                && self.is_open(id)
                && self.annotate_legacy_node(id, spec)
            {
                self.decide(id, State::Quantized, rule);
            }
        }
    }

    /// Whether the operator is known and all it works on can be quantized.
    fn annotate_legacy_node(&mut self, id: NodeId, spec: Spec) -> bool {
        let node = self.graph.node(id);
        let target = node.target.as_str();
        if UNKNOWN.contains(&target) || node.inputs.iter().any(|&value| self.is_large(value)) {
            return false;
        }
        let (operands, results) = (self.real_operands(id), self.real_results(id));
        let fuses = !spec.activation.symmetric;
        match self.pattern(id) {
            Pattern::Weighted => {
                self.set_all(self.observed_operands(id), spec);
                // Before an activation nobody asks for the layer's result, whoever else reads it.
                if !fuses || self.activation_after(id).is_none() {
                    self.set_all(results, spec);
                }
            }
            Pattern::Activation if fuses && self.layer_before(id).is_some() => self.set_all(results, spec),
            Pattern::Arithmetic | Pattern::Extremum if operands.len() < node.inputs.len() => return false,
            Pattern::Own if target == "aten.neg.default" || node.op.pattern() == Pattern::Shared => {
                self.share_with_first(&operands, &results, spec);
            }
            // A composite operator that a `None` has kept whole.
            Pattern::Own if !is_known(target) => return false,
            Pattern::Own | Pattern::Arithmetic | Pattern::Extremum => {
                self.set_all(operands.into_iter().chain(results), spec);
            }
            Pattern::FixedInput(range) => {
                self.set_all(operands, Spec { fixed: Some(range), ..spec });
                self.set_all(results, spec);
            }
            Pattern::Comparison | Pattern::SharesInput | Pattern::Shared | Pattern::Activation => {
                if operands.is_empty() {
                    return false;
                }
                self.share_with_first(&operands, &results, spec);
                let takes_over = TAKES_OVER.contains(&target) || target == "aten.where.self";
                if takes_over && let Place::Read(_, operand) = operands[0] {
                    let made = Place::Made(self.graph.node(id).inputs[operand]);
                    if let Some(made_spec) = self.table.get(made) {
                        self.share_with_first(&operands, &self.real_results(id), Spec { shares: true, ..made_spec });
                        self.table.join(made, operands[0]);
                    }
                }
            }
            Pattern::Cast | Pattern::Forgotten | Pattern::ForgottenLayer | Pattern::Float => return false,
        }
        true
    }

    /// The layer's first user, if it is an activation; whoever else reads the layer.
    fn activation_after(&self, layer: NodeId) -> Option<NodeId> {
        match self.users[self.graph.node(layer).output().index()].first() {
            Some(&User::Node(user)) if self.pattern(user) == Pattern::Activation => Some(user),
            _ => None,
        }
    }

    /// The layer whose only user is this activation, whatever rules are about them.
    fn layer_before(&self, activation: NodeId) -> Option<NodeId> {
        let input = self.graph.node(activation).inputs[0];
        let producer = self.producers[input.index()]?;
        (self.pattern(producer) == Pattern::Weighted && self.users[input.index()].len() == 1).then_some(producer)
    }

    fn is_large(&self, value: crate::graph::ValueId) -> bool {
        let alone = self.graph.value(value).real().filter(|tensor| tensor.len() == 1);
        alone.is_some_and(|tensor| tensor.iter().any(|x| x.abs() > LARGEST_CONSTANT))
    }
}
