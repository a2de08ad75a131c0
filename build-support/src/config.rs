//! From the attribute's arguments to ordered rules.

use crate::graph::{Graph, Node};
use quantize_syntax::attr::{self, Attr, Granularity, Observer, Quantized, Scheme, Selector};
use quantize_syntax::diagnostic::{alternatives, list, nearest};
use quantize_syntax::{ArgPath, Diagnostics, SelectorKey};
use std::collections::BTreeSet;

pub use quantize_syntax::attr::{Precedence, Profile};

/// What the attribute asks for, apart from files.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recipe {
    /// In the order written; a global rule is the last.
    pub rules: Vec<Rule>,
    /// Which of several matching rules decides.
    pub precedence: Precedence,
}

/// One call of upstream's `set_…`.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Which nodes it is about.
    pub target: Target,
    /// How they are quantized; `None` keeps them in float.
    pub config: Option<Config>,
    /// The argument it was written as.
    pub argument: ArgPath,
}

/// Which nodes a rule matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Everything that no other rule matches, model inputs and outputs included.
    Global,
    /// Model inputs and outputs.
    Io,
    /// Model inputs.
    Input,
    /// Model outputs.
    Output,
    /// A module by its path, and all inside it.
    Module(String),
    /// Modules by their fully qualified class, and all inside them.
    Type(String),
    /// An operator by its name, or a model input.
    Node(String),
    /// Operators by their ATen overload.
    Op(String),
}

impl Target {
    /// Whether a rule with this target is about the operator.
    pub(crate) fn matches(&self, node: &Node) -> bool {
        match self {
            Self::Global => true,
            Self::Io | Self::Input | Self::Output => false,
            Self::Module(path) => node.scopes.iter().any(|scope| scope.path == *path),
            Self::Type(class) => node.scopes.iter().any(|scope| scope.class == *class),
            Self::Node(name) => node.name == *name,
            Self::Op(target) => node.target == *target,
        }
    }

    /// Whether a rule with this target is about the model input of this name.
    pub(crate) fn matches_input(&self, name: &str) -> bool {
        match self {
            Self::Global | Self::Io | Self::Input => true,
            Self::Node(node) => node == name,
            Self::Output | Self::Module(_) | Self::Type(_) | Self::Op(_) => false,
        }
    }

    /// Whether a rule with this target is about the model outputs.
    pub(crate) fn matches_outputs(&self) -> bool {
        match self {
            Self::Global | Self::Io | Self::Output => true,
            Self::Node(node) => node == OUTPUT_NODE,
            Self::Input | Self::Module(_) | Self::Type(_) | Self::Op(_) => false,
        }
    }
}

/// What the exporter calls the node that returns the model outputs.
const OUTPUT_NODE: &str = "output";

/// A quantizing configuration; all of them are static.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Config {
    /// For inputs and results of operators.
    pub activation: Activation,
    /// For weights of layers.
    pub weights: WeightScheme,
}

/// Type of a tensor's codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dtype {
    /// Activations and weights.
    Int8,
    /// Model inputs and outputs only.
    Uint8,
    /// Activations.
    Int16,
    /// Biases.
    Int32,
}

impl Dtype {
    /// Name as in the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
        }
    }

    /// Smallest and largest code.
    pub fn limits(self) -> [i32; 2] {
        match self {
            Self::Int8 => [i8::MIN.into(), i8::MAX.into()],
            Self::Uint8 => [u8::MIN.into(), u8::MAX.into()],
            Self::Int16 => [i16::MIN.into(), i16::MAX.into()],
            Self::Int32 => [i32::MIN, i32::MAX],
        }
    }
}

/// How activations are quantized and their ranges found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Activation {
    /// Type of the codes.
    pub dtype: Dtype,
    /// Smallest code.
    pub qmin: i32,
    /// Largest code.
    pub qmax: i32,
    /// Whether the code of zero is 0.
    pub symmetric: bool,
    /// How the range is found.
    pub observer: Observer,
    /// Smallest scale.
    pub eps: f32,
}

impl Activation {
    /// Asymmetric, with upstream's observer.
    const fn affine(dtype: Dtype, qmin: i32, qmax: i32) -> Self {
        Self { dtype, qmin, qmax, symmetric: false, observer: Observer::Histogram, eps: EPS }
    }

    /// Whether both can share an observer: upstream compares codes only, the observer is the first one's.
    ///
    /// Source: oracle of VgfQuantizer, section 9.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let codes = |activation: &Self| (activation.dtype, activation.qmin, activation.qmax, activation.symmetric);
        codes(self) == codes(other)
    }
}

/// How weights are quantized: int8, symmetric.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct WeightScheme {
    /// Whether each output channel has a scale of its own.
    pub per_channel: bool,
    /// Largest code; the smallest is its negative.
    pub qmax: i32,
    /// Smallest scale.
    pub eps: f32,
}

/// Smallest scale where none is asked for, `2^-16`.
pub const EPS: f32 = 1.0 / 65536.0;

/// Smallest scale of int16 activations where none is asked for, `2^-12`.
pub const EPS_INT16: f32 = 1.0 / 4096.0;

impl Config {
    /// `int8`, which is `int8(per_channel)`.
    pub const PER_CHANNEL: Self = Self {
        activation: Activation::affine(Dtype::Int8, -128, 127),
        weights: WeightScheme { per_channel: true, qmax: 127, eps: EPS },
    };

    /// `int8(per_tensor)`.
    pub const PER_TENSOR: Self =
        Self { weights: WeightScheme { per_channel: false, ..Self::PER_CHANNEL.weights }, ..Self::PER_CHANNEL };

    /// `snorm`.
    pub const SNORM: Self = Self { activation: Activation::affine(Dtype::Int8, -127, 127), ..Self::PER_CHANNEL };

    /// `a16w8`.
    pub const A16W8: Self = Self {
        activation: Activation { symmetric: true, eps: EPS_INT16, ..Activation::affine(Dtype::Int16, -32767, 32767) },
        ..Self::PER_CHANNEL
    };

    /// `a8w4`.
    pub const A8W4: Self = Self { weights: WeightScheme { qmax: 7, ..Self::PER_CHANNEL.weights }, ..Self::PER_CHANNEL };

    /// `uint8`: for model inputs and outputs, whose weights nobody asks for.
    pub const UINT8: Self = Self { activation: Activation::affine(Dtype::Uint8, 0, 255), ..Self::PER_CHANNEL };

    /// Source: oracle of VgfQuantizer, section 2; 16-bit activations leave the smallest scale of weights as it is.
    fn new(config: &attr::Config) -> Option<Self> {
        let Quantized { scheme, granularity, observer, eps } = match config {
            attr::Config::None => return None,
            attr::Config::Quantized(quantized) => *quantized,
            attr::Config::Named(name) => unreachable!("stage `settings` replaces `{name}` by what it stands for"),
        };
        let mut config = match scheme {
            Scheme::Int8 => Self::PER_CHANNEL,
            Scheme::Snorm => Self::SNORM,
            Scheme::A16W8 => Self::A16W8,
            Scheme::A8W4 => Self::A8W4,
            Scheme::Uint8 => Self::UINT8,
        };
        config.activation.observer = observer;
        config.weights.per_channel = granularity == Granularity::PerChannel;
        if let Some(eps) = eps {
            config.activation.eps = eps;
            if scheme != Scheme::A16W8 {
                config.weights.eps = eps;
            }
        }
        Some(config)
    }
}

impl Recipe {
    /// For a model that brings its own parameters: they are the only rule.
    pub fn given() -> Self {
        let rule = Rule { target: Target::Global, config: Some(Config::PER_CHANNEL), argument: ArgPath::Model };
        Self { rules: vec![rule], precedence: Precedence::Last }
    }

    /// The rules of an attribute.
    pub fn new(attr: &Attr) -> Self {
        let explicit = attr.rules.iter().enumerate().map(|(index, rule)| Rule {
            target: match &rule.value.selector {
                Selector::Io => Target::Io,
                Selector::Input => Target::Input,
                Selector::Output => Target::Output,
                Selector::ModuleName(path) => Target::Module(path.value.clone()),
                Selector::ModuleType(class) => Target::Type(class.value.clone()),
                Selector::Node(name) => Target::Node(name.value.clone()),
                Selector::Op(target) => Target::Op(target.value.clone()),
            },
            config: Config::new(&rule.value.config.value),
            argument: attr.path_of(index),
        });
        let global = attr.global.iter().map(|config| Rule {
            target: Target::Global,
            config: Config::new(&config.value),
            argument: ArgPath::Global,
        });
        Self { rules: explicit.chain(global).collect(), precedence: attr.precedence }
    }

    /// Only a global configuration.
    pub fn global(config: Config) -> Self {
        let rule = Rule { target: Target::Global, config: Some(config), argument: ArgPath::Global };
        Self { rules: vec![rule], precedence: Precedence::Last }
    }

    /// With `global = int8` where there is no global rule: what is likely meant where a rule is wrong or missing.
    pub(crate) fn default_global(&mut self) -> &Self {
        if self.global_rule().is_none() {
            self.rules.extend(Self::global(Config::PER_CHANNEL).rules);
        }
        self
    }

    /// Completes class names that were given by their last segment, and reports those that no module has.
    pub fn complete_types(&mut self, graph: &Graph, diagnostics: &mut Diagnostics) {
        let known = Known::new(graph);
        for Rule { target, argument, .. } in &mut self.rules {
            if let Target::Type(class) = target {
                match known.complete(class) {
                    Ok(full) => *class = full,
                    Err(message) => diagnostics.error(selector(argument, SelectorKey::Type), message),
                }
            }
        }
    }

    /// Reports rules that match nothing, neither in the network as imported nor in that whose composite operators are
    /// decomposed, and rules that the older quantizer does not have.
    pub fn check(&self, imported: &Known, decomposed: &Graph, diagnostics: &mut Diagnostics) {
        let pieces = Known::new(decomposed);
        let find = |kind: &str, name: &str, imported: &[String], pieces: &[String]| {
            let found = [imported, pieces].iter().any(|known| known.iter().any(|known| known == name));
            if found { Ok(()) } else { Err(unmatched(kind, name, imported)) }
        };
        for Rule { target, argument, .. } in &self.rules {
            let (key, result) = match target {
                Target::Global | Target::Io | Target::Input | Target::Output | Target::Type(_) => continue,
                Target::Module(path) => (SelectorKey::Name, find("module", path, &imported.modules, &pieces.modules)),
                Target::Node(name) if name == OUTPUT_NODE => continue,
                Target::Node(name) => (SelectorKey::Name, find("node", name, &imported.nodes, &pieces.nodes)),
                Target::Op(target) => (SelectorKey::Target, find("op", target, &imported.targets, &pieces.targets)),
            };
            if let Err(message) = result {
                diagnostics.error(selector(argument, key), message);
            }
            if self.precedence == Precedence::Legacy && matches!(target, Target::Node(_) | Target::Op(_)) {
                let word = if matches!(target, Target::Node(_)) { "node" } else { "op" };
                let message = format!(
                    "`{word}` is unknown to upstream's older quantizer\nremove `precedence = legacy`: the last rule that matches a \
                     node then decides"
                );
                diagnostics.error(argument.clone(), message);
            }
        }
    }

    /// Indices of the rules in the order in which the default quantizer applies them: the last one first, the global one at
    /// the end.
    pub(crate) fn by_precedence(&self) -> Vec<usize> {
        let explicit = (0..self.rules.len()).rev().filter(|&index| self.rules[index].target != Target::Global);
        explicit.chain(self.global_rule()).collect()
    }

    /// Indices of the rules of one kind in the order in which the older quantizer applies them: where several have the same
    /// target, the last one at the place of the first.
    pub(crate) fn settings(&self, is_kind: impl Fn(&Target) -> bool) -> Vec<usize> {
        let mut settings: Vec<usize> = Vec::new();
        for (index, rule) in self.rules.iter().enumerate().filter(|(_, rule)| is_kind(&rule.target)) {
            match settings.iter_mut().find(|earlier| self.rules[**earlier].target == rule.target) {
                Some(earlier) => *earlier = index,
                None => settings.push(index),
            }
        }
        settings
    }

    /// The configuration by which the older quantizer decides whether a composite operator is taken apart: that of the last
    /// module name, else of the last module type, else the global one.
    pub(crate) fn legacy_config(&self, node: &Node) -> Option<Config> {
        let last = |is_kind: fn(&Target) -> bool| {
            let mut settings = self.settings(is_kind).into_iter();
            settings.rfind(|&rule| self.rules[rule].target.matches(node))
        };
        let by_name = last(|target| matches!(target, Target::Module(_)));
        let by_type = || last(|target| matches!(target, Target::Type(_)));
        by_name.or_else(by_type).or_else(|| self.global_rule()).and_then(|rule| self.rules[rule].config)
    }

    pub(crate) fn global_rule(&self) -> Option<usize> {
        self.rules.iter().rposition(|rule| rule.target == Target::Global)
    }
}

/// The part of a rule's argument that selects.
fn selector(argument: &ArgPath, key: SelectorKey) -> ArgPath {
    match *argument {
        ArgPath::Rule(list, index) => ArgPath::Selector(list, index, key),
        _ => argument.clone(),
    }
}

/// The names in a network that rules can be about.
pub struct Known {
    modules: Vec<String>,
    classes: Vec<String>,
    nodes: Vec<String>,
    targets: Vec<String>,
}

impl Known {
    /// All names in the network, each once, sorted.
    pub fn new(graph: &Graph) -> Self {
        let scopes = || graph.nodes.iter().flat_map(|node| &node.scopes);
        let sorted = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        let inputs = graph.inputs.iter().map(|&id| graph.value(id).name.as_str());
        Self {
            modules: sorted(scopes().map(|scope| scope.path.as_str()).filter(|path| !path.is_empty()).collect()),
            classes: sorted(scopes().map(|scope| scope.class.as_str()).collect()),
            nodes: sorted(graph.nodes.iter().map(|node| node.name.as_str()).chain(inputs).collect()),
            targets: sorted(graph.nodes.iter().map(|node| node.target.as_str()).collect()),
        }
    }

    /// The full name of a class given by that name or by its last segment.
    fn complete(&self, class: &str) -> Result<String, String> {
        if self.classes.iter().any(|known| known == class) {
            return Ok(class.to_owned());
        }
        let last = |full: &str| full.rsplit('.').next() == Some(class);
        let matching: Vec<&str> = self.classes.iter().map(String::as_str).filter(|full| last(full)).collect();
        match matching[..] {
            [one] => Ok(one.to_owned()),
            [] => Err(unmatched("module type", class, &self.classes)),
            _ => Err(format!("module type `{class}` is ambiguous: write {}", alternatives(&matching))),
        }
    }
}

/// What to say about a name that nothing in the model has.
fn unmatched(kind: &str, name: &str, known: &[String]) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let near = nearest(name, &known);
    let help = if known.is_empty() {
        format!("the model names no {kind}s: export it with `torch.onnx.export(…, dynamo=True)`")
    } else if near.is_empty() {
        format!("the model's {kind}s are {}", list(&known, 8))
    } else {
        format!("did you mean {}?", alternatives(&near))
    };
    format!("{kind} `{name}` matches nothing in the model\n{help}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Scope, ValueId};
    use crate::ops::clamp::Clamp;

    fn node(path: &str, class: &str) -> Node {
        let scope = |path: &str, class: &str| Scope { path: path.to_owned(), class: class.to_owned() };
        let parts: Vec<&str> = path.split('.').collect();
        let inner = (1..parts.len()).map(|depth| scope(&parts[..depth].join("."), "Sequential"));
        let scopes = [scope("", "Net")].into_iter().chain(inner).chain([scope(path, class)]).collect();
        let (name, target) = (format!("{path}.relu"), "aten.relu.default".to_owned());
        Node { op: Clamp::RELU.into(), inputs: vec![ValueId(0)], outputs: vec![ValueId(1)], name, target, scopes }
    }

    /// The argument that decides about the node, by these arguments beside model and samples.
    fn decides(arguments: &str, node: &Node) -> Option<String> {
        let source = format!("model = \"m\", calibration = \"c\", {arguments}");
        let attr = Attr::parse(source.parse().unwrap()).unwrap_or_else(|error| panic!("{arguments}: {error}"));
        let recipe = Recipe::new(&attr);
        let decided = recipe.by_precedence().into_iter().find(|&index| recipe.rules[index].target.matches(node));
        decided.map(|index| recipe.rules[index].argument.to_string())
    }

    #[test]
    fn the_last_matching_rule_decides_whatever_its_kind() {
        let node = node("body.0", "torch.ReLU");
        for (arguments, argument) in [
            (r#"global = int8"#, "global"),
            (r#"module(name = "body", config = None), global = int8"#, "module[0]"),
            (r#"module(name = "body", config = None), module(name = "body.0", config = int8)"#, "module[1]"),
            (r#"module(name = "body.0", config = None), module(name = "body", config = int8)"#, "module[1]"),
            (r#"module(name = "body", config = None), module(type = "torch.ReLU", config = int8)"#, "module[1]"),
            (r#"node(name = "body.0.relu", config = None), op(target = "aten.relu.default", config = int8)"#, "op[0]"),
            (
                r#"op(target = "aten.relu.default", config = int8), node(name = "body.0.relu", config = None)"#,
                "node[0]",
            ),
            (r#"module(type = "Net", config = int8), io = None"#, "module[0]"),
        ] {
            assert_eq!(decides(arguments, &node).as_deref(), Some(argument), "{arguments}");
        }
    }

    #[test]
    fn names_match_as_a_whole() {
        let node = node("body.10", "torch.ReLU");
        for arguments in [
            r#"module(name = "bod", config = int8)"#,
            r#"module(name = "body.1", config = int8)"#,
            r#"module(type = "ReLU", config = int8)"#,
            r#"op(target = "aten.relu", config = int8)"#,
            r#"io = int8"#,
        ] {
            assert_eq!(decides(arguments, &node), None, "{arguments}");
        }
    }

    #[test]
    fn boundary_rules_are_for_inputs_and_outputs() {
        let recipe = |arguments: &str| {
            let source = format!("model = \"m\", calibration = \"c\", {arguments}");
            Recipe::new(&Attr::parse(source.parse().unwrap()).unwrap())
        };
        let both = |arguments: &str| {
            let recipe = recipe(arguments);
            let first = |matches: fn(&Target) -> bool| {
                let decided = recipe.by_precedence().into_iter().find(|&index| matches(&recipe.rules[index].target));
                decided.map_or_else(String::new, |index| recipe.rules[index].argument.to_string())
            };
            [first(|target| target.matches_input("x")), first(Target::matches_outputs)]
        };
        assert_eq!(both("global = int8"), ["global", "global"]);
        assert_eq!(both("io = int8, output = None"), ["io", "output"]);
        assert_eq!(both("input = int8, io = None, global = int8"), ["io", "io"]);
        assert_eq!(both(r#"io = int8, node(name = "x", config = None)"#), ["node[0]", "io"]);
        assert_eq!(both(r#"io = int8, node(name = "output", config = None)"#), ["io", "node[0]"]);
    }
}
