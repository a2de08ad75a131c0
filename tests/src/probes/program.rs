//! The programs made from a probe, and what the interpreter makes of its samples.

use std::collections::BTreeSet;
use std::fs;

use quantize_build::config::{Config, Dtype, Profile, Recipe, Rule, Target};
use quantize_build::frontend::Shapes;
use quantize_build::graph::{Element, Graph};
use quantize_build::quantize::{QuantGraph, QuantParams};
use quantize_build::report::float_reason;
use quantize_runtime::graph::ElementType;
use quantize_runtime::interpreter::Tensor;
use quantize_runtime::vgf::Vgf;
use quantize_syntax::ArgPath;
use serde_json::Value;
use zip::ZipArchive;

use super::{folder, onnx};
use crate::golden::parity::caught;
use crate::golden::{Annotated, execute, import};
use crate::npy;

/// How far a real result may be from torch's, relative to it where it is above 1.
const TOLERANCE: f64 = 1e-4;

/// How far quantized results may be from torch's on average, in quanta of 8 bits.
const QUANTA: f64 = 4.0;

/// How a network is quantized.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Activations and weights in int8.
    Int8,
    /// Activations in int16, weights in int8.
    Int16,
    /// Activations in int8, weights in int4.
    Int4,
    /// Everything in f32.
    Real,
}

/// What becomes of a probe in one form.
pub enum Outcome {
    /// A program.
    Runs(Program),
    /// Why not all of it works on integers.
    Float(String),
    /// What this version does not do with it.
    Missing(String),
}

/// What makes a program one of integers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A rule about the whole network; without one it is in float.
    Global,
    /// Rules that name its operators, which a rule about the whole network leaves in float.
    Named,
    /// The network, which has no real numbers.
    Network,
}

/// A probe's files.
#[derive(Clone, Copy)]
pub struct Probe<'a>(pub &'a str);

/// A program, and the samples as the interpreter has them.
pub struct Program {
    /// Name of the probe and of the form.
    pub name: String,
    /// The VGF file.
    pub file: Vec<u8>,
    /// What each of its nodes was made from.
    pub labels: Vec<String>,
    /// How it came to integers.
    pub origin: Origin,
    /// By sample: inputs and outputs.
    pub samples: Vec<[Vec<Tensor>; 2]>,
}

impl Form {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int4 => "int4",
            Self::Real => "f32",
        }
    }

    /// Rules about the whole network, and about operators that are named.
    fn recipe(self, operators: &[String]) -> Recipe {
        let config = match self {
            Self::Int8 => Config::PER_CHANNEL,
            Self::Int16 => Config::A16W8,
            Self::Int4 => Config::A8W4,
            Self::Real => return Recipe::default(),
        };
        let targets = operators.iter().cloned().map(Target::Op).chain([Target::Global]);
        let rule = |target| Rule { target, config: Some(config), argument: ArgPath::Attribute };
        Recipe { rules: targets.map(rule).collect(), ..Recipe::default() }
    }

    fn profile(self) -> Profile {
        if self == Self::Real { Profile::Full } else { Profile::Int }
    }
}

impl Probe<'_> {
    /// The operators that it calls, as torch's exporter writes them; each once.
    pub fn operators(self) -> BTreeSet<String> {
        let file = fs::File::open(folder().join(format!("{}.pt2", self.0))).expect("committed");
        let mut archive = ZipArchive::new(file).expect("an archive");
        let entry = archive.by_name("archive/models/model.json").expect("a program");
        let program: Value = serde_json::from_reader(entry).expect("JSON");
        let nodes = program["graph_module"]["graph"]["nodes"].as_array().expect("a list").iter();
        nodes.map(|node| node["target"].as_str().expect("text").trim_start_matches("torch.ops.").to_owned()).collect()
    }

    /// The operators of the same network in ONNX, each once; `None` where torch has no ONNX form of it.
    pub fn onnx_operators(self) -> Option<BTreeSet<String>> {
        fs::read(folder().join(format!("{}.onnx", self.0))).ok().map(|model| onnx::operators(&model))
    }

    /// The program in one form.
    pub fn program(self, form: Form) -> Outcome {
        caught(|| self.compiled(form, "pt2")).unwrap_or_else(Outcome::Missing)
    }

    /// The program from ONNX.
    pub fn program_from_onnx(self, form: Form) -> Outcome {
        caught(|| self.compiled(form, "onnx")).unwrap_or_else(Outcome::Missing)
    }

    fn compiled(self, form: Form, extension: &str) -> Result<Outcome, String> {
        let graph = import(&folder(), &format!("{}.{extension}", self.0), &self.shapes())?;
        let whole = self.quantized(form, graph.clone(), &[])?;
        if !matches!(whole, Outcome::Float(_)) {
            return Ok(whole);
        }
        let operators: Vec<String> = graph.nodes.iter().map(|node| node.target.clone()).collect();
        // What the rule about everything leaves out is told better than what these do.
        let named = caught(|| self.quantized(form, graph, &operators));
        Ok(named.ok().filter(|named| matches!(named, Outcome::Runs(_))).unwrap_or(whole))
    }

    /// The program of a network with rules about everything and about these operators.
    fn quantized(self, form: Form, graph: Graph, operators: &[String]) -> Result<Outcome, String> {
        let samples = |index: usize| folder().join(format!("{}_in_{index}.npy", self.0));
        let annotated = Annotated::of(graph, &form.recipe(operators));
        let params = if form == Form::Real { Vec::new() } else { annotated.calibrated(samples)?.0 };
        let network = annotated.quantized(params);
        let program = execute::Program::new(&network, form.profile())?;
        if form != Form::Real && has_reals(program.image.as_bytes()) {
            return Ok(Outcome::Float(reasons(&network)));
        }
        let inputs: Vec<Vec<f64>> = (0..network.graph.inputs.len()).map(|index| npy::numbers(samples(index))).collect();
        self.compare(&network, &program.run(&inputs)?)?;
        let samples = program.run_samples(&program.codes(&inputs))?;
        let name = format!("{}-{}", self.0, form.name());
        let graph = &network.graph;
        let mut tensors = graph.nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs));
        let origin = match operators {
            _ if tensors.all(|&id| graph.value(id).element != Element::F32) => Origin::Network,
            [] => Origin::Global,
            _ => Origin::Named,
        };
        let file = program.image.as_bytes().to_vec();
        Ok(Outcome::Runs(Program { name, file, labels: program.labels, origin, samples }))
    }

    /// Compares real results with torch's.
    ///
    /// Single elements can be far away, where a function jumps between two codes.
    fn compare(self, network: &QuantGraph, outputs: &[Vec<f64>]) -> Result<(), String> {
        let is_float = network.stored.iter().all(Option::is_none);
        for (index, (output, params)) in outputs.iter().zip(&network.returned).enumerate() {
            let expected = npy::numbers(folder().join(format!("{}_out_{index}.npy", self.0)));
            assert_eq!(output.len(), expected.len(), "{}: elements of output {index}", self.0);
            let pairs = output.iter().zip(&expected);
            if let Some(QuantParams { dtype, scale, .. }) = params {
                let quantum = f64::from(*scale) * if *dtype == Dtype::Int16 { 256.0 } else { 1.0 };
                let mean = pairs.map(|(a, b)| (a - b).abs()).sum::<f64>() / expected.len() as f64;
                if mean > QUANTA * quantum {
                    return Err(format!("output {index} is {} quanta from torch's", mean / quantum));
                }
            } else if is_float {
                let far =
                    |(a, b): (&f64, &f64)| (a - b).abs() > TOLERANCE * b.abs().max(1.0) || a.is_nan() != b.is_nan();
                let differing = pairs.filter(|&pair| far(pair)).count();
                if differing > 0 {
                    return Err(format!("output {index}: {differing} of {} elements are not torch's", expected.len()));
                }
            }
        }
        Ok(())
    }

    /// Shapes of inputs whose sizes are open in the exported program.
    fn shapes(self) -> Shapes {
        match self.0 {
            "assert_scalar" => [("inputs_0".to_owned(), vec![3, 8])].into_iter().collect(),
            _ => Shapes::default(),
        }
    }
}

/// Whether any tensor of a file holds real numbers.
fn has_reals(file: &[u8]) -> bool {
    let graph = Vgf::new(file).and_then(|file| file.graph()).expect("a sound file");
    graph.values.iter().any(|value| value.element == ElementType::F32)
}

/// Why operators on real numbers stay in float, each reason once.
fn reasons(network: &QuantGraph) -> String {
    let graph = &network.graph;
    let is_real = |id| graph.value(id).element == Element::F32;
    let mut reasons: Vec<String> = Vec::new();
    for (node, &float) in graph.nodes.iter().zip(&network.float) {
        let works_on_reals = node.inputs.iter().chain(&node.outputs).any(|&id| is_real(id));
        let reason = format!("`{}`: {}", node.op.name(), float_reason(&node.op));
        if float && works_on_reals && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.join("; ")
}
