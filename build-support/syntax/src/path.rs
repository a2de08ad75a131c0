//! [`ArgPath`]: an argument named in text, such as `module[0].name` ↔ the span where the attribute has it.

use std::fmt::{Display, Formatter, Result};

use proc_macro2::Span;
use serde::{Deserialize, Serialize};

use crate::attr::{Attr, Calibration, Modules};

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
    /// `global`
    Global,
    /// `io`
    Io,
    /// `module[0]`: a rule by its place among the module rules.
    Module(usize),
    /// `module[0].name`
    ModuleName(usize),
    /// `module[0].type`
    ModuleType(usize),
    /// `module[0].config`
    ModuleConfig(usize),
}

impl Display for ArgPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            ArgPath::Attribute => f.write_str("attribute"),
            ArgPath::Model => f.write_str("model"),
            ArgPath::Calibration => f.write_str("calibration"),
            ArgPath::CalibrationFile(index) => write!(f, "calibration[{index}]"),
            ArgPath::CalibrationInput(input) => write!(f, "calibration.{input}"),
            ArgPath::Global => f.write_str("global"),
            ArgPath::Io => f.write_str("io"),
            ArgPath::Module(index) => write!(f, "module[{index}]"),
            ArgPath::ModuleName(index) => write!(f, "module[{index}].name"),
            ArgPath::ModuleType(index) => write!(f, "module[{index}].type"),
            ArgPath::ModuleConfig(index) => write!(f, "module[{index}].config"),
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
        _ => {}
    }
    if let Some(input) = text.strip_prefix("calibration.") {
        return Some(ArgPath::CalibrationInput(input.to_owned()));
    }
    let (list, rest) = text.split_once('[')?;
    let (index, field) = rest.split_once(']')?;
    let index = index.parse().ok()?;
    match (list, field) {
        ("calibration", "") => Some(ArgPath::CalibrationFile(index)),
        ("module", "") => Some(ArgPath::Module(index)),
        ("module", ".name") => Some(ArgPath::ModuleName(index)),
        ("module", ".type") => Some(ArgPath::ModuleType(index)),
        ("module", ".config") => Some(ArgPath::ModuleConfig(index)),
        _ => None,
    }
}

impl Attr {
    /// Where the argument was written; the whole attribute for one that is not there.
    pub fn span_of(&self, path: &ArgPath) -> Span {
        self.argument_span(path).unwrap_or_else(Span::call_site)
    }

    fn argument_span(&self, path: &ArgPath) -> Option<Span> {
        let rule = |index: &usize| self.rules.get(*index);
        match path {
            ArgPath::Attribute => None,
            ArgPath::Model => Some(self.model.span),
            ArgPath::Calibration => Some(self.calibration.span),
            ArgPath::CalibrationFile(index) => match &self.calibration.value {
                Calibration::Files(files) => files.get(*index).map(|file| file.span),
                Calibration::Named(_) => Some(self.calibration.span),
            },
            ArgPath::CalibrationInput(input) => match &self.calibration.value {
                Calibration::Named(files) => files.iter().find(|(name, _)| name == input).map(|(_, file)| file.span),
                Calibration::Files(_) => Some(self.calibration.span),
            },
            ArgPath::Global => self.global.as_ref().map(|config| config.span),
            ArgPath::Io => self.io.as_ref().map(|config| config.span),
            ArgPath::Module(index) => rule(index).map(|rule| rule.span),
            ArgPath::ModuleName(index) | ArgPath::ModuleType(index) => {
                rule(index).map(|rule| match &rule.value.modules {
                    Modules::Name(text) | Modules::Type(text) => text.span,
                })
            }
            ArgPath::ModuleConfig(index) => rule(index).map(|rule| rule.value.config.span),
        }
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
            ArgPath::Global,
            ArgPath::Io,
            ArgPath::Module(0),
            ArgPath::ModuleName(1),
            ArgPath::ModuleType(12),
            ArgPath::ModuleConfig(3),
        ];
        for path in paths {
            assert_eq!(ArgPath::from(path.to_string()), path);
        }
        assert_eq!(ArgPath::from("module[x].name".to_owned()), ArgPath::Attribute);
    }

    #[test]
    fn paths_find_the_text_they_name() {
        let source = r#"model = "m", calibration(x = "c"), io = None, module(name = "n", config = int8(per_tensor))"#;
        let attr = Attr::parse(source.parse().expect("tokens")).expect("valid");
        let cases = [
            ("model", "\"m\""),
            ("calibration", "(x = \"c\")"),
            ("calibration.x", "\"c\""),
            ("io", "None"),
            ("module[0]", "module"),
            ("module[0].name", "\"n\""),
            ("module[0].config", "int8"),
        ];
        for (path, text) in cases {
            let span = attr.span_of(&ArgPath::from(path.to_owned()));
            assert_eq!(span.source_text().as_deref(), Some(text), "{path}");
        }
    }
}
