//! Upstream's golden cases: observers, parameters, weights and integer outputs, compared with what upstream recorded.

use quantize_build::annotate::{Annotation, annotate};
use quantize_build::calibrate::observer::Observer;
use quantize_build::calibrate::{self, Dataset, dataset};
use quantize_build::config::{Config, Precedence, Recipe, Rule, Target};
use quantize_build::frontend::{self, Model, Shapes};
use quantize_build::graph::{Graph, ValueId};
use quantize_build::quantize::{Params, QuantGraph, QuantParams, quantize};
use quantize_build::{lower, passes, tosa, vgf};

use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use quantize_syntax::ArgPath;
use quantize_tests::{npy, outside, repository};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Cases that the network part covers; the first two are committed, the others are in the shared material.
const CASES: [&str; 12] = [
    "mlp",
    "convnet_per_channel",
    "conv_a8w4",
    "convnet_per_tensor",
    "bn_fold",
    "fusion",
    "residual",
    "pools",
    "multi_io",
    "interleaved",
    "mixed_configs",
    "mobile_block",
];
const COMMITTED: usize = 2;

/// Relative difference of scales that different float forwards explain.
const SCALE_TOLERANCE: f64 = 1e-5;
/// A histogram search that stops one bin earlier or later.
const BIN_FLIP: f64 = 1e-3;

struct Case {
    name: &'static str,
    folder: PathBuf,
}

/// The cases at hand: the committed ones, and the others where the shared material is.
fn cases(names: &[&'static str]) -> Vec<Case> {
    let folder = |name: &str| {
        let committed = repository("tests/data/goldens").join(name);
        if committed.is_dir() { Some(committed) } else { outside::shared(&format!("oracle/golden/{name}")) }
    };
    names.iter().filter_map(|name| Some(Case { name, folder: folder(name)? })).collect()
}

/// An observer as upstream recorded it.
struct Recorded {
    id: String,
    sources: Vec<String>,
    scale: f32,
    zero_point: i32,
}

impl Case {
    fn json(&self, file: &str) -> Value {
        let text = std::fs::read_to_string(self.folder.join(file)).expect("the golden is complete");
        serde_json::from_str(&text).expect("JSON")
    }

    /// The rules that upstream's quantizer was given.
    fn recipe(&self) -> Recipe {
        let json = self.json("config.json");
        let text = |call: &Value, key: &str| call[key].as_str().unwrap_or_else(|| panic!("{key} of {call}")).to_owned();
        let rule = |call: &Value| {
            let target = match call["call"].as_str() {
                Some("set_global") => Target::Global,
                Some("set_io") => Target::Io,
                Some("set_module_name") => Target::Module(text(call, "name")),
                Some("set_module_type") => Target::Type(text(call, "type")),
                Some("set_node_name") => Target::Node(text(call, "name")),
                Some("set_node_target") => Target::Op(text(call, "target")),
                call => panic!("{}: {call:?}", self.name),
            };
            Rule { target, config: config(&call["config"]), argument: ArgPath::Attribute }
        };
        let rules = json["calls"].as_array().expect("a list").iter().map(rule).collect();
        let precedence = if json["composable"] == Value::Bool(false) { Precedence::Legacy } else { Precedence::Last };
        Recipe { rules, precedence }
    }

    fn network(&self) -> (Graph, Annotation) {
        let model = Model::read(&self.folder, "model.onnx").expect("the golden is complete");
        let mut graph = frontend::import(&model, &Shapes::new()).expect("a supported model").graph;
        let recipe = self.recipe();
        passes::run(&mut graph, &recipe);
        let annotation = annotate(&graph, &recipe);
        assert_eq!(annotation.float, [], "{}: nodes left in float", self.name);
        (graph, annotation)
    }

    fn calibrated(&self, graph: &Graph, annotation: &Annotation) -> Params {
        let open = |(index, id): (usize, _)| {
            let value = graph.value(id);
            let file = self.folder.join(format!("calib_in_{index}.npy"));
            dataset::Input::open(&value.name, &graph.kinds(&[id]).remove(0), &[("calib".to_owned(), Path::new(&file))])
                .expect("samples")
        };
        let inputs = graph.inputs.iter().copied().enumerate().map(open).collect();
        calibrate::calibrate(graph, annotation, &mut Dataset::new(inputs).expect("samples")).expect("finite numbers")
    }

    /// Histogram observers in upstream's order.
    fn recorded(&self) -> Vec<Recorded> {
        let json = self.json("qparams.json");
        let observers = json["observers"].as_array().expect("a list").iter();
        let mut recorded: Vec<Recorded> = observers
            .filter(|observer| observer["observer"] == "HistogramObserver")
            .map(|observer| Recorded {
                id: observer["id"].as_str().expect("text").to_owned(),
                sources: observer["edges"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|edge| edge["source"].as_str().expect("text").to_owned())
                    .collect(),
                scale: observer["scale"][0].as_f64().expect("a number") as f32,
                zero_point: observer["zero_point"][0].as_i64().expect("a number") as i32,
            })
            .collect();
        recorded
            .sort_by_key(|observer| observer.id["activation_post_process_".len()..].parse::<u32>().expect("a number"));
        recorded
    }

    /// Upstream's parameters for each of our observers: matched by the names of what they observe; those that only
    /// decompositions name, in order.
    fn matched(&self, graph: &Graph, annotation: &Annotation) -> Vec<(Vec<String>, Recorded)> {
        let mut names: Vec<Vec<String>> = vec![Vec::new(); annotation.observers.len()];
        for id in (0..graph.value_count()).map(|index| ValueId(index as u32)) {
            // A second observer of a tensor has the first one as its source.
            for (place, group) in annotation.observers_of(graph, id).into_iter().enumerate() {
                let name = graph.value(id).name.clone();
                names[group.0 as usize].push(if place == 0 { name } else { format!("{name} again") });
            }
        }
        let mut recorded = self.recorded();
        assert_eq!(names.len(), recorded.len(), "{}: number of observers, ours: {names:?}", self.name);
        // Decompositions name their pieces differently; a name with a point is ours alone.
        let mut found: Vec<Option<Recorded>> = names
            .iter()
            .map(|names| {
                let is_ours = |recorded: &Recorded| recorded.sources.iter().any(|source| names.contains(source));
                recorded.iter().position(is_ours).map(|index| recorded.remove(index))
            })
            .collect();
        let mut rest = recorded.into_iter();
        for found in found.iter_mut().filter(|found| found.is_none()) {
            *found = rest.next();
        }
        names.into_iter().zip(found).map(|(names, found)| (names, found.expect("as many on both sides"))).collect()
    }

    /// The stacked arrays `<prefix>_0.npy`, `<prefix>_1.npy`, …
    fn arrays<T: npy::Element>(&self, prefix: &str) -> Vec<Vec<T>> {
        let files = (0..).map(|index| self.folder.join(format!("{prefix}_{index}.npy")));
        files.take_while(|file| file.is_file()).map(npy::read).collect()
    }
}

/// A configuration by its constructor's arguments.
fn config(json: &Value) -> Option<Config> {
    let given = |key: &str| json.get(key).filter(|value| !value.is_null());
    if json.is_null() {
        return None;
    }
    let mut config = match json["kind"].as_str() {
        Some("int8") => Config::PER_CHANNEL,
        Some("snorm") => Config::SNORM,
        Some("a16w8") => Config::A16W8,
        Some("a8w4") => Config::A8W4,
        Some("uint8_io") => Config::UINT8,
        kind => panic!("{kind:?}"),
    };
    config.weights.per_channel = given("is_per_channel") != Some(&Value::Bool(false));
    if let Some(eps) = given("eps") {
        let eps = eps.as_f64().expect("a number") as f32;
        (config.weights.eps, config.activation.eps) = (eps, eps);
    }
    if let Some(eps) = given("epsilon") {
        config.activation.eps = eps.as_f64().expect("a number") as f32;
    }
    let code = |key| given(key).map(|code| i32::try_from(code.as_i64().expect("a number")).expect("a code"));
    config.activation.qmin = code("act_qmin").unwrap_or(config.activation.qmin);
    config.activation.qmax = code("act_qmax").unwrap_or(config.activation.qmax);
    Some(config)
}

/// Lowers, writes a VGF, reads it back and runs it on stacked inputs: one vector per output, samples behind each other.
fn run_integers(network: &QuantGraph, inputs: &[Vec<i8>]) -> Vec<Vec<i8>> {
    let lowered = tosa::rewrite(&lower::lower(network).expect("expressible"));
    let valid = tosa::validate(lowered).expect("a valid graph");
    let image = vgf::write(&valid);
    let graph = Vgf::new(image.as_bytes()).expect("a sound file").graph().expect("a sound module");
    let interpreter = Interpreter::new(&graph).expect("a valid graph");
    let lengths: Vec<usize> = graph.inputs.iter().map(|port| graph.values[port.value.0 as usize].shape.len()).collect();
    let samples = inputs[0].len() / lengths[0];
    let mut outputs = vec![Vec::new(); graph.outputs.len()];
    for sample in 0..samples {
        let of_sample = |(input, &length): (&Vec<i8>, &usize)| Tensor::I8(input[sample * length..][..length].to_vec());
        let tensors: Vec<Tensor> = inputs.iter().zip(&lengths).map(of_sample).collect();
        for (output, tensor) in outputs.iter_mut().zip(interpreter.run(&tensors).expect("predictable")) {
            let Tensor::I8(codes) = tensor else { panic!("int8 outputs") };
            output.extend(codes);
        }
    }
    outputs
}

/// Tensors of an `.npz` file by name.
fn npz(path: &Path) -> BTreeMap<String, Vec<f32>> {
    let file = std::fs::File::open(path).expect("readable");
    let mut archive = zip::ZipArchive::new(file).expect("a zip file");
    let mut tensors = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).expect("readable");
        let name = member.name().expect("UTF-8").trim_end_matches(".npy").to_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).expect("readable");
        let tensor = npy::parse(&bytes, &name);
        tensors.insert(name, tensor);
    }
    tensors
}

#[test]
fn observers_fed_with_recorded_streams_are_equal_bit_for_bit() {
    let configs = [
        ("mlp", Config::PER_CHANNEL),
        ("multi_io", Config::PER_CHANNEL),
        ("histogram", Config::PER_CHANNEL),
        ("histogram_a16", Config::A16W8),
    ];
    for case in cases(&configs.map(|(name, _)| name)) {
        let (_, config) = configs.iter().find(|(name, _)| *name == case.name).expect("one of these");
        let streams = npz(&case.folder.join("observer_streams.npz"));
        let histograms = npz(&case.folder.join("histograms.npz"));
        let recorded = case.recorded();
        assert!(recorded.len() > 1, "{}: no observers", case.name);
        for recorded in recorded {
            let mut observer = Observer::new(config.activation);
            // Keys are "<observer>.<sequence>"; the map keeps sequences in order.
            let of_observer =
                streams.iter().filter(|(key, _)| key.rsplit_once('.').is_some_and(|(id, _)| id == recorded.id));
            let fed = of_observer.map(|(_, tensor)| observer.observe(tensor)).count();
            assert!(fed > 0, "{}: no stream for {}", case.name, recorded.id);
            let params = observer.params();
            let id = &recorded.id;
            assert_eq!(params.scale.to_bits(), recorded.scale.to_bits(), "{}: scale of {id}", case.name);
            assert_eq!(params.zero_point, recorded.zero_point, "{}: zero point of {id}", case.name);
            assert_eq!(observer.histogram(), Some(histograms[id].as_slice()), "{}: histogram of {id}", case.name);
        }
    }
}

#[test]
fn parameters_from_model_and_samples_are_upstreams() {
    for case in cases(&CASES) {
        let (graph, annotation) = case.network();
        let params = case.calibrated(&graph, &annotation);
        let mut largest = 0.0_f64;
        let mut flips = Vec::new();
        for (ours, (names, recorded)) in params.0.iter().zip(case.matched(&graph, &annotation)) {
            let what = format!("{}: {names:?} and {:?}", case.name, recorded.sources);
            assert_eq!(ours.zero_point, recorded.zero_point, "{what}");
            let difference = (f64::from(ours.scale) / f64::from(recorded.scale) - 1.0).abs();
            if difference > SCALE_TOLERANCE {
                assert!(difference < BIN_FLIP, "{what}: scales {} and {}", ours.scale, recorded.scale);
                flips.push(names.join(" "));
            } else {
                largest = largest.max(difference);
            }
        }
        println!("{}: {} observers, scales within {largest:.1e}, bin flips: {flips:?}", case.name, params.0.len());
        assert!(flips.len() * 4 <= params.0.len(), "{}: too many bin flips: {flips:?}", case.name);
    }
}

/// The network with upstream's parameters.
fn injected(case: &Case) -> QuantGraph {
    let (graph, annotation) = case.network();
    let params = case
        .matched(&graph, &annotation)
        .into_iter()
        .zip(&annotation.observers)
        .map(|((_, recorded), observed)| QuantParams {
            qmin: observed.activation.qmin,
            ..QuantParams::int8(recorded.scale, recorded.zero_point)
        })
        .collect();
    quantize(graph, &annotation, &Params(params))
}

#[test]
fn weights_and_biases_are_upstreams_bit_for_bit() {
    for case in cases(&CASES) {
        let network = injected(&case);
        let constants = case.json("qparams.json");
        let mut compared = 0;
        for constant in constants["constants"].as_array().expect("a list") {
            let consumer = constant["consumer"].as_str().expect("text");
            let layer = network.graph.nodes.iter().position(|node| node.name == consumer);
            let Some(weights) = layer.and_then(|layer| network.weights[layer].as_ref()) else { continue };
            let file = case.folder.join(constant["file"].as_str().expect("text"));
            match constant["arg"].as_i64() {
                Some(1) => assert_eq!(weights.codes, npy::read::<i8>(file), "{}: weight of {consumer}", case.name),
                Some(2) => assert_eq!(weights.bias, npy::read::<i32>(file), "{}: bias of {consumer}", case.name),
                arg => panic!("{}: operand {arg:?} of {consumer}", case.name),
            }
            compared += 1;
        }
        let layers = network.weights.iter().flatten().count();
        assert_eq!(compared, 2 * layers, "{}: weights and biases of all layers", case.name);
    }
}

#[test]
fn with_recorded_parameters_integer_outputs_are_upstreams_bit_for_bit() {
    for case in cases(&CASES) {
        let outputs = run_integers(&injected(&case), &case.arrays::<i8>("tosa_int_in"));
        let expected = case.arrays::<i8>("tosa_int_out");
        assert_eq!(outputs.len(), expected.len(), "{}: number of outputs", case.name);
        for (index, (output, expected)) in outputs.iter().zip(&expected).enumerate() {
            assert_eq!(output, expected, "{}: output {index}", case.name);
        }
    }
}

#[test]
fn outputs_from_model_and_samples_are_within_a_quantum_of_upstreams() {
    for case in cases(&CASES) {
        let (graph, annotation) = case.network();
        let params = case.calibrated(&graph, &annotation);
        let network = quantize(graph, &annotation, &params);
        let quantized =
            |(&id, real): (&_, &Vec<f32>)| real.iter().map(|&x| network.stored(id).quantize(x) as i8).collect();
        let inputs: Vec<Vec<i8>> =
            network.graph.inputs.iter().zip(&case.arrays::<f32>("test_in")).map(quantized).collect();
        let outputs = run_integers(&network, &inputs);
        let recorded = case.arrays::<f32>("test_out");
        for (index, (output, expected)) in outputs.iter().zip(&recorded).enumerate() {
            let params = network.returned[index];
            let difference = |(&code, &expected): (&i8, &f32)| {
                let params = params.expect("an int8 output");
                let quanta = (params.dequantize(i32::from(code)) - expected) / params.scale;
                quanta.abs().round() as usize
            };
            assert_eq!(output.len(), expected.len(), "{}: output {index}", case.name);
            let differences: Vec<usize> = output.iter().zip(expected).map(difference).collect();
            let beyond_one = differences.iter().filter(|&&quanta| quanta > 1).count();
            let largest = differences.iter().max().expect("not empty");
            println!(
                "{}: output {index}: {beyond_one} of {} beyond 1 quantum, largest {largest}",
                case.name,
                output.len()
            );
            assert!(*largest <= 2 && beyond_one * 100 <= output.len(), "{}: output {index}", case.name);
        }
    }
}

#[test]
fn two_cases_are_committed() {
    for name in &CASES[..COMMITTED] {
        assert!(repository("tests/data/goldens").join(name).join("qparams.json").is_file(), "{name}");
    }
}
