//! The lock file: what a build takes from it, what `cargo quantize lock` writes, and the exact words about a file that does not fit.
//!
//! `BLESS=1` writes the words that are said now to `tests/data/lock`; read the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use quantize_syntax::lock as schema;
use quantize_tests::fixture::{Fixture, PROFILE, manifest};
use quantize_tests::{Digits, npy, outside, repository, texts};

const TMP: &str = env!("CARGO_TARGET_TMPDIR");

const ARGUMENTS: &str = r#"model = "models/net.onnx",
    calibration = "models/calib.npy",
    module(name = "encoder.fc", config = int8),
    global = int8,
"#;

fn structure(name: &str, arguments: &str) -> String {
    format!("#[quantize_runtime::quantize(\n    {arguments})]\npub struct {name};\n")
}

fn samples(largest: f32) -> Vec<u8> {
    let ramp: Vec<f32> = (0..32).map(|i| largest * (i as f32 / 15.5 - 1.0)).collect();
    npy::bytes(&[8, 4], &ramp)
}

/// A library crate with a model `Net`, its samples and no lock file.
fn user_crate(place: &str) -> Fixture {
    let fixture = Fixture::new(TMP, place, "locked");
    fixture.write("src/lib.rs", structure("Net", ARGUMENTS));
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    fixture.write("models/calib.npy", samples(1.0));
    fixture
}

/// `cargo quantize lock`, in the fixture's folder.
fn lock_command(fixture: &Fixture, arguments: &[&str]) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let target = Path::new(TMP).parent().expect("Cargo puts it into the target folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline", "--package", "cargo-quantize", "--target-dir"]).arg(target);
        outside::run(cargo.current_dir(repository("")).env_remove("OUT_DIR"));
        target.join("debug")
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([folder.clone()].into_iter().chain(std::env::split_paths(&path)));
    let mut command = fixture.command(&["quantize", "lock"]);
    command.args(arguments).env("PATH", path.expect("folders without colons"));
    command
}

/// Runs `cargo quantize lock`; what it prints.
#[track_caller]
fn lock(fixture: &Fixture, arguments: &[&str]) -> String {
    outside::run(&mut lock_command(fixture, arguments))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn outputs(fixture: &Fixture) -> [Vec<u8>; 3] {
    let build = fixture.build();
    ["Net.vgf", "Net.rs", "Net.toml"].map(|file| build.output(file))
}

/// Compares with the golden file of the case.
fn check(case: &str, said: &str) -> Result<(), String> {
    texts::compare(&format!("tests/data/lock/{case}.txt"), said)
}

#[test]
fn with_the_lock_a_build_gives_the_same_bytes_without_samples() {
    let calibrated = user_crate("lock/calibrated");
    let without = calibrated.cargo(&["check"]);
    assert!(
        stderr(&without).contains("quantize.lock: no entry for `Net`, calibrated from samples"),
        "{}",
        stderr(&without)
    );
    let expected = outputs(&calibrated);
    assert!(!calibrated.path("quantize.lock").exists(), "a build wrote into the sources");
    assert!(lock(&calibrated, &[]).starts_with("quantize.lock: written\n  `Net` (src/lib.rs): new"));

    let locked = user_crate("lock/locked");
    fs::copy(calibrated.path("quantize.lock"), locked.path("quantize.lock")).expect("it was written");
    fs::remove_file(locked.path("models/calib.npy")).expect("the fixture has samples");
    let build = locked.cargo(&["build"]);
    assert!(!stderr(&build).contains("warning"), "{}", stderr(&build));
    assert!(outputs(&locked) == expected, "the lock file gives other bytes than the samples");
    assert!(locked.build().fresh, "missing samples are watched");

    assert!(outputs(&calibrated) == expected, "samples beside the lock file change the bytes");
    locked.write("models/calib.npy", samples(1.0));
    assert!(outputs(&locked) == expected, "samples that came back change the bytes");
}

#[test]
fn a_changed_rule_is_named_and_locked_again() {
    let fixture = user_crate("lock/changed");
    lock(&fixture, &[]);
    let before = outputs(&fixture);
    let changed = ARGUMENTS.replace("config = int8)", "config = int8(per_tensor))");
    fixture.write("src/lib.rs", structure("Net", &changed));
    let said = fixture.failure(&["check", "--quiet"]);
    assert!(said.contains("`module(name = \"encoder.fc\")` changed"), "{said}");

    let output = lock_command(&fixture, &["--check"]).output().expect("Cargo runs");
    assert!(!output.status.success(), "the stale file went unnoticed");
    let stale = String::from_utf8(output.stdout).expect("UTF-8");
    let text = fs::read_to_string(fixture.path("quantize.lock")).expect("it is there");
    let written = lock(&fixture, &[]);
    assert_ne!(fs::read_to_string(fixture.path("quantize.lock")).expect("it is there"), text);
    assert_eq!(stale.replace("quantize.lock: stale", "quantize.lock: written"), written);
    check("difference", &written).unwrap_or_else(|fault| panic!("{fault}"));
    assert!(outputs(&fixture) != before, "the network did not change");
    assert_eq!(lock(&fixture, &["--check"]), "quantize.lock: up to date\n  `Net` (src/lib.rs): unchanged\n");
}

#[test]
fn the_environment_can_require_or_ignore_the_lock() {
    let fixture = user_crate("lock/environment");
    let mut faults = Vec::new();
    let said = |value: &str| {
        let output = fixture.command(&["check", "--quiet"]).env("QUANTIZE_LOCK", value).output().expect("Cargo runs");
        assert!(!output.status.success(), "QUANTIZE_LOCK={value} went unnoticed");
        stderr(&output)
    };
    faults.extend(check("require_without_file", &said("require")).err());
    let text = said("yes").lines().find(|line| line.contains("QUANTIZE_LOCK")).unwrap_or_default().to_owned();
    faults.extend(check("unknown_value", &text).err());

    lock(&fixture, &[]);
    fixture.write("src/lib.rs", structure("Net", ARGUMENTS) + &structure("Other", ARGUMENTS));
    faults.extend(check("require_without_entry", &said("require")).err());
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    fixture.write("src/lib.rs", structure("Net", ARGUMENTS));
    fixture.write("models/calib.npy", samples(3.0));
    assert!(fixture.failure(&["check", "--quiet"]).contains("`models/calib.npy` changed"));
    let ignored = fixture.build_with(fixture.command(&["build"]).env("QUANTIZE_LOCK", "ignore")).output("Net.vgf");
    lock(&fixture, &[]);
    let required = fixture.build_with(fixture.command(&["build"]).env("QUANTIZE_LOCK", "require")).output("Net.vgf");
    assert!(ignored == required, "samples and lock file differ");
}

#[test]
fn variants_of_other_features_are_kept() {
    let fixture = user_crate("lock/features");
    let toml = fs::read_to_string(fixture.path("Cargo.toml")).expect("the fixture has one");
    fixture.write("Cargo.toml", toml + "\n[features]\nsmall = []\ntiny = []\n");
    let attribute = |condition: &str, config: &str| {
        let arguments = ARGUMENTS.replace("global = int8", &format!("global = {config}"));
        format!("#[cfg_attr({condition}, quantize_runtime::quantize({arguments}))]\n")
    };
    let attributes = attribute("feature = \"small\"", "a8w4") + &attribute("not(feature = \"small\")", "int8");
    let source = attributes + "pub struct Net;\n";
    fixture.write("src/lib.rs", &source);
    lock(&fixture, &[]);
    let said = lock(&fixture, &["--features", "small"]);
    assert!(said.contains("feature = \"small\"): new") && said.contains("not built now, kept"), "{said}");
    fs::remove_file(fixture.path("models/calib.npy")).expect("the fixture has samples");
    let plain = fixture.build().output("Net.vgf");
    let small = fixture.build_with(&mut fixture.command(&["build", "--features", "small"])).output("Net.vgf");
    assert!(plain != small, "both variants are the same network");

    // Conditions that no build of the sources has any more, although they still have the struct.
    fixture.write("src/lib.rs", source.replace("small", "tiny"));
    fixture.write("models/calib.npy", samples(1.0));
    let said = lock(&fixture, &[]);
    assert_eq!(said.matches("): removed").count(), 2, "{said}");
    assert!(said.contains("not(feature = \"tiny\")): new"), "{said}");
}

#[test]
fn variants_of_other_profiles_are_kept() {
    let fixture = user_crate("lock/profiles");
    let attribute = structure("Net", "model = \"models/net.onnx\", calibration = \"models/calib.npy\"");
    let script = "use quantize_build::compiler::{Compiler, Config, Model};\n\nfn main() {\n    \
                  let mut models = Compiler::new().scan();\n    \
                  if std::env::var(\"MODE\").is_ok() {\n        \
                  let net = Model::new(\"models/net.onnx\").calibration(\"models/calib.npy\").profile_from(\"wide\");\n        \
                  models = models.model(\"Named\", net);\n    }\n    models.compile();\n}\n";
    let settings = "[profile.narrow]\nglobal = \"int8\"\n[profile.wide]\nglobal = \"a16w8\"\n\
                    [[select]]\nenv = \"MODE\"\n[[select]]\nprofile = \"narrow\"\n";
    fixture.write("build.rs", script);
    fixture.write("src/lib.rs", &attribute);
    fixture.write("quantize.toml", settings);
    outside::run(lock_command(&fixture, &[]).env("MODE", "wide"));
    let said = lock(&fixture, &[]);
    for line in [
        "`Net` (src/lib.rs, profile = \"narrow\"): new",
        "`Net` (src/lib.rs, profile = \"wide\"): not built now, kept",
        "`Named` (build.rs): not built now, kept",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    fixture.write("build.rs", script.replace("\"Named\"", "\"Other\""));
    fixture.write("quantize.toml", settings.replace("[[select]]\nenv = \"MODE\"\n", ""));
    assert_eq!(lock(&fixture, &[]).matches("): removed").count(), 2);
}

#[test]
fn a_model_that_the_build_script_names_is_locked() {
    let fixture = user_crate("lock/named");
    let script = "use quantize_build::compiler::{Compiler, Config, Model};\n\nfn main() {\n    let net = \
                  Model::new(\"models/net.onnx\").calibration(\"models/calib.npy\").global(Config::int8());\n    \
                  Compiler::new().model(\"Net\", net).compile();\n}\n";
    fixture.write("build.rs", script);
    fixture.write("src/lib.rs", "quantize_runtime::include_quantized!(\"Net\");\n");
    assert!(lock(&fixture, &[]).contains("`Net` (build.rs): new"));
    let calibrated = fixture.build_with(fixture.command(&["build"]).env("QUANTIZE_LOCK", "ignore")).output("Net.toml");
    fs::remove_file(fixture.path("models/calib.npy")).expect("the fixture has samples");
    assert!(fixture.build().output("Net.toml") == calibrated, "the lock file gives another network than the samples");
    fixture.write("build.rs", script.replace("Config::int8()", "Config::a16w8()"));
    assert!(fixture.failure(&["check", "--quiet"]).contains("`global` changed"));
}

#[test]
fn members_of_a_workspace_are_locked_from_any_folder() {
    let fixture = Fixture::empty(TMP, "lock/wörk space");
    fixture.write(
        "Cargo.toml",
        format!("[workspace]\nresolver = \"3\"\nmembers = [\"hôst\", \"firm ware\"]\n\n{PROFILE}"),
    );
    for (folder, name) in [("hôst", "host"), ("firm ware", "firmware")] {
        fixture.write(&format!("{folder}/Cargo.toml"), manifest(name, &[]));
        fixture.write(&format!("{folder}/build.rs"), quantize_tests::fixture::BUILD_SCRIPT);
        fixture.write(&format!("{folder}/src/lib.rs"), structure("Net", ARGUMENTS));
        fixture.copy("tests/data/models/small.onnx", &format!("{folder}/models/net.onnx"));
        fixture.write(&format!("{folder}/models/calib.npy"), samples(1.0));
    }
    let said = outside::run(lock_command(&fixture, &[]).current_dir(fixture.path("hôst/src")));
    assert!(said.contains("hôst/quantize.lock: written") && !said.contains("firm ware"), "{said}");
    let said = lock(&fixture, &["--workspace"]);
    assert!(
        said.contains("hôst/quantize.lock: up to date") && said.contains("firm ware/quantize.lock: written"),
        "{said}"
    );
    let read = |folder: &str| fs::read(fixture.path(folder).join("quantize.lock")).expect("it was written");
    assert!(read("hôst") == read("firm ware"), "the same model has two entries");
}

#[test]
fn nothing_is_written_when_the_crate_does_not_compile() {
    let fixture = user_crate("lock/broken");
    let failure = |arguments: &[&str]| {
        let output = lock_command(&fixture, arguments).output().expect("Cargo runs");
        assert!(!output.status.success() && !fixture.path("quantize.lock").is_file(), "a file was written");
        stderr(&output)
    };
    fixture.write("src/lib.rs", structure("Net", ARGUMENTS) + "pub fn broken() -> Missing {}\n");
    let said = failure(&[]);
    assert!(said.contains("cannot find type `Missing`"), "{said}");
    assert!(said.contains("error: `cargo check` failed: no lock file was written"), "{said}");

    fixture.write("src/lib.rs", structure("Net", ARGUMENTS));
    fs::create_dir(fixture.path("quantize.lock")).expect("a folder of this name");
    let said = failure(&[]);
    assert!(said.contains("error: cannot read") && said.contains("quantize.lock"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let fixture = user_crate("lock/read-only");
    // Leaves in Cargo.lock what the crate needs.
    fixture.build();
    let cargo = lock_command(&fixture, &["--locked", "--quiet"]);
    let mut command = outside::on_read_only(&fixture.path(""), &cargo);
    let output = command.output().expect("unshare is there");
    let said = stderr(&output);
    if said.starts_with("unshare: ") || said.starts_with("mount: ") {
        return outside::skipped(&said).unwrap_or_default();
    }
    assert!(!output.status.success(), "a file was written");
    let path = fixture.path("quantize.lock");
    assert!(said.contains(&format!("error: cannot write {}: ", path.display())), "{said}");
    let checked = outside::on_read_only(&fixture.path(""), &lock_command(&fixture, &["--check", "--quiet"])).output();
    let checked = checked.expect("unshare is there");
    assert_eq!(checked.status.code(), Some(1), "{}", stderr(&checked));
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.starts_with("quantize.lock: stale\n  `Net` (src/lib.rs): new"), "{said}");
}

#[test]
fn a_packaged_crate_builds_without_samples() {
    let fixture = user_crate("lock/packaged");
    let crates = [
        ("quantize-build", "build-support"),
        ("quantize-float", "build-support/float"),
        ("quantize-macros", "quantize-macros"),
        ("quantize-runtime", "quantize-runtime"),
        ("quantize-syntax", "build-support/syntax"),
    ];
    // As if they were published.
    let patch = |(name, path): (&str, &str)| format!("{name}.path = {:?}\n", repository(path));
    fixture.write("patch.toml", format!("[patch.crates-io]\n{}", crates.map(patch).concat()));
    let version = env!("CARGO_PKG_VERSION");
    fixture.write(
        "Cargo.toml",
        format!(
            "[package]\nname = \"packaged\"\nversion = \"0.1.0\"\nedition = \"2024\"\nexclude = [\"models/*.npy\", \"patch.toml\"]\n\n\
             [dependencies]\nquantize-runtime = \"={version}\"\n\n[build-dependencies]\nquantize-build = \"={version}\"\n\n\
             {PROFILE}\n[workspace]\n"
        ),
    );
    lock(&fixture, &["--config", "patch.toml"]);
    let output = fixture.cargo(&["--config", "patch.toml", "package", "--allow-dirty"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let package = fixture.target().join("package/packaged-0.1.0");
    assert!(package.join("quantize.lock").is_file(), "the package has no lock file");
    assert!(!package.join("models/calib.npy").exists(), "the package has samples");
}

#[test]
fn a_crate_that_cargo_unpacked_keeps_its_lock() {
    let fixture = user_crate("lock/unpacked");
    lock(&fixture, &[]);
    let expected = fixture.build().output("Net.vgf");
    let text = fs::read_to_string(fixture.path("quantize.lock")).expect("it was written");
    let mut model = schema::parse(&text).expect("a sound file").remove(0).model;
    model.inputs.tool = "quantize-build 0.0.1".to_owned();
    fixture.write("quantize.lock", schema::to_toml([&model]));
    assert!(fixture.failure(&["check", "--quiet"]).contains("the library of the build script changed"));
    // As in the folders of registries.
    fixture.write(".cargo-ok", "{\"v\":1}");
    fs::remove_file(fixture.path("models/calib.npy")).expect("the fixture has samples");
    for value in ["", "ignore", "require"] {
        let build = fixture.build_with(fixture.command(&["build"]).env("QUANTIZE_LOCK", value));
        assert!(build.output("Net.vgf") == expected, "QUANTIZE_LOCK={value}");
    }
}

/// What is done to a crate after it was locked.
enum Edit {
    /// In the source: one text for another.
    Source(&'static str, &'static str),
    /// In the entry: the first of one text for another.
    Entry(&'static str, &'static str),
    /// The last line of a list of the entry goes.
    Shorten(&'static str),
    /// The last line of a list of the entry comes twice.
    Lengthen(&'static str),
    /// The model is trained anew.
    Model,
    /// There are other samples.
    Samples,
}

const EDITS: [(&str, Edit); 17] = [
    ("changed_rule", Edit::Source("fc\", config = int8", "fc\", config = int8(per_tensor)")),
    ("changed_global", Edit::Source("global = int8", "global = int8(observer = minmax)")),
    ("new_rule", Edit::Source("global = int8", "global = int8, io = int8(per_tensor)")),
    ("removed_rule", Edit::Source("module(name = \"encoder.fc\", config = int8),", "")),
    ("changed_model", Edit::Model),
    ("changed_samples", Edit::Samples),
    ("other_tool", Edit::Entry("tool = \"quantize-build ", "tool = \"quantize-build 9.")),
    ("edited_scale", Edit::Entry("scale = 0.0", "scale = 1.0")),
    ("edited_weights", Edit::Entry("scale = [0.0", "scale = [1.0")),
    ("edited_type", Edit::Entry("dtype = \"int8\"", "dtype = \"int16\"")),
    ("edited_zero_point", Edit::Entry("zero_point = -", "zero_point = 1000")),
    ("missing_tensor", Edit::Shorten("tensors")),
    ("repeated_tensor", Edit::Lengthen("tensors")),
    ("other_tensor", Edit::Entry("tensors = [\n    { node = \"", "tensors = [\n    { node = \"not_")),
    ("missing_weights", Edit::Shorten("weights")),
    ("repeated_weights", Edit::Lengthen("weights")),
    ("other_weights", Edit::Entry("weights = [\n    { node = \"", "weights = [\n    { node = \"not_")),
];

/// `NewRule` for `new_rule`.
fn struct_name(case: &str) -> String {
    case.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// Changes the last line of a list.
fn edit_last(entry: &str, list: &str, change: impl Fn(&str) -> String) -> String {
    let start = entry.find(&format!("{list} = [\n")).expect("the list is there");
    let end = start + entry[start..].find("\n]").expect("it ends") + 1;
    let last = entry[..end - 1].rfind('\n').expect("it has a line") + 1;
    [&entry[..last], &change(&entry[last..end]), &entry[end..]].concat()
}

#[test]
fn every_entry_that_does_not_fit_is_explained() {
    let fixture = Fixture::new(TMP, "lock/edits", "edits");
    let arguments = |case: &str| {
        let arguments = ARGUMENTS.replace("models/net", &format!("models/{case}"));
        arguments.replace("models/calib", &format!("models/{case}"))
    };
    let mut modules = String::new();
    for (case, _) in &EDITS {
        fixture.write(&format!("src/{case}.rs"), structure(&struct_name(case), &arguments(case)));
        fixture.copy("tests/data/models/small.onnx", &format!("models/{case}.onnx"));
        fixture.write(&format!("models/{case}.npy"), samples(1.0));
        modules += &format!("pub mod {case};\n");
    }
    fixture.write("src/lib.rs", modules);
    lock(&fixture, &[]);
    let text = fs::read_to_string(fixture.path("quantize.lock")).expect("it was written");
    let mut entries: Vec<String> = text.split("\n[[model]]\n").map(str::to_owned).collect();
    for (case, edit) in &EDITS {
        let name = format!("name = \"{}\"\n", struct_name(case));
        let entry = entries.iter_mut().find(|entry| entry.contains(&name)).expect("each has an entry");
        let edited = match edit {
            Edit::Source(old, new) => {
                let source = structure(&struct_name(case), &arguments(case));
                assert!(source.contains(old), "{case}");
                fixture.write(&format!("src/{case}.rs"), source.replacen(old, new, 1));
                entry.clone()
            }
            Edit::Entry(old, new) => {
                assert!(entry.contains(old), "{case}: {entry}");
                entry.replacen(old, new, 1)
            }
            Edit::Shorten(list) => edit_last(entry, list, |_| String::new()),
            Edit::Lengthen(list) => edit_last(entry, list, |line| line.repeat(2)),
            Edit::Model => {
                fixture.copy("tests/data/models/small_retrained.onnx", &format!("models/{case}.onnx"));
                entry.clone()
            }
            Edit::Samples => {
                fixture.write(&format!("models/{case}.npy"), samples(2.0));
                entry.clone()
            }
        };
        *entry = edited;
    }
    fixture.write("quantize.lock", entries.join("\n[[model]]\n"));
    let said = fixture.failure(&["check", "--quiet"]);
    let messages: Vec<&str> = said.split("\n\n").collect();
    let faults: Vec<String> = EDITS
        .iter()
        .filter_map(|(case, _)| {
            let place = format!("--> src/{case}.rs:");
            let said: Vec<&str> = messages.iter().copied().filter(|said| said.contains(&place)).collect();
            check(case, &said.join("\n\n")).err()
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    lock(&fixture, &[]);
    fixture.build();
}

#[test]
fn every_file_that_cannot_be_read_is_explained() {
    let fixture = user_crate("lock/faults");
    lock(&fixture, &[]);
    let text = fs::read_to_string(fixture.path("quantize.lock")).expect("it was written");
    let entry = &text[text.find("\n[[model]]").expect("an entry")..];
    let cases = [
        ("conflict", text.replace("tool =", "<<<<<<< HEAD\ntool =")),
        ("other_version", text.replace("version = 1", "version = 2")),
        ("cut_off", text[..text.find("weights").expect("a list")].to_owned()),
        ("not_toml", text.replacen("name = ", "name ", 1)),
        ("entry_twice", format!("{text}{entry}")),
    ];
    let mut faults = Vec::new();
    for (case, text) in cases {
        fixture.write("quantize.lock", text);
        faults.extend(check(case, &fixture.failure(&["check", "--quiet"])).err());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let said = lock(&fixture, &[]);
    assert!(said.contains("what was there could not be read: line"), "{said}");
    assert_eq!(fs::read_to_string(fixture.path("quantize.lock")).expect("it was written"), text);
}

#[test]
fn the_examples_are_locked() {
    let fixture = Fixture::empty(TMP, "lock/examples");
    let target = Path::new(TMP).parent().expect("Cargo puts it into the target folder");
    let mut command = lock_command(&fixture, &["--check", "--package", "digits", "--package", "two-inputs"]);
    outside::run(command.current_dir(repository("")).env("CARGO_TARGET_DIR", target));
}

/// `tests/scripts/lock_time.py` measures the time.
#[test]
fn digits_builds_from_its_lock_file_without_samples() {
    let fixture = Fixture::new(TMP, "lock/digits", "digits");
    for file in ["src/main.rs", "src/npy.rs", "quantize.lock", "models/digits_cnn.onnx"] {
        fixture.copy(&format!("examples/digits/{file}"), file);
    }
    for file in ["eval_x.npy", "eval_y.npy", "eval_float.npy"] {
        fixture.copy(&format!("examples/digits/models/{file}"), &format!("models/{file}"));
    }
    let built = fixture.build_with(fixture.command(&["build"]).env("QUANTIZE_LOCK", "require")).output("Digits.vgf");
    assert!(built == Digits::VGF, "the lock file gives other bytes than the samples");
}
