//! Arguments of `#[quantize(…)]` → [`Attr`], or every mistake in them at once.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::Parser as _;

use crate::budget::Resource;
use crate::config::{CONFIGS, is_weight_only, weight_only};
use crate::diagnostic::suggestion;
use crate::parser::{Argument, Form, Parser};
use crate::sensor::Sensor;

/// A value and the place in the source it was read from; two are equal when their values are.
#[derive(Clone, Copy, Debug)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// The arguments of one `#[quantize(…)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Attr {
    /// Model file, relative to the crate's folder; empty where only `profile_from` can give it.
    pub model: Spanned<String>,
    /// Sample files, relative to the crate's folder; a model that is quantized already needs none.
    pub calibration: Option<Spanned<Calibration>>,
    /// Dimensions of inputs by name, in source order; names differ.
    pub shapes: Vec<(String, Spanned<Vec<usize>>)>,
    /// Configuration of whatever no rule matches; without it such nodes stay float.
    pub global: Option<Spanned<Config>>,
    /// Rules in source order.
    pub rules: Vec<Spanned<Rule>>,
    /// Which of several matching rules decides.
    pub precedence: Precedence,
    /// What quantized model inputs and outputs are in the VGF, where it is written; else a profile of quantize.toml may say.
    pub profile: Option<Profile>,
    /// What of the VGF file the program holds, where it is written; else a profile of quantize.toml may say.
    pub embed: Option<Spanned<Embed>>,
    /// In which order the program has constants; [`Layout::default`] without it.
    pub layout: Option<Spanned<Layout>>,
    /// Sensors whose samples inputs take, in source order; their inputs differ.
    pub sensors: Vec<Sensor>,
    /// Limits of what the program may cost, at most one of each resource, in the order of [`Resource::ALL`].
    pub budget: Vec<(Resource, Spanned<u64>)>,
    /// The profile of quantize.toml that gives what is not written here.
    pub profile_from: Option<Spanned<String>>,
    /// Path of the runtime crate where it is not `::quantize_runtime`, such as `firmware::nn`.
    pub runtime: Option<Spanned<String>>,
}

/// Where the samples are.
#[derive(Clone, Debug, PartialEq)]
pub enum Calibration {
    /// Files of a model with one input, read one after the other; at least one.
    Files(Vec<Spanned<String>>),
    /// One file for each input, in source order; names differ.
    Named(Vec<(String, Spanned<String>)>),
}

/// A configuration for some nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The nodes it is for.
    pub selector: Selector,
    /// What they get.
    pub config: Spanned<Config>,
}

/// Which nodes a rule is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// `io`: the model's inputs and outputs.
    Io,
    /// `input`: the model's inputs.
    Input,
    /// `output`: the model's outputs.
    Output,
    /// `module(name = …)`: the module of this path and all inside it.
    ModuleName(Spanned<String>),
    /// `module(type = …)`: modules of this class, and all inside them.
    ModuleType(Spanned<String>),
    /// `node(name = …)`: the operator of this name.
    Node(Spanned<String>),
    /// `op(target = …)`: operators of this kind, such as `aten.sigmoid.default`.
    Op(Spanned<String>),
}

impl Selector {
    /// The list of the rule, `None` for those that are written `name = …`.
    pub fn list(&self) -> Option<RuleList> {
        match self {
            Self::Io | Self::Input | Self::Output => None,
            Self::ModuleName(_) | Self::ModuleType(_) => Some(RuleList::Module),
            Self::Node(_) => Some(RuleList::Node),
            Self::Op(_) => Some(RuleList::Op),
        }
    }

    /// What was written in the list.
    pub fn text(&self) -> Option<&Spanned<String>> {
        match self {
            Self::Io | Self::Input | Self::Output => None,
            Self::ModuleName(text) | Self::ModuleType(text) | Self::Node(text) | Self::Op(text) => Some(text),
        }
    }
}

/// Rules that are written as a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleList {
    /// `module(…)`
    Module,
    /// `node(…)`
    Node,
    /// `op(…)`
    Op,
}

impl RuleList {
    /// The word before the parenthesis.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Module => "module",
            Self::Node => "node",
            Self::Op => "op",
        }
    }

    /// The list with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Module, Self::Node, Self::Op].into_iter().find(|list| list.word() == word)
    }

    /// What can select nodes in it, with an example.
    pub const fn selectors(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Module => &[("name", "blocks.0"), ("type", "Softmax")],
            Self::Node => &[("name", "linear_1")],
            Self::Op => &[("target", "aten.sigmoid.default")],
        }
    }

    /// What selects by one of these keys.
    pub fn selector(self, key: &str, text: Spanned<String>) -> Selector {
        match (self, key) {
            (Self::Module, "type") => Selector::ModuleType(text),
            (Self::Module, _) => Selector::ModuleName(text),
            (Self::Node, _) => Selector::Node(text),
            (Self::Op, _) => Selector::Op(text),
        }
    }
}

/// Which of several matching rules decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precedence {
    /// The last one.
    #[default]
    Last,
    /// The first with a module name, else the first with a module type; `None` keeps nodes from `global` alone. That of
    /// upstream's older quantizer.
    Legacy,
}

/// What quantized model inputs and outputs are in the VGF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Integers.
    #[default]
    Int,
    /// Real numbers, quantized inside.
    Full,
}

/// What of the VGF file is embedded in the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Embed {
    /// All of it.
    #[default]
    Vgf,
    /// The data of its constants.
    Constants,
}

impl Embed {
    /// The word in the attribute.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Vgf => "vgf",
            Self::Constants => "constants",
        }
    }

    /// The value with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Vgf, Self::Constants].into_iter().find(|embed| embed.word() == word)
    }
}

/// The order of constants in the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// That of the VGF file.
    #[default]
    Canonical,
    /// That which kernels of the target read fastest, without the VGF file.
    Packed,
}

impl Layout {
    /// The word in the attribute.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Canonical => "canonical",
            Self::Packed => "packed",
        }
    }

    /// The value with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Canonical, Self::Packed].into_iter().find(|layout| layout.word() == word)
    }
}

/// How a node is quantized.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// It stays float.
    None,
    /// It works on integers.
    Quantized(Quantized),
    /// As quantize.toml says under this name.
    Named(String),
}

impl Config {
    /// Reads a configuration that stands alone, such as `int8(per_tensor)`.
    ///
    /// # Errors
    ///
    /// Every mistake in it.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let tokens: TokenStream =
            text.parse().map_err(|_| vec![format!("`{text}` is not a configuration; {CONFIGS}")])?;
        let mut parser = Parser::default();
        let argument = Argument { name: Ident::new("config", Span::call_site()), form: Form::Value(tokens) };
        let config = parser.config_argument(&argument);
        match (parser.errors, config) {
            (None, Some(config)) => Ok(config.value),
            (errors, _) => {
                let errors = errors.into_iter().flatten().map(|error| error.to_string());
                Err(errors.collect())
            }
        }
    }

    /// Why operators cannot have it, if they cannot.
    pub fn not_for_operators(&self) -> Option<&'static str> {
        match self {
            Self::Quantized(Quantized { scheme: Scheme::Uint8, .. }) => {
                Some("`uint8` is for `io`, `input` and `output` only: operators work on signed integers; use `int8`")
            }
            Self::None | Self::Quantized(_) | Self::Named(_) => None,
        }
    }

    /// Words that begin a configuration, which none in quantize.toml can have as its name.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Scheme::ALL.into_iter().map(Scheme::word).chain(["None"])
    }
}

/// What kind of integers, and its options.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quantized {
    /// The word before the options.
    pub scheme: Scheme,
    /// What shares a weight's scale; `uint8` has no weights.
    pub granularity: Granularity,
    /// How an activation's range is found.
    pub observer: Observer,
    /// Smallest scale, above 0; upstream's default where absent.
    pub eps: Option<f32>,
}

/// Types of activations and weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Activations int8, asymmetric and static; weights int8, symmetric.
    #[default]
    Int8,
    /// The same with activations from −127 instead of −128.
    Snorm,
    /// Activations int16, symmetric and static; weights int8, symmetric.
    A16W8,
    /// Activations as with [`Scheme::Int8`]; weights from −7 to 7.
    A8W4,
    /// Model inputs and outputs uint8, asymmetric and static.
    Uint8,
}

impl Scheme {
    pub(crate) const ALL: [Self; 5] = [Self::Int8, Self::Snorm, Self::A16W8, Self::A8W4, Self::Uint8];

    /// The word in the attribute.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Snorm => "snorm",
            Self::A16W8 => "a16w8",
            Self::A8W4 => "a8w4",
            Self::Uint8 => "uint8",
        }
    }
}

/// How the range of an activation is found from calibration samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Observer {
    /// The range with the least estimated error by upstream's search over a histogram.
    #[default]
    Histogram,
    /// Smallest and largest value.
    MinMax,
    /// Moving averages of each sample's smallest and largest value.
    MovingAverage,
    /// The range that holds this share of all values, in percent, above 50 and at most 100.
    Percentile(f32),
    /// The range with the least squared error.
    Mse,
}

/// What shares one weight scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// Each output channel has its own.
    #[default]
    PerChannel,
    /// The whole tensor has one.
    PerTensor,
}

/// Arguments of the attribute that are understood, in the order of the canonical text.
pub const ARGUMENTS: [&str; 18] = [
    "model",
    "calibration",
    "shape",
    "global",
    "io",
    "input",
    "output",
    "module",
    "node",
    "op",
    "precedence",
    "profile",
    "embed",
    "layout",
    "from",
    "budget",
    "profile_from",
    "crate",
];

/// What to write for `embed`.
const EMBED: &str = "write `embed = vgf` for all of the VGF file, `embed = constants` to leave its SPIR-V out";
/// What to write for `layout`.
const LAYOUT: &str = "write `layout = canonical` for constants as the VGF file has them, `layout = packed` for those that kernels read fastest";

/// Arguments that later versions will understand, and what to write until then.
const LATER_ARGUMENTS: [(&str, &str); 3] = [
    ("vgf", "name an ONNX model with `model = \"…\"`"),
    ("control_flow", "export the model without branches"),
    ("accuracy", "evaluate `run` in a test of your crate"),
];

/// What to say about an argument that later versions will understand.
pub fn unsupported(name: &str) -> Option<String> {
    let (_, advice) = LATER_ARGUMENTS.iter().find(|(known, _)| *known == name)?;
    Some(format!("`{name}` is not supported yet; {advice}"))
}

/// What the arguments of an attribute were understood as.
#[derive(Debug)]
pub struct Reading {
    /// The arguments without mistakes; `None` when neither the model nor a profile is among them.
    pub attr: Option<Attr>,
    /// Every mistake, each at the tokens that caused it; a missing argument is reported at [`Span::call_site`].
    pub mistakes: Option<syn::Error>,
}

impl Reading {
    /// The canonical text of the attribute; what could not be read is an ellipsis.
    pub fn canonical(&self) -> Option<String> {
        let rest = if self.mistakes.is_some() { ", …" } else { "" };
        self.attr.as_ref().map(|attr| format!("{attr}{rest}"))
    }
}

impl Attr {
    /// Parses the tokens between the attribute's parentheses.
    ///
    /// # Errors
    ///
    /// One error that combines every mistake found, as in [`Reading::mistakes`].
    pub fn parse(arguments: TokenStream) -> syn::Result<Attr> {
        let Reading { attr, mistakes } = Self::read(arguments);
        match mistakes {
            None => Ok(attr.expect("whatever is absent was reported")),
            Some(mistakes) => Err(mistakes),
        }
    }

    /// Parses the tokens between the attribute's parentheses as far as they can be understood.
    pub fn read(arguments: TokenStream) -> Reading {
        let mut parser = Parser::default();
        let mut seen: Vec<String> = Vec::new();
        let (mut model, mut calibration, mut global, mut precedence) = (None, None, None, Precedence::default());
        let (mut shapes, mut rules, mut profile, mut embed, mut layout) = (Vec::new(), Vec::new(), None, None, None);
        let (mut sensors, mut budget) = (Vec::<Sensor>::new(), Vec::new());
        let (mut profile_from, mut runtime) = (None, None);
        for argument in parser.arguments(arguments) {
            let name = argument.name.unraw().to_string();
            // Rules, and one `from` for each input.
            let is_repeatable = RuleList::from_word(&name).is_some() || name == "from";
            if !is_repeatable && seen.contains(&name) {
                parser.error(&argument.name, format!("`{name}` is given twice; keep one"));
                continue;
            }
            match name.as_str() {
                "model" => model = parser.string_argument(&argument, "models/kws.onnx"),
                "calibration" => calibration = parser.calibration(&argument),
                "shape" => shapes = parser.shapes(&argument),
                "global" => global = parser.operator_config(&argument),
                "io" => rules.extend(parser.boundary(&argument, Selector::Io)),
                "input" => rules.extend(parser.boundary(&argument, Selector::Input)),
                "output" => rules.extend(parser.boundary(&argument, Selector::Output)),
                "precedence" => precedence = parser.precedence(&argument),
                "profile" => profile = Some(parser.profile(&argument)),
                "embed" => embed = parser.choice(&argument, Embed::from_word, EMBED),
                "layout" => layout = parser.choice(&argument, Layout::from_word, LAYOUT),
                "from" => match parser.sensor(&argument) {
                    Some(sensor) if sensors.iter().any(|known| known.input == sensor.input) => {
                        let message = format!("input `{}` has a `from` twice; keep one", sensor.input.value);
                        parser.error_at(sensor.input.span, &message);
                    }
                    sensor => sensors.extend(sensor),
                },
                "budget" => budget = parser.budget(&argument),
                "profile_from" => profile_from = parser.string_argument(&argument, "small"),
                "crate" => runtime = parser.runtime(&argument),
                _ => match RuleList::from_word(&name) {
                    Some(list) => rules.extend(parser.rule(&argument, list)),
                    None => parser.other_argument(&argument, &name),
                },
            }
            seen.push(name);
        }
        let given = |name: &str| seen.iter().any(|seen| seen == name);
        // A ready VGF would bring its own parameters, so one mistake stays one error.
        if !given("vgf") && !parser.unclear && !given("model") && !given("profile_from") {
            parser.missing("`#[quantize]` names no model; add `model = \"models/….onnx\"`");
        }
        if model.is_none() && !given("model") {
            let from = |profile: &Spanned<String>| Spanned { value: String::new(), span: profile.span };
            model = profile_from.as_ref().map(from);
        }
        let attr = model.map(|model| Attr {
            model,
            calibration,
            shapes,
            global,
            rules,
            precedence,
            profile,
            embed,
            layout,
            sensors,
            budget,
            profile_from,
            runtime,
        });
        Reading { attr, mistakes: parser.errors }
    }
}

impl Parser {
    /// Reports an argument of the attribute that is neither read nor a rule.
    fn other_argument(&mut self, argument: &Argument, name: &str) {
        if let Some(message) = unsupported(name) {
            self.error(&argument.name, message);
        } else if is_weight_only(name) {
            self.error(&argument.name, weight_only(name));
        } else {
            self.unclear = true;
            let advice = suggestion(name, &ARGUMENTS, "the arguments are");
            self.error(&argument.name, format!("`{name}` is not an argument of `#[quantize]`; {advice}"));
        }
    }

    fn calibration(&mut self, argument: &Argument) -> Option<Spanned<Calibration>> {
        const EXAMPLE: &str = "models/kws.npy";
        let name = &argument.name;
        match &argument.form {
            Form::List(list) => {
                let files = self.named_files(name, list);
                Some(Spanned { value: Calibration::Named(files), span: list.span() })
            }
            Form::Value(value) => {
                let mut tokens = value.clone().into_iter();
                match tokens.next() {
                    Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Bracket => {
                        self.end(tokens);
                        let parts = self.split(list.stream());
                        if parts.is_empty() {
                            self.error(&list, "`calibration` lists no files; name at least one");
                        }
                        let file = |part: Vec<TokenTree>| self.string(name, part.into_iter().collect(), EXAMPLE);
                        let files = parts.into_iter().filter_map(file).collect();
                        Some(Spanned { value: Calibration::Files(files), span: list.span() })
                    }
                    _ => {
                        let file = self.string(name, value.clone(), EXAMPLE)?;
                        Some(Spanned { span: file.span, value: Calibration::Files(vec![file]) })
                    }
                }
            }
            Form::Bare => {
                self.error(name, format!("`calibration` has no value; write `calibration = \"{EXAMPLE}\"`"));
                None
            }
        }
    }

    /// `input = "file"` pairs of `calibration(…)`.
    fn named_files(&mut self, calibration: &Ident, list: &Group) -> Vec<(String, Spanned<String>)> {
        let mut files: Vec<(String, Spanned<String>)> = Vec::new();
        let parts = self.split(list.stream());
        if parts.is_empty() {
            self.error(list, format!("`{calibration}` lists no files; write `{calibration}(input = \"input.npy\")`"));
        }
        for part in parts {
            if let Some(TokenTree::Literal(file)) = part.first() {
                self.error(
                    file,
                    format!("{file} has no input; write `input = {file}`, or `{calibration} = {file}` for one input"),
                );
                continue;
            }
            let Some(argument) = self.argument(part) else { continue };
            let input = argument.name.unraw().to_string();
            let Some(file) = self.string_argument(&argument, "input.npy") else { continue };
            if files.iter().any(|(known, _)| *known == input) {
                self.error(&argument.name, format!("input `{input}` has samples twice; keep one"));
                continue;
            }
            files.push((input, file));
        }
        files
    }

    /// `input = [dimensions]` pairs of `shape(…)`.
    fn shapes(&mut self, argument: &Argument) -> Vec<(String, Spanned<Vec<usize>>)> {
        const EXAMPLE: &str = "shape(features = [1, 3, 96, 96])";
        let mut shapes: Vec<(String, Spanned<Vec<usize>>)> = Vec::new();
        let Form::List(list) = &argument.form else {
            self.error(&argument.name, format!("`shape` takes the dimensions of inputs by name; write `{EXAMPLE}`"));
            return shapes;
        };
        let parts = self.split(list.stream());
        if parts.is_empty() {
            self.error(list, format!("`shape` names no input; write `{EXAMPLE}`"));
        }
        for part in parts {
            let Some(argument) = self.argument(part) else { continue };
            let input = argument.name.unraw().to_string();
            let Some(dims) = self.dimensions(&argument) else { continue };
            if shapes.iter().any(|(known, _)| *known == input) {
                self.error(&argument.name, format!("input `{input}` has a shape twice; keep one"));
                continue;
            }
            shapes.push((input, dims));
        }
        shapes
    }

    /// `[1, 3, 96, 96]`
    fn dimensions(&mut self, argument: &Argument) -> Option<Spanned<Vec<usize>>> {
        let advice = format!("write all dimensions, such as `{} = [1, 3, 96, 96]`", argument.name);
        let Form::Value(value) = &argument.form else {
            self.error(&argument.name, format!("`{}` has no dimensions; {advice}", argument.name));
            return None;
        };
        let mut tokens = value.clone().into_iter();
        let list = match tokens.next() {
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Bracket => list,
            Some(other) => {
                self.error(&other, format!("`{other}` is no list of dimensions; {advice}"));
                return None;
            }
            None => {
                self.error(&argument.name, format!("`{}` has no dimensions; {advice}", argument.name));
                return None;
            }
        };
        self.end(tokens);
        let parts = self.split(list.stream());
        if parts.is_empty() {
            self.error(&list, format!("the list is empty; {advice}"));
            return None;
        }
        let mut dims = Vec::new();
        for part in parts {
            let part: TokenStream = part.into_iter().collect();
            let dim = syn::parse2::<syn::LitInt>(part.clone()).and_then(|dim| dim.base10_parse::<usize>());
            match dim.ok().filter(|&dim| dim > 0) {
                Some(dim) => dims.push(dim),
                None => {
                    self.error(&part, format!("`{part}` is no dimension; a dimension is a whole number above 0"));
                    return None;
                }
            }
        }
        Some(Spanned { value: dims, span: list.span() })
    }

    /// `io = …`, `input = …` or `output = …`.
    fn boundary(&mut self, argument: &Argument, selector: Selector) -> Option<Spanned<Rule>> {
        let config = self.config_argument(argument)?;
        Some(Spanned { span: config.span, value: Rule { selector, config } })
    }

    fn precedence(&mut self, argument: &Argument) -> Precedence {
        let advice = "write `precedence = legacy`, or leave it out: the last rule that matches a node decides";
        match self.word(argument) {
            Some(word) if word == "legacy" => return Precedence::Legacy,
            Some(word) => self.error(&word, format!("`{word}` is not a precedence; {advice}")),
            None => self.error(&argument.name, format!("`precedence` takes a word; {advice}")),
        }
        Precedence::default()
    }

    fn profile(&mut self, argument: &Argument) -> Profile {
        let advice = "write `profile = int` for integers at the model's ends, `profile = full` for real numbers";
        match self.word(argument) {
            Some(word) if word == "int" => return Profile::Int,
            Some(word) if word == "full" => return Profile::Full,
            Some(word) => self.error(&word, format!("`{word}` is not a profile; {advice}")),
            None => self.error(&argument.name, format!("`profile` takes a word; {advice}")),
        }
        Profile::default()
    }

    /// One of some words.
    fn choice<T>(
        &mut self,
        argument: &Argument,
        from_word: impl Fn(&str) -> Option<T>,
        advice: &str,
    ) -> Option<Spanned<T>> {
        let name = &argument.name;
        match self.word(argument) {
            Some(word) => match from_word(&word.to_string()) {
                Some(value) => return Some(Spanned { value, span: word.span() }),
                None => self.error(&word, format!("`{word}` is not a value of `{name}`; {advice}")),
            },
            None => self.error(name, format!("`{name}` takes a word; {advice}")),
        }
        None
    }

    /// The path of the runtime crate: names with `::` between them, and perhaps before them.
    fn runtime(&mut self, argument: &Argument) -> Option<Spanned<String>> {
        let advice = "write a path, such as `crate = firmware::nn`";
        let Form::Value(value) = &argument.form else {
            self.error(&argument.name, format!("`crate` takes the path of the runtime crate; {advice}"));
            return None;
        };
        let Some(first) = value.clone().into_iter().next() else {
            self.error(&argument.name, format!("`crate` has no value; {advice}"));
            return None;
        };
        let path: String = value.to_string().split_whitespace().collect();
        let mut names = path.strip_prefix("::").unwrap_or(&path).split("::");
        if !names.all(|name| Ident::parse_any.parse_str(name).is_ok()) {
            self.error(value, format!("`{path}` is not the path of a crate or module; {advice}"));
            return None;
        }
        Some(Spanned { value: path, span: first.span() })
    }

    /// `module(…)`, `node(…)` or `op(…)`.
    fn rule(&mut self, argument: &Argument, list: RuleList) -> Option<Spanned<Rule>> {
        let (word, selectors) = (list.word(), list.selectors());
        let (key, text) = selectors[0];
        let example = format!("{word}({key} = \"{text}\", config = int8)");
        let Form::List(parts) = &argument.form else {
            self.error(&argument.name, format!("`{word}` takes a list; write `{example}`"));
            return None;
        };
        let outside = std::mem::take(&mut self.unclear);
        let keys: Vec<&str> = selectors.iter().map(|(key, _)| *key).collect();
        let mut seen: Vec<String> = Vec::new();
        let (mut selector, mut config) = (None, None);
        for part in self.arguments(parts.stream()) {
            let name = part.name.unraw().to_string();
            if seen.contains(&name) {
                self.error(&part.name, format!("`{name}` is given twice in one `{word}`; keep one"));
                continue;
            }
            match selectors.iter().find(|(key, _)| *key == name) {
                Some(_) if seen.iter().any(|seen| keys.contains(&seen.as_str())) => {
                    let keys = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ");
                    self.error(&part.name, format!("`{word}` has either {keys}; write two rules"));
                }
                Some((key, example)) => {
                    selector = self.string_argument(&part, example).map(|text| list.selector(key, text));
                }
                None if name == "config" => config = self.operator_config(&part),
                None => {
                    self.unclear = true;
                    let known: Vec<&str> = keys.iter().copied().chain(["config"]).collect();
                    let advice = suggestion(&name, &known, "its arguments are");
                    self.error(&part.name, format!("`{name}` is not an argument of `{word}`; {advice}"));
                }
            }
            seen.push(name);
        }
        let given = |name: &str| seen.iter().any(|seen| seen == name);
        if !self.unclear {
            let at = &argument.name;
            if !keys.iter().any(|key| given(key)) {
                let keys = keys.iter().map(|key| format!("no `{key}`")).collect::<Vec<_>>().join(" and ");
                self.error(at, format!("`{word}` has {keys}; write `{example}`"));
            }
            if !given("config") {
                self.error(at, format!("`{word}` has no configuration; add `config = int8` or `config = None`"));
            }
        }
        self.unclear = outside;
        Some(Spanned { value: Rule { selector: selector?, config: config? }, span: argument.name.span() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(arguments: &str) -> Vec<String> {
        let tokens: TokenStream = arguments.parse().expect("tokens");
        let errors = Attr::parse(tokens).expect_err("should be refused");
        errors.into_iter().map(|error| error.to_string()).collect()
    }

    fn attr(arguments: &str) -> Attr {
        Attr::parse(arguments.parse().expect("tokens")).unwrap_or_else(|error| panic!("{arguments}: {error}"))
    }

    #[test]
    fn the_smallest_attribute_has_model_and_calibration() {
        let attr = attr(r#"model = "m.onnx", calibration = "c.npy""#);
        assert_eq!(attr.model.value, "m.onnx");
        assert_eq!((attr.global, attr.rules.len(), attr.precedence), (None, 0, Precedence::Last));
    }

    #[test]
    fn rules_keep_their_order() {
        let attr = attr(
            r#"module(name = "a", config = None), model = "m", module(type = "T", config = int8(per_tensor)), calibration = "c",
               module(config = int8, name = "a"),"#,
        );
        let rules: Vec<_> = attr.rules.iter().map(|rule| rule.value.config.value.clone()).collect();
        let per_tensor = Quantized { granularity: Granularity::PerTensor, ..Quantized::default() };
        assert_eq!(rules, [Config::None, Config::Quantized(per_tensor), Config::Quantized(Quantized::default())]);
        assert!(matches!(&attr.rules[1].value.selector, Selector::ModuleType(name) if name.value == "T"));
    }

    #[test]
    fn inputs_may_be_keywords() {
        let attr = attr(r#"model = "m", calibration(type = "t.npy", r#in = "i.npy")"#);
        let Some(Calibration::Named(files)) = attr.calibration.map(|calibration| calibration.value) else {
            panic!("named files")
        };
        assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["type", "in"]);
    }

    #[test]
    fn all_mistakes_are_reported_together() {
        let messages =
            messages(r#"modle = "m", calibration = 3, global = int9, accuracy(min = 0.9), module(name = "a")"#);
        let expected = [
            "`modle` is not an argument of `#[quantize]`; did you mean `model`, `module` or `node`?",
            "`calibration` takes a string literal; write `calibration = \"models/kws.npy\"`",
            "`int9` is not a configuration; did you mean `int8` or `uint8`?",
            "`accuracy` is not supported yet; evaluate `run` in a test of your crate",
            "`module` has no configuration; add `config = int8` or `config = None`",
        ];
        assert_eq!(messages, expected);
    }

    #[test]
    fn each_malformed_argument_has_one_error() {
        let cases = [
            (r#"model = "m" calibration = "c""#, 1),
            (r#"model = "m", , calibration = "c""#, 1),
            (r#"model("m"), calibration = "c""#, 1),
            (r#"model, calibration = "c""#, 1),
            (r#"model =, calibration = "c""#, 1),
            (r#"model = "", calibration = "c""#, 1),
            (r#"model = "m", calibration = []"#, 1),
            (r#"model = "m", calibration()"#, 1),
            (r#"model = "m", calibration("c")"#, 1),
            (r#"model = "m", calibration(a = "c", a = "d")"#, 1),
            (r#"model = "m", calibration = ["c", 3]"#, 1),
            (r#"model = "m", calibration = "c", model = "n""#, 1),
            (r#"model = "m", calibration = "c", "x""#, 1),
            (r#"model = "m", calibration = "c", global"#, 1),
            (r#"model = "m", calibration = "c", global ="#, 1),
            (r#"model = "m", calibration = "c", global = """#, 1),
            (r#"model = "m", profile_from = small"#, 1),
            (r#"profile_from = 3"#, 1),
            (r#"model = "m", crate"#, 1),
            (r#"model = "m", crate ="#, 1),
            (r#"model = "m", crate = "a::b""#, 1),
            (r#"model = "m", crate = a.b"#, 1),
            (r#"model = "m", crate = a::<b>"#, 1),
            (r#"model = "m", calibration = "c", global = None(per_tensor)"#, 1),
            (r#"model = "m", calibration = "c", global = int8(per_tensor, per_channel)"#, 1),
            (r#"model = "m", calibration = "c", global = int8(eps = 0.0)"#, 1),
            (r#"model = "m", calibration = "c", global = int8(eps = "1e-5")"#, 1),
            (r#"model = "m", calibration = "c", global = int8(observer = percentile)"#, 1),
            (r#"model = "m", calibration = "c", global = int8(observer = percentile(50))"#, 1),
            (r#"model = "m", calibration = "c", global = int8(observer = minmax(3))"#, 1),
            (r#"model = "m", calibration = "c", global = uint8"#, 1),
            (r#"model = "m", calibration = "c", module(name = "a", config = uint8(eps = 1e-5))"#, 1),
            (r#"model = "m", calibration = "c", io = uint8(per_tensor)"#, 1),
            (r#"model = "m", calibration = "c", node(name = "a", type = "b", config = None)"#, 1),
            (r#"model = "m", calibration = "c", op(config = None)"#, 1),
            (r#"model = "m", calibration = "c", shape = [1, 3]"#, 1),
            (r#"model = "m", calibration = "c", shape()"#, 1),
            (r#"model = "m", calibration = "c", shape(x)"#, 1),
            (r#"model = "m", calibration = "c", shape(x =)"#, 1),
            (r#"model = "m", calibration = "c", shape(x = [])"#, 1),
            (r#"model = "m", calibration = "c", shape(x = 3)"#, 1),
            (r#"model = "m", calibration = "c", shape(x = [1, 0, 2])"#, 1),
            (r#"model = "m", calibration = "c", shape(x = [-1])"#, 1),
            (r#"model = "m", calibration = "c", shape(x = [1], x = [2])"#, 1),
            (r#"model = "m", calibration = "c", precedence = latest"#, 1),
            (r#"model = "m", calibration = "c", input = int8, input = None"#, 1),
            (r#"model = "m", calibration = "c", global = int8 int8"#, 1),
            (r#"model = "m", calibration = "c", module(name = "a", type = "b", config = None)"#, 1),
            (r#"model = "m", calibration = "c", module(name = "a", confg = None)"#, 1),
            (r#"model = "m", calibration = "c", module = "a""#, 1),
            (r#"model = "m", calibration = "c", embed = vfg"#, 1),
            (r#"model = "m", calibration = "c", from = u8"#, 1),
            (r#"model = "m", calibration = "c", from()"#, 1),
            (r#"model = "m", calibration = "c", from(x)"#, 1),
            (r#"model = "m", calibration = "c", from(x = f32)"#, 1),
            (r#"model = "m", calibration = "c", from(x = u8, mean = [])"#, 1),
            (r#"model = "m", calibration = "c", from(x = u8, mean = "0", std = [0.0, 1.0])"#, 2),
            (r#"model = "m", calibration = "c", from(x = u8, std = [-1.0], layout = hwc)"#, 2),
            (r#"model = "m", calibration = "c", from(x = u8, full_scale = [1.0, 2.0])"#, 1),
            (r#"model = "m", calibration = "c", from(x = u8, men = [0.5])"#, 1),
            (r#"model = "m", calibration = "c", from(x = u8), from(x = i8)"#, 1),
            (r#"model = "m", calibration = "c", budget = "96 KiB""#, 1),
            (r#"model = "m", calibration = "c", budget()"#, 1),
            (r#"model = "m", calibration = "c", budget(rom = "96 KiB")"#, 1),
            (r#"model = "m", calibration = "c", budget(flash = 96)"#, 1),
            (r#"model = "m", calibration = "c", budget(flash = "96 KB", macs)"#, 2),
            (r#"model = "m", calibration = "c", budget(ram = "1 B", ram = "2 B")"#, 1),
            (r#"vgf = "m.vgf""#, 1),
        ];
        for (arguments, count) in cases {
            let messages = messages(arguments);
            assert_eq!(messages.len(), count, "{arguments}: {messages:#?}");
        }
    }

    #[test]
    fn weight_only_is_refused_with_the_reason() {
        for config in ["weight_only", "int8(weight_only)", "w8a32"] {
            let messages = messages(&format!(r#"model = "m", calibration = "c", global = {config}"#));
            assert!(messages.len() == 1 && messages[0].contains("need integer activations"), "{config}: {messages:?}");
        }
    }
}
