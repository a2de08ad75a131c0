//! From the attribute's arguments to ordered rules.

use crate::annotate::WeightScheme;
use crate::graph::Graph;
use quantize_syntax::attr::{self, Attr, Granularity, Modules};
use quantize_syntax::diagnostic::{alternatives, nearest};
use quantize_syntax::{ArgPath, Diagnostics};
use std::collections::BTreeSet;

/// What the attribute asks for, apart from files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recipe {
    /// In the order written.
    pub rules: Vec<Rule>,
}

/// One call of upstream's `set_…`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Which nodes it is about.
    pub target: Target,
    /// How they are quantized; `None` keeps them in float.
    pub config: Option<Activation>,
}

/// Which nodes a rule matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Everything that no other rule matches, model inputs and outputs included.
    Global,
    /// Model inputs and outputs.
    Io,
    /// A module by its path, and all inside it.
    Module(String),
    /// Modules by their fully qualified class.
    Type(String),
}

/// A quantizing configuration: int8 activations, asymmetric and static, with symmetric int8 weights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activation {
    /// Whether each output channel of a weight has a scale of its own.
    pub per_channel: bool,
}

impl Activation {
    /// `int8`, which is `int8(per_channel)`.
    pub const PER_CHANNEL: Self = Self { per_channel: true };
    /// `int8(per_tensor)`.
    pub const PER_TENSOR: Self = Self { per_channel: false };

    pub(crate) fn weights(self) -> WeightScheme {
        if self.per_channel { WeightScheme::PerChannel } else { WeightScheme::PerTensor }
    }
}

fn activation(config: attr::Config) -> Option<Activation> {
    match config {
        attr::Config::None => None,
        attr::Config::Int8(Granularity::PerChannel) => Some(Activation::PER_CHANNEL),
        attr::Config::Int8(Granularity::PerTensor) => Some(Activation::PER_TENSOR),
    }
}

impl Recipe {
    /// The rules of an attribute: module rules in their order, then `io`, then `global`.
    pub fn new(attr: &Attr) -> Self {
        let module = |rule: &attr::Rule| Rule {
            target: match &rule.modules {
                Modules::Name(name) => Target::Module(name.value.clone()),
                Modules::Type(class) => Target::Type(class.value.clone()),
            },
            config: activation(rule.config.value),
        };
        let mut rules: Vec<Rule> = attr.rules.iter().map(|rule| module(&rule.value)).collect();
        let boundary = [(Target::Io, &attr.io), (Target::Global, &attr.global)];
        for (target, config) in boundary {
            if let Some(config) = config {
                rules.push(Rule { target, config: activation(config.value) });
            }
        }
        Self { rules }
    }

    /// The argument that a rule was written as.
    pub fn argument(&self, rule: usize) -> ArgPath {
        match self.rules[rule].target {
            Target::Global => ArgPath::Global,
            Target::Io => ArgPath::Io,
            Target::Module(_) | Target::Type(_) => ArgPath::Module(rule),
        }
    }

    /// Completes class names that were given by their last segment, and reports rules that match no node of the network.
    pub fn resolve(&mut self, graph: &Graph, diagnostics: &mut Diagnostics) {
        let scopes = || graph.nodes.iter().flat_map(|node| &node.scopes);
        let paths: BTreeSet<&str> = scopes().map(|scope| scope.path.as_str()).filter(|path| !path.is_empty()).collect();
        let classes: BTreeSet<&str> = scopes().map(|scope| scope.class.as_str()).collect();
        let (paths, classes) = (Vec::from_iter(paths), Vec::from_iter(classes));
        for (index, rule) in self.rules.iter_mut().enumerate() {
            match &mut rule.target {
                Target::Global | Target::Io => {}
                Target::Module(path) => {
                    if !path.is_empty() && !paths.contains(&path.as_str()) {
                        let message = unmatched("module", path, &paths, "modules");
                        diagnostics.error(ArgPath::ModuleName(index), message);
                    }
                }
                Target::Type(class) => match complete(class, &classes) {
                    Ok(full) => *class = full,
                    Err(message) => diagnostics.error(ArgPath::ModuleType(index), message),
                },
            }
        }
    }

    /// Only a global configuration.
    pub fn global_int8(config: Activation) -> Self {
        Self { rules: vec![Rule { target: Target::Global, config: Some(config) }] }
    }

    /// The global configuration.
    pub(crate) fn global(&self) -> Option<Activation> {
        self.last(|target| *target == Target::Global)
    }

    /// The configuration of model inputs and outputs: that of `io`, else the global one. `io = None` next to quantized nodes
    /// changes nothing, as their own edges are observed.
    pub(crate) fn boundary(&self) -> Option<Activation> {
        let has_io = self.rules.iter().any(|rule| rule.target == Target::Io);
        if has_io { self.last(|target| *target == Target::Io) } else { self.global() }
    }

    fn last(&self, is: impl Fn(&Target) -> bool) -> Option<Activation> {
        self.rules.iter().rev().find(|rule| is(&rule.target)).and_then(|rule| rule.config)
    }
}

/// The full name of a class given by that name or by its last segment.
fn complete(class: &str, classes: &[&str]) -> Result<String, String> {
    if classes.contains(&class) {
        return Ok(class.to_owned());
    }
    let last = |full: &str| full.rsplit('.').next() == Some(class);
    let matching: Vec<&str> = classes.iter().copied().filter(|full| last(full)).collect();
    match matching[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(unmatched("module type", class, classes, "module types")),
        _ => Err(format!("module type `{class}` is ambiguous: write {}", alternatives(&matching))),
    }
}

/// What to say about a name that nothing in the model has.
fn unmatched(kind: &str, name: &str, known: &[&str], plural: &str) -> String {
    let near = nearest(name, known);
    let help = if known.is_empty() {
        format!("the model names no {plural}: export it with `torch.onnx.export(…, dynamo=True)`")
    } else if near.is_empty() {
        format!("the model's {plural} are {}", quantize_syntax::diagnostic::list(known, 8))
    } else {
        format!("did you mean {}?", alternatives(&near))
    };
    format!("{kind} `{name}` matches nothing in the model\n{help}")
}
