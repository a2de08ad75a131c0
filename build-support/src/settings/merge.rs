//! An attribute as written and a profile → the attribute as meant, and where each of its arguments comes from.

use std::collections::BTreeMap;

use proc_macro2::Span;
use quantize_syntax::attr::{Attr, Config, Embed, Layout, Precedence, Profile, Quantized, Rule, Spanned};
use quantize_syntax::{ArgPath, Diagnostic};

use super::file::{Argument, Line};

/// Where the arguments of an attribute as meant come from.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<ArgPath, Origin>);

#[derive(Clone, Debug)]
struct Origin {
    /// As the manifest has it.
    text: String,
    /// The argument as written that a message about it is raised at.
    at: ArgPath,
    /// What the message adds.
    note: Option<String>,
}

impl Origins {
    /// By argument, as the manifest has them.
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(argument, origin)| (argument.to_string(), origin.text.clone())).collect()
    }

    /// Notes that an argument is from Cargo.toml.
    pub fn add_of_cargo(&mut self, argument: ArgPath) {
        let origin = Origin { text: "Cargo.toml".to_owned(), at: ArgPath::Attribute, note: None };
        self.0.insert(argument, origin);
    }

    /// A message about the attribute as meant → the same about the attribute as written.
    pub fn as_written(&self, diagnostic: Diagnostic) -> Diagnostic {
        let Diagnostic { level, at, mut message } = diagnostic;
        let argument = match &at {
            ArgPath::CalibrationFile(_) | ArgPath::CalibrationInput(_) => ArgPath::Calibration,
            ArgPath::Selector(list, index, _) | ArgPath::Config(list, index) => ArgPath::Rule(*list, *index),
            other => other.clone(),
        };
        let Some(origin) = self.0.get(&argument) else { return Diagnostic { level, at, message } };
        if let Some(note) = &origin.note {
            message = format!("{message}\n{note}");
        }
        let at = match (at, &origin.at) {
            (ArgPath::Selector(_, _, key), ArgPath::Rule(list, index)) => ArgPath::Selector(*list, *index, key),
            (ArgPath::Config(..), ArgPath::Rule(list, index)) => ArgPath::Config(*list, *index),
            (at, place) if *place == argument => at,
            (_, place) => place.clone(),
        };
        Diagnostic { level, at, message }
    }
}

/// A profile that was chosen.
pub(super) struct Chosen<'f> {
    pub(super) name: &'f str,
    pub(super) arguments: &'f [Line<Argument>],
    /// Where messages about its arguments are raised.
    pub(super) at: ArgPath,
}

/// Gives the attribute what it lacks, and its configurations for their names.
///
/// Rules of the profile count as written before those of the attribute, but give way to one that selects the same.
pub(super) fn merge(
    written: &Attr,
    chosen: Option<&Chosen<'_>>,
    shown: &str,
    config: impl Fn(&str) -> Option<Line<Config>>,
) -> (Attr, Origins) {
    let mut attr = Attr { rules: Vec::new(), profile_from: None, ..written.clone() };
    // Spelled out or not, it is the same.
    attr.profile = attr.profile.filter(|profile| *profile != Profile::default());
    attr.layout = attr.layout.filter(|layout| layout.value != Layout::default());
    let mut origins = Merging { origins: Origins::default(), shown, chosen };
    if !attr.model.value.is_empty() {
        origins.written(ArgPath::Model, ArgPath::Model, None);
    }
    if attr.calibration.is_some() {
        origins.written(ArgPath::Calibration, ArgPath::Calibration, None);
    }
    for (input, _) in &attr.shapes {
        origins.written(ArgPath::Shape(input.clone()), ArgPath::Shape(input.clone()), None);
    }
    let resolve = |written: &mut Spanned<Config>| {
        let Config::Named(name) = &written.value else { return None };
        let Some(Line { line, value }) = config(name) else {
            // A problem of the attribute, with which the network is not compiled.
            written.value = Config::Quantized(Quantized::default());
            return None;
        };
        let named = Line { line, value: name.clone() };
        written.value = value;
        Some(named)
    };
    if let Some(global) = &mut attr.global {
        let named = resolve(global);
        origins.written(ArgPath::Global, ArgPath::Global, named);
    }
    if attr.precedence != Precedence::default() {
        origins.written(ArgPath::Precedence, ArgPath::Precedence, None);
    }
    if attr.runtime.is_some() {
        origins.written(ArgPath::Runtime, ArgPath::Runtime, None);
    }
    if written.profile.is_some() {
        origins.written(ArgPath::Profile, ArgPath::Profile, None);
    }
    if written.embed.is_some() {
        origins.written(ArgPath::Embed, ArgPath::Embed, None);
    }
    if written.layout.is_some() {
        origins.written(ArgPath::Layout, ArgPath::Layout, None);
    }
    for sensor in &attr.sensors {
        let path = || ArgPath::From(sensor.input.value.clone());
        origins.written(path(), path(), None);
    }
    for (resource, _) in &attr.budget {
        origins.written(ArgPath::Budget(*resource), ArgPath::Budget(*resource), None);
    }
    let mut own: Vec<(Spanned<Rule>, From)> = Vec::new();
    for (index, rule) in written.rules.iter().enumerate() {
        let mut rule = rule.clone();
        let named = resolve(&mut rule.value.config);
        own.push((rule, From::Attribute(written.path_of(index), named)));
    }
    let mut shared = Vec::new();
    for Line { line, value } in chosen.map_or(&[][..], |chosen| chosen.arguments) {
        let filled = match value {
            Argument::Model(model) => {
                let is_missing = attr.model.value.is_empty();
                is_missing.then(|| {
                    attr.model.value.clone_from(model);
                    ArgPath::Model
                })
            }
            Argument::Calibration(files) => fill(&mut attr.calibration, spanned(files.clone()), ArgPath::Calibration),
            Argument::Global(config) => fill(&mut attr.global, spanned(config.clone()), ArgPath::Global),
            Argument::Profile(profile) => match written.profile {
                Some(_) => None,
                None => fill(&mut attr.profile, *profile, ArgPath::Profile),
            },
            Argument::Embed(embed) => fill(&mut attr.embed, spanned(*embed), ArgPath::Embed),
            Argument::Layout(layout) => match written.layout {
                Some(_) => None,
                None => fill(&mut attr.layout, spanned(*layout), ArgPath::Layout),
            },
            Argument::Precedence(precedence) => {
                let is_missing = attr.precedence == Precedence::default();
                attr.precedence = *precedence;
                is_missing.then_some(ArgPath::Precedence)
            }
            Argument::Shape(input, dims) => {
                let is_missing = !attr.shapes.iter().any(|(known, _)| known == input);
                is_missing.then(|| {
                    attr.shapes.push((input.clone(), spanned(dims.clone())));
                    ArgPath::Shape(input.clone())
                })
            }
            Argument::Budget(resource, limit) => {
                let is_missing = !attr.budget.iter().any(|(known, _)| known == resource);
                is_missing.then(|| {
                    attr.budget.push((*resource, spanned(*limit)));
                    attr.budget.sort_by_key(|(resource, _)| *resource);
                    ArgPath::Budget(*resource)
                })
            }
            Argument::Rule(rule) => {
                if !own.iter().any(|(other, _)| other.value.selector == rule.selector) {
                    shared.push((spanned(rule.clone()), From::Profile(*line)));
                }
                None
            }
        };
        filled.into_iter().for_each(|argument| origins.profile(argument, *line));
    }
    // The last rule decides by default, the first one for upstream's older quantizer.
    let rules = match attr.precedence {
        Precedence::Last => shared.into_iter().chain(own).collect::<Vec<_>>(),
        Precedence::Legacy => own.into_iter().chain(shared).collect(),
    };
    for (index, (rule, from)) in rules.into_iter().enumerate() {
        attr.rules.push(rule);
        let argument = attr.path_of(index);
        match from {
            From::Attribute(at, named) => origins.written(argument, at, named),
            From::Profile(line) => origins.profile(argument, line),
        }
    }
    // Spelled out or not, it is the same, but where the layout leaves out what is to be embedded.
    attr.embed = attr.embed.filter(|embed| embed.value != Embed::default() || attr.layout.is_some());
    (attr, origins.origins)
}

fn fill<T>(place: &mut Option<T>, value: T, argument: ArgPath) -> Option<ArgPath> {
    match place {
        Some(_) => None,
        None => {
            *place = Some(value);
            Some(argument)
        }
    }
}

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned { value, span: Span::call_site() }
}

/// Where a rule comes from.
enum From {
    /// The argument as written, and the name of its configuration.
    Attribute(ArgPath, Option<Line<String>>),
    Profile(usize),
}

struct Merging<'a> {
    origins: Origins,
    shown: &'a str,
    chosen: Option<&'a Chosen<'a>>,
}

impl Merging<'_> {
    fn written(&mut self, argument: ArgPath, at: ArgPath, named: Option<Line<String>>) {
        let origin = match named {
            None => Origin { text: "attribute".to_owned(), at, note: None },
            Some(Line { line, value: name }) => Origin {
                text: format!("attribute, `{name}` of {}:{line}", self.shown),
                at,
                note: Some(format!("`{name}` is from {}:{line}", self.shown)),
            },
        };
        self.origins.0.insert(argument, origin);
    }

    fn profile(&mut self, argument: ArgPath, line: usize) {
        let Some(Chosen { name, at, .. }) = self.chosen else { return };
        let origin = Origin {
            text: format!("profile `{name}` of {}:{line}", self.shown),
            at: at.clone(),
            note: Some(format!("`{argument}` is from {}:{line}, profile `{name}`", self.shown)),
        };
        self.origins.0.insert(argument, origin);
    }
}
