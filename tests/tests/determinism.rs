//! Equal inputs give equal files, byte for byte: in every folder, with any number of cores, on every processor, from every build
//! of our libraries.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use quantize_build::frontend::Shapes;
use quantize_tests::fixture::Fixture;
use quantize_tests::golden;
use quantize_tests::script::{Files, NOTING_SCRIPT, Script, files};
use quantize_tests::{outside, probes, repository};

/// Models of several kinds: name, folder in the repository, further arguments with the files of that folder.
const MODELS: [(&str, &str, &str); 6] = [
    (
        "Digits",
        "examples/digits/models",
        r#"model = "digits_cnn.onnx", calibration = "calib.npy", global = int8(per_channel)"#,
    ),
    (
        "Pump",
        "examples/two-inputs/models",
        r#"model = "pump.onnx", global = a16w8,
        calibration(vibration = "calib_vibration.npy", current = "calib_current.npy")"#,
    ),
    (
        "Partial",
        "tests/data/goldens/mlp",
        r#"model = "model.onnx", calibration = "calib_in_0.npy", global = int8, node(name = "tanh", config = None),
        profile = full"#,
    ),
    (
        "MovingAverage",
        "tests/data/goldens/mlp",
        r#"model = "model.onnx", calibration = "calib_in_0.npy", global = int8(observer = moving_average)"#,
    ),
    (
        "Percentile",
        "tests/data/goldens/convnet_per_channel",
        r#"model = "model.onnx", calibration = "calib_in_0.npy", global = int8(observer = percentile(99.9)), io = uint8"#,
    ),
    (
        "Mse",
        "tests/data/goldens/convnet_per_channel",
        r#"model = "model.onnx", calibration = "calib_in_0.npy", global = a8w4(observer = mse)"#,
    ),
];

/// A crate with [`MODELS`] and every probe, which together have all operators, in the folder `place`.
fn crate_of_all(place: &str) -> Fixture {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, "determinism");
    fixture.use_libm();
    fixture.write("build.rs", NOTING_SCRIPT);
    let mut source = String::new();
    let mut add = |name: &str, arguments: &str| {
        source += &format!("#[quantize_runtime::quantize({arguments})]\nstruct {name};\n");
    };
    for (name, folder, arguments) in MODELS {
        // Every text with a point is a file.
        let mut placed = String::new();
        for (index, part) in arguments.split('"').enumerate() {
            let is_file = index % 2 == 1 && part.contains('.');
            if is_file {
                fixture.copy(&format!("{folder}/{part}"), &format!("models/{name}/{part}"));
            }
            let quote = if index == 0 { "" } else { "\"" };
            placed += &if is_file { format!("{quote}models/{name}/{part}") } else { format!("{quote}{part}") };
        }
        add(name, &placed);
    }
    for probe in probes::apis().into_iter().map(|api| api.probe).collect::<BTreeSet<_>>() {
        let model = format!("{probe}.pt2");
        // A probe whose sizes are open does without a pinned shape: its errors must be the same too.
        let inputs = golden::import(&probes::folder(), &model, &Shapes::default());
        let inputs =
            inputs.map(|graph| graph.inputs.iter().map(|&id| graph.value(id).name.clone()).collect::<Vec<_>>());
        let samples = inputs.unwrap_or_default().into_iter().enumerate().map(|(index, input)| {
            let file = format!("{probe}_in_{index}.npy");
            fixture.copy(&format!("tests/data/probes/{file}"), &format!("probes/{file}"));
            format!("{input} = \"probes/{file}\"")
        });
        let samples = samples.collect::<Vec<_>>().join(", ");
        fixture.copy(&format!("tests/data/probes/{model}"), &format!("probes/{model}"));
        let arguments = format!("model = \"probes/{model}\", calibration({samples}), global = int8");
        add(&format!("Probe_{probe}"), &arguments);
    }
    // Found by the build script, but not compiled.
    fixture.write("examples/all.rs", source);
    fixture.write("src/lib.rs", "");
    fixture
}

#[track_caller]
fn check_equal(found: &Files, expected: &Files, what: &str) {
    assert!(found.keys().eq(expected.keys()), "{what}: other files");
    let differing: Vec<&str> =
        expected.iter().filter(|(name, bytes)| found[*name] != **bytes).map(|(name, _)| name.as_str()).collect();
    assert!(differing.is_empty(), "{what}: {} of {} files differ: {differing:?}", differing.len(), expected.len());
    println!("{what}: {} equal files", expected.len());
}

/// Runs a program with arguments as Cargo ran the build script and compares what it writes.
#[track_caller]
fn check(script: &Script, what: &str, words: &[&str]) {
    let out_dir = script.out_dir.join(what.replace(' ', "-"));
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    outside::run(&mut script.command(&words, &out_dir));
    check_equal(&files(&out_dir), &files(&script.out_dir), what);
}

#[test]
fn every_folder_core_and_processor_gives_the_same_bytes() {
    let script = Script::of(&crate_of_all("determinism/first"));
    let first = files(&script.out_dir);
    let calibrated = first.keys().filter(|name| name.ends_with(".vgf")).count();
    assert!(calibrated >= 150, "{calibrated} models");
    let second = Script::of(&crate_of_all("determinism/zweiter Ordner"));
    check_equal(&files(&second.out_dir), &first, "another folder");

    let program = script.program.to_str().expect("test folders are UTF-8");
    check(&script, "another call", &[program]);
    if outside::program("taskset").is_some() {
        check(&script, "one core", &["taskset", "--cpu-list", "0", program]);
    }
    if outside::program("qemu-x86_64").is_some() {
        // Neither AVX nor FMA.
        check(&script, "an old processor", &["qemu-x86_64", "-cpu", "core2duo", program]);
    }
}

#[test]
#[ignore = "compiles everything three times more"]
fn every_build_of_our_libraries_gives_the_same_bytes() {
    let script = Script::of(&crate_of_all("determinism/hosts"));
    let release = host_program(&["--release"], "release", &mut Command::new(env!("CARGO")));
    check(&script, "everything optimized", &[&release]);
    let unoptimized = ["--profile", "unoptimized", "--config", "profile.unoptimized.inherits = 'dev'"];
    let packages = ["quantize-float", "libm", "sha2", "quantize-runtime"];
    let settings = packages.map(|package| format!("profile.unoptimized.package.{package}.opt-level = 0"));
    let settings = settings.iter().flat_map(|setting| ["--config", setting]);
    let arguments: Vec<&str> = unoptimized.into_iter().chain(settings).collect();
    let plain = host_program(&arguments, "unoptimized", &mut Command::new(env!("CARGO")));
    check(&script, "nothing optimized", &[&plain]);

    let (linker, emulator) = ("aarch64-linux-gnu-gcc", "qemu-aarch64");
    let (Some(_), Some(_)) = (outside::program(linker), outside::program(emulator)) else { return };
    let Some(compiler) = outside::compiler_for(AARCH64) else { return };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.env("RUSTC", compiler).env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", linker);
    let arm = host_program(&["--target", AARCH64], &format!("{AARCH64}/debug"), &mut cargo);
    // The C library beside the loader: that of an Arm system which is installed too may be of another version, with which programs
    // hang when they start threads.
    let libraries = "LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib";
    let command = [emulator, "-L", "/usr/aarch64-linux-gnu", "-E", libraries, &arm];
    check(&script, "an Arm host", &command);
}

const AARCH64: &str = "aarch64-unknown-linux-gnu";

/// The program `compile-models`, built with these arguments of Cargo, which put it into `folder`.
fn host_program(arguments: &[&str], folder: &str, cargo: &mut Command) -> String {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
    let cargo = cargo.current_dir(repository("")).args(["build", "--offline", "--package", "compile-models"]);
    // Debug information takes long to make, and is in none of the files.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false").env_remove("OUT_DIR");
    outside::run(cargo.args(arguments).arg("--target-dir").arg(&target));
    target.join(folder).join("compile-models").to_str().expect("test folders are UTF-8").to_owned()
}
