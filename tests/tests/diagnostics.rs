//! Mistakes and the exact words a user reads: each case against `tests/data/diagnostics`.
//!
//! Every case also uses its struct as programs do, about which nothing may be said: one mistake is one error.
//! `BLESS=1` writes what is said now; read the difference before committing it.

use std::fs;

use quantize_tests::fixture::Fixture;
use quantize_tests::{npy, texts};

/// A mistake: name of its module and golden file, arguments of its attribute.
const MISTAKES: [(&str, &str); 28] = [
    ("missing_model", r#"model = "models/absent.onnx", calibration = "models/calib.npy", global = int8"#),
    ("not_onnx", r#"model = "models/notes.txt", calibration = "models/calib.npy", global = int8"#),
    ("missing_samples", r#"model = "models/net.onnx", calibration = "models/absent.npy", global = int8"#),
    ("not_npy", r#"model = "models/net.onnx", calibration = "models/notes.txt", global = int8"#),
    ("wrong_shape", r#"model = "models/net.onnx", calibration = "models/wrong_shape.npy", global = int8"#),
    ("wrong_dtype", r#"model = "models/net.onnx", calibration = "models/wrong_dtype.npy", global = int8"#),
    (
        "unequal_samples",
        r#"model = "models/pump.onnx", global = int8,
    calibration(vibration = "models/vibration.npy", current = "models/current.npy")"#,
    ),
    ("unnamed_samples", r#"model = "models/pump.onnx", calibration = "models/vibration.npy", global = int8"#),
    ("missing_calibration", r#"model = "models/net.onnx", global = int8"#),
    ("no_samples", r#"model = "models/net.onnx", calibration = "models/no_samples.npy", global = int8"#),
    ("not_a_number", r#"model = "models/net.onnx", calibration = "models/nan.npy", global = int8"#),
    (
        "no_such_module",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    module(name = "encoder.fcc", config = None)"#,
    ),
    (
        "no_such_type",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    module(type = "Relu", config = None)"#,
    ),
    (
        "no_such_node",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    node(name = "linear_9", config = None)"#,
    ),
    (
        "no_such_op",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    op(target = "aten.sigmoid", config = None)"#,
    ),
    (
        "legacy_node",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    module(name = "encoder.fc", config = int8), node(name = "relu", config = int8), precedence = legacy"#,
    ),
    ("unsupported", r#"model = "models/unsupported.onnx", calibration = "models/calib.npy", global = int8"#),
    ("open_shape", r#"model = "models/dynamic.pt2", calibration = "models/calib.npy", global = int8"#),
    (
        "wrong_input_shape",
        r#"model = "models/dynamic.pt2", calibration = "models/calib.npy", global = int8,
    shape(x = [1, 3, 8], y = [2])"#,
    ),
    ("no_such_input", r#"model = "models/net.onnx", calibration(y = "models/calib.npy"), global = int8"#),
    ("no_such_argument", r#"model = "models/net.onnx", calibration = "models/calib.npy", globl = int8"#),
    ("no_string", r#"model = models/net.onnx, calibration = "models/calib.npy", global = int8"#),
    (
        "exceeded_budget",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    budget(flash = "1 kB", ram = "16 B", macs = "10")"#,
    ),
    (
        "packed_file",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    embed = vgf, layout = packed"#,
    ),
    (
        "file_left_out",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    embed = constants"#,
    ),
    (
        "several_arguments",
        r#"model = "models/net.onnx", calibration = "models/wrong_shape.npy", global = int9,
    module(name = "encoder.fcc", config = None), node(name = "rely", config = int8)"#,
    ),
    (
        "several_files",
        r#"model = "models/unsupported.onnx", calibration = ["models/absent.npy", "models/wrong_dtype.npy"], global = int8"#,
    ),
    (
        "several_stages",
        r#"model = "models/pump.onnx", global = int8, module(type = "LSTMM", config = None),
    calibration(vibration = "models/notes.txt", curent = "models/current.npy")"#,
    ),
];

/// Programs with the struct `Net`: of a network from 4 numbers to `LEN`, and of one with several inputs and outputs.
const USES: [&str; 2] = [
    r#"
static ARENA: quantize_runtime::Arena<Net> = quantize_runtime::Arena::new();
const LAST: usize = Net::ARENA_BYTES;

pub struct Program {
    pub net: Net,
    pub sum: f32,
}

pub fn program(images: &[[f32; 4]]) -> Program {
    let mut net = Net::new(ARENA.take());
    let scores: &[f32; LEN] = net.run(&images[0]);
    let best = scores.iter().copied().fold(0.0, f32::max);
    let codes = net.run_quantized(&[0; 4]);
    let real = Net::OUTPUT.dequantize(codes[0]) + Net::INPUT.scale;
    println!("{codes:?} {} {}", Net::VGF.len(), Net::INPUT.shape[1]);
    let sum = images.iter().map(|image| net.run(image)[0]).sum::<f32>() + best + real + LAST as f32;
    Program { net, sum }
}
"#,
    r#"
static ARENA: quantize_runtime::Arena<Net> = quantize_runtime::Arena::new();

pub fn program(vibration: &[f32; 8], current: &[f32; 6]) -> f32 {
    let mut net = Net::new(ARENA.take());
    let inputs = NetInputs { vibration, current };
    let NetOutputs { condition, state } = net.run(&inputs);
    state.iter().sum::<f32>() + condition[0] + scale(&inputs) + Net::VGF.len() as f32
}

fn scale(inputs: &NetInputs<'_>) -> f32 {
    inputs.vibration[0]
}
"#,
];

/// A module with the mistake in its attribute, and a program.
fn module(case: &str, arguments: &str) -> String {
    let uses = if arguments.contains("pump") { USES[1] } else { USES[0] };
    let len = if arguments.contains("unsupported") { "4" } else { "3" };
    let (net, uses) = (struct_name(case), uses.replace("LEN", len));
    format!("{}pub struct {net};\n{}", attribute(arguments), uses.replace("Net", &net))
}

/// `NoSuchModule` for `no_such_module`.
fn struct_name(module: &str) -> String {
    module.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

fn attribute(arguments: &str) -> String {
    format!("#[quantize_runtime::quantize(\n    {arguments}\n)]\n")
}

/// What the compiler says about the crate, one text for each message.
fn messages(fixture: &Fixture) -> Vec<String> {
    let said = fixture.failure(&["check", "--quiet"]);
    said.split("\n\n").map(|message| message.trim_end().to_owned()).collect()
}

/// Compares with the golden file of the case.
fn check(case: &str, said: &str) -> Result<(), String> {
    texts::compare(&format!("tests/data/diagnostics/{case}.txt"), said)
}

#[test]
fn every_mistake_is_explained() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "mistakes", "mistakes");
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    fixture.copy("tests/data/models/unsupported.onnx", "models/unsupported.onnx");
    fixture.copy("tests/data/models/dynamic.pt2", "models/dynamic.pt2");
    fixture.write("models/notes.txt", "the model is on the other disk\n");
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
    fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
    fixture.write("models/wrong_shape.npy", npy::bytes(&[4, 8], &ramp));
    fixture.write("models/wrong_dtype.npy", npy::bytes(&[8, 4], &[0_i64; 32]));
    fixture.write("models/no_samples.npy", npy::bytes::<f32>(&[0, 4], &[]));
    fixture.copy("examples/two-inputs/models/pump.onnx", "models/pump.onnx");
    fixture.write("models/vibration.npy", npy::bytes(&[4, 8], &ramp));
    fixture.write("models/current.npy", npy::bytes(&[5, 6], &ramp[..30]));
    let mut holed = ramp.clone();
    holed[13] = f32::NAN;
    fixture.write("models/nan.npy", npy::bytes(&[8, 4], &holed));

    let mut modules = String::from("//! One mistake a module.\n\n");
    for (case, arguments) in MISTAKES {
        fixture.write(&format!("src/{case}.rs"), module(case, arguments));
        modules += &format!("pub mod {case};\n");
    }
    let hidden = attribute(r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8"#);
    let use_it = "    let mut net = Hidden::new(ARENA.take());\n    println!(\"{:?}\", net.run(&[0.0; 4]));\n";
    let arena = "    static ARENA: quantize_runtime::Arena<Hidden> = quantize_runtime::Arena::new();\n";
    fixture.write("src/hidden.rs", format!("pub fn hidden() {{\n{hidden}struct Hidden;\n{arena}{use_it}}}\n"));
    fixture.write("src/lib.rs", modules + "pub mod hidden;\n");

    let messages = messages(&fixture);
    let faults: Vec<String> = (MISTAKES.iter().map(|(case, _)| *case).chain(["hidden"]))
        .filter_map(|case| {
            let place = format!("--> src/{case}.rs:");
            let said: Vec<&str> = messages.iter().map(String::as_str).filter(|said| said.contains(&place)).collect();
            check(case, &said.join("\n\n")).err()
        })
        .collect();
    let of_cases = messages.iter().filter(|said| said.contains("--> src/")).count();
    assert_eq!(messages.len(), of_cases + 1, "beside them Cargo says that it stops: {messages:#?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A build script with a model for each of the names in [`INCLUDED`] but the last.
const NAMING_SCRIPT: &str = r#"use quantize_build::compiler::{Compiler, Config, Model, Observer};

fn main() {
    let model = || Model::new("models/net.onnx").calibration("models/calib.npy").global(Config::int8());
    Compiler::new()
        .model("Rules", model().module("encoder.fcc", None).module_type("Relu", None).op("aten.relu", Config::int8()))
        .model("Files", Model::new("models/net.onnx").calibration("models/absent.npy").calibration("models/wrong_dtype.npy"))
        .model("Values", model().global(Config::int8().observer(Observer::Percentile(20.0))).io(Config::int8().eps(0.0)))
        .model("Absent", Model::new("models/absent.onnx").calibration_of("x", "models/calib.npy"))
        .model("Shared", model().module("encoder.fc", "carefull").profile_from("smal"))
        .model("Modelless", Model::of_profile("small"))
        .compile();
}
"#;

const INCLUDED: [&str; 7] = ["Rules", "Files", "Values", "Absent", "Shared", "Modelless", "Rulez"];

#[test]
fn mistakes_in_a_build_script_are_raised_where_the_model_is_included() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "naming-script", "naming-script");
    fixture.write("build.rs", NAMING_SCRIPT);
    fixture.write("quantize.toml", "[config]\ncareful = \"int8\"\n\n[profile.small]\nglobal = \"careful\"\n");
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
    fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
    fixture.write("models/wrong_dtype.npy", npy::bytes(&[8, 4], &[0_i64; 32]));
    let mut source = String::new();
    for name in INCLUDED {
        let uses = USES[0].replace("LEN", "3").replace("Net", name);
        source += &format!(
            "pub mod {} {{\nquantize_runtime::include_quantized!(pub \"{name}\");\n{uses}}}\n",
            name.to_lowercase()
        );
    }
    fixture.write("src/lib.rs", source);
    let mut messages = messages(&fixture);
    messages.pop_if(|last| last.starts_with("error: could not compile"));
    check("included", &messages.join("\n\n")).unwrap_or_else(|fault| panic!("{fault}"));
}

/// A build script that can be told not to run again: as in an editor that has not built since the last change.
const FROZEN_SCRIPT: &str = r#"fn main() {
    if !std::path::Path::new("frozen").exists() {
        quantize_build::compile();
    }
}
"#;

/// What is said about a crate that compiled before: one message, beside Cargo's last line.
#[track_caller]
fn check_single(fixture: &Fixture, case: &str) {
    let messages = messages(fixture);
    let (said, rest) = messages.split_first().expect("a message");
    assert!(rest.len() == 1 && rest[0].starts_with("error: could not compile"), "{messages:#?}");
    check(case, said).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn code_for_other_arguments_is_stale_and_still_there() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "stale", "stale");
    let arguments = r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8"#;
    fixture.write("build.rs", FROZEN_SCRIPT);
    fixture.write("src/lib.rs", module("net", arguments));
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
    fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
    fixture.build();
    fixture.write("frozen", "");
    fixture.write("src/lib.rs", module("net", &format!("{arguments}, io = None")));
    check_single(&fixture, "stale");
}

/// A program with names that only the model knows.
const NAMING: &str = r#"
pub fn scales() -> [f32; 3] {
    [Net::INPUT_VIBRATION.scale, Net::INPUT_CURRENT.scale, Net::OUTPUT_CONDITION.scale]
}
"#;

#[test]
fn the_last_good_interface_stays_when_the_model_cannot_be_read() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "lost-model", "lost-model");
    let arguments = r#"model = "models/pump.onnx", global = int8,
    calibration(vibration = "models/vibration.npy", current = "models/current.npy")"#;
    fixture.write("src/lib.rs", module("net", arguments) + NAMING);
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
    fixture.write("models/vibration.npy", npy::bytes(&[4, 8], &ramp));
    fixture.write("models/current.npy", npy::bytes(&[4, 6], &ramp[..24]));
    fixture.copy("examples/two-inputs/models/pump.onnx", "models/pump.onnx");
    let good = fixture.build().output("Net.vgf");
    fixture.write("models/pump.onnx", "version https://git-lfs.github.com/spec/v1\n");
    check_single(&fixture, "lost_model");
    fixture.copy("examples/two-inputs/models/pump.onnx", "models/pump.onnx");
    assert!(fixture.build().output("Net.vgf") == good);
}

/// What a build says although it succeeds: name of the struct, arguments.
const WARNINGS: [(&str, &str); 5] = [
    (
        "Shadowed",
        r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8,
    module(name = "encoder.fc", config = int8(per_tensor)), module(name = "encoder", config = None), input = int8, io = int8"#,
    ),
    ("Constant", r#"model = "models/net.onnx", calibration = "models/zeros.npy", global = int8"#),
    ("Island", r#"model = "models/island.onnx", calibration = "models/calib.npy", global = int8"#),
    (
        "Futile",
        r#"model = "models/product.onnx", calibration = "models/calib.npy", global = int8,
    node(name = "prod", config = int8(per_tensor))"#,
    ),
    (
        "Saturated",
        r#"model = "models/net.onnx", calibration = "models/growing.npy", global = int8(observer = moving_average)"#,
    ),
];

#[test]
fn doubtful_programs_are_warned_about() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "doubtful", "doubtful");
    fixture.use_libm();
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    fixture.copy("tests/data/models/island.onnx", "models/island.onnx");
    fixture.copy("tests/data/models/product.onnx", "models/product.onnx");
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 16.0 - 1.0).collect();
    fixture.write("models/calib.npy", npy::bytes(&[8, 4], &ramp));
    let growing: Vec<f32> = (1..=32).map(|i| (i as f32 / 32.0).powi(3)).collect();
    fixture.write("models/growing.npy", npy::bytes(&[8, 4], &growing));
    fixture.write("models/zeros.npy", npy::bytes(&[8, 4], &[0.0_f32; 32]));
    let sites = WARNINGS.iter().map(|(name, arguments)| format!("{}pub struct {name};\n", attribute(arguments)));
    fixture.write("src/lib.rs", format!("//! Warnings.\n\n{}", sites.collect::<String>()));
    fixture.write("quantize.toml", "[config]\nfine = \"a16w8\"\n\n[profile.small]\nglobal = \"int8\"\n");
    // Another target has a struct of the same name.
    let arguments = r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8"#;
    fixture.write("examples/equal.rs", format!("{}struct Constant;\n\nfn main() {{}}\n", attribute(arguments)));
    let mut said = warnings(&fixture);
    fs::remove_file(fixture.path("examples/equal.rs")).expect("it was written");
    fs::remove_file(fixture.path("quantize.toml")).expect("it was written");
    fixture.write("src/lib.rs", "//! Nothing.\n");
    said.extend(warnings(&fixture));
    check("warnings", &said.join("\n")).unwrap_or_else(|fault| panic!("{fault}"));
}

/// What Cargo warns about in a build that succeeds.
fn warnings(fixture: &Fixture) -> Vec<String> {
    let output = fixture.cargo(&["check"]);
    let said = String::from_utf8(output.stderr).expect("messages are UTF-8");
    assert!(output.status.success(), "{said}");
    said.lines().filter_map(|line| line.strip_prefix("warning: doubtful@0.1.0: ")).map(str::to_owned).collect()
}

/// So many that a network of 0.6 million multiply-adds takes some ten seconds without optimization.
const SLOW_SAMPLES: usize = 2000;

#[test]
fn a_slow_build_is_told_how_to_be_fast() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "slow", "doubtful");
    let manifest = fs::read_to_string(fixture.path("Cargo.toml")).expect("every crate has one");
    fixture.write("Cargo.toml", manifest.replace("quantize-float.opt-level = 3", "quantize-float.opt-level = 0"));
    fixture.copy("examples/digits/models/digits_cnn.onnx", "models/digits.onnx");
    let images: Vec<f32> = (0..SLOW_SAMPLES * 64).map(|i| (i % 17) as f32 / 16.0).collect();
    fixture.write("models/images.npy", npy::bytes(&[SLOW_SAMPLES, 1, 8, 8], &images));
    let arguments =
        r#"model = "models/digits.onnx", calibration = "models/images.npy", global = int8(observer = minmax)"#;
    fixture.write("src/lib.rs", format!("//! Slow.\n\n{}pub struct Digits;\n", attribute(arguments)));
    let is_about_lock = |warning: &String| warning.starts_with("quantize.lock: no entry for `Digits`");
    let mut warnings = warnings(&fixture);
    warnings.pop_if(|last| is_about_lock(last)).expect("it has none");
    check("slow", &warnings.join("\n")).unwrap_or_else(|fault| panic!("{fault}"));
    // The lines as they are; with the runtime's, all is as other fixtures have compiled it.
    let lines: String = warnings[1..].iter().map(|line| format!("{line}\n")).collect();
    let package = manifest.split("[profile").next().expect("it begins with the package");
    fixture.write("Cargo.toml", format!("{package}{lines}quantize-runtime.opt-level = 3\n\n[workspace]\n"));
    assert!(self::warnings(&fixture).iter().all(is_about_lock));
}

#[test]
fn a_crate_without_build_script_is_told_to_write_one() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "no-build-script", "no-build-script");
    fs::remove_file(fixture.path("build.rs")).expect("the fixture has one");
    let arguments = r#"model = "models/net.onnx", calibration = "models/calib.npy", global = int8"#;
    fixture.write("src/lib.rs", module("net", arguments));
    let messages = messages(&fixture);
    let (said, rest) = messages.split_first().expect("a message");
    assert_eq!(rest, ["error: could not compile `no-build-script` (lib) due to 1 previous error"]);
    check("no_build_script", said).unwrap_or_else(|fault| panic!("{fault}"));
}
