//! `docs/corpus.md`: networks with real data, beside what upstream's quantizer reaches.

use std::fmt::Write;
use std::path::Path;

use quantize_build::calibrate::evaluate;
use quantize_build::config::{Config, Profile, Recipe};
use quantize_build::frontend::Shapes;
use quantize_build::graph::{Data, Graph};
use quantize_tests::golden::execute::Program;
use quantize_tests::golden::parity::caught;
use quantize_tests::golden::{Annotated, import};
use quantize_tests::{npy, outside, repository};
use serde_json::Value;

const INTRODUCTION: &str = "\
# Networks with real data

Written by `BLESS=1 cargo test --release -p quantize-tests --test corpus -- --ignored`, which takes minutes. Each network is
calibrated with its samples and evaluated on all of its data: the metric, and the ratio of signal to quantization noise over all
outputs and samples in dB, of ours and of the reference quantizer's. Within half a dB and three samples they are equal.

| model | weights | metric, ours | metric, reference | dB, ours | dB, reference |
| --- | --- | --- | --- | --- | --- |
";

/// Differences that mean nothing: dB, samples.
const TOLERANCE: (f64, f64) = (0.5, 3.0);

#[test]
#[ignore = "takes minutes"]
fn corpus_reaches_what_upstream_reaches() {
    let Some(folder) = outside::shared("corpus") else { return };
    let mut models: Vec<_> =
        std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path()).collect();
    models.retain(|path| path.join("upstream_vgf.json").is_file());
    models.sort();
    let (mut text, mut missing, mut worse) = (INTRODUCTION.to_owned(), String::new(), Vec::new());
    for model in &models {
        let name = model.file_name().expect("a name").to_string_lossy();
        for (label, key, config) in
            [("per channel", "per_channel", Config::PER_CHANNEL), ("per tensor", "per_tensor", Config::PER_TENSOR)]
        {
            let recorded = &json(&model.join("upstream_vgf.json"))[key];
            let [metric, noise] =
                [&recorded["metric"], &recorded["sqnr_db"]["total"]].map(|n| n.as_f64().expect("a number"));
            match caught(|| reached(model, config)) {
                Err(error) => {
                    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
                    let _ = writeln!(missing, "- `{name}`, {label}: {error}");
                }
                Ok(ours) => {
                    let Reached { metric: our_metric, noise: our_noise, sample } = ours;
                    let _ = writeln!(
                        text,
                        "| {name} | {label} | {our_metric:.3} | {metric:.3} | {our_noise:.2} | {noise:.2} |"
                    );
                    let is_close = sample.is_none_or(|sample| our_metric + TOLERANCE.1 * sample >= metric);
                    if our_noise + TOLERANCE.0 < noise || !is_close {
                        worse.push(format!("{name} {label}"));
                    }
                }
            }
        }
    }
    let missing = if missing.is_empty() { "Nothing.\n".to_owned() } else { missing };
    let _ = write!(text, "\n## Not covered\n\n{missing}");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(repository("docs/corpus.md"), text).expect("writable");
    } else {
        println!("{text}");
    }
    assert!(worse.is_empty(), "worse than upstream's: {worse:?}");
}

/// What a quantized network reaches.
struct Reached {
    metric: f64,
    /// dB.
    noise: f64,
    /// What one sample changes of a metric that counts samples.
    sample: Option<f64>,
}

fn reached(folder: &Path, config: Config) -> Result<Reached, String> {
    let float = import(folder, "model.onnx", &Shapes::default())?;
    let ours = Annotated::new(folder, "model.onnx", &Recipe::global(config))?;
    let params = ours.calibrated(|_| folder.join("calib.npy"))?;
    let program = Program::new(&ours.quantized(params.0), Profile::Int)?;
    let inputs = npy::numbers(folder.join("eval_x.npy"));
    let outputs = program.run(std::slice::from_ref(&inputs))?;
    let references = references(&float, &inputs)?;
    let pairs = || references.iter().flatten().zip(outputs.iter().flatten());
    let signal: f64 = pairs().map(|(reference, _)| reference * reference).sum();
    let error: f64 = pairs().map(|(reference, found)| (reference - found).powi(2)).sum();
    let labels = npy::numbers(folder.join("eval_y.npy"));
    let kind = json(&folder.join("meta.json"))["metric"].as_str().unwrap_or_default().to_owned();
    let first_dim = |index: usize| float.value(float.outputs[index].value).shape.get(1).copied();
    let (metric, sample) = match kind.as_str() {
        "accuracy" => (accuracy(&outputs[0], &labels, 1), Some(1.0 / labels.len() as f64)),
        "face_accuracy" => {
            let two =
                (0..outputs.len()).find(|&index| first_dim(index) == Some(2)).ok_or("no output of two channels")?;
            let positions = outputs[two].len() / labels.len() / 2;
            (accuracy(&outputs[two], &labels, positions), Some(1.0 / labels.len() as f64))
        }
        "mse" => {
            let squares = outputs[0].iter().zip(&labels).map(|(found, target)| (found - target).powi(2));
            (squares.sum::<f64>() / labels.len() as f64, None)
        }
        kind => return Err(format!("the metric {kind}")),
    };
    Ok(Reached { metric, noise: 10.0 * (signal / error).log10(), sample })
}

/// Outputs of the float network, samples behind each other.
fn references(float: &Graph, inputs: &[f64]) -> Result<Vec<Vec<f64>>, String> {
    let input = float.value(float.inputs[0]);
    let length: usize = input.shape.iter().product();
    let mut outputs = vec![Vec::new(); float.outputs.len()];
    for sample in inputs.chunks_exact(length) {
        let data = match float.kinds(&float.inputs[..1])[0].element {
            quantize_build::graph::Element::F32 => {
                let reals = sample.iter().map(|&number| number as f32).collect();
                Data::F32(ndarray::ArrayD::from_shape_vec(input.shape.clone(), reals).expect("one sample"))
            }
            _ => {
                let integers = sample.iter().map(|&number| number as i64).collect();
                Data::I64(ndarray::ArrayD::from_shape_vec(input.shape.clone(), integers).expect("one sample"))
            }
        };
        let results = evaluate(float, vec![data]).map_err(|id| format!("`{}` overflows", float.value(id).name))?;
        for (output, result) in outputs.iter_mut().zip(&results) {
            output.extend(result.real().into_iter().flatten().map(|&real| f64::from(real)));
        }
    }
    Ok(outputs)
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

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}
