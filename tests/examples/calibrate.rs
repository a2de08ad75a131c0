//! Calibrates a model with `int8` and prints the seconds and the peak of memory: `calibrate MODEL.onnx SAMPLES.npy`.
//!
//! `tests/scripts/calibration_time.py` compares it with ONNX Runtime.

use std::path::{Path, PathBuf};
use std::time::Instant;

use quantize_build::annotate::annotate;
use quantize_build::calibrate::{Dataset, calibrate, dataset};
use quantize_build::config::{Config, Recipe};
use quantize_build::frontend::{self, Model, Shapes};
use quantize_build::passes;
use quantize_build::quantize::quantize;

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(model), Some(samples)) = (arguments.next(), arguments.next()) else {
        panic!("usage: calibrate MODEL.onnx SAMPLES.npy");
    };
    let start = Instant::now();
    let file = model.file_name().and_then(|name| name.to_str()).expect("a model file");
    let model = Model::read(model.parent().unwrap_or(Path::new("")), file).expect("readable");
    let mut graph = frontend::import(&model, &Shapes::default()).expect("a supported model").graph;
    let recipe = Recipe::global(Config::PER_CHANNEL);
    passes::run(&mut graph, &recipe);
    let annotation = annotate(&graph, &recipe);
    let inputs = graph.inputs.iter().map(|&id| {
        let files = [("samples".to_owned(), samples.as_path())];
        dataset::Input::open(&graph.value(id).name, &graph.kinds(&[id])[0], &files).expect("samples")
    });
    let mut dataset = Dataset::new(inputs.collect()).expect("samples");
    let params = calibrate(&graph, &annotation, &mut dataset).expect("finite numbers");
    let observers = params.0.len();
    quantize(graph, &annotation, &params);
    println!("{observers} observers, {:.2} s, {} MiB", start.elapsed().as_secs_f64(), peak_mebibytes());
}

/// The most memory that this process had, where Linux tells.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or_default() / 1024
}
