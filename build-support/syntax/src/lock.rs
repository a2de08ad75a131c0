//! `quantize.lock`, which lies beside `Cargo.toml`: what calibration found, so that a build needs no samples.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use crate::path::ArgPath;

/// Name of the file.
pub const FILE: &str = "quantize.lock";

/// Name of the file beside the generated code that says which models any build of the crate's sources may have.
pub const VARIANTS: &str = "quantize.variants";

/// Version of the schema; a reader reads only its own.
pub const VERSION: u32 = 1;

const HEAD: &str = "# Written by `cargo quantize lock`: with it a build needs no samples. Commit it, do not edit it.\n";

/// Which model an entry is of; a file has at most one entry for each.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Name of the struct.
    pub name: String,
    /// Its Rust file, see [`source_path`](crate::manifest::source_path).
    pub source: String,
    /// Under which condition or profile the configuration is chosen; `None` where there is only one.
    pub when: Option<String>,
}

/// What the parameters of a model were found from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The build script's libraries.
    pub tool: String,
    /// Canonical texts of the arguments, see [`Attr::arguments`](crate::Attr::arguments).
    pub configuration: Vec<String>,
    /// The model file and what it refers to.
    pub model: File,
    /// Sample files, in the order in which they are read.
    pub samples: Vec<File>,
}

/// A file by its content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Path as the attribute has it.
    pub file: String,
    /// Hash of its content, as hexadecimal text.
    pub sha256: String,
}

/// The parameters of one activation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    /// Name of the tensor.
    pub node: String,
    /// `int8`, `uint8` or `int16`.
    pub dtype: String,
    /// Real value of one quantum, above 0.
    pub scale: f32,
    /// The code of the real 0.
    pub zero_point: i32,
}

/// The scales of one weight.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    /// Name of the layer.
    pub node: String,
    /// One for each output channel, or one.
    pub scale: Vec<f32>,
}

/// A warning that the samples gave rise to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// The argument that it is about.
    pub at: ArgPath,
    /// What is said.
    pub message: String,
}

/// What the file says about one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Which one.
    pub key: Key,
    /// What the rest was found from.
    pub inputs: Inputs,
    /// One for each observer of an activation, in the order of the network.
    pub tensors: Vec<Tensor>,
    /// One for each quantized weight, in the order of the network.
    pub weights: Vec<Weight>,
    /// In the order they were found.
    pub warnings: Vec<Warning>,
}

/// A model with the lines it was read from, counted from 1.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was read.
    pub model: Model,
    /// Its first line.
    pub line: usize,
    /// Of each tensor.
    pub tensor_lines: Vec<usize>,
    /// Of each weight.
    pub weight_lines: Vec<usize>,
    /// The checksum that stands in the file: another one than [`Model::checksum`] says that the entry was edited.
    pub checksum: String,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Key {
    /// Name, file and condition for messages.
    pub fn describe(&self) -> String {
        let when = self.when.as_ref().map_or_else(String::new, |when| format!(", {when}"));
        format!("`{}` ({}{when})", self.name, self.source)
    }

    /// The lines of a table that names the model.
    fn lines(&self) -> String {
        let when = self.when.as_ref().map_or_else(String::new, |when| format!("when = {}\n", text(when)));
        format!("name = {}\nsource = {}\n{when}", text(&self.name), text(&self.source))
    }
}

impl Model {
    /// Hash of all that the file says about the model, by which an edit is noticed.
    pub fn checksum(&self) -> String {
        // FNV-1a, 64 bits: enough against slips of the hand, and equal on every host and version of Rust.
        let hash = self
            .lines()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }

    /// The lines below the head of its table, without the checksum.
    fn lines(&self) -> String {
        let Self { key, inputs, tensors, weights, warnings } = self;
        let file = |File { file, sha256 }: &File| format!("{{ file = {}, sha256 = {} }}", text(file), text(sha256));
        let tensor = |Tensor { node, dtype, scale, zero_point }: &Tensor| {
            let (node, dtype, scale) = (text(node), text(dtype), decimal(*scale));
            format!("{{ node = {node}, dtype = {dtype}, scale = {scale}, zero_point = {zero_point} }}")
        };
        let weight = |Weight { node, scale }: &Weight| {
            let scales: Vec<String> = scale.iter().map(|&scale| decimal(scale)).collect();
            format!("{{ node = {}, scale = [{}] }}", text(node), scales.join(", "))
        };
        let warning = |Warning { at, message }: &Warning| {
            format!("{{ at = {}, message = {} }}", text(&at.to_string()), text(message))
        };
        let mut lines = key.lines();
        lines += &format!("tool = {}\n", text(&inputs.tool));
        list(&mut lines, "configuration", inputs.configuration.iter().map(|argument| text(argument)));
        lines += &format!("model = {}\n", file(&inputs.model));
        list(&mut lines, "samples", inputs.samples.iter().map(file));
        list(&mut lines, "tensors", tensors.iter().map(tensor));
        list(&mut lines, "weights", weights.iter().map(weight));
        if !warnings.is_empty() {
            list(&mut lines, "warnings", warnings.iter().map(warning));
        }
        lines
    }
}

/// `name = […]` with an item a line.
fn list(lines: &mut String, name: &str, items: impl Iterator<Item = String>) {
    let items: String = items.fold(String::new(), |mut all, item| {
        writeln!(all, "    {item},").expect("a String takes everything");
        all
    });
    let end = if items.is_empty() { "" } else { "\n" };
    *lines += &format!("{name} = [{end}{items}]\n");
}

/// A string as TOML has it.
fn text(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// The shortest decimal that reads back as the same number.
fn decimal(number: f32) -> String {
    let short = format!("{number:?}");
    // It is unique among f32, but a reader may round it to f64 first.
    let exact = short.parse::<f64>().is_ok_and(|wide| wide as f32 == number);
    if exact { short } else { format!("{:?}", f64::from(number)) }
}

/// Text of a file with these models, ordered by their keys.
pub fn to_toml<'m>(models: impl IntoIterator<Item = &'m Model>) -> String {
    let mut models: Vec<&Model> = models.into_iter().collect();
    models.sort_by_key(|model| &model.key);
    let entry = |model: &&Model| format!("\n[[model]]\nchecksum = \"{}\"\n{}", model.checksum(), model.lines());
    format!("{HEAD}version = {VERSION}\n{}", models.iter().map(entry).collect::<String>())
}

/// Text of [`VARIANTS`].
pub fn variants_to_toml(keys: &[Key]) -> String {
    keys.iter().map(|key| format!("[[model]]\n{}\n", key.lines())).collect()
}

/// Reads the text of [`VARIANTS`].
///
/// # Errors
///
/// A message, when the text is another.
pub fn parse_variants(text: &str) -> Result<Vec<Key>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Variants {
        #[serde(default, rename = "model")]
        models: Vec<Key>,
    }
    toml::from_str(text).map(|Variants { models }| models).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "version")]
    _version: u32,
    #[serde(default, rename = "model")]
    models: Vec<Spanned<Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    checksum: String,
    name: String,
    source: String,
    when: Option<String>,
    tool: String,
    configuration: Vec<String>,
    model: File,
    samples: Vec<File>,
    tensors: Vec<Spanned<Tensor>>,
    weights: Vec<Spanned<Weight>>,
    #[serde(default)]
    warnings: Vec<Warning>,
}

/// Reads the text of a file; models are in the order of the text.
///
/// # Errors
///
/// The first thing that is wrong: not TOML, another [`VERSION`], a field that is missing or unknown, two entries for one model,
/// a scale that is none. Whether an entry was edited is for the caller to see, see [`Entry::checksum`].
pub fn parse(text: &str) -> Result<Vec<Entry>, Fault> {
    let lines = Lines::new(text);
    let fault = |error: toml::de::Error| Fault {
        line: error.span().map_or(1, |span| lines.number(&span)),
        message: error.message().replace('\n', ", "),
    };
    let markers = ["<<<<<<< ", "=======", ">>>>>>> "];
    if let Some(line) = text.lines().position(|line| markers.iter().any(|marker| line.starts_with(marker))) {
        return Err(Fault { line: line + 1, message: "the conflict of a merge is not resolved".to_owned() });
    }
    let table = DeTable::parse(text).map_err(fault)?;
    let version = table.get_ref().get("version");
    let found = version.map(|version| (lines.number(&version.span()), text[version.span()].trim()));
    let (line, found) = found.unwrap_or((1, "absent"));
    if found != VERSION.to_string() {
        return Err(Fault { line, message: format!("its version is {found}, this is version {VERSION}") });
    }
    let document = Document::deserialize(Deserializer::from(table)).map_err(fault)?;
    let mut entries = Vec::new();
    let mut known: BTreeMap<Key, usize> = BTreeMap::new();
    for table in document.models {
        let line = lines.number(&table.span());
        let entry = entry(table.into_inner(), line, &lines)?;
        if let Some(first) = known.insert(entry.model.key.clone(), line) {
            let message = format!("{} has an entry already, in line {first}", entry.model.key.describe());
            return Err(Fault { line, message });
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(table: Table, line: usize, lines: &Lines) -> Result<Entry, Fault> {
    let number = |span: Range<usize>| lines.number(&span);
    let tensor_lines = table.tensors.iter().map(|tensor| number(tensor.span())).collect();
    let weight_lines = table.weights.iter().map(|weight| number(weight.span())).collect();
    let model = Model {
        key: Key { name: table.name, source: table.source, when: table.when },
        inputs: Inputs {
            tool: table.tool,
            configuration: table.configuration,
            model: table.model,
            samples: table.samples,
        },
        tensors: table.tensors.into_iter().map(Spanned::into_inner).collect(),
        weights: table.weights.into_iter().map(Spanned::into_inner).collect(),
        warnings: table.warnings,
    };
    let entry = Entry { model, line, tensor_lines, weight_lines, checksum: table.checksum };
    let tensors = entry.model.tensors.iter().zip(&entry.tensor_lines).map(|(tensor, line)| (tensor.scale, line));
    let weights = entry.model.weights.iter().zip(&entry.weight_lines);
    let weights = weights.flat_map(|(weight, line)| weight.scale.iter().map(move |&scale| (scale, line)));
    match tensors.chain(weights).find(|(scale, _)| !(scale.is_finite() && *scale > 0.0)) {
        Some((scale, &line)) => Err(Fault { line, message: format!("{scale:?} is not a scale, which is above 0") }),
        None => Ok(entry),
    }
}

/// Numbers the lines of a text.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line in which a part begins, counted from 1.
    fn number(&self, span: &Range<usize>) -> usize {
        self.0.partition_point(|&end| end < span.start) + 1
    }
}

/// A difference between what parameters were found from and what is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What differs.
    pub field: Field,
    /// As it was; `None` for what is new.
    pub old: Option<String>,
    /// As it is; `None` for what is gone.
    pub new: Option<String>,
}

/// What a [`Change`] is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The build script's libraries.
    Tool,
    /// The model's content.
    Model,
    /// The content of a sample file, by its place among the new ones.
    Sample(usize),
    /// An argument, by its place among the new ones; `None` for one that is gone.
    Argument(Option<usize>),
    /// The order of arguments that are otherwise the same.
    Order,
}

impl Inputs {
    /// What is different in `new`. A sample file that only one of both has is no difference of its own: either it is not at hand,
    /// or the argument that names it changed.
    pub fn changes(&self, new: &Inputs) -> Vec<Change> {
        let change = |field, old: &str, new: &str| {
            (old != new).then(|| Change { field, old: Some(old.to_owned()), new: Some(new.to_owned()) })
        };
        let mut changes = argument_changes(&self.configuration, &new.configuration);
        changes.extend(change(Field::Model, &self.model.sha256, &new.model.sha256));
        for (index, sample) in new.samples.iter().enumerate() {
            let old = self.samples.iter().find(|old| old.file == sample.file);
            changes.extend(old.and_then(|old| change(Field::Sample(index), &old.sha256, &sample.sha256)));
        }
        changes.extend(change(Field::Tool, &self.tool, &new.tool));
        changes
    }
}

fn argument_changes(old: &[String], new: &[String]) -> Vec<Change> {
    if old == new {
        return Vec::new();
    }
    let mut gone: Vec<&String> = old.iter().collect();
    let mut added = Vec::new();
    for (index, argument) in new.iter().enumerate() {
        match gone.iter().position(|old| *old == argument) {
            Some(same) => _ = gone.remove(same),
            None => added.push((index, argument)),
        }
    }
    let mut changes = Vec::new();
    for (index, argument) in added {
        let before = gone.iter().position(|old| subject(old) == subject(argument)).map(|at| gone.remove(at).clone());
        changes.push(Change { field: Field::Argument(Some(index)), old: before, new: Some(argument.clone()) });
    }
    changes.extend(gone.into_iter().map(|old| Change {
        field: Field::Argument(None),
        old: Some(old.clone()),
        new: None,
    }));
    if changes.is_empty() {
        changes.push(Change { field: Field::Order, old: Some(old.join(", ")), new: Some(new.join(", ")) });
    }
    changes
}

/// What an argument is about: its name, and for a rule what selects nodes.
pub fn subject(argument: &str) -> &str {
    let end = argument.find(", config = ").or_else(|| argument.find(['(', ' ']));
    &argument[..end.unwrap_or(argument.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(configuration: &[&str]) -> Inputs {
        let file = |file: &str, sha256: &str| File { file: file.to_owned(), sha256: sha256.to_owned() };
        Inputs {
            tool: "quantize-build 1".to_owned(),
            configuration: configuration.iter().map(|&argument| argument.to_owned()).collect(),
            model: file("m.onnx", "00"),
            samples: vec![file("a.npy", "11"), file("b.npy", "22")],
        }
    }

    fn model(name: &str, when: Option<&str>) -> Model {
        let tensor =
            |node: &str, scale| Tensor { node: node.to_owned(), dtype: "int8".to_owned(), scale, zero_point: -128 };
        Model {
            key: Key { name: name.to_owned(), source: "src/main.rs".to_owned(), when: when.map(str::to_owned) },
            inputs: inputs(&[r#"model = "m.onnx""#, "global = int8(per_channel)"]),
            tensors: vec![tensor("x", 0.1), tensor("y\"'\n", 1e-5), tensor("z", f32::MIN_POSITIVE)],
            weights: vec![Weight { node: "fc".to_owned(), scale: vec![1.0 / 3.0, 1.0] }],
            warnings: vec![Warning { at: ArgPath::Calibration, message: "two\nlines".to_owned() }],
        }
    }

    #[test]
    fn written_files_read_back_in_the_order_of_their_keys() {
        let models = [model("B", None), model("A", Some("feature = \"small\"")), model("A", None)];
        let text = to_toml(&models);
        let entries = parse(&text).unwrap_or_else(|fault| panic!("{fault:?}\n{text}"));
        let read: Vec<&Model> = entries.iter().map(|entry| &entry.model).collect();
        assert_eq!(read, [&models[2], &models[1], &models[0]], "{text}");
        assert!(entries.iter().all(|entry| entry.checksum == entry.model.checksum()), "{text}");
        assert_eq!(to_toml(read), text);
        let line = text.lines().position(|line| line == "[[model]]").expect("there is a table") + 1;
        assert_eq!(entries[0].line, line);
        let tensor = text.lines().position(|line| line.contains("\"x\"")).expect("there is a tensor") + 1;
        assert_eq!(entries[0].tensor_lines[0], tensor);
    }

    #[test]
    fn variants_read_back() {
        let keys = [model("A", None).key, model("B", Some("feature = \"a\", profile = none")).key];
        assert_eq!(parse_variants(&variants_to_toml(&keys)), Ok(keys.to_vec()));
        assert!(parse_variants("[[model]]\nname = \"A\"\n").is_err_and(|message| message.contains("source")));
    }

    #[test]
    fn every_scale_reads_back() {
        for bits in (1..0x7f80_0000_u32).step_by(104_729) {
            let scale = f32::from_bits(bits);
            let read: toml::Table = toml::from_str(&format!("x = {}", decimal(scale))).expect("a number");
            assert_eq!(read["x"].as_float().expect("a float") as f32, scale);
        }
    }

    #[test]
    fn an_edit_is_noticed() {
        let text = to_toml([&model("A", None)]).replace("scale = 0.1,", "scale = 0.2,");
        let entries = parse(&text).expect("it is sound otherwise");
        assert_ne!(entries[0].checksum, entries[0].model.checksum());
    }

    #[test]
    fn faults_have_a_line() {
        let text = to_toml([&model("A", None)]);
        let line = |part: &str| text.lines().position(|line| line.contains(part)).expect("it is there") + 1;
        let check = |text: String, line: usize, part: &str| {
            let fault = parse(&text).expect_err("a fault");
            assert!(fault.line == line && fault.message.contains(part), "{line} {part}: {fault:?}\n{text}");
        };
        check(text.replace("version = 1", "version = 2"), 2, "its version is 2, this is version 1");
        check(text.replace("version = 1\n", ""), 1, "its version is absent");
        check(text.replace("0.1,", "-0.1,"), line("scale = 0.1,"), "-0.1 is not a scale");
        check(text.replace("0.1,", "nan,"), line("scale = 0.1,"), "NaN is not a scale");
        check(text.replace("[0.33333334,", "[0.0,"), line("[0.33333334,"), "0.0 is not a scale");
        check(text.replace("tool =", "tools ="), line("tool ="), "unknown field `tools`");
        check(text.replace("zero_point = -128", "zero_point = 1.5"), line("zero_point"), "invalid type");
        check(text.clone() + "<<<<<<< ours\n", text.lines().count() + 1, "conflict of a merge");
        check(text[..text.find("weights").expect("a list")].to_owned(), line("[[model]]"), "missing field `weights`");
        check(text[..text.find("int8\",").expect("a tensor")].to_owned(), line("\"x\""), "");
        let twice = to_toml([&model("A", None), &model("A", None)]);
        check(twice, text.lines().count() + 2, "`A` (src/main.rs) has an entry already, in line 4");
    }

    #[test]
    fn changed_arguments_are_paired_by_what_they_are_about() {
        let old = inputs(&["model = \"m\"", "global = int8", "module(name = \"a\", config = int8)", "io = None"]);
        let new = inputs(&[
            "model = \"m\"",
            "module(name = \"b\", config = None)",
            "module(name = \"a\", config = None)",
            "io = None",
        ]);
        let change = |field, old: Option<&str>, new: Option<&str>| Change {
            field,
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        };
        let expected = [
            change(Field::Argument(Some(1)), None, Some("module(name = \"b\", config = None)")),
            change(
                Field::Argument(Some(2)),
                Some("module(name = \"a\", config = int8)"),
                Some("module(name = \"a\", config = None)"),
            ),
            change(Field::Argument(None), Some("global = int8"), None),
        ];
        assert_eq!(old.changes(&new), expected);
        let mut swapped = old.clone();
        swapped.configuration.swap(2, 3);
        assert_eq!(old.changes(&swapped)[0].field, Field::Order);
        assert_eq!(old.changes(&old), []);
    }

    #[test]
    fn samples_that_are_not_at_hand_are_no_change() {
        let old = inputs(&[]);
        let mut new = old.clone();
        new.samples.remove(0);
        assert_eq!(old.changes(&new), []);
        new.samples[0].sha256 = "33".to_owned();
        assert_eq!(old.changes(&new)[0].field, Field::Sample(0));
    }
}
