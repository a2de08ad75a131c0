//! A user's crate with parts in float: generated code gives the interpreter's bytes, in both profiles.

use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use quantize_tests::fixture::{Build, Fixture};
use quantize_tests::{npy, repository};

/// Samples of the committed case, `[samples, 4, 16]`.
const SAMPLES: &str = "tests/data/goldens/mlp/test_in_0.npy";
const INPUTS: usize = 64;

const MAIN: &str = r#"
use quantize_runtime::{Arena, quantize};

#[quantize(
    model = "models/mlp.onnx",
    calibration = "models/calib.npy",
    global = int8,
    module(name = "fc2", config = None),
    op(target = "aten.tanh.default", config = None)
)]
struct Middle;

#[quantize(
    model = "models/mlp.onnx",
    calibration = "models/calib.npy",
    global = int8,
    module(name = "fc2", config = None),
    profile = full
)]
struct Full;

#[quantize(model = "models/mlp.onnx", calibration = "models/calib.npy", module(name = "fc2", config = int8))]
struct Core;

static MIDDLE: Arena<Middle> = Arena::new();
static FULL: Arena<Full> = Arena::new();
static CORE: Arena<Core> = Arena::new();

fn main() {
    let (mut middle, mut full, mut core) = (Middle::new(MIDDLE.take()), Full::new(FULL.take()), Core::new(CORE.take()));
    let samples: Vec<f32> = std::fs::read("models/samples.bin")
        .unwrap()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    for sample in samples.as_chunks().0 {
        let codes = sample.map(|real| Middle::INPUT.quantize(real));
        println!("{:?}", middle.run_quantized(&codes));
        println!("{:?}", full.run(sample).map(f32::to_bits));
        println!("{:?}", core.run(sample).map(f32::to_bits));
    }
}
"#;

/// What the interpreter makes of the file.
fn interpret(build: &Build, file: &str, input: Tensor) -> Tensor {
    let bytes = build.output(file);
    let graph = Vgf::new(&bytes).and_then(|file| file.graph()).expect("a sound file");
    Interpreter::new(&graph).expect("a valid graph").run(&[input]).expect("predictable").remove(0)
}

#[test]
fn generated_code_with_float_regions_gives_the_interpreters_bytes() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "partial", "partial");
    fixture.use_libm();
    fixture.copy("tests/data/goldens/mlp/model.onnx", "models/mlp.onnx");
    fixture.copy("tests/data/goldens/mlp/calib_in_0.npy", "models/calib.npy");
    let samples: Vec<f32> = npy::read(repository(SAMPLES));
    fixture.write("models/samples.bin", samples.iter().flat_map(|real| real.to_le_bytes()).collect::<Vec<u8>>());
    fixture.write("src/main.rs", MAIN);
    let build = fixture.build();
    let output = fixture.cargo(&["run", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let bits = |tensor: Tensor| match tensor {
        Tensor::F32(reals) => format!("{:?}", reals.iter().map(|real| real.to_bits()).collect::<Vec<_>>()),
        Tensor::I8(codes) => format!("{codes:?}"),
        other => panic!("{other:?}"),
    };
    let manifest = String::from_utf8(build.output("Middle.toml")).expect("text");
    let number = |key: &str| {
        let line = manifest.lines().find(|line| line.starts_with(key)).expect("the first tensor is the input");
        line.trim_start_matches(key).trim_matches([' ', '=', '[', ']']).parse::<f64>().expect("a number")
    };
    let input = quantize_runtime::QuantParams::new(number("scale") as f32, number("zero_point") as i8);
    let mut expected = Vec::new();
    for sample in samples.chunks_exact(INPUTS) {
        let codes = sample.iter().map(|&real| input.quantize(real)).collect();
        expected.push(bits(interpret(&build, "Middle.vgf", Tensor::I8(codes))));
        for file in ["Full.vgf", "Core.vgf"] {
            expected.push(bits(interpret(&build, file, Tensor::F32(sample.to_vec()))));
        }
    }
    let printed = String::from_utf8(output.stdout).expect("numbers");
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}
