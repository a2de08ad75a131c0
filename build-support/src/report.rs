//! Warnings: what a program does that its user perhaps did not mean.

use crate::annotate::Annotation;
use crate::calibrate::Calibrated;
use crate::cargo;
use crate::config::{Recipe, Target};
use crate::graph::{Element, Graph, Node, NodeId, ValueId};
use crate::ops::{Op, Pattern, clamp::ClampKind};
use crate::quantize::QuantParams;
use quantize_syntax::ArgPath;
use quantize_syntax::attr::{Attr, Observer as Method, Precedence};
use quantize_syntax::diagnostic::{Diagnostics, alternatives, list};
use quantize_syntax::lock::Warning;
use std::collections::BTreeSet;

/// Operators that stay in float although nobody asked for it: why, and what is converted for them at each run. Those of a rule
/// that quantizes nothing at all are reported at the rule.
pub(crate) fn float_operators(graph: &Graph, annotation: &Annotation, recipe: &Recipe) -> Diagnostics {
    let consumers = graph.consumers();
    let line = |&id: &NodeId| {
        let node = graph.node(id);
        let cost = conversions(graph, annotation, &consumers, id);
        format!("\n  `{}`: {}{cost}", node.label(), float_reason(&node.op))
    };
    let is_asked_for = |rule: usize| recipe.rules[rule].config.is_none();
    let mut nodes: Vec<(NodeId, usize)> = annotation
        .float
        .iter()
        .filter_map(|&id| Some((id, annotation.rule[id.index()]?)))
        .filter(|&(id, rule)| !is_asked_for(rule) && !graph.node(id).op.is_exact_on_codes())
        .collect();
    let mut diagnostics = Diagnostics::default();
    for (index, rule) in recipe.rules.iter().enumerate().filter(|(_, rule)| rule.target != Target::Global) {
        let decided = annotation.rule.iter().filter(|decided| **decided == Some(index)).count();
        let (own, others): (Vec<_>, Vec<_>) = nodes.iter().copied().partition(|&(_, rule)| rule == index);
        if own.is_empty() || own.len() < decided {
            continue;
        }
        let lines: String = own.iter().map(|(id, _)| line(id)).collect();
        let message = format!(
            "this rule quantizes nothing: what it decides about stays in float{lines}\n  write `None` as its configuration where that is meant"
        );
        diagnostics.warning(rule.argument.clone(), message);
        nodes = others;
    }
    if !nodes.is_empty() {
        let lines: String = nodes.iter().map(|(id, _)| line(id)).collect();
        diagnostics.warning(ArgPath::Model, format!("operators that stay in float{lines}"));
    }
    diagnostics
}

/// What a run converts for a node in float that has int8 neighbours.
fn conversions(graph: &Graph, annotation: &Annotation, consumers: &[Vec<NodeId>], id: NodeId) -> String {
    let node = graph.node(id);
    let real = |value: &ValueId| graph.value(*value).element == Element::F32 && graph.value(*value).constant.is_none();
    let is_read_as_codes = |value: ValueId| {
        let reads = |reader: &NodeId| {
            let operands = graph.node(*reader).inputs.iter().zip(&annotation.read[reader.index()]);
            operands.into_iter().any(|(operand, group)| *operand == value && group.is_some())
        };
        let returned = graph.outputs.iter().zip(&annotation.returned);
        annotation.made[value.index()].is_some()
            || consumers[value.index()].iter().any(reads)
            || returned.into_iter().any(|(output, group)| output.value == value && group.is_some())
    };
    let numbers = |values: &[ValueId], is_codes: &dyn Fn(ValueId) -> bool| -> usize {
        let distinct: BTreeSet<ValueId> =
            values.iter().copied().filter(|value| real(value) && is_codes(*value)).collect();
        distinct.into_iter().map(|value| graph.value(value).shape.iter().product::<usize>()).sum()
    };
    let from = numbers(&node.inputs, &|value| annotation.made[value.index()].is_some());
    let to = numbers(&node.outputs, &is_read_as_codes);
    match (from, to) {
        (0, 0) => String::new(),
        (from, 0) => format!("; each run dequantizes {from} numbers for it"),
        (0, to) => format!("; each run quantizes its {to} numbers"),
        (from, to) => format!("; each run dequantizes {from} numbers for it and quantizes its {to}"),
    }
}

/// Why upstream's quantizer has no integer form.
pub fn float_reason(op: &Op) -> &'static str {
    match op {
        Op::Clamp(clamp) if clamp.kind == ClampKind::Relu6 => {
            "the function `relu6`; the module `torch.nn.ReLU6` is quantized, and so is what a `node` or `op` rule names"
        }
        op if matches!(op.pattern(), Pattern::Forgotten | Pattern::ForgottenLayer) => {
            "upstream's quantizer does not know it; a `node` or `op` rule quantizes it"
        }
        op if op.pattern().may_share() => "nothing beside it is quantized",
        _ => "no integer form",
    }
}

/// Which rule has decided about each thing that rules can match.
pub(crate) struct Decisions(Vec<Decision>);

/// The rules that match one thing, and the one that decided.
struct Decision {
    matching: Vec<usize>,
    decided: Option<usize>,
}

impl Decisions {
    /// The decisions about operators, inputs and outputs of a network.
    pub(crate) fn new(graph: &Graph, annotation: &Annotation, recipe: &Recipe) -> Self {
        let matching = |matches: &dyn Fn(&Target) -> bool| {
            let rules = recipe.rules.iter().enumerate();
            rules.filter(|(_, rule)| matches(&rule.target)).map(|(index, _)| index).collect()
        };
        let of_node = |node: &Node| matching(&|target| target.matches(node));
        let nodes = graph.nodes.iter().zip(&annotation.rule);
        let nodes = nodes.map(|(node, &decided)| Decision { matching: of_node(node), decided });
        let inputs = graph.inputs.iter().zip(&annotation.input_rule).map(|(&id, &decided)| {
            let name = &graph.value(id).name;
            Decision { matching: matching(&|target| target.matches_input(name)), decided }
        });
        let outputs = Decision { matching: matching(&Target::matches_outputs), decided: annotation.output_rule };
        Self(nodes.chain(inputs).chain([outputs]).collect())
    }

    /// The rules that decide about all that this one matches; none where it decides about something itself, where nobody
    /// does, or where it matches nothing.
    fn winners(&self, rule: usize) -> BTreeSet<usize> {
        let matched = || self.0.iter().filter(|decision| decision.matching.contains(&rule));
        match matched().any(|decision| decision.decided.is_none_or(|decided| decided == rule)) {
            true => BTreeSet::new(),
            false => matched().filter_map(|decision| decision.decided).collect(),
        }
    }
}

/// Rules that decide nothing because others win, with these others. The global rule is for what is left, be it nothing.
///
/// A rule may have decided that a composite operator is taken apart, of which nothing is left to match: so it must have lost
/// everything both `before` and after the passes.
pub(crate) fn shadowed_rules(
    attr: &Attr,
    recipe: &Recipe,
    before: &Decisions,
    (graph, annotation): (&Graph, &Annotation),
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let after = Decisions::new(graph, annotation, recipe);
    for (index, rule) in recipe.rules.iter().enumerate() {
        let winners = after.winners(index);
        let observes = annotation.observers.iter().any(|observed| observed.rule == index);
        if rule.target == Target::Global || observes || winners.is_empty() || before.winners(index).is_empty() {
            continue;
        }
        let text = |&winner: &usize| match attr.rules.get(winner) {
            Some(rule) => rule.value.to_string(),
            None => recipe.rules[winner].argument.to_string(),
        };
        let winners = alternatives(&winners.iter().map(text).collect::<Vec<_>>()).replace("` or `", "` and `");
        let advice = match recipe.precedence {
            Precedence::Last => "the last rule that matches a node decides: move this one behind, or remove it",
            Precedence::Legacy => "names come before types: name what this one is for, or remove it",
        };
        diagnostics.warning(
            rule.argument.clone(),
            format!("this rule decides nothing: all that it matches is decided by {winners}\n  {advice}"),
        );
    }
    diagnostics
}

/// How many of the same kind a warning shows.
const SHOWN: usize = 8;

/// Share of what the samples reach, from the smallest value to the largest, below which a range is worth a warning.
const COVERED: f32 = 0.5;

/// What is odd about the samples; the same for the same samples, so that a lock file can keep it.
pub(crate) fn samples(graph: &Graph, annotation: &Annotation, calibrated: &Calibrated) -> Vec<Warning> {
    let Calibrated { params, seen, inputs, samples } = calibrated;
    let mut warnings = Vec::new();
    let mut warn = |message: String| warnings.push(Warning { at: ArgPath::Calibration, message });
    let count = if *samples == 1 { "the one sample".to_owned() } else { format!("all {samples} samples") };
    let is_number = |id: ValueId| *samples * graph.value(id).shape.iter().product::<usize>() as u64 == 1;
    let mut constants: BTreeSet<ValueId> = BTreeSet::new();
    for (&id, extremes) in graph.inputs.iter().zip(inputs) {
        if let Some([min, max]) = extremes
            && min == max
            && !is_number(id)
        {
            constants.insert(id);
            warn(format!(
                "input `{}` is {min} in {count}, so that ranges are unknown for other values; use samples in which it varies",
                graph.value(id).name
            ));
        }
    }
    let producers = graph.producers();
    let (mut stuck, mut saturated) = (Vec::new(), Vec::new());
    for (index, observed) in annotation.observers.iter().enumerate() {
        let Some([min, max]) = seen[index].range() else { continue };
        let producer = producers[observed.value.index()];
        if observed.activation.observer == Method::MovingAverage {
            let QuantParams { qmin, qmax, .. } = params.0[index];
            let [low, high] = [qmin, qmax].map(|code| params.0[index].dequantize(code));
            if high - low < COVERED * (max - min) {
                let value = &graph.value(observed.value).name;
                let label = producer.map_or_else(|| "input".to_owned(), |id| graph.node(id).label());
                saturated
                    .push(format!("`{value}` ({label}) reaches from {min} to {max}, its codes from {low} to {high}"));
            }
        }
        let Some(id) = producer.filter(|_| min == max && !is_number(observed.value)) else { continue };
        let node = graph.node(id);
        constants.extend(node.outputs.iter().copied());
        let groups = annotation.read[id.index()].iter().flatten();
        let is_cause = node.inputs.iter().all(|input| !constants.contains(input))
            && groups.into_iter().all(|group| group.index() == index || !is_constant(seen, group.index()));
        if is_cause {
            stuck.push(format!("`{}` ({}) is {min}", node.label(), node.name));
        }
    }
    if !stuck.is_empty() {
        warn(format!(
            "results that never change in {count}, so that their ranges are unknown for other inputs: {}",
            list(&stuck, SHOWN)
        ));
    }
    if !saturated.is_empty() {
        let more = saturated.len().saturating_sub(SHOWN);
        saturated.truncate(SHOWN);
        saturated.extend((more > 0).then(|| format!("and {more} more")));
        warn(format!(
            "ranges that leave out more than half of what the samples reach, so that values saturate\n  {}\n  a moving average \
             starts with the first sample and follows the others slowly: use more samples, in mixed order, or `observer = minmax`",
            saturated.join("\n  ")
        ));
    }
    warnings
}

fn is_constant(seen: &[crate::calibrate::observer::Observer], group: usize) -> bool {
    seen[group].range().is_some_and(|[min, max]| min == max)
}

/// Multiply-adds of a calibration that take some ten seconds without optimization, as they cost about 10 ns each.
const SLOW: u64 = 1_000_000_000;

/// Packages in which a build spends its time.
const SLOW_PACKAGES: [&str; 3] = ["quantize-float", "libm", "sha2"];

/// Tells the user of a build script that spends its time in loops without optimization how to make it fast.
///
/// It is about this build only, so that no manifest has it: equal inputs give equal manifests.
pub(crate) fn unoptimized(name: &str, multiply_adds: u64) {
    if multiply_adds <= SLOW || quantize_float::IS_OPTIMIZED {
        return;
    }
    // Profiles are named in `OUT_DIR` only; this one is that which they inherit from.
    let profile =
        if std::env::var_os("PROFILE").is_some_and(|profile| profile == "release") { "release" } else { "dev" };
    let millions = multiply_adds / 1_000_000;
    cargo::warning(&format!(
        "{name}: calibration computed {millions} million multiply-adds without optimization; write in the workspace's Cargo.toml"
    ));
    cargo::warning(&format!("[profile.{profile}.package]"));
    SLOW_PACKAGES.iter().for_each(|package| cargo::warning(&format!("{package}.opt-level = 3")));
}

/// What to change where Cargo gives firmware the features that only its build needs.
pub(crate) fn merged_features() -> Option<&'static str> {
    let system = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let has_std = !["none", "unknown"].contains(&system.as_str());
    (quantize_runtime::abi::HAS_MACROS && !has_std).then_some(
        "quantize-runtime gets the feature `alloc` of the build script in the program too, where it needs an allocator; write \
         `resolver = \"2\"` under `[workspace]` or `[package]` of the workspace's Cargo.toml, which keeps features of build \
         dependencies apart",
    )
}
