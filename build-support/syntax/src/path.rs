//! [`ArgPath`]: an argument named in text, such as `module[0].name` ↔ the span where the attribute has it.

use std::fmt::{Display, Formatter, Result};

use proc_macro2::Span;
use serde::{Deserialize, Serialize};

use crate::attr::{Attr, Calibration, Rule, RuleList, Selector, Spanned};
use crate::budget::Resource;

/// Names an argument of an attribute, so that a diagnostic found by the build script can be raised at it by the macro.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ArgPath {
    /// `attribute`: all of it.
    Attribute,
    /// `model`
    Model,
    /// `calibration`: all sample files.
    Calibration,
    /// `calibration[1]`: a file by its place in the list.
    CalibrationFile(usize),
    /// `calibration.features`: the file of an input.
    CalibrationInput(String),
    /// `shape.features`: the dimensions of an input.
    Shape(String),
    /// `global`
    Global,
    /// `io`
    Io,
    /// `input`
    Input,
    /// `output`
    Output,
    /// `precedence`
    Precedence,
    /// `profile`
    Profile,
    /// `embed`
    Embed,
    /// `layout`
    Layout,
    /// `from.features`: the sensor of an input.
    From(String),
    /// `budget.flash`: the limit of a resource.
    Budget(Resource),
    /// `profile_from`
    ProfileFrom,
    /// `crate`
    Runtime,
    /// `module[0]`: a rule by its place among those of its list.
    Rule(RuleList, usize),
    /// `module[0].name`, `module[0].type`, `node[0].name` or `op[0].target`: what selects the nodes of a rule.
    Selector(RuleList, usize, SelectorKey),
    /// `module[0].config`
    Config(RuleList, usize),
}

/// What a rule selects nodes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SelectorKey {
    /// `name`
    Name,
    /// `type`
    Type,
    /// `target`
    Target,
}

impl SelectorKey {
    const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Type => "type",
            Self::Target => "target",
        }
    }
}

impl Display for ArgPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            ArgPath::Attribute => f.write_str("attribute"),
            ArgPath::Model => f.write_str("model"),
            ArgPath::Calibration => f.write_str("calibration"),
            ArgPath::CalibrationFile(index) => write!(f, "calibration[{index}]"),
            ArgPath::CalibrationInput(input) => write!(f, "calibration.{input}"),
            ArgPath::Shape(input) => write!(f, "shape.{input}"),
            ArgPath::Global => f.write_str("global"),
            ArgPath::Io => f.write_str("io"),
            ArgPath::Input => f.write_str("input"),
            ArgPath::Output => f.write_str("output"),
            ArgPath::Precedence => f.write_str("precedence"),
            ArgPath::Profile => f.write_str("profile"),
            ArgPath::Embed => f.write_str("embed"),
            ArgPath::Layout => f.write_str("layout"),
            ArgPath::From(input) => write!(f, "from.{input}"),
            ArgPath::Budget(resource) => write!(f, "budget.{resource}"),
            ArgPath::ProfileFrom => f.write_str("profile_from"),
            ArgPath::Runtime => f.write_str("crate"),
            ArgPath::Rule(list, index) => write!(f, "{}[{index}]", list.word()),
            ArgPath::Selector(list, index, key) => write!(f, "{}[{index}].{}", list.word(), key.word()),
            ArgPath::Config(list, index) => write!(f, "{}[{index}].config", list.word()),
        }
    }
}

impl From<ArgPath> for String {
    fn from(path: ArgPath) -> String {
        path.to_string()
    }
}

/// Reads the text form; a text that names no argument stands for the whole attribute.
impl From<String> for ArgPath {
    fn from(text: String) -> ArgPath {
        parse(&text).unwrap_or(ArgPath::Attribute)
    }
}

fn parse(text: &str) -> Option<ArgPath> {
    match text {
        "model" => return Some(ArgPath::Model),
        "calibration" => return Some(ArgPath::Calibration),
        "global" => return Some(ArgPath::Global),
        "io" => return Some(ArgPath::Io),
        "input" => return Some(ArgPath::Input),
        "output" => return Some(ArgPath::Output),
        "precedence" => return Some(ArgPath::Precedence),
        "profile" => return Some(ArgPath::Profile),
        "embed" => return Some(ArgPath::Embed),
        "layout" => return Some(ArgPath::Layout),
        "profile_from" => return Some(ArgPath::ProfileFrom),
        "crate" => return Some(ArgPath::Runtime),
        _ => {}
    }
    if let Some(input) = text.strip_prefix("calibration.") {
        return Some(ArgPath::CalibrationInput(input.to_owned()));
    }
    if let Some(input) = text.strip_prefix("shape.") {
        return Some(ArgPath::Shape(input.to_owned()));
    }
    if let Some(input) = text.strip_prefix("from.") {
        return Some(ArgPath::From(input.to_owned()));
    }
    if let Some(resource) = text.strip_prefix("budget.") {
        return Resource::from_word(resource).map(ArgPath::Budget);
    }
    let (list, rest) = text.split_once('[')?;
    let (index, field) = rest.split_once(']')?;
    let index = index.parse().ok()?;
    if (list, field) == ("calibration", "") {
        return Some(ArgPath::CalibrationFile(index));
    }
    let list = RuleList::from_word(list)?;
    match field {
        "" => Some(ArgPath::Rule(list, index)),
        ".config" => Some(ArgPath::Config(list, index)),
        _ => {
            let keys = [SelectorKey::Name, SelectorKey::Type, SelectorKey::Target];
            let key = keys.into_iter().find(|key| field.strip_prefix('.') == Some(key.word()))?;
            Some(ArgPath::Selector(list, index, key))
        }
    }
}

impl Attr {
    /// The argument that rule `index` of [`Attr::rules`] was written as.
    pub fn path_of(&self, index: usize) -> ArgPath {
        let list = match &self.rules[index].value.selector {
            Selector::Io => return ArgPath::Io,
            Selector::Input => return ArgPath::Input,
            Selector::Output => return ArgPath::Output,
            selector => selector.list().expect("the others are lists"),
        };
        let before = self.rules[..index].iter().filter(|rule| rule.value.selector.list() == Some(list));
        ArgPath::Rule(list, before.count())
    }

    /// What selects the nodes of rule `index`; the rule itself for those without a list.
    pub fn selector_path_of(&self, index: usize) -> ArgPath {
        let key = match &self.rules[index].value.selector {
            Selector::ModuleType(_) => SelectorKey::Type,
            Selector::Op(_) => SelectorKey::Target,
            _ => SelectorKey::Name,
        };
        match self.path_of(index) {
            ArgPath::Rule(list, place) => ArgPath::Selector(list, place, key),
            path => path,
        }
    }

    /// How a build script writes the argument, such as `.module("encoder", …)`; an ellipsis stands for what it does not select by.
    pub fn call_of(&self, path: &ArgPath) -> String {
        let calibration = self.calibration.as_ref().map(|calibration| &calibration.value);
        let file = |index: usize| match calibration {
            Some(Calibration::Files(files)) => files.get(index).map(|file| format!(".calibration({:?})", file.value)),
            _ => None,
        };
        match path {
            ArgPath::Attribute | ArgPath::Runtime => ".model(…)".to_owned(),
            ArgPath::Model => format!("Model::new({:?})", self.model.value),
            ArgPath::Calibration => match calibration {
                Some(Calibration::Named(_)) => ".calibration_of(…)".to_owned(),
                Some(Calibration::Files(files)) if files.len() == 1 => file(0).expect("it has one"),
                _ => ".calibration(…)".to_owned(),
            },
            ArgPath::CalibrationFile(index) => file(*index).unwrap_or_else(|| ".calibration(…)".to_owned()),
            ArgPath::CalibrationInput(input) => format!(".calibration_of({input:?}, …)"),
            ArgPath::Shape(input) => format!(".shape({input:?}, …)"),
            ArgPath::Global => ".global(…)".to_owned(),
            ArgPath::Io => ".io(…)".to_owned(),
            ArgPath::Input => ".input(…)".to_owned(),
            ArgPath::Output => ".output(…)".to_owned(),
            ArgPath::Precedence => ".precedence(…)".to_owned(),
            ArgPath::Profile => ".profile(…)".to_owned(),
            ArgPath::Embed => ".embed(…)".to_owned(),
            ArgPath::Layout => ".layout(…)".to_owned(),
            ArgPath::From(input) => format!(".from({input:?}, …)"),
            ArgPath::Budget(resource) => format!(".budget(Resource::{resource:?}, …)"),
            ArgPath::ProfileFrom => ".profile_from(…)".to_owned(),
            ArgPath::Rule(list, index) | ArgPath::Selector(list, index, _) | ArgPath::Config(list, index) => {
                let selector = self.rule(*list, *index).map(|rule| &rule.value.selector);
                let method =
                    if matches!(selector, Some(Selector::ModuleType(_))) { "module_type" } else { list.word() };
                match selector.and_then(Selector::text) {
                    Some(text) => format!(".{method}({:?}, …)", text.value),
                    None => format!(".{method}(…)"),
                }
            }
        }
    }

    /// Where the argument was written; the whole attribute for one that is not there.
    pub fn span_of(&self, path: &ArgPath) -> Span {
        self.argument_span(path).unwrap_or_else(Span::call_site)
    }

    fn argument_span(&self, path: &ArgPath) -> Option<Span> {
        let boundary = |selector: &Selector| self.rules.iter().find(|rule| rule.value.selector == *selector);
        match path {
            ArgPath::Attribute | ArgPath::Precedence | ArgPath::Profile => None,
            ArgPath::Model => Some(self.model.span),
            ArgPath::Calibration => self.calibration.as_ref().map(|calibration| calibration.span),
            ArgPath::CalibrationFile(index) => {
                self.calibration.as_ref().and_then(|calibration| match &calibration.value {
                    Calibration::Files(files) => files.get(*index).map(|file| file.span),
                    Calibration::Named(_) => Some(calibration.span),
                })
            }
            ArgPath::CalibrationInput(input) => {
                self.calibration.as_ref().and_then(|calibration| match &calibration.value {
                    Calibration::Named(files) => {
                        files.iter().find(|(name, _)| name == input).map(|(_, file)| file.span)
                    }
                    Calibration::Files(_) => Some(calibration.span),
                })
            }
            ArgPath::Shape(input) => self.shapes.iter().find(|(name, _)| name == input).map(|(_, dims)| dims.span),
            ArgPath::Global => self.global.as_ref().map(|config| config.span),
            ArgPath::Io => boundary(&Selector::Io).map(|rule| rule.span),
            ArgPath::Input => boundary(&Selector::Input).map(|rule| rule.span),
            ArgPath::Output => boundary(&Selector::Output).map(|rule| rule.span),
            ArgPath::From(input) => self
                .sensors
                .iter()
                .map(|sensor| &sensor.input)
                .find(|known| known.value == *input)
                .map(|input| input.span),
            ArgPath::Budget(resource) => {
                self.budget.iter().find(|(known, _)| known == resource).map(|(_, limit)| limit.span)
            }
            ArgPath::Embed => self.embed.as_ref().map(|embed| embed.span),
            ArgPath::Layout => self.layout.as_ref().map(|layout| layout.span),
            ArgPath::Runtime => self.runtime.as_ref().map(|path| path.span),
            ArgPath::ProfileFrom => self.profile_from.as_ref().map(|profile| profile.span),
            ArgPath::Rule(list, index) => self.rule(*list, *index).map(|rule| rule.span),
            ArgPath::Selector(list, index, _) => self.rule(*list, *index)?.value.selector.text().map(|text| text.span),
            ArgPath::Config(list, index) => self.rule(*list, *index).map(|rule| rule.value.config.span),
        }
    }

    fn rule(&self, list: RuleList, index: usize) -> Option<&Spanned<Rule>> {
        self.rules.iter().filter(|rule| rule.value.selector.list() == Some(list)).nth(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let paths = [
            ArgPath::Attribute,
            ArgPath::Model,
            ArgPath::Calibration,
            ArgPath::CalibrationFile(2),
            ArgPath::CalibrationInput("x".to_owned()),
            ArgPath::Shape("x".to_owned()),
            ArgPath::Global,
            ArgPath::Io,
            ArgPath::Input,
            ArgPath::Output,
            ArgPath::Precedence,
            ArgPath::Profile,
            ArgPath::ProfileFrom,
            ArgPath::Runtime,
            ArgPath::Rule(RuleList::Module, 0),
            ArgPath::Selector(RuleList::Module, 1, SelectorKey::Name),
            ArgPath::Selector(RuleList::Module, 12, SelectorKey::Type),
            ArgPath::Embed,
            ArgPath::Layout,
            ArgPath::From("x".to_owned()),
            ArgPath::Budget(Resource::Ram),
            ArgPath::Selector(RuleList::Op, 2, SelectorKey::Target),
            ArgPath::Config(RuleList::Node, 3),
        ];
        for path in paths {
            assert_eq!(ArgPath::from(path.to_string()), path);
        }
        assert_eq!(ArgPath::from("module[x].name".to_owned()), ArgPath::Attribute);
    }

    #[test]
    fn paths_find_the_text_they_name() {
        let source = r#"model = "m", calibration(x = "c"), shape(x = [1, 2]), io = None, budget(ram = "1 kB"), from(y = u8), module(name = "n", config = int8(per_tensor)),
            op(target = "t", config = None), node(name = "o", config = int8), op(target = "u", config = None)"#;
        let attr = Attr::parse(source.parse().expect("tokens")).expect("valid");
        let cases = [
            ("model", "\"m\""),
            ("calibration", "(x = \"c\")"),
            ("calibration.x", "\"c\""),
            ("shape.x", "[1, 2]"),
            ("io", "None"),
            ("from.y", "y"),
            ("budget.ram", "\"1 kB\""),
            ("module[0]", "module"),
            ("module[0].name", "\"n\""),
            ("module[0].config", "int8"),
            ("op[1].target", "\"u\""),
            ("node[0]", "node"),
        ];
        for (path, text) in cases {
            let span = attr.span_of(&ArgPath::from(path.to_owned()));
            assert_eq!(span.source_text().as_deref(), Some(text), "{path}");
        }
        let calls = ["model", "calibration.x", "shape.x", "io", "module[0].name", "op[1].config", "attribute"]
            .map(|path| attr.call_of(&ArgPath::from(path.to_owned())));
        let expected = [
            "Model::new(\"m\")",
            ".calibration_of(\"x\", …)",
            ".shape(\"x\", …)",
            ".io(…)",
            ".module(\"n\", …)",
            ".op(\"u\", …)",
            ".model(…)",
        ];
        assert_eq!(calls, expected);
        assert_eq!(attr.path_of(4), ArgPath::Rule(RuleList::Op, 1));
        assert_eq!(attr.selector_path_of(3), ArgPath::Selector(RuleList::Node, 0, SelectorKey::Name));
    }
}
