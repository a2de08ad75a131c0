//! A user's crate whose models have int16, uint8 and narrowed int8 inputs and outputs.

use quantize_build::config::{Config, Dtype};
use quantize_build::quantize::QuantParams;
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use quantize_tests::fixture::Fixture;
use quantize_tests::{npy, repository};

/// Samples of the committed case, `[samples, 4, 16]`.
const SAMPLES: &str = "tests/data/goldens/mlp/test_in_0.npy";
const INPUTS: usize = 64;

/// Prints what the input's and the output's codes stand for, then for each sample input codes, output codes, and the bits of the
/// real numbers that `run` gives.
const MAIN: &str = r#"
use quantize_runtime::{Arena, quantize};

#[quantize(model = "models/mlp.onnx", calibration = "models/calib.npy", global = a16w8)]
struct Wide;

#[quantize(model = "models/mlp.onnx", calibration = "models/calib.npy", global = int8, io = uint8)]
struct Unsigned;

#[quantize(model = "models/mlp.onnx", calibration = "models/calib.npy", global = snorm)]
struct Narrow;

macro_rules! show {
    ($Model:ident, $Code:ty, $samples:expr) => {{
        static ARENA: Arena<$Model> = Arena::new();
        let mut model = $Model::new(ARENA.take());
        for info in [$Model::INPUT, $Model::OUTPUT] {
            println!("[{}, {}]", info.scale, info.zero_point);
        }
        for sample in $samples {
            let codes: [$Code; 64] = sample.map(|real| $Model::INPUT.quantize(real));
            println!("{codes:?}");
            println!("{:?}", model.run_quantized(&codes));
            println!("{:?}", model.run(sample).map(f32::to_bits));
        }
    }};
}

fn main() {
    let samples: Vec<f32> = std::fs::read("models/samples.bin")
        .unwrap()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    let samples: &[[f32; 64]] = samples.as_chunks().0;
    show!(Wide, i16, samples);
    show!(Unsigned, u8, samples);
    show!(Narrow, i8, samples);
}
"#;

/// The numbers between brackets.
fn numbers(line: &str) -> Vec<f64> {
    let list = line.trim_matches(['[', ']']).split(", ");
    list.map(|number| number.parse().expect("a number")).collect()
}

fn tensor(dtype: Dtype, codes: &[f64]) -> Tensor {
    match dtype {
        Dtype::Int16 => Tensor::I16(codes.iter().map(|&code| code as i16).collect()),
        Dtype::Uint8 => Tensor::I8(codes.iter().map(|&code| (code as u8).cast_signed()).collect()),
        _ => Tensor::I8(codes.iter().map(|&code| code as i8).collect()),
    }
}

#[test]
fn inputs_and_outputs_have_the_codes_of_their_configuration() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "ends", "ends");
    fixture.copy("tests/data/goldens/mlp/model.onnx", "models/mlp.onnx");
    fixture.copy("tests/data/goldens/mlp/calib_in_0.npy", "models/calib.npy");
    let mut samples: Vec<f32> = npy::read(repository(SAMPLES));
    // Beyond every range.
    samples[..4].copy_from_slice(&[f32::MAX, -f32::MAX, f32::NAN, 1e3]);
    fixture.write("models/samples.bin", samples.iter().flat_map(|real| real.to_le_bytes()).collect::<Vec<u8>>());
    fixture.write("src/main.rs", MAIN);
    let build = fixture.build();
    let output = fixture.cargo(&["run", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("numbers");
    let mut lines = printed.lines();

    for (name, config) in [("Wide", Config::A16W8), ("Unsigned", Config::UINT8), ("Narrow", Config::SNORM)] {
        let mut params = || {
            let [scale, zero_point] = numbers(lines.next().expect("a line"))[..] else { panic!("two numbers") };
            let activation = config.activation;
            QuantParams {
                dtype: activation.dtype,
                scale: scale as f32,
                zero_point: zero_point as i32,
                qmin: activation.qmin,
                qmax: activation.qmax,
            }
        };
        let (input, result) = (params(), params());
        let file = build.output(&format!("{name}.vgf"));
        let graph = Vgf::new(&file).and_then(|file| file.graph()).expect("a sound file");
        let interpreter = Interpreter::new(&graph).expect("a valid graph");
        for sample in samples.chunks_exact(INPUTS) {
            let mut line = || numbers(lines.next().expect("a line"));
            let (codes, outputs, reals) = (line(), line(), line());
            let expected = |real: &f32| if real.is_nan() { input.zero_point } else { input.quantize(*real) };
            assert_eq!(codes, sample.iter().map(|real| f64::from(expected(real))).collect::<Vec<_>>(), "{name}");
            let computed = interpreter.run(&[tensor(input.dtype, &codes)]).expect("predictable").remove(0);
            assert_eq!(tensor(result.dtype, &outputs), computed, "{name}");
            let real = |code: &f64| f64::from(result.dequantize(*code as i32).to_bits());
            assert_eq!(reals, outputs.iter().map(real).collect::<Vec<_>>(), "{name}");
        }
    }
}
