//! Generated code causes no warning in a crate that turned on every lint it could.

use std::process::Command;

use quantize_tests::fixture::Fixture;

#[test]
fn a_pedantic_crate_has_no_warning() {
    let clippy = Command::new(env!("CARGO")).args(["clippy", "--version"]).output();
    if !clippy.is_ok_and(|output| output.status.success()) {
        println!("skipped: clippy is not installed");
        return;
    }
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "pedantic", "pedantic");
    for file in ["pump.onnx", "calib_vibration.npy", "calib_current.npy"] {
        fixture.copy(&format!("examples/two-inputs/models/{file}"), &format!("models/{file}"));
    }
    fixture.write(
        "src/lib.rs",
        r#"//! A crate whose author likes lints.
#![no_std]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic, clippy::nursery)]

use quantize_runtime::{Arena, quantize};

/// Watches a pump.
#[quantize(
    model = "models/pump.onnx",
    calibration(vibration = "models/calib_vibration.npy", current = "models/calib_current.npy"),
    global = int8(per_channel)
)]
pub struct Pump;

/// Watches a pump with 16 bits, and gives 8 without a sign.
#[quantize(
    model = "models/pump.onnx",
    calibration(vibration = "models/calib_vibration.npy", current = "models/calib_current.npy"),
    global = a16w8,
    output = uint8
)]
pub struct FinePump;

static ARENA: Arena<Pump> = Arena::new();

/// Scores of a pump at rest.
#[must_use]
pub fn at_rest() -> [f32; 3] {
    *Pump::new(ARENA.take()).run(&PumpInputs { vibration: &[0.0; 8], current: &[0.0; 6] }).condition
}
"#,
    );
    let output = fixture.cargo(&["clippy", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
