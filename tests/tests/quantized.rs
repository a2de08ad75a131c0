//! Models that are quantized already: outputs of the integer program against ONNX Runtime's, without samples.

use quantize_build::config::{Profile, Recipe};
use quantize_build::frontend::{self, Model, Shapes};
use quantize_build::{annotate, calibrate, lower, passes, quantize, tosa, vgf};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use quantize_tests::{npy, repository};

/// Outputs in quanta, of all samples, and how many of each.
fn check(name: &str) {
    let folder = repository("tests/data/models");
    let model = Model::read(&folder, &format!("{name}.onnx")).expect("a model");
    let mut graph = frontend::import(&model, &Shapes::new()).expect("a supported model").graph;
    assert!(graph.is_quantized());
    let recipe = Recipe::given();
    passes::run(&mut graph, &recipe);
    let annotation = annotate::annotate(&graph, &recipe);
    assert_eq!(annotation.float, [], "nodes left in float");
    let params = calibrate::given(&graph, &annotation);
    let network = quantize::quantize(graph, &annotation, &params);
    let input = network.stored(network.graph.inputs[0]);
    let output = network.returned[0].expect("quantized");

    let valid = tosa::validate(tosa::rewrite(&lower::lower(&network, Profile::Int).expect("expressible")))
        .expect("a valid graph");
    let image = vgf::write(&valid);
    let program = Vgf::new(image.as_bytes()).expect("a sound file").graph().expect("a sound module");
    let interpreter = Interpreter::new(&program).expect("a valid graph");

    let samples: Vec<f32> = npy::read(folder.join("quantized_in.npy"));
    let expected: Vec<f32> = npy::read(folder.join(format!("{name}_out.npy")));
    let (size, outputs) = (3 * 8 * 8, 5);
    assert_eq!(samples.len() / size, expected.len() / outputs);
    for (sample, expected) in samples.chunks_exact(size).zip(expected.chunks_exact(outputs)) {
        let codes = sample.iter().map(|&x| input.quantize(x) as i8).collect(); // within -128..=127
        let results = interpreter.run(&[Tensor::I8(codes)]).expect("predictable");
        let Tensor::I8(results) = &results[0] else { panic!("int8 outputs") };
        for (&code, &expected) in results.iter().zip(expected) {
            let quanta = (output.dequantize(code.into()) - expected) / output.scale;
            assert!(quanta.abs() < 1.01, "{quanta} quanta from {expected}");
        }
    }
}

#[test]
fn int8_activations_and_weights_per_channel() {
    check("quantized");
}

#[test]
fn uint8_activations_and_weights_per_tensor() {
    check("quantized_uint8");
}
