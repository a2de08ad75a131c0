//! The text of quantize.toml → what it defines, and every mistake in it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use quantize_syntax::attr::{
    self, ARGUMENTS, Calibration, Config, Embed, Layout, Precedence, RuleList, Selector, Spanned, unsupported,
};
use quantize_syntax::budget::Resource;
use quantize_syntax::diagnostic::{alternatives, nearest};
use toml::Spanned as Located;
use toml::de::{DeString, DeTable, DeValue};

use crate::scan::cfg::Predicate;

/// Something and the line it is on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line<T> {
    pub(super) line: usize,
    pub(super) value: T,
}

/// What the file defines.
#[derive(Debug, Default)]
pub(super) struct File {
    /// `[config]`; without a value where that is a mistake.
    pub(super) configs: BTreeMap<String, Line<Option<Config>>>,
    /// Those that a profile names.
    pub(super) used_configs: BTreeSet<String>,
    /// `[profile.…]`: its arguments in the order of the file.
    pub(super) profiles: BTreeMap<String, Line<Vec<Line<Argument>>>>,
    /// `[[select]]`, in the order of the file.
    pub(super) selections: Vec<Line<Selection>>,
    /// Line and message of each mistake.
    pub(super) mistakes: Vec<Line<String>>,
}

/// An argument of a profile.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Argument {
    Model(String),
    Calibration(Calibration),
    /// The dimensions of one input.
    Shape(String, Vec<usize>),
    Global(Config),
    Rule(attr::Rule),
    Precedence(Precedence),
    Profile(attr::Profile),
    Embed(Embed),
    Layout(Layout),
    /// The limit of one resource.
    Budget(Resource, u64),
}

/// When a profile is chosen for attributes without `profile_from`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection {
    /// The profile; without it the variable of the environment names it.
    pub(super) profile: Option<String>,
    /// The condition that must hold.
    pub(super) cfg: Option<Predicate>,
    /// The variable of the environment that must be set.
    pub(super) env: Option<String>,
    /// What it must be set to.
    pub(super) value: Option<String>,
    /// The structs it is for; all when empty.
    pub(super) models: Vec<String>,
}

type Key<'t> = Located<DeString<'t>>;
type Value<'t> = Located<DeValue<'t>>;

/// Reads the file.
pub(super) fn read(text: &str) -> File {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, file: File::default(), last: None };
    for error in &errors {
        let start = error.span().map_or(0, |span| span.start);
        let found = error.message().lines().collect::<Vec<_>>().join("; ");
        reader.mistake(start, format!("not TOML, where texts stand in quotes: {found}"));
    }
    // What could be read has follow-up mistakes.
    if !errors.is_empty() {
        return reader.file;
    }
    let table = table.into_inner();
    // Profiles name configurations, and selections profiles, wherever they stand.
    let sections = ["config", "profile", "select"];
    for section in sections {
        for (key, value) in in_order(&table).filter(|(key, _)| key.get_ref() == section) {
            match section {
                "config" => reader.configs(key, value),
                "profile" => reader.profiles(key, value),
                _ => reader.selections(key, value),
            }
        }
    }
    for (key, _) in in_order(&table).filter(|(key, _)| !sections.contains(&key.get_ref().as_ref())) {
        let all = "the sections are `[config]`, `[profile.NAME]` and `[[select]]`";
        reader.unknown(key, "a section of quantize.toml", &sections, all);
    }
    reader.file
}

/// The entries of a table as they stand in the file.
fn in_order<'a, 't>(table: &'a DeTable<'t>) -> impl Iterator<Item = (&'a Key<'t>, &'a Value<'t>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter()
}

/// A table, or all tables of a list.
fn tables<'a, 't>(value: &'a Value<'t>) -> Option<Vec<(usize, &'a DeTable<'t>)>> {
    let table = |value: &'a Value<'t>| Some((value.span().start, value.get_ref().as_table()?));
    match value.get_ref() {
        DeValue::Array(list) => list.iter().map(table).collect(),
        _ => table(value).map(|table| vec![table]),
    }
}

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned { value, span: Span::call_site() }
}

struct Reader<'t> {
    text: &'t str,
    file: File,
    /// Line of the first selection without a condition.
    last: Option<usize>,
}

impl Reader<'_> {
    fn line(&self, start: usize) -> usize {
        1 + self.text[..start.min(self.text.len())].matches('\n').count()
    }

    fn mistake(&mut self, start: usize, message: impl Into<String>) {
        let line = self.line(start);
        self.file.mistakes.push(Line { line, value: message.into() });
    }

    fn unknown(&mut self, key: &Key<'_>, what: &str, known: &[&str], all: &str) {
        let near = nearest(key.get_ref(), known);
        let advice = if near.is_empty() { all.to_owned() } else { format!("did you mean {}?", alternatives(&near)) };
        self.mistake(key.span().start, format!("`{}` is not {what}; {advice}", key.get_ref()));
    }

    /// The text of a string that is not empty.
    fn string(&mut self, key: &Key<'_>, value: &Value<'_>, example: &str) -> Option<String> {
        let text = value.get_ref().as_str().filter(|text| !text.is_empty());
        if text.is_none() {
            self.mistake(value.span().start, format!("`{}` takes a string; write `{example}`", key.get_ref()));
        }
        text.map(str::to_owned)
    }

    /// A list of strings, or one alone.
    fn strings(&mut self, key: &Key<'_>, value: &Value<'_>, example: &str) -> Vec<String> {
        match value.get_ref() {
            DeValue::Array(list) if !list.is_empty() => {
                list.iter().filter_map(|value| self.string(key, value, example)).collect()
            }
            _ => self.string(key, value, example).into_iter().collect(),
        }
    }

    fn configs(&mut self, key: &Key<'_>, value: &Value<'_>) {
        let Some(table) = value.get_ref().as_table() else {
            return self
                .mistake(key.span().start, "`config` is a table; write `[config]` and `careful = \"int8\"` under it");
        };
        for (name, value) in in_order(table) {
            let start = name.span().start;
            if Config::words().any(|word| word == name.get_ref()) {
                self.mistake(
                    start,
                    format!("`{name}` is a configuration already; choose another name", name = name.get_ref()),
                );
                continue;
            }
            let text = self.string(name, value, &format!("{} = \"int8(per_tensor)\"", name.get_ref()));
            let config = text.and_then(|text| match Config::parse(&text) {
                Ok(Config::Named(other)) => {
                    self.mistake(start, format!("`{other}` is a name; write the configuration itself, such as `int8`"));
                    None
                }
                Ok(config) => Some(config),
                Err(messages) => {
                    messages.into_iter().for_each(|message| self.mistake(start, message));
                    None
                }
            });
            let line = self.line(start);
            self.file.configs.insert(name.get_ref().to_string(), Line { line, value: config });
        }
    }

    /// A configuration in a profile, written out or by its name.
    fn config(&mut self, key: &Key<'_>, value: &Value<'_>, is_for_operators: bool) -> Option<Config> {
        let start = value.span().start;
        let text = self.string(key, value, &format!("{} = \"int8\"", key.get_ref()))?;
        let config = if let Some(named) = self.file.configs.get(&text) {
            self.file.used_configs.insert(text);
            named.value.clone()?
        } else {
            let is_word = text.chars().all(|letter| letter.is_alphanumeric() || "_- ".contains(letter));
            match Config::parse(&text) {
                Ok(config) if !matches!(config, Config::Named(_)) => config,
                Err(messages) if !is_word => {
                    messages.into_iter().for_each(|message| self.mistake(start, message));
                    return None;
                }
                _ => {
                    let words: Vec<&str> = Config::words().collect();
                    let known = self.file.configs.keys().map(String::as_str).chain(words.iter().copied());
                    let known: Vec<&str> = known.collect();
                    let advice = suggestion(&text, &known);
                    self.mistake(
                        start,
                        format!("`{text}` is neither a configuration nor a name under `[config]`; {advice}"),
                    );
                    return None;
                }
            }
        };
        match config.not_for_operators().filter(|_| is_for_operators) {
            Some(message) => {
                self.mistake(start, message);
                None
            }
            None => Some(config),
        }
    }

    fn profiles(&mut self, key: &Key<'_>, value: &Value<'_>) {
        const ADVICE: &str = "write `[profile.small]` and arguments such as `global = \"int8\"` under it";
        let Some(table) = value.get_ref().as_table() else {
            return self.mistake(key.span().start, format!("`profile` is a table of profiles; {ADVICE}"));
        };
        for (name, value) in in_order(table) {
            let start = name.span().start;
            let Some(table) = value.get_ref().as_table() else {
                self.mistake(start, format!("profile `{}` is not a table; {ADVICE}", name.get_ref()));
                continue;
            };
            let mut arguments = Vec::new();
            for (key, value) in in_order(table) {
                self.argument(key, value, &mut arguments);
            }
            // Lists of rules that are written apart are one list for TOML.
            arguments.sort_by_key(|argument: &Line<(usize, Argument)>| argument.value.0);
            let arguments = arguments.into_iter().map(|Line { line, value }| Line { line, value: value.1 }).collect();
            let line = self.line(start);
            self.file.profiles.insert(name.get_ref().to_string(), Line { line, value: arguments });
        }
    }

    /// Reads an argument of a profile; each comes with its place in the file.
    fn argument(&mut self, key: &Key<'_>, value: &Value<'_>, arguments: &mut Vec<Line<(usize, Argument)>>) {
        let name = key.get_ref().as_ref();
        let start = key.span().start;
        let rule = |selector| move |config| Argument::Rule(attr::Rule { selector, config: spanned(config) });
        let argument = match name {
            "model" => self.string(key, value, "model = \"models/kws.onnx\"").map(Argument::Model),
            "calibration" => self.calibration(key, value).map(Argument::Calibration),
            "global" => self.config(key, value, true).map(Argument::Global),
            "io" => self.config(key, value, false).map(rule(Selector::Io)),
            "input" => self.config(key, value, false).map(rule(Selector::Input)),
            "output" => self.config(key, value, false).map(rule(Selector::Output)),
            "precedence" => match value.get_ref().as_str() {
                Some("legacy") => Some(Argument::Precedence(Precedence::Legacy)),
                _ => {
                    self.mistake(start, "`precedence` has one value; write `precedence = \"legacy\"` or leave it out");
                    None
                }
            },
            "profile" => match value.get_ref().as_str() {
                Some("int") => Some(Argument::Profile(attr::Profile::Int)),
                Some("full") => Some(Argument::Profile(attr::Profile::Full)),
                _ => {
                    self.mistake(
                        start,
                        "`profile` is `\"int\"` for integers at the model's ends, `\"full\"` for real numbers",
                    );
                    None
                }
            },
            "embed" => {
                let embed = value.get_ref().as_str().and_then(Embed::from_word);
                if embed.is_none() {
                    self.mistake(
                        start,
                        "`embed` is `\"vgf\"` for all of the VGF file, `\"constants\"` to leave its SPIR-V out",
                    );
                }
                embed.map(Argument::Embed)
            }
            "layout" => {
                let layout = value.get_ref().as_str().and_then(Layout::from_word);
                if layout.is_none() {
                    self.mistake(
                        start,
                        "`layout` is `\"canonical\"` for constants as the VGF file has them, `\"packed\"` for those that kernels \
                         read fastest",
                    );
                }
                layout.map(Argument::Layout)
            }
            "shape" => {
                let shapes = self.shapes(key, value);
                return arguments.extend(shapes.into_iter().map(|(start, input, dims)| Line {
                    line: self.line(start),
                    value: (start, Argument::Shape(input, dims)),
                }));
            }
            "budget" => {
                let limits = self.budget(key, value);
                return arguments.extend(limits.into_iter().map(|(start, resource, limit)| Line {
                    line: self.line(start),
                    value: (start, Argument::Budget(resource, limit)),
                }));
            }
            _ => match RuleList::from_word(name) {
                Some(list) => {
                    let rules = self.rules(list, key, value);
                    return arguments.extend(
                        rules
                            .into_iter()
                            .map(|(start, rule)| Line { line: self.line(start), value: (start, Argument::Rule(rule)) }),
                    );
                }
                None => return self.other_argument(key),
            },
        };
        let line = self.line(start);
        arguments.extend(argument.map(|argument| Line { line, value: (start, argument) }));
    }

    fn other_argument(&mut self, key: &Key<'_>) {
        let name = key.get_ref().as_ref();
        let start = key.span().start;
        if let Some(message) = unsupported(name) {
            return self.mistake(start, message);
        }
        match name {
            "profile_from" | "crate" | "from" => {
                self.mistake(start, format!("`{name}` is for the attribute; write it there"))
            }
            _ => {
                let known: Vec<&str> =
                    ARGUMENTS.into_iter().filter(|known| !["profile_from", "crate", "from"].contains(known)).collect();
                let all = format!("the arguments are {}", alternatives(&known).replace(" or ", " and "));
                self.unknown(key, "an argument of a profile", &known, &all);
            }
        }
    }

    fn calibration(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Calibration> {
        const EXAMPLE: &str = "calibration = \"models/kws.npy\"";
        if let Some(table) = value.get_ref().as_table() {
            let files = in_order(table).filter_map(|(input, value)| {
                let file = self.string(input, value, &format!("{} = \"input.npy\"", input.get_ref()))?;
                Some((input.get_ref().to_string(), spanned(file)))
            });
            return Some(Calibration::Named(files.collect()));
        }
        let files = self.strings(key, value, EXAMPLE);
        (!files.is_empty()).then(|| Calibration::Files(files.into_iter().map(spanned).collect()))
    }

    fn shapes(&mut self, key: &Key<'_>, value: &Value<'_>) -> Vec<(usize, String, Vec<usize>)> {
        const EXAMPLE: &str = "write `shape = { features = [1, 3, 96, 96] }`";
        let Some(table) = value.get_ref().as_table() else {
            self.mistake(key.span().start, format!("`shape` takes the dimensions of inputs by name; {EXAMPLE}"));
            return Vec::new();
        };
        let mut shapes = Vec::new();
        for (input, value) in in_order(table) {
            let start = input.span().start;
            let dim = |value: &Value<'_>| {
                let number = value.get_ref().as_integer()?;
                usize::from_str_radix(number.as_str(), number.radix()).ok().filter(|dim| *dim > 0)
            };
            let dims = value.get_ref().as_array().filter(|dims| !dims.is_empty());
            match dims.and_then(|dims| dims.iter().map(dim).collect::<Option<Vec<usize>>>()) {
                Some(dims) => shapes.push((start, input.get_ref().to_string(), dims)),
                None => {
                    let message = format!("`{}` takes dimensions, whole numbers above 0; {EXAMPLE}", input.get_ref());
                    self.mistake(start, message);
                }
            }
        }
        shapes
    }

    fn budget(&mut self, key: &Key<'_>, value: &Value<'_>) -> Vec<(usize, Resource, u64)> {
        let words = Resource::ALL.map(Resource::word);
        let example = format!("write `budget = {{ {} }}`", Resource::ALL.map(Resource::example).join(", "));
        let Some(table) = value.get_ref().as_table() else {
            self.mistake(key.span().start, format!("`budget` takes limits; {example}"));
            return Vec::new();
        };
        let mut limits = Vec::new();
        for (key, value) in in_order(table) {
            let start = key.span().start;
            let Some(resource) = Resource::from_word(key.get_ref()) else {
                self.unknown(key, "a limit of `budget`", &words, &example);
                continue;
            };
            let Some(text) = self.string(key, value, resource.example()) else { continue };
            match resource.amount(&text) {
                Ok(limit) => limits.push((start, resource, limit)),
                Err(message) => self.mistake(start, message),
            }
        }
        limits
    }

    fn rules(&mut self, list: RuleList, key: &Key<'_>, value: &Value<'_>) -> Vec<(usize, attr::Rule)> {
        let word = list.word();
        let (selector, text) = list.selectors()[0];
        let example = format!("{word} = [{{ {selector} = \"{text}\", config = \"int8\" }}]");
        let Some(tables) = tables(value) else {
            self.mistake(key.span().start, format!("`{word}` takes rules; write `{example}`"));
            return Vec::new();
        };
        let keys: Vec<&str> = list.selectors().iter().map(|(key, _)| *key).collect();
        let mut rules = Vec::new();
        for (start, table) in tables {
            let before = self.file.mistakes.len();
            let (mut selectors, mut config) = (Vec::new(), None);
            for (key, value) in in_order(table) {
                match key.get_ref().as_ref() {
                    "config" => config = self.config(key, value, true),
                    name if keys.contains(&name) => {
                        let text = self.string(key, value, &example);
                        selectors.extend(text.map(|text| list.selector(name, spanned(text))));
                    }
                    _ => {
                        let known: Vec<&str> = keys.iter().copied().chain(["config"]).collect();
                        let all = format!("write `{example}`");
                        self.unknown(key, &format!("an argument of `{word}`"), &known, &all);
                    }
                }
            }
            match (selectors.len(), config) {
                (1, Some(config)) => {
                    let selector = selectors.remove(0);
                    rules.push((start, attr::Rule { selector, config: spanned(config) }));
                }
                _ if self.file.mistakes.len() > before => {}
                (1, None) => self.mistake(start, format!("`{word}` has no configuration; write `{example}`")),
                (0, _) => self.mistake(start, format!("`{word}` selects nothing; write `{example}`")),
                _ => self.mistake(start, format!("`{word}` has either {}; write two rules", alternatives(&keys))),
            }
        }
        rules
    }

    fn selections(&mut self, key: &Key<'_>, value: &Value<'_>) {
        const KEYS: [&str; 5] = ["profile", "cfg", "env", "value", "models"];
        let Some(tables) = tables(value) else {
            return self.mistake(
                key.span().start,
                "`select` is a list; write `[[select]]` and `profile = \"small\"` under it",
            );
        };
        for (start, table) in tables {
            let mut selection = Selection::default();
            for (key, value) in in_order(table) {
                match key.get_ref().as_ref() {
                    "profile" => {
                        selection.profile = self.string(key, value, "profile = \"small\"");
                        if let Some(profile) = &selection.profile
                            && !self.file.profiles.contains_key(profile)
                        {
                            let message = format!("no profile `{profile}`; {}", self.file.nearest_profiles(profile));
                            self.mistake(key.span().start, message);
                        }
                    }
                    "cfg" => selection.cfg = self.condition(key, value),
                    "env" => selection.env = self.string(key, value, "env = \"KWS_PROFILE\""),
                    "value" => selection.value = self.string(key, value, "value = \"small\""),
                    "models" => selection.models = self.strings(key, value, "models = [\"Kws\"]"),
                    _ => {
                        let all = "its keys are `profile`, `cfg`, `env`, `value` and `models`";
                        self.unknown(key, "a key of `select`", &KEYS, all);
                    }
                }
            }
            let has = |key: &str| table.keys().any(|known| known.get_ref() == key);
            let fault = match (has("profile"), has("env"), has("value")) {
                (false, false, _) => Some("`select` names no profile; add `profile = \"small\"`".to_owned()),
                (_, false, true) => Some("`value` is that of a variable; add `env = \"KWS_PROFILE\"`".to_owned()),
                (false, true, true) => Some("`value` chooses no profile; add `profile = \"small\"`".to_owned()),
                _ => self.last.map(|last| {
                    format!("never reached: the `select` of line {last} has no condition; move it to the end")
                }),
            };
            fault.into_iter().for_each(|fault| self.mistake(start, fault));
            let line = self.line(start);
            if has("profile") && !["cfg", "env", "models"].into_iter().any(has) {
                self.last.get_or_insert(line);
            }
            self.file.selections.push(Line { line, value: selection });
        }
    }

    fn condition(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Predicate> {
        const EXAMPLE: &str = "cfg = 'feature = \"small\"'";
        let text = self.string(key, value, EXAMPLE)?;
        match syn::parse_str(&text) {
            Ok(condition) => Some(condition),
            Err(_) => {
                self.mistake(value.span().start, format!("`{text}` is not a condition; write `{EXAMPLE}`"));
                None
            }
        }
    }
}

impl File {
    /// What to write instead of a profile that is not there.
    pub(super) fn nearest_profiles(&self, name: &str) -> String {
        let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
        match known.is_empty() {
            true => format!("write `[profile.{name}]` in it"),
            false => suggestion(name, &known),
        }
    }
}

/// Asks for the nearest of the names, or lists all when none is near.
pub(super) fn suggestion(name: &str, known: &[&str]) -> String {
    let near = nearest(name, known);
    match near.is_empty() {
        true => format!("write {}", alternatives(known)),
        false => format!("did you mean {}?", alternatives(&near)),
    }
}
