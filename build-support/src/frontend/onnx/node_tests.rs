//! ONNX's own tests of single operators, which the `onnx` package of Python brings.
//!
//! `ONNX_NODE_TESTS=…/onnx/backend/test/data/node cargo test -p quantize-build node_tests -- --nocapture` prints how many
//! pass. Each test that imports must give the recorded outputs; the others are counted by the reason that the import gives.

use super::{External, proto, tensor};
use crate::calibrate::evaluate;
use crate::frontend::{Import, Shapes};
use crate::graph::Data;
use ndarray::ArrayD;
use prost::Message;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Differences that ONNX itself accepts.
const RELATIVE: f32 = 1e-3;
/// For values that are 0 but for rounding.
const ABSOLUTE: f32 = 1e-5;

#[test]
fn every_imported_operator_gives_the_recorded_outputs() {
    let Ok(folder) = std::env::var("ONNX_NODE_TESTS") else {
        println!("ONNX_NODE_TESTS is not set: ONNX's tests are not run");
        return;
    };
    let mut names: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    let (mut passed, mut skipped, mut failed) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for path in &names {
        match check(path) {
            Ok(()) => passed += 1,
            Err(Outcome::Skipped(reason)) => *skipped.entry(reason).or_default() += 1,
            Err(Outcome::Failed(reason)) => failed.push(format!("{}: {reason}", path.display())),
        }
    }
    println!("{} tests: {passed} pass, {} fail, not imported:", names.len(), failed.len());
    skipped.iter().for_each(|(reason, count)| println!("{count:5} {reason}"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Why a test did not pass.
enum Outcome {
    Skipped(String),
    Failed(String),
}

fn check(path: &Path) -> Result<(), Outcome> {
    let bytes = fs::read(path.join("model.onnx")).expect("a model");
    let model = proto::Model::decode(bytes.as_slice()).expect("a model");
    let read = |kind: &str| {
        let file = |index: usize| fs::read(path.join(format!("test_data_set_0/{kind}_{index}.pb"))).ok();
        (0..).map_while(file).map(|bytes| proto::Tensor::decode(bytes.as_slice()).ok()).collect::<Option<Vec<_>>>()
    };
    let lists = || Outcome::Skipped("inputs or outputs that are no tensors".to_owned());
    let (inputs, outputs) = (read("input").ok_or_else(lists)?, read("output").ok_or_else(lists)?);
    let Import { graph, .. } = import(&model, &inputs).map_err(Outcome::Skipped)?;
    let decode = |proto: &proto::Tensor| tensor::decode(proto, &External::default()).map_err(Outcome::Skipped);
    let named = |name: &str| inputs.iter().find(|input| input.name == name);
    let mut values = Vec::new();
    for &id in &graph.inputs {
        let value = graph.value(id);
        values.push(match named(&value.name) {
            Some(input) => decode(input)?,
            None => ArrayD::<f32>::zeros(value.shape.as_slice()).into(), // the unused one
        });
    }
    // Infinities are asked for in some tests.
    let results = match evaluate(&graph, values) {
        Ok(results) => results,
        Err(_) => return Err(Outcome::Skipped("a result that is not finite".to_owned())),
    };
    for (expected, result) in outputs.iter().zip(&results) {
        // What is recorded in a narrower type was rounded to it, in some tests after each step.
        let relative = match expected.data_type {
            proto::data_type::BFLOAT16 => 1.0 / 64.0,
            _ => RELATIVE,
        };
        compare(&decode(expected)?, result, relative)
            .map_err(|problem| Outcome::Failed(format!("`{}` {problem}", expected.name)))?;
    }
    Ok(())
}

/// Imports the model; where it needs shapes, axes and the like at build time, the test's integers become constants.
fn import(model: &proto::Model, inputs: &[proto::Tensor]) -> Result<Import, String> {
    let import = |model: &proto::Model| {
        let import = super::import("model", &model.encode_to_vec(), &External::default(), &Shapes::new());
        import.map_err(|problems| {
            // The reason without the names of a single test.
            let text = problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; ");
            let text = text.trim_start_matches("1 kind of operator in `model` is not supported\n  ");
            text.split(", 1 node").next().unwrap_or(text).to_owned() + text.split_once("; ").map_or("", |(_, why)| why)
        })
    };
    let first = import(model);
    let Err(reason) = first else { return first };
    let mut model = model.clone();
    let graph = model.graph.as_mut().ok_or("no graph")?;
    let is_real = |input: &&proto::Tensor| input.data_type == proto::data_type::FLOAT;
    graph.initializer.extend(inputs.iter().filter(|input| !is_real(input)).cloned());
    if !inputs.iter().any(|input| is_real(&input)) {
        // Nothing would be left to compute at run time.
        let shape = proto::TensorShape { dim: Vec::new() };
        let kind = proto::TensorType { elem_type: proto::data_type::FLOAT, shape: Some(shape) };
        let kind = proto::Type { tensor_type: Some(kind) };
        graph.input.push(proto::ValueInfo { name: "unused".to_owned(), r#type: Some(kind), ..Default::default() });
    }
    import(&model).map_err(|_| reason)
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
