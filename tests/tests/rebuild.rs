//! A crate outside the workspace is rebuilt when something it was made of changes, and only then.

use std::fs;
use std::time::{Duration, SystemTime};

use quantize_tests::fixture::{Build, Fixture};
use quantize_tests::npy;

const SOURCE: &str = r#"//! A user's crate.

mod other;

#[quantize_runtime::quantize(model = "models/net.onnx", calibration = "models/calib.npy", global = int8(per_channel))]
pub struct Net;
"#;

/// The user's build script, which also notes how long ours takes.
const TIMED_SCRIPT: &str = r#"use std::{env, fs, path::Path, time::Instant};

fn main() {
    let start = Instant::now();
    quantize_build::compile();
    let seconds = start.elapsed().as_secs_f64().to_string();
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap()).join("seconds"), seconds).unwrap();
}
"#;

fn samples(largest: f32) -> Vec<u8> {
    let ramp: Vec<f32> = (0..32).map(|i| largest * (i as f32 / 15.5 - 1.0)).collect();
    npy::bytes(&[8, 4], &ramp)
}

fn user_crate(place: &str) -> Fixture {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, place);
    fixture.write("build.rs", TIMED_SCRIPT);
    fixture.write("src/lib.rs", SOURCE);
    fixture.write("src/other.rs", "//! Nothing yet.\n");
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    fixture.write("models/calib.npy", samples(1.0));
    fixture
}

/// The files that the build script made for `Net`, with the time of their last change.
fn outputs(build: &Build) -> Vec<(Vec<u8>, SystemTime)> {
    ["Net.rs", "Net.toml", "Net.vgf"]
        .iter()
        .map(|file| {
            let written = fs::metadata(build.out_dir.join("quantize").join(file)).and_then(|data| data.modified());
            (build.output(file), written.expect("the file is there and has a time"))
        })
        .collect()
}

fn script_time(build: &Build) -> Duration {
    let seconds = fs::read_to_string(build.out_dir.join("seconds")).expect("the build script wrote it");
    Duration::from_secs_f64(seconds.parse().expect("a number"))
}

/// Builds after a change that must reach the VGF `before`, then again, which must do nothing.
#[track_caller]
fn check_rebuilt(fixture: &Fixture, before: &[u8]) -> Vec<u8> {
    let build = fixture.build();
    assert!(!build.fresh, "Cargo saw no change");
    let after = build.output("Net.vgf");
    assert!(after != before, "the network did not change");
    assert!(fixture.build().fresh, "the second build was not empty");
    after
}

#[test]
fn a_second_build_does_nothing() {
    let fixture = user_crate("rebuild-twice");
    assert!(!fixture.build().fresh);
    assert!(fixture.build().fresh);
}

#[test]
fn files_that_nothing_names_are_not_watched() {
    let fixture = user_crate("rebuild-unrelated-file");
    fixture.build();
    fixture.write("models/notes.txt", "not a model");
    fixture.write("README.md", "not a source file");
    assert!(fixture.build().fresh);
}

#[test]
fn an_unrelated_edit_reuses_the_results() {
    let fixture = user_crate("rebuild-unrelated-edit");
    let first = fixture.build();
    let (before, calibrated_in) = (outputs(&first), script_time(&first));
    fixture.write("src/other.rs", "//! Something now.\n\npub(crate) const SOMETHING: u8 = 1;\n");
    let second = fixture.build();
    assert!(!second.fresh, "the edited crate was not compiled");
    assert!(outputs(&second) == before, "the results were written again");
    println!("build script: {calibrated_in:?} with calibration, {:?} after the edit", script_time(&second));
}

#[test]
fn a_new_model_new_samples_and_a_new_attribute_rebuild() {
    let fixture = user_crate("rebuild-changes");
    let first = fixture.build().output("Net.vgf");
    fixture.copy("tests/data/models/small_retrained.onnx", "models/net.onnx");
    let retrained = check_rebuilt(&fixture, &first);
    fixture.write("models/calib.npy", samples(3.0));
    let recalibrated = check_rebuilt(&fixture, &retrained);
    fixture.write("src/lib.rs", SOURCE.replace("int8(per_channel)", "int8(per_tensor)"));
    check_rebuilt(&fixture, &recalibrated);
}
