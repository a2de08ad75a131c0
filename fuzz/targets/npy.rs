//! Any bytes as the samples of a network that returns its input; the first byte chooses the input's type.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quantize_build::annotate::annotate;
use quantize_build::calibrate::{Dataset, calibrate, dataset};
use quantize_build::config::{Precedence, Recipe};
use quantize_build::graph::{Element, Graph, Output, Type};

fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else { return };
    let element = [Element::F32, Element::I64, Element::Bool][usize::from(kind % 3)];
    let shape = [vec![4], vec![1, 4], vec![2, 2], vec![]][usize::from(kind / 3 % 4)].clone();
    let kind = Type { element, shape };
    let mut graph = Graph::default();
    let value = graph.add_value("x", kind.clone());
    graph.inputs.push(value);
    graph.outputs.push(Output { name: "x".to_owned(), value });
    let annotation = annotate(&graph, &Recipe { rules: Vec::new(), precedence: Precedence::Last });

    let path = std::env::temp_dir().join(format!("quantize-fuzz-{}.npy", std::process::id()));
    std::fs::write(&path, bytes).expect("a folder for temporary files");
    let samples = dataset::Input::open("x", &kind, &[("samples.npy".to_owned(), &path)]);
    if let Ok(mut samples) = samples.and_then(|input| Dataset::new(vec![input])) {
        let _ = calibrate(&graph, &annotation, &mut samples);
    }
});
