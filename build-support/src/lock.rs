//! What a build takes from the crate's lock file, and the entry that it leaves for `cargo quantize lock`.

use crate::annotate::{Annotation, Observed};
use crate::graph::Graph;
use crate::quantize::{Params, QuantGraph, QuantParams};
use crate::scan::Site;
use quantize_syntax::lock::{self, Change, Entry, FILE, Field, Inputs, Key, Model, Tensor, Warning, Weight};
use quantize_syntax::{ArgPath, Diagnostics};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The variable of the environment that says what the file is for.
pub(crate) const VARIABLE: &str = "QUANTIZE_LOCK";

/// The last line of every error about the file.
const ADVICE: &str = "run `cargo quantize lock` (package cargo-quantize)";

/// Files of folders that Cargo unpacked, from a registry or a repository, or that it vendored.
const UNPACKED: [&str; 2] = [".cargo-ok", ".cargo-checksum.json"];

/// What the file is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Parameters are taken from it where it has them.
    Use,
    /// All parameters come from samples.
    Ignore,
    /// It must have the parameters of every model.
    Require,
}

impl Mode {
    /// What the environment asks for.
    ///
    /// # Errors
    ///
    /// Another value than the two that mean something.
    pub(crate) fn from_env() -> Result<Self, String> {
        let value = env::var_os(VARIABLE).unwrap_or_default();
        match value.to_str() {
            Some("") => Ok(Self::Use),
            Some("ignore") => Ok(Self::Ignore),
            Some("require") => Ok(Self::Require),
            _ => Err(format!("{VARIABLE} is {value:?}; write `ignore` or `require`, or leave it unset")),
        }
    }
}

/// The lock file of a crate.
pub(crate) struct LockFile {
    path: PathBuf,
    mode: Mode,
    /// Whether nobody can bring it up to date: then it holds for later versions of this library too.
    is_final: bool,
    content: Content,
}

enum Content {
    /// There is none, or it is ignored.
    Absent,
    Faulty(String),
    Entries(Vec<Entry>),
}

/// Where the parameters of a model come from.
pub(crate) enum Origin<'a> {
    /// From its samples.
    Samples,
    /// From the lock file.
    Lock(&'a Entry),
    /// From nowhere: the lock file does not allow it.
    Refused(Diagnostics),
}

impl<'a> Origin<'a> {
    /// The entry that the parameters come from.
    pub(crate) fn entry(&self) -> Option<&'a Entry> {
        if let Self::Lock(entry) = self { Some(entry) } else { None }
    }
}

impl LockFile {
    /// Reads the file beside `Cargo.toml`.
    pub(crate) fn read(crate_folder: &Path, mode: Mode) -> Self {
        let path = crate_folder.join(FILE);
        let is_final = UNPACKED.iter().any(|file| crate_folder.join(file).exists());
        let mode = if is_final { Mode::Use } else { mode };
        let content = match mode {
            Mode::Ignore => Content::Absent,
            Mode::Use | Mode::Require => match fs::read_to_string(&path) {
                Ok(text) => match lock::parse(&text) {
                    Ok(entries) => Content::Entries(entries),
                    Err(fault) => Content::Faulty(at(fault.line, &fault.message)),
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => Content::Absent,
                Err(error) => Content::Faulty(format!("cannot read {FILE}: {error}\n{ADVICE}")),
            },
        };
        Self { path, mode, is_final, content }
    }

    /// The file, if it was read. Cargo runs a build script again and again for a file that is missing.
    pub(crate) fn watched(&self) -> Option<&Path> {
        (!matches!(self.content, Content::Absent)).then_some(&self.path)
    }

    /// Whether models without an entry are worth a warning.
    pub(crate) fn is_wanted(&self) -> bool {
        self.mode != Mode::Ignore
    }

    /// Where a model's parameters come from, by what is at hand now: `found` has the samples that are there, `samples` their
    /// arguments.
    pub(crate) fn origin(&self, site: &Site, found: &Inputs, samples: &[ArgPath]) -> Origin<'_> {
        let refused = |message: String| {
            let mut diagnostics = Diagnostics::default();
            diagnostics.error(ArgPath::Attribute, message);
            Origin::Refused(diagnostics)
        };
        let key = key(site);
        let entries = match &self.content {
            Content::Absent => [].as_slice(),
            Content::Faulty(message) => return refused(message.clone()),
            Content::Entries(entries) => entries,
        };
        let Some(entry) = entries.iter().find(|entry| entry.model.key == key) else {
            return match self.mode {
                Mode::Use | Mode::Ignore => Origin::Samples,
                Mode::Require => {
                    let state = if matches!(self.content, Content::Absent) { "is missing" } else { "has no entry" };
                    refused(format!("{FILE} {state} for {}, and {VARIABLE} is `require`\n{ADVICE}", key.describe()))
                }
            };
        };
        if !site.is_complete {
            // What could not be read may be what has changed; samples are not needed to report it.
            return Origin::Refused(Diagnostics::default());
        }
        let mut changes = entry.model.inputs.changes(found);
        changes.retain(|change| !(self.is_final && change.field == Field::Tool));
        if changes.is_empty() {
            return Origin::Lock(entry);
        }
        let mut diagnostics = Diagnostics::default();
        for change in &changes {
            let at = match change.field {
                Field::Argument(Some(index)) => site.attr.arguments_of_parameters().swap_remove(index).0,
                Field::Sample(index) => samples[index].clone(),
                Field::Model => ArgPath::Model,
                Field::Argument(None) | Field::Order | Field::Tool => ArgPath::Attribute,
            };
            diagnostics.error(at, stale(&site.name, change, found));
        }
        Origin::Refused(diagnostics)
    }
}

/// Which entry is that of the struct.
pub(crate) fn key(site: &Site) -> Key {
    Key { name: site.name.clone(), source: site.source.clone(), when: site.when.clone() }
}

fn at(line: usize, message: &str) -> String {
    format!("{FILE}:{line}: {message}\n{ADVICE}")
}

fn stale(name: &str, change: &Change, found: &Inputs) -> String {
    let Change { field, old, new } = change;
    let what = match field {
        Field::Tool => "the library of the build script".to_owned(),
        Field::Model => format!("`{}`", found.model.file),
        Field::Sample(index) => format!("`{}`", found.samples[*index].file),
        Field::Argument(_) => {
            let subject = lock::subject(new.as_ref().or(old.as_ref()).expect("one of both"));
            format!("`{subject}{}`", if subject.contains('(') { ")" } else { "" })
        }
        Field::Order => "the order of the arguments".to_owned(),
    };
    let word = match field {
        Field::Model | Field::Sample(_) => "sha256 ",
        Field::Tool | Field::Argument(_) | Field::Order => "",
    };
    let [old, new] = [old, new].map(|side| match side {
        Some(text) => format!("{word}{text}"),
        None => "nothing".to_owned(),
    });
    format!("{FILE} is stale for `{name}`: {what} changed\n  locked: {old}\n  now:    {new}\n{ADVICE}")
}

/// The parameters of every observer.
///
/// # Errors
///
/// An entry with other observers than those of this network.
pub(crate) fn params(entry: &Entry, graph: &Graph, annotation: &Annotation) -> Result<Params, String> {
    let locked = || entry.model.tensors.iter().zip(&entry.tensor_lines);
    let mut params = Vec::new();
    for (observed, (tensor, &line)) in annotation.observers.iter().zip(locked()) {
        params.push(observer(observed, tensor, graph).map_err(|message| at(line, &message))?);
    }
    if let Some(observed) = annotation.observers.get(params.len()) {
        let message = format!("the entry ends before the parameters of `{}`", graph.value(observed.value).name);
        return Err(at(entry.line, &message));
    }
    match locked().nth(params.len()) {
        Some((tensor, &line)) => Err(at(line, &format!("the network has no further tensor for `{}`", tensor.node))),
        None => Ok(Params(params)),
    }
}

fn observer(observed: &Observed, tensor: &Tensor, graph: &Graph) -> Result<QuantParams, String> {
    let (activation, name) = (observed.activation, &graph.value(observed.value).name);
    let Tensor { node, dtype, scale, zero_point } = tensor;
    if node != name {
        return Err(format!("parameters of `{node}`, where the network has `{name}`"));
    }
    if dtype != activation.dtype.name() {
        return Err(format!(
            "`{node}` has dtype {dtype}, where the configuration asks for {}",
            activation.dtype.name()
        ));
    }
    if !(activation.qmin..=activation.qmax).contains(zero_point) {
        let (qmin, qmax) = (activation.qmin, activation.qmax);
        return Err(format!("`{node}` has zero point {zero_point}, which is not in {qmin} to {qmax}"));
    }
    Ok(QuantParams {
        dtype: activation.dtype,
        scale: *scale,
        zero_point: *zero_point,
        qmin: activation.qmin,
        qmax: activation.qmax,
    })
}

/// Compares the rest of an entry with the network that its parameters gave.
///
/// # Errors
///
/// Other scales of weights than the model has, or an entry that was edited.
pub(crate) fn check(entry: &Entry, network: &QuantGraph) -> Result<(), String> {
    let (expected, found) = (weights(network), &entry.model.weights);
    if let Some(index) = (0..expected.len().max(found.len())).find(|&index| expected.get(index) != found.get(index)) {
        let line = entry.weight_lines.get(index).copied().unwrap_or(entry.line);
        return Err(match (found.get(index), expected.get(index)) {
            (Some(found), Some(expected)) if found.node == expected.node => {
                at(line, &format!("the scales of `{}` are not those of the model's weights", found.node))
            }
            (Some(found), _) => at(line, &format!("scales of `{}`, where the model has no such weight", found.node)),
            (None, expected) => {
                let layer = expected.map_or("", |weight| weight.node.as_str());
                at(line, &format!("the entry ends before the scales of `{layer}`"))
            }
        });
    }
    if entry.checksum == entry.model.checksum() {
        return Ok(());
    }
    let message = format!("the entry of `{}` was edited or merged: its checksum does not fit", entry.model.key.name);
    Err(at(entry.line, &message))
}

/// The entry of a model that was calibrated from its samples, which gave rise to these warnings.
pub(crate) fn model(
    site: &Site,
    inputs: Inputs,
    annotation: &Annotation,
    params: &Params,
    network: &QuantGraph,
    warnings: Vec<Warning>,
) -> Model {
    let tensor = |(observed, params): (&Observed, &QuantParams)| Tensor {
        node: network.graph.value(observed.value).name.clone(),
        dtype: params.dtype.name().to_owned(),
        scale: params.scale,
        zero_point: params.zero_point,
    };
    Model {
        key: key(site),
        inputs,
        tensors: annotation.observers.iter().zip(&params.0).map(tensor).collect(),
        weights: weights(network),
        warnings,
    }
}

fn weights(network: &QuantGraph) -> Vec<Weight> {
    let nodes = network.graph.nodes.iter().zip(&network.weights);
    let weight = nodes.filter_map(|(node, weights)| {
        Some(Weight { node: node.name.clone(), scale: weights.as_ref()?.scales.clone() })
    });
    weight.collect()
}
