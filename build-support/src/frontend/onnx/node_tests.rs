//! ONNX's own tests of single operators, which the `onnx` package of Python brings.
//!
//! `tests/scripts/onnx_node_tests.py FOLDER` writes them; with `ONNX_NODE_TESTS=FOLDER` they are run. What passes, and why
//! the rest does not, is in `docs/onnx.md`, which `BLESS=1` rewrites. Shapes, axes, weights and the like, which a network has
//! as constants, are inputs in these tests: they become constants where the import needs that.

use super::operators::OPERATORS;
use super::{External, OPSETS, is_standard, proto, tensor};
use crate::annotate::annotate;
use crate::calibrate::evaluate;
use crate::config::{Profile, Recipe};
use crate::frontend::{Failure, Import, Problem, Shapes};
use crate::graph::{Data, Element, Graph};
use crate::lower::lower;
use crate::quantize::{Params, quantize};
use crate::{passes, tosa};
use ndarray::ArrayD;
use prost::Message;
use quantize_runtime::interpreter::{Interpreter, Tensor as Elements};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Differences that ONNX itself accepts.
const RELATIVE: f32 = 1e-3;
/// For values that are 0 but for rounding.
const ABSOLUTE: f32 = 1e-5;

#[test]
fn every_imported_operator_gives_the_recorded_outputs() {
    let Some(folder) = std::env::var_os("ONNX_NODE_TESTS") else {
        println!("ONNX_NODE_TESTS is not set: ONNX's tests are not run");
        return;
    };
    let folder = Path::new(&folder);
    let entries = fs::read_dir(folder.join("node")).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("an ASCII name")).collect();
    names.sort();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut failed = Vec::new();
    for name in &names {
        let row = rows.entry(operator(&folder.join("node"), name)).or_default();
        match check(&folder.join("node").join(name)) {
            Ok(passed) => {
                row.passed += 1;
                match passed {
                    Passed::Evaluated => {}
                    Passed::Run => row.run += 1,
                    Passed::NotLowered(reason) => *row.not_lowered.entry(reason).or_default() += 1,
                }
            }
            Err(Outcome::Excluded(reason)) => *row.excluded.entry(reason).or_default() += 1,
            Err(Outcome::Failed(reason)) => failed.push(format!("{name}: {reason}")),
        }
    }
    assert!(failed.is_empty(), "{} of {} fail\n{}", failed.len(), names.len(), failed.join("\n"));
    let version = fs::read_to_string(folder.join("version")).expect("the version of the package");
    let text = document(version.trim(), &rows);
    print!("{text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/onnx.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, text).expect("writable");
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(text == committed, "docs/onnx.md differs; run the test with BLESS=1 and read the difference");
}

/// The tests of an operator.
#[derive(Default)]
struct Row {
    passed: usize,
    /// Those that pass as a program too.
    run: usize,
    /// Why others have no program in float.
    not_lowered: BTreeMap<String, usize>,
    /// Why others are not run at all.
    excluded: BTreeMap<Reason, usize>,
}

/// How far a test passed.
enum Passed {
    /// By the arithmetic of calibration; there is no program, as its results are constants or its rules are its own.
    Evaluated,
    /// As a program too.
    Run,
    /// There is no program, for this reason.
    NotLowered(String),
}

/// Why a test did not pass.
enum Outcome {
    Excluded(Reason),
    Failed(String),
}

/// Why a test is not run.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// It is about something that no network for a device has.
    Foreign(String),
    /// What the import says.
    Unsupported(String),
}

impl Row {
    fn count(&self, of: impl Fn(&Reason) -> bool) -> usize {
        self.excluded.iter().filter(|(reason, _)| of(reason)).map(|(_, count)| count).sum()
    }
}

fn document(version: &str, rows: &BTreeMap<String, Row>) -> String {
    let (imported, others): (Vec<_>, Vec<_>) =
        rows.iter().partition(|(name, _)| OPERATORS.iter().any(|(known, ..)| known == name));
    let sum = |of: &dyn Fn(&Row) -> usize| imported.iter().map(|(_, row)| of(row)).sum::<usize>();
    let (passed, run) = (sum(&|row| row.passed), sum(&|row| row.run));
    let foreign = sum(&|row| row.count(|reason| matches!(reason, Reason::Foreign(_))));
    let limits = sum(&|row| row.count(|reason| matches!(reason, Reason::Unsupported(_))));
    let mut text = format!(
        "# Operators of ONNX

Written by the test of `build-support/src/frontend/onnx/node_tests.rs` with `BLESS=1`; without it the test compares. `.ci/run`
runs it. The tests are ONNX's own, of the package `onnx` {version}, those of an operator's definition by others included.

Operators that are imported have {} tests: {passed} pass, none fails. {foreign} are about types and modes that no network for
a device has; {limits} meet a limit of the import, which is an error that names the node.
The network of {run} is also lowered, and the interpreter runs its program in float with the same results; that of others is
known at build time, or is quantized already, or has no program for the reason given.

| operator | opsets | pass | as programs | of | not run |
| --- | --- | --- | --- | --- | --- |
",
        passed + foreign + limits,
    );
    for (name, since, _) in OPERATORS {
        let none = Row::default();
        let row = rows.get(*name).unwrap_or(&none);
        let count = row.passed + row.count(|_| true);
        let reason = |(reason, count): (&Reason, &usize)| {
            let (Reason::Foreign(text) | Reason::Unsupported(text)) = reason;
            format!("{count}: {text}")
        };
        let not_lowered = row.not_lowered.iter().map(|(reason, count)| format!("{count} as programs: {reason}"));
        let reasons: Vec<String> = row.excluded.iter().map(reason).chain(not_lowered).collect();
        let (passed, run, last) = (row.passed, row.run, OPSETS.end());
        let reasons = reasons.join("<br>").replace('|', "\\|");
        writeln!(text, "| {name} | {since} to {last} | {passed} | {run} | {count} | {reasons} |").expect("text");
    }
    let total: usize = others.iter().map(|(_, row)| row.passed + row.count(|_| true)).sum();
    let passed: usize = others.iter().map(|(_, row)| row.passed).sum();
    writeln!(
        text,
        "\n## Not imported\n\nThese have {total} tests. {passed} pass: those in which the operator is written out in others.\n"
    )
    .expect("text");
    let is_one_of = |name: &str, names: &[&str]| {
        names.iter().any(|known| *known == name || known.ends_with('.') && name.starts_with(known))
    };
    let reason = |name: &str| NOT_IMPORTED.iter().position(|(_, names)| is_one_of(name, names));
    for (index, (title, _)) in NOT_IMPORTED.iter().enumerate() {
        let mut items = Vec::new();
        for (name, row) in others.iter().filter(|(name, _)| reason(name) == Some(index)) {
            items.push(match row.passed {
                0 => format!("{name} ({})", row.count(|_| true)),
                passed => format!("{name} ({passed} of {})", passed + row.count(|_| true)),
            });
        }
        writeln!(text, "- {title}: {}", items.join(", ")).expect("text");
    }
    let unknown: Vec<_> = others.iter().map(|(name, _)| name).filter(|name| reason(name).is_none()).collect();
    assert!(unknown.is_empty(), "neither imported nor known: {unknown:?}");
    text
}

/// What is not imported, by the reason.
const NOT_IMPORTED: [(&str, &[&str]); 8] = [
    (
        "control flow and lists",
        &["If", "Loop", "Scan", "SequenceInsert", "SequenceMap", "OptionalGetElement", "OptionalHasElement"],
    ),
    (
        "strings and decoders",
        &["ImageDecoder", "RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"],
    ),
    (
        "training and chance",
        &["Bernoulli", "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss", "ai.onnx.preview.training."],
    ),
    ("classical machine learning", &["ai.onnx.ml."]),
    ("results whose size depends on the data", &["NonMaxSuppression", "Unique"]),
    (
        "arithmetic of integers, of models quantized in another form than QDQ",
        &[
            "BitCast",
            "BitShift",
            "BitwiseNot",
            "ConvInteger",
            "DynamicQuantizeLinear",
            "MatMulInteger",
            "QLinearConv",
            "QLinearMatMul",
        ],
    ),
    (
        "spectra and windows of signals",
        &["BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT"],
    ),
    (
        "others",
        &[
            "AffineGrid",
            "CausalConvWithState",
            "Col2Im",
            "CumProd",
            "DeformConv",
            "Det",
            "LinearAttention",
            "MaxUnpool",
            "RoiAlign",
            "Scatter",
            "TensorScatter",
            "ai.onnx.preview.FlexAttention",
        ],
    ),
];

fn read(folder: &Path, name: &str) -> Option<proto::Model> {
    let bytes = fs::read(folder.join(name).join("model.onnx")).ok()?;
    Some(proto::Model::decode(bytes.as_slice()).expect("a model"))
}

/// What a test is about: the operator, also where the test has its definition by others in its place.
fn operator(folder: &Path, name: &str) -> String {
    let whole = name.split_once("_expanded").and_then(|(whole, _)| read(folder, whole));
    let model = whole.or_else(|| read(folder, name)).expect("a model");
    let nodes = model.graph.map(|graph| graph.node).unwrap_or_default();
    // Some tests make lists for their operator first.
    let node = nodes.iter().rfind(|node| node.op_type != "Constant").or(nodes.last()).expect("a node");
    if is_standard(&node.domain) { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) }
}

fn check(path: &Path) -> Result<Passed, Outcome> {
    let model = read(path, "").expect("a model");
    if let Some(reason) = foreign(&model) {
        return Err(Outcome::Excluded(Reason::Foreign(reason.to_owned())));
    }
    let read = |kind: &str| {
        let file = |index: usize| fs::read(path.join(format!("test_data_set_0/{kind}_{index}.pb"))).ok();
        let tensors = (0..).map_while(file).map(|bytes| proto::Tensor::decode(bytes.as_slice()));
        tensors.collect::<Result<Vec<_>, _>>().expect("tensors")
    };
    let (inputs, outputs) = (read("input"), read("output"));
    let Import { graph, .. } = import(&model, &inputs).map_err(|failure| {
        let is_empty = inputs.iter().chain(&outputs).any(|tensor| tensor.dims.contains(&0));
        let empty = || Reason::Foreign("tensors without elements".to_owned());
        Outcome::Excluded(if is_empty { empty() } else { reason(&failure.problems) })
    })?;
    let decode = |proto: &proto::Tensor| tensor::decode(proto, &External::default()).expect("of a type that is taken");
    let values = graph.inputs.iter().map(|&id| {
        let value = graph.value(id);
        let recorded = inputs.iter().find(|input| input.name == value.name);
        recorded.map_or_else(|| ArrayD::<f32>::zeros(value.shape.as_slice()).into(), decode) // the unused one
    });
    let values: Vec<Data> = values.collect();
    let results = evaluate(&graph, values.clone()).map_err(|_| {
        Outcome::Excluded(Reason::Foreign("a result that is infinite, as no calibration allows".to_owned()))
    })?;
    for (expected, result) in outputs.iter().zip(&results) {
        // What is recorded in a narrower type was rounded to it, in some tests after each step.
        let relative = match expected.data_type {
            proto::data_type::BFLOAT16 => 1.0 / 64.0,
            _ => RELATIVE,
        };
        compare(&decode(expected), result, relative)
            .map_err(|problem| Outcome::Failed(format!("`{}` {problem}", expected.name)))?;
    }
    // A model that is quantized has rules of its own, and constants alone are no program.
    if graph.is_quantized() || graph.nodes.is_empty() {
        return Ok(Passed::Evaluated);
    }
    let found = match run_program(graph, &values) {
        Ok(found) => found,
        Err(reason) => return Ok(Passed::NotLowered(reason)),
    };
    for (expected, elements) in results.iter().zip(found) {
        let result = with_type(elements, expected).and_then(|result| compare(expected, &result, RELATIVE));
        result.map_err(|problem| Outcome::Failed(format!("the program's result {problem}")))?;
    }
    Ok(Passed::Run)
}

/// The results of the network as a program in float, which the interpreter runs.
fn run_program(mut graph: Graph, inputs: &[Data]) -> Result<Vec<Elements>, String> {
    let recipe = Recipe::default();
    passes::run(&mut graph, &recipe);
    let annotation = annotate(&graph, &recipe);
    let network = quantize(graph, &annotation, &Params(Vec::new()));
    // Without the name, which differs between tests.
    let reason = |errors: Vec<String>| {
        let first = errors.into_iter().next().unwrap_or_default();
        first.split_once("): ").map_or(first.clone(), |(_, reason)| reason.to_owned())
    };
    let lowered = lower(&network, Profile::Full).map_err(reason)?;
    let valid = tosa::validate(tosa::rewrite(&lowered)).map_err(reason)?;
    let elements = inputs.iter().map(|data| match data {
        Data::F32(reals) => Elements::F32(reals.iter().copied().collect()),
        Data::I64(integers) => Elements::I32(integers.iter().map(|&integer| integer as i32).collect()),
        Data::Bool(truths) => Elements::Bool(truths.iter().copied().collect()),
    });
    let interpreter = Interpreter::new(valid.graph()).map_err(|error| error.to_string())?;
    interpreter.run(&elements.collect::<Vec<_>>()).map_err(|error| error.to_string())
}

/// Elements of a program as data like the expected.
fn with_type(elements: Elements, expected: &Data) -> Result<Data, String> {
    fn array<T>(elements: Vec<T>, shape: &[usize]) -> Result<ArrayD<T>, String> {
        ArrayD::from_shape_vec(shape, elements).map_err(|error| error.to_string())
    }
    Ok(match elements {
        Elements::F32(reals) => array(reals, expected.shape())?.into(),
        Elements::I32(integers) => array(integers.into_iter().map(i64::from).collect(), expected.shape())?.into(),
        Elements::Bool(truths) => array(truths, expected.shape())?.into(),
        other => return Err(format!("is {other:?}")),
    })
}

/// What a test has that no network for a device has.
fn foreign(model: &proto::Model) -> Option<&'static str> {
    let graph = model.graph.as_ref()?;
    let mut types = graph.input.iter().chain(&graph.output).map(|value| value.r#type.as_ref());
    if types.clone().any(|kind| kind.is_none_or(|kind| kind.tensor_type.is_none())) {
        return Some("lists of tensors and optional tensors");
    }
    let is_other =
        |kind: &proto::Type| kind.tensor_type.as_ref().is_some_and(|kind| tensor::element(kind.elem_type).is_err());
    if types.any(|kind| kind.is_some_and(is_other)) {
        return Some("strings, complex numbers, floats of 8 bits or less");
    }
    let trains = graph.node.iter().any(|node| {
        let flag = |name: &str| node.attribute.iter().any(|attribute| attribute.name == name && attribute.i != 0);
        flag("training_mode") || node.op_type == "Dropout" && node.input.len() > 2
    });
    trains.then_some("training")
}

/// What the import says, without the names of a single test.
fn reason(problems: &[Problem]) -> Reason {
    let text = problems.first().map_or("", |problem| &problem.message);
    let kind = text.split_once("not supported\n  ").and_then(|(_, kinds)| kinds.lines().next());
    Reason::Unsupported(match kind {
        Some(kind) => match kind.split_once("; ") {
            Some((_, advice)) => advice.to_owned(),
            None => format!("written out with {}", kind.split(' ').next().unwrap_or(kind)),
        },
        None => text.to_owned(),
    })
}

/// Imports the model with the shapes of the recorded inputs. Where some must be known at build time, the integers become
/// constants, then all but the first, then all.
fn import(model: &proto::Model, inputs: &[proto::Tensor]) -> Result<Import, Failure> {
    let size = |&dim: &i64| usize::try_from(dim).expect("a size");
    let shapes = |fixed: &[proto::Tensor]| -> Shapes {
        let free = inputs.iter().filter(|input| !fixed.contains(input) && !input.dims.is_empty());
        free.map(|input| (input.name.clone(), input.dims.iter().map(size).collect())).collect()
    };
    let is_real = |input: &&proto::Tensor| tensor::element(input.data_type) == Ok(Element::F32);
    let integers: Vec<proto::Tensor> = inputs.iter().filter(|input| !is_real(input)).cloned().collect();
    let mut result = Err(Failure::default());
    for fixed in [&[], integers.as_slice(), inputs.get(1..).unwrap_or_default(), inputs] {
        let mut model = model.clone();
        let graph = model.graph.as_mut().expect("a graph");
        graph.initializer.extend(fixed.iter().cloned());
        if fixed.len() == inputs.len() {
            // Nothing would be left to compute at run time.
            let one = proto::Dimension { dim_value: Some(1), ..Default::default() };
            let shape = proto::TensorShape { dim: vec![one] };
            let kind = proto::TensorType { elem_type: proto::data_type::FLOAT, shape: Some(shape) };
            let kind = proto::Type { tensor_type: Some(kind) };
            graph.input.push(proto::ValueInfo { name: "unused".to_owned(), r#type: Some(kind), ..Default::default() });
        }
        result = super::import("model", &model.encode_to_vec(), &External::default(), &shapes(fixed));
        if result.is_ok() {
            break;
        }
    }
    result
}

fn compare(expected: &Data, result: &Data, relative: f32) -> Result<(), String> {
    if expected.kind() != result.kind() {
        return Err(format!("is {:?}, not {:?}", result.kind(), expected.kind()));
    }
    let (Some(expected), Some(result)) = (expected.real(), result.real()) else {
        return if expected == result { Ok(()) } else { Err(format!("is {result:?}, not {expected:?}")) };
    };
    let differs = |(a, b): &(&f32, &f32)| {
        !(a == b || a.is_nan() && b.is_nan() || (*a - *b).abs() <= ABSOLUTE + relative * a.abs())
    };
    match expected.iter().zip(result).find(differs) {
        Some((expected, result)) => Err(format!("has {result}, not {expected}")),
        None => Ok(()),
    }
}
