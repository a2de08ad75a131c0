//! `docs/accuracy.md`: networks with real data, beside what the reference quantizer and ONNX Runtime reach.

use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use quantize_build::calibrate::evaluate;
use quantize_build::config::{Profile, Recipe};
use quantize_build::frontend::Shapes;
use quantize_build::graph::{Data, Element, Graph};
use quantize_build::ops::Pattern;
use quantize_syntax::attr::Attr;
use quantize_tests::fixture::Fixture;
use quantize_tests::golden::execute::Program;
use quantize_tests::golden::parity::caught;
use quantize_tests::golden::{Annotated, import};
use quantize_tests::{npy, outside, repository};
use serde_json::Value;

const INTRODUCTION: &str = "\
# Accuracy

Written by `BLESS=1 cargo test --release -p quantize-tests --test corpus -- --ignored`, which takes minutes. Each network is
calibrated with its samples and evaluated on other data, with the integers that the VGF file gives.

Metrics are shares of right decisions, but for `mlperf_ad_autoencoder`, which has a mean squared error. dB are the ratio of signal
to quantization noise against the float network, over all samples: of all outputs beside the reference quantizer
(`VgfQuantizer`), of the first output beside ONNX Runtime's static quantization, as each was recorded.

";

const DEFAULT_RULES: &str = "\
## Default rules

`global = int8(per_channel)` and `global = int8(per_tensor)`, beside the reference quantizer with the same rules. Half a dB or three
samples of difference mean nothing.

| model | weights | float | metric, ours | metric, reference | dB, ours | dB, reference |
| --- | --- | --- | --- | --- | --- | --- |
";

const RECOMMENDED_RULES: &str = "\
## Recommended rules

Operators that the quantizer takes apart into several quantized steps are left in float. As long as it gains half a dB of noise on
the *calibration* samples, so is the kind of operator whose float form gains most, layers with weights and matrix products excepted.
Another observer than the default one is taken if it gains as much. ONNX Runtime, which leaves some kinds in float by itself, is beside
it with MinMax and with percentile calibration.

| model | attribute | float | metric | dB, all outputs | dB, first output | ONNX Runtime MinMax | percentile | reference, dB |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

const WORSE: &str = "\
## Below a peer

By more than means anything, or with recommended rules by more than 0.05 dB. The reference's search for a range stops at the first
bin that does not gain, so that the last bit of a float sum decides about scales that differ by some percent; on the same tensors
ours finds the same parameters, bit for bit.

";

/// Differences that mean nothing: dB, samples.
const TOLERANCE: (f64, f64) = (0.5, 3.0);

/// What another order of float sums changes where all parameters are the same, in dB.
const ROUNDING: f64 = 0.05;

/// Observers that recommended rules choose from.
const OBSERVERS: [&str; 5] = ["histogram", "minmax", "percentile(99.99)", "percentile(99.999)", "mse"];

/// What a rule has to gain to be recommended, in dB.
const GAIN: f64 = 0.5;

/// Operators that are taken apart into several quantized steps.
const COMPOSITE: [&str; 6] = [
    "aten.div.Tensor",
    "aten.layer_norm.default",
    "aten.prelu.default",
    "aten.scaled_dot_product_attention.default",
    "aten.softmax.int",
    "aten.var.correction",
];

/// Matrix products, which take the time of a network as layers with weights do.
const PRODUCTS: [&str; 3] = ["aten.mm.default", "aten.bmm.default", "aten.matmul.default"];

/// `NETWORK=resnet8` prints the rows of networks with that in their names.
#[test]
#[ignore = "takes minutes"]
fn corpus_reaches_what_peers_reach() {
    let Some(folder) = outside::shared("corpus") else { return };
    let only = std::env::var("NETWORK").unwrap_or_default();
    let (mut default_rules, mut recommended_rules) = (DEFAULT_RULES.to_owned(), RECOMMENDED_RULES.to_owned());
    let (mut missing, mut worse) = (String::new(), Vec::new());
    for folder in &networks(&folder) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        let rows = caught(|| {
            let network = Network::open(folder)?;
            Ok((network.default_rules(&name, &mut worse)?, network.recommended_rules(&name, &mut worse)?))
        });
        match rows {
            Ok((default_row, recommended_row)) => {
                default_rules += &default_row;
                recommended_rules += &recommended_row;
            }
            Err(error) => {
                let _ = writeln!(missing, "- `{name}`: {}", error.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
    }
    let mut text = format!("{INTRODUCTION}{default_rules}\n{recommended_rules}");
    if !worse.is_empty() {
        let _ = write!(text, "\n{WORSE}- {}\n", worse.join("\n- "));
    }
    println!("{text}");
    assert!(missing.is_empty(), "not covered:\n{missing}");
    if !only.is_empty() {
        return;
    }
    let path = repository("docs/accuracy.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, text).expect("writable");
    } else {
        assert_eq!(text, std::fs::read_to_string(path).unwrap_or_default(), "docs/accuracy.md differs");
    }
}

/// Folders of the networks, by name.
fn networks(corpus: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus).expect("readable").map(|entry| entry.expect("readable").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("upstream_vgf.json").is_file()).collect();
    folders.sort();
    folders
}

/// A network with its data and what the float network makes of them.
struct Network<'a> {
    folder: &'a Path,
    graph: Graph,
    calibration: Samples,
    evaluation: Samples,
    labels: Vec<f64>,
    meta: Value,
    upstream: Value,
}

/// Samples of the only input, one behind the other, and the float network's outputs for them.
struct Samples {
    inputs: Vec<f64>,
    references: Vec<Vec<f64>>,
}

/// What a quantized network reaches on some samples.
struct Reached {
    outputs: Vec<Vec<f64>>,
    /// dB over all outputs.
    all: f64,
    /// dB of the first output.
    first: f64,
    /// Mean dB of the outputs.
    mean: f64,
}

impl<'a> Network<'a> {
    fn open(folder: &'a Path) -> Result<Self, String> {
        let graph = import(folder, "model.onnx", &Shapes::default())?;
        let samples = |file: &str| {
            let inputs = npy::numbers(folder.join(file));
            Ok::<_, String>(Samples { references: references(&graph, &inputs)?, inputs })
        };
        Ok(Self {
            folder,
            calibration: samples("calib.npy")?,
            evaluation: samples("eval_x.npy")?,
            labels: npy::numbers(folder.join("eval_y.npy")),
            meta: json(&folder.join("meta.json")),
            upstream: json(&folder.join("upstream_vgf.json")),
            graph,
        })
    }

    fn default_rules(&self, name: &str, worse: &mut Vec<String>) -> Result<String, String> {
        let mut rows = String::new();
        for weights in ["per_channel", "per_tensor"] {
            let reached = run(&self.program(&format!("global = int8({weights})"))?, &self.evaluation)?;
            let metric = self.metric(&reached.outputs)?;
            let recorded = &self.upstream[weights];
            let (their_metric, theirs) = (number(&recorded["metric"]), number(&recorded["sqnr_db"]["total"]));
            let float = number(&self.upstream["float_metric"]);
            let weights = weights.replace('_', " ");
            let _ = writeln!(
                rows,
                "| {name} | {weights} | {float:.3} | {metric:.3} | {their_metric:.3} | {:.2} | {theirs:.2} |",
                reached.all
            );
            if reached.all + TOLERANCE.0 < theirs || !self.is_no_worse(metric, their_metric) {
                worse.push(format!("`{name}`, default rules, {weights}: {metric:.3} and {:.2} dB", reached.all));
            }
        }
        Ok(rows)
    }

    fn recommended_rules(&self, name: &str, worse: &mut Vec<String>) -> Result<String, String> {
        let (attribute, program) = self.recommended()?;
        let reached = run(&program, &self.evaluation)?;
        let metric = self.metric(&reached.outputs)?;
        let peers = ["minmax", "percentile"].map(|method| {
            let recorded = &self.meta["baseline"][method];
            (number(&recorded["metric"]), number(&recorded["sqnr_db"]["total"]))
        });
        let reference = &self.upstream["per_channel"];
        let (reference_metric, reference_noise) =
            (number(&reference["metric"]), number(&reference["sqnr_db"]["total"]));
        let best_metrics = peers.iter().map(|peer| peer.0).chain([reference_metric]);
        let is_worse = peers.iter().any(|peer| reached.first + ROUNDING < peer.1)
            || reached.all + ROUNDING < reference_noise
            || best_metrics.into_iter().any(|theirs| !self.is_no_worse(metric, theirs));
        if is_worse {
            worse.push(format!(
                "`{name}`, recommended rules: {metric:.3}, {:.2} and {:.2} dB",
                reached.all, reached.first
            ));
        }
        let [minmax, percentile] = peers.map(|(metric, noise)| format!("{metric:.3}, {noise:.2} dB"));
        Ok(format!(
            "| {name} | `{attribute}` | {:.3} | {metric:.3} | {:.2} | {:.2} | {minmax} | {percentile} | {reference_noise:.2} |\n",
            number(&self.upstream["float_metric"]),
            reached.all,
            reached.first,
        ))
    }

    /// The attribute with the least noise on the calibration samples, of those that are tried.
    fn recommended(&self) -> Result<(String, Program), String> {
        let attribute = |floats: &[&str], observer: &str| {
            let rules = floats.iter().map(|target| format!(", op(target = \"{target}\", config = None)"));
            let rules = rules.collect::<String>();
            match observer {
                "histogram" => format!("global = int8(per_channel){rules}"),
                _ => format!("global = int8(per_channel, observer = {observer}){rules}"),
            }
        };
        let tried = |floats: &[&str], observer: &str| {
            let program = self.program(&attribute(floats, observer))?;
            Ok::<_, String>((run(&program, &self.calibration)?.mean, program))
        };
        let (mut floats, mut kinds): (Vec<_>, Vec<_>) =
            self.kinds().into_iter().partition(|target| COMPOSITE.contains(target));
        let (mut noise, mut program) = tried(&floats, OBSERVERS[0])?;
        loop {
            let mut best: Option<(usize, f64, Program)> = None;
            for (index, kind) in kinds.iter().enumerate() {
                let with: Vec<&str> = floats.iter().copied().chain([*kind]).collect();
                // What has no float form stays quantized.
                let Ok((noise, program)) = tried(&with, OBSERVERS[0]) else { continue };
                if best.as_ref().is_none_or(|(_, least, _)| noise > *least) {
                    best = Some((index, noise, program));
                }
            }
            let Some((index, less, better)) = best.filter(|(_, less, _)| *less >= noise + GAIN) else { break };
            floats.push(kinds.remove(index));
            (noise, program) = (less, better);
        }
        let mut observer = OBSERVERS[0];
        let mut least = noise + GAIN;
        for other in &OBSERVERS[1..] {
            let (less, better) = tried(&floats, other)?;
            if less >= least {
                (least, program, observer) = (less, better, other);
            }
        }
        Ok((attribute(&floats, observer), program))
    }

    /// Kinds of operators without weights that do more than move elements, as the attribute names them.
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<_> = self.graph.nodes.iter().filter(|node| is_optional(node.op.pattern())).collect();
        kinds.sort_by_key(|node| node.op.target());
        kinds.dedup_by_key(|node| node.op.target());
        kinds.into_iter().map(|node| node.op.target()).filter(|target| !PRODUCTS.contains(target)).collect()
    }

    /// The program for rules as an attribute has them, calibrated with the network's samples.
    fn program(&self, rules: &str) -> Result<Program, String> {
        let attribute = format!("model = \"model.onnx\", calibration = \"calib.npy\", {rules}");
        let attribute = Attr::parse(attribute.parse().expect("tokens")).map_err(|error| error.to_string())?;
        let network = Annotated::new(self.folder, "model.onnx", &Recipe::new(&attribute))?;
        let params = network.calibrated(|_| self.folder.join("calib.npy"))?;
        Program::new(&network.quantized(params.0), Profile::Int)
    }

    /// The metric of the evaluation data.
    fn metric(&self, outputs: &[Vec<f64>]) -> Result<f64, String> {
        let labels = &self.labels;
        match self.meta["metric"].as_str().unwrap_or_default() {
            "accuracy" => Ok(accuracy(&outputs[0], labels, 1)),
            "face_accuracy" => {
                let channels = |index: usize| self.graph.value(self.graph.outputs[index].value).shape.get(1).copied();
                let two = (0..outputs.len()).find(|&index| channels(index) == Some(2));
                let two = two.ok_or("no output of two channels")?;
                Ok(accuracy(&outputs[two], labels, outputs[two].len() / labels.len() / 2))
            }
            "mse" => {
                let squares = outputs[0].iter().zip(labels).map(|(found, target)| (found - target).powi(2));
                Ok(squares.sum::<f64>() / labels.len() as f64)
            }
            kind => Err(format!("the metric {kind}")),
        }
    }

    /// Whether a metric is not worse than another by more than means anything.
    fn is_no_worse(&self, metric: f64, other: f64) -> bool {
        if self.meta["metric"] == "mse" {
            return metric <= other * 1.01;
        }
        metric + TOLERANCE.1 / self.labels.len() as f64 >= other
    }
}

/// Whether recommended rules may leave operators of this pattern in float: those that compute without weights.
fn is_optional(pattern: Pattern) -> bool {
    matches!(pattern, Pattern::Own | Pattern::Arithmetic | Pattern::SharesInput | Pattern::FixedInput(_))
}

fn run(program: &Program, samples: &Samples) -> Result<Reached, String> {
    let outputs = program.run(std::slice::from_ref(&samples.inputs))?;
    let noise = |range: Range<usize>| {
        let pairs = || samples.references[range.clone()].iter().flatten().zip(outputs[range.clone()].iter().flatten());
        let signal: f64 = pairs().map(|(reference, _)| reference * reference).sum();
        let error: f64 = pairs().map(|(reference, found)| (reference - found).powi(2)).sum();
        10.0 * (signal / error).log10()
    };
    let count = outputs.len();
    let mean = (0..count).map(|output| noise(output..output + 1)).sum::<f64>() / count as f64;
    Ok(Reached { all: noise(0..count), first: noise(0..1), mean, outputs })
}

/// Outputs of the float network, samples behind each other.
fn references(float: &Graph, inputs: &[f64]) -> Result<Vec<Vec<f64>>, String> {
    let kind = float.kinds(&float.inputs[..1]).remove(0);
    let length: usize = kind.shape.iter().product();
    let mut outputs = vec![Vec::new(); float.outputs.len()];
    for sample in inputs.chunks_exact(length) {
        let data = match kind.element {
            Element::F32 => Data::F32(array(&kind.shape, sample.iter().map(|&number| number as f32))),
            _ => Data::I64(array(&kind.shape, sample.iter().map(|&number| number as i64))),
        };
        let results = evaluate(float, vec![data]).map_err(|id| format!("`{}` overflows", float.value(id).name))?;
        for (output, result) in outputs.iter_mut().zip(&results) {
            output.extend(result.real().into_iter().flatten().map(|&real| f64::from(real)));
        }
    }
    Ok(outputs)
}

fn array<T>(shape: &[usize], elements: impl Iterator<Item = T>) -> ArrayD<T> {
    ArrayD::from_shape_vec(shape, elements.collect()).expect("one sample")
}

/// Share of samples whose largest channel, summed over positions, is the label.
fn accuracy(output: &[f64], labels: &[f64], positions: usize) -> f64 {
    let channels = output.len() / labels.len() / positions;
    let right = output.chunks_exact(channels * positions).zip(labels).filter(|(scores, label)| {
        let sums: Vec<f64> = scores.chunks_exact(positions).map(|scores| scores.iter().sum()).collect();
        // The first of equal ones, as NumPy's.
        let best = (0..channels).rev().max_by(|&a, &b| sums[a].total_cmp(&sums[b])).expect("channels");
        best as f64 == **label
    });
    right.count() as f64 / labels.len() as f64
}

fn number(json: &Value) -> f64 {
    json.as_f64().unwrap_or_else(|| panic!("{json} is no number"))
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// A crate outside the workspace with all networks, each from either format.
#[test]
#[ignore = "takes minutes"]
fn every_network_becomes_a_program() {
    let Some(folder) = outside::shared("corpus") else { return };
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "corpus", "corpus");
    fixture.use_libm();
    let (mut items, mut calls) = ("use quantize_runtime::{Arena, quantize};\n".to_owned(), String::new());
    for (index, folder) in networks(&folder).iter().enumerate() {
        for extension in ["onnx", "pt2"] {
            let file = |name: &str| folder.join(name).display().to_string();
            let (model, samples) = (file(&format!("model.{extension}")), file("calib.npy"));
            let name = format!("{}{index}", if extension == "onnx" { "Onnx" } else { "Pt" });
            fixture.write(&format!("models/{name}.{extension}"), std::fs::read(model).expect("readable"));
            fixture.write(&format!("models/{name}.npy"), std::fs::read(samples).expect("readable"));
            let _ = write!(
                items,
                "#[quantize(model = \"models/{name}.{extension}\", calibration = \"models/{name}.npy\", global = int8(per_channel))]\n\
                 struct {name};\nstatic ARENA_{index}_{extension}: Arena<{name}> = Arena::new();\n"
            );
            let _ = write!(
                calls,
                "    {name}::new(ARENA_{index}_{extension}.take());\n    println!(\"{{}}\", {name}::VGF.len());\n"
            );
        }
    }
    fixture.write("src/main.rs", format!("#![allow(non_upper_case_globals)]\n{items}\nfn main() {{\n{calls}}}\n"));
    let output = fixture.cargo(&["run", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("numbers");
    assert_eq!(printed.lines().count(), 2 * networks(&folder).len());
}
