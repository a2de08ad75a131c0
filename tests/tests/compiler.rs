//! Models that a build script names are compiled as those of attributes are.

use quantize_tests::fixture::Fixture;
use quantize_tests::npy;

const BUILD_SCRIPT: &str = r#"use quantize_build::compiler::{Compiler, Config, Model};

fn main() {
    let named = Model::new("models/net.onnx")
        .calibration("models/calib.npy")
        .global(Config::int8())
        .module("encoder.fc", "narrow");
    Compiler::new().scan().model("Named", named).model("Shared", Model::of_profile("shared")).compile();
}
"#;

const SETTINGS: &str = r#"[config]
narrow = "int8(per_tensor)"

[profile.shared]
model = "models/net.onnx"
calibration = "models/calib.npy"
global = "int8"
module = [{ name = "encoder.fc", config = "narrow" }]
"#;

const SOURCE: &str = r#"#![deny(warnings, missing_docs)]
//! One network by attribute and by build script.

use quantize_runtime::{Arena, include_quantized, quantize};

#[quantize(
    model = "models/net.onnx",
    calibration = "models/calib.npy",
    global = int8(per_channel),
    module(name = "encoder.fc", config = int8(per_tensor)),
)]
struct Net;

/// A module whose struct others see.
pub mod named {
    quantize_runtime::include_quantized!(
        /// Finds the largest of four numbers.
        pub "Named"
    );
}

mod shared {
    pub use quantize_runtime as nn;
    nn::include_quantized!(pub "Shared", crate = self::nn);
}

mod again {
    super::include_quantized!("Named");

    pub fn bytes() -> usize {
        Named::ARENA_BYTES
    }
}

static ARENA: Arena<Net> = Arena::new();
static NAMED: Arena<named::Named> = Arena::new();
static SHARED: Arena<shared::Shared> = Arena::new();

fn main() {
    let (mut net, mut named) = (Net::new(ARENA.take()), named::Named::new(NAMED.take()));
    let input = [0.5, -1.0, 0.25, 0.75];
    assert_eq!(net.run(&input), named.run(&input));
    assert_eq!(net.run(&input), shared::Shared::new(SHARED.take()).run(&input));
    assert_eq!(again::bytes(), Net::ARENA_BYTES);
}
"#;

#[test]
fn a_model_of_the_build_script_is_that_of_an_equal_attribute() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "compiler", "compiler");
    fixture.write("build.rs", BUILD_SCRIPT);
    fixture.write("src/main.rs", SOURCE);
    fixture.write("quantize.toml", SETTINGS);
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
    fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
    let build = fixture.build();
    for name in ["Named", "Shared"] {
        assert!(build.output("Net.vgf") == build.output(&format!("{name}.vgf")), "{name}");
    }
    let output = fixture.cargo(&["run", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
