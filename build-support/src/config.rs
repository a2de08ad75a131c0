//! From the attribute's arguments to ordered rules.

use crate::graph::{Graph, Node};
use quantize_syntax::attr::{self, Attr, Granularity, Observer, Quantized, RuleList, Scheme, Selector};
use quantize_syntax::diagnostic::{alternatives, list, nearest};
use quantize_syntax::{ArgPath, Diagnostics, SelectorKey};
use std::collections::BTreeSet;

pub use quantize_syntax::attr::Precedence;

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
    /// Whether a rule with this target is about the operator; global rules are not asked.
    pub(crate) fn matches(&self, node: &Node) -> bool {
        match self {
            Self::Global | Self::Io | Self::Input | Self::Output => false,
            Self::Module(path) => node.scopes.iter().any(|scope| scope.path == *path),
            Self::Type(class) => node.scopes.iter().any(|scope| scope.class == *class),
            Self::Node(name) => node.name == *name,
            Self::Op(target) => node.target == *target,
        }
    }
}

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
    fn new(config: attr::Config) -> Option<Self> {
        let attr::Config::Quantized(Quantized { scheme, granularity, observer, eps }) = config else { return None };
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
            config: Config::new(rule.value.config.value),
            argument: attr.path_of(index),
        });
        let global = attr.global.iter().map(|config| Rule {
            target: Target::Global,
            config: Config::new(config.value),
            argument: ArgPath::Global,
        });
        Self { rules: explicit.chain(global).collect(), precedence: attr.precedence }
    }

    /// Only a global configuration.
    pub fn global(config: Config) -> Self {
        let rule = Rule { target: Target::Global, config: Some(config), argument: ArgPath::Global };
        Self { rules: vec![rule], precedence: Precedence::Last }
    }

    /// Completes class names that were given by their last segment, and reports rules that match nothing in the network.
    pub fn resolve(&mut self, graph: &Graph, diagnostics: &mut Diagnostics) {
        let known = Known::new(graph);
        for Rule { target, argument, .. } in &mut self.rules {
            let (key, result) = match target {
                Target::Global | Target::Io | Target::Input | Target::Output => continue,
                Target::Module(path) => (SelectorKey::Name, known.check("module", path, &known.modules)),
                Target::Node(name) => (SelectorKey::Name, known.check("node", name, &known.nodes)),
                Target::Op(target) => (SelectorKey::Target, known.check("op", target, &known.targets)),
                Target::Type(class) => {
                    let full = known.complete(class);
                    (SelectorKey::Type, full.map(|full| *class = full))
                }
            };
            let ArgPath::Rule(list, index) = *argument else { unreachable!("these rules are lists") };
            if let Err(message) = result {
                diagnostics.error(ArgPath::Selector(list, index, key), message);
            }
            if self.precedence == Precedence::Legacy && matches!(list, RuleList::Node | RuleList::Op) {
                let message = format!(
                    "`{}` is unknown to upstream's older quantizer\nremove `precedence = legacy`: the last rule that matches a \
                     node then decides",
                    list.word()
                );
                diagnostics.error(argument.clone(), message);
            }
        }
    }

    /// The index of the rule that decides about an operator.
    pub(crate) fn rule_of(&self, node: &Node) -> Option<usize> {
        let matching = || (0..self.rules.len()).filter(|&index| self.rules[index].target.matches(node));
        let decided = match self.precedence {
            Precedence::Last => matching().next_back(),
            Precedence::Legacy => {
                let quantizing = |is: fn(&Target) -> bool| {
                    matching().find(|&index| is(&self.rules[index].target) && self.rules[index].config.is_some())
                };
                let by_name = quantizing(|target| matches!(target, Target::Module(_)));
                by_name.or_else(|| quantizing(|target| matches!(target, Target::Type(_)))).or_else(|| matching().next())
            }
        };
        decided.or_else(|| self.global_rule())
    }

    /// The index of the rule that decides about a model input.
    pub(crate) fn rule_of_input(&self, name: &str) -> Option<usize> {
        self.rule_of_boundary(|target| match target {
            Target::Io | Target::Input => true,
            Target::Node(node) => node == name,
            _ => false,
        })
    }

    /// The index of the rule that decides about the model outputs.
    pub(crate) fn rule_of_outputs(&self) -> Option<usize> {
        self.rule_of_boundary(|target| matches!(target, Target::Io | Target::Output))
    }

    fn rule_of_boundary(&self, matches: impl Fn(&Target) -> bool) -> Option<usize> {
        let decided = self.rules.iter().rposition(|rule| matches(&rule.target));
        // The older quantizer's global configuration is for operators only.
        decided.or_else(|| self.global_rule().filter(|_| self.precedence == Precedence::Last))
    }

    fn global_rule(&self) -> Option<usize> {
        self.rules.iter().position(|rule| rule.target == Target::Global)
    }
}

/// The names in a model that rules can be about.
struct Known<'a> {
    modules: Vec<&'a str>,
    classes: Vec<&'a str>,
    nodes: Vec<&'a str>,
    targets: Vec<&'a str>,
}

impl<'a> Known<'a> {
    fn new(graph: &'a Graph) -> Self {
        let scopes = || graph.nodes.iter().flat_map(|node| &node.scopes);
        let sorted = |names: BTreeSet<&'a str>| names.into_iter().collect();
        let inputs = graph.inputs.iter().map(|&id| graph.value(id).name.as_str());
        Self {
            modules: sorted(scopes().map(|scope| scope.path.as_str()).filter(|path| !path.is_empty()).collect()),
            classes: sorted(scopes().map(|scope| scope.class.as_str()).collect()),
            nodes: sorted(graph.nodes.iter().map(|node| node.name.as_str()).chain(inputs).collect()),
            targets: sorted(graph.nodes.iter().map(|node| node.target.as_str()).collect()),
        }
    }

    fn check(&self, kind: &str, name: &str, known: &[&str]) -> Result<(), String> {
        if known.contains(&name) { Ok(()) } else { Err(unmatched(kind, name, known)) }
    }

    /// The full name of a class given by that name or by its last segment.
    fn complete(&self, class: &str) -> Result<String, String> {
        if self.classes.contains(&class) {
            return Ok(class.to_owned());
        }
        let last = |full: &str| full.rsplit('.').next() == Some(class);
        let matching: Vec<&str> = self.classes.iter().copied().filter(|full| last(full)).collect();
        match matching[..] {
            [one] => Ok(one.to_owned()),
            [] => Err(unmatched("module type", class, &self.classes)),
            _ => Err(format!("module type `{class}` is ambiguous: write {}", alternatives(&matching))),
        }
    }
}

/// What to say about a name that nothing in the model has.
fn unmatched(kind: &str, name: &str, known: &[&str]) -> String {
    let near = nearest(name, known);
    let help = if known.is_empty() {
        format!("the model names no {kind}s: export it with `torch.onnx.export(…, dynamo=True)`")
    } else if near.is_empty() {
        format!("the model's {kind}s are {}", list(known, 8))
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
        recipe.rule_of(node).map(|index| recipe.rules[index].argument.to_string())
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
    fn the_older_quantizer_asks_for_names_then_types() {
        let node = node("l2", "Linear");
        for (rules, argument) in [
            (
                r#"module(name = "l2", config = int8), module(type = "Linear", config = None), global = int8"#,
                "module[0]",
            ),
            (
                r#"module(type = "Linear", config = int8), module(name = "l2", config = int8), global = int8"#,
                "module[1]",
            ),
            // `None` only keeps a node from the global configuration.
            (
                r#"module(name = "l2", config = None), module(type = "Linear", config = int8), global = int8"#,
                "module[1]",
            ),
            (r#"module(name = "l2", config = None), module(type = "Conv", config = int8), global = int8"#, "module[0]"),
            (r#"module(name = "l3", config = None), global = int8"#, "global"),
        ] {
            assert_eq!(decides(&format!("{rules}, precedence = legacy"), &node).as_deref(), Some(argument), "{rules}");
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
            let text = |rule: Option<usize>| rule.map(|rule| recipe.rules[rule].argument.to_string());
            [text(recipe.rule_of_input("x")), text(recipe.rule_of_outputs())].map(Option::unwrap_or_default)
        };
        assert_eq!(both("global = int8"), ["global", "global"]);
        assert_eq!(both("global = int8, precedence = legacy"), ["", ""]);
        assert_eq!(both("io = int8, output = None"), ["io", "output"]);
        assert_eq!(both("input = int8, io = None, global = int8"), ["io", "io"]);
        assert_eq!(both(r#"io = int8, node(name = "x", config = None)"#), ["node[0]", "io"]);
    }
}
