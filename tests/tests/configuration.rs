//! Crates whose models depend on features, targets, conditions and quantize.toml: build script and compiler agree on what is
//! there.
//!
//! Mistakes are compared with `tests/data/configuration`; `BLESS=1` writes what is said now.

use std::fs;

use quantize_syntax::manifest::Head;
use quantize_tests::fixture::Fixture;
use quantize_tests::{npy, repository, texts};

/// Arguments of a model whose input has the scale of samples up to 1, or up to 3.
const NARROW: &str = r#"model = "models/net.onnx", calibration = "models/one.npy", global = int8"#;
const WIDE: &str = r#"model = "models/net.onnx", calibration = "models/three.npy", global = int8"#;

/// A crate with a model and both sample files; `N` and `W` in its sources stand for the arguments.
fn user_crate(place: &str, files: &[(&str, &str)]) -> Fixture {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, place);
    fixture.copy("tests/data/models/small.onnx", "models/net.onnx");
    for (name, largest) in [("one", 1.0), ("three", 3.0)] {
        let ramp: Vec<f32> = (0..32).map(|i| largest * (i as f32 / 15.5 - 1.0)).collect();
        fixture.write(&format!("models/{name}.npy"), npy::bytes(&[8, 4], &ramp));
    }
    for (path, text) in files {
        fixture.write(path, text.replace("(N)", &format!("({NARROW})")).replace("(W)", &format!("({WIDE})")));
    }
    fixture
}

/// Appends to the crate's Cargo.toml.
fn declare(fixture: &Fixture, tables: &str) {
    let manifest = fs::read_to_string(fixture.path("Cargo.toml")).expect("every crate has one");
    fixture.write("Cargo.toml", format!("{manifest}\n{tables}"));
}

/// Runs Cargo, which must succeed, and gives what the program prints.
#[track_caller]
fn cargo(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = fixture.cargo(arguments);
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the program prints UTF-8")
}

/// Runs `cargo check`, which must fail, and compares what it says with the golden file of the case.
#[track_caller]
fn check_refused(fixture: &Fixture, case: &str) {
    let said = fixture.failure(&["check"]);
    let is_progress = |line: &str| {
        line.starts_with("   ")
            && ["Compiling ", "Checking ", "Blocking "].iter().any(|word| line.trim_start().starts_with(word))
    };
    let said: String = said.split_inclusive('\n').filter(|line| !is_progress(line)).collect();
    let file = format!("tests/data/configuration/{case}.txt");
    texts::compare(&file, &said).unwrap_or_else(|difference| panic!("{difference}"));
}

/// Everything that `cfg` can be on; each function says whether its model is the wide one.
const LIBRARY: &str = r#"//! A library with models by feature.

use quantize_runtime::quantize;

mod file;
#[cfg(not(feature = "small"))]
mod gone;
#[cfg_attr(feature = "small", path = "by_feature/small.rs")]
#[cfg_attr(not(feature = "small"), path = "by_feature/large.rs")]
mod chosen;

#[cfg_attr(feature = "small", quantize(N))]
#[cfg_attr(not(feature = "small"), quantize(W))]
pub struct Twin;

#[cfg(all(feature = "small", unix))]
#[quantize(N)]
pub struct Stacked;

#[cfg(not(all(feature = "small", unix)))]
#[quantize(W)]
pub struct Stacked;

#[cfg_attr(unix, cfg_attr(not(feature = "small"), quantize_runtime::quantize(W)), doc = "Nested.")]
#[cfg_attr(all(unix, feature = "small"), quantize_runtime::quantize(N))]
pub struct Nested;

/// The compiler expands the attribute before it looks at the condition below it.
#[quantize(W)]
#[cfg(not(feature = "small"))]
pub struct Below;

#[cfg(feature = "small")]
#[quantize(N)]
pub struct Below;

mod inline {
    #![cfg(any(feature = "small", true))]

    #[cfg(target_pointer_width = "16")]
    mod absent;

    #[super::quantize(N)]
    #[cfg_attr(feature = "small", cfg(false))]
    pub struct Inner;

    #[cfg(feature = "small")]
    pub use super::Twin as Inner;
}

/// Whether a model was calibrated with the samples up to 3.
pub fn is_wide(input: quantize_runtime::TensorInfo<i8>) -> bool {
    input.scale > 0.015
}

/// Name and width of each model.
pub fn models() -> [(&'static str, bool); 7] {
    [
        ("Twin", is_wide(Twin::INPUT)),
        ("Stacked", is_wide(Stacked::INPUT)),
        ("Nested", is_wide(Nested::INPUT)),
        ("Below", is_wide(Below::INPUT)),
        ("Inner", is_wide(inline::Inner::INPUT)),
        ("File", is_wide(file::File::INPUT)),
        ("Chosen", is_wide(chosen::Chosen::INPUT)),
    ]
}

#[cfg(test)]
mod tests {
    use quantize_runtime::{Arena, quantize};

    #[quantize(W)]
    struct OfTests;

    #[test]
    fn a_model_of_the_tests_runs() {
        static ARENA: Arena<OfTests> = Arena::new();
        OfTests::new(ARENA.take()).run(&[0.0; 4]);
        assert!(super::is_wide(OfTests::INPUT));
    }
}
"#;

const FILE: &str = r#"#![cfg(not(false))]

#[cfg_attr(not(feature = "small"), quantize_runtime::quantize(W))]
#[cfg_attr(feature = "small", quantize_runtime::quantize(N))]
pub struct File;
"#;

/// A test of the library and a program's own model of the same name as the library's.
const TEST: &str = r#"
#[quantize_runtime::quantize(N)]
struct Twin;

#[test]
fn the_compiler_sees_what_the_build_script_saw() {
    for (name, is_wide) in conditions::models() {
        assert_eq!(is_wide, cfg!(not(feature = "small")) && name != "Inner", "{name}");
    }
    assert!(!conditions::is_wide(Twin::INPUT));
}
"#;

#[test]
fn build_script_and_compiler_agree_on_conditions() {
    let program = |model: &str| {
        format!(
            "#[quantize_runtime::quantize{model}]\nstruct Net;\n\n\
             fn main() {{\n    print!(\"{{}}\", conditions::is_wide(Net::INPUT));\n}}\n"
        )
    };
    let (narrow, wide) = (program("(N)"), program("(W)"));
    let chosen = "#[quantize_runtime::quantize(N)]\npub struct Chosen;\n";
    let files = [
        ("src/lib.rs", LIBRARY),
        ("src/file.rs", FILE),
        ("src/gone.rs", "#![cfg(target_os = \"none\")]\ncompile_error!(\"not for this target\");\n"),
        ("src/by_feature/small.rs", chosen),
        ("src/by_feature/large.rs", &chosen.replace("(N)", "(W)")),
        ("src/bin/narrow.rs", &narrow),
        ("src/bin/wide.rs", &wide),
        ("src/bin/stale.rs", "#[quantize_runtime::quantize(model = \"gone.onnx\", global = int8)]\nstruct Net;\n"),
        ("examples/small.rs", &narrow),
        ("tests/agree.rs", TEST),
    ];
    let fixture = user_crate("conditions", &files);
    declare(
        &fixture,
        "[features]\nsmall = []\n[[bin]]\nname = \"narrow\"\n[[bin]]\nname = \"wide\"\n\
         [[example]]\nname = \"small\"\nrequired-features = [\"small\"]\n",
    );
    let manifest = fs::read_to_string(fixture.path("Cargo.toml")).expect("every crate has one");
    fixture.write("Cargo.toml", manifest.replacen("[package]\n", "[package]\nautobins = false\n", 1));

    for features in [&[][..], &["--features=small"]] {
        let with = |arguments: &[&'static str]| [arguments, features].concat();
        cargo(&fixture, &with(&["test", "--quiet"]));
        assert_eq!(cargo(&fixture, &with(&["run", "--quiet", "--bin=narrow"])), "false");
        assert_eq!(cargo(&fixture, &with(&["run", "--quiet", "--bin=wide"])), "true");
    }
    assert_eq!(cargo(&fixture, &["run", "--quiet", "--features=small", "--example=small"]), "false");
}

#[test]
fn conditions_that_rustflags_set_are_seen() {
    let source = r#"
#[cfg_attr(fast, quantize_runtime::quantize(N))]
#[cfg_attr(not(fast), quantize_runtime::quantize(W))]
struct Net;

#[cfg(level = "2")]
#[quantize_runtime::quantize(N)]
struct Second;

fn main() {
    print!("{} {}", Net::INPUT.scale < 0.015, Second::ARENA_BYTES > 0);
}
"#;
    let fixture = user_crate("rustflags", &[("src/main.rs", source)]);
    // With the target named, what runs on the host is compiled without the flags: it is there already.
    let run = |flags: &str| {
        let mut cargo = fixture.command(&["run", "--quiet", "--target", "host-tuple"]);
        cargo.env("RUSTFLAGS", flags).output().expect("Cargo runs")
    };
    let set = run("--cfg fast --cfg level=\"2\"");
    assert_eq!(String::from_utf8_lossy(&set.stdout), "true true", "{}", String::from_utf8_lossy(&set.stderr));
    // What they do not set may come from the build script's own output.
    let said = String::from_utf8(run("").stderr).expect("messages are UTF-8");
    let expected =
        "src/main.rs:4: whether `Net` has this `quantize` depends on `fast`, which the build script cannot see";
    assert!(said.contains(expected), "{said}");
}

const SETTINGS: &str = r#"[config]
careful = "int8(per_tensor, observer = minmax)"

[profile.narrow]
calibration = "models/one.npy"
global = "careful"

[profile.wide]
model = "models/net.onnx"
calibration = "models/three.npy"
module = [{ name = "encoder.fc", config = "int8(per_tensor)" }]
global = "int8"

[[select]]
cfg = 'feature = "tiny"'
profile = "narrow"
models = ["Chosen", "Net"]

[[select]]
env = "MODELS"

[[select]]
profile = "narrow"
"#;

const CONFIGURED: &str = r#"//! Models that share what they are quantized with.

use quantize_runtime::quantize;

#[quantize(model = "models/net.onnx", profile_from = "narrow")]
struct Shared;

#[quantize(model = "models/net.onnx", calibration = "models/three.npy", profile_from = "narrow", io = "careful")]
struct Own;

#[quantize(profile_from = "wide")]
struct Whole;

#[quantize(model = "models/net.onnx")]
struct Chosen;

fn main() {
    for input in [Shared::INPUT, Own::INPUT, Whole::INPUT, Chosen::INPUT] {
        print!("{}", if input.scale > 0.015 { 'W' } else { 'N' });
    }
}
"#;

#[test]
fn models_share_profiles_that_features_and_the_environment_choose() {
    let fixture = user_crate("profiles", &[("src/main.rs", CONFIGURED), ("quantize.toml", SETTINGS)]);
    declare(&fixture, "[features]\ntiny = []\n");
    assert_eq!(cargo(&fixture, &["run", "--quiet"]), "NWWN");
    assert_eq!(cargo(&fixture, &["run", "--quiet", "--config=env.MODELS='wide'"]), "NWWW");
    assert_eq!(cargo(&fixture, &["run", "--quiet", "--config=env.MODELS='wide'", "--features=tiny"]), "NWWN");

    let build = fixture.build();
    let head = |name: &str| {
        let text = String::from_utf8(build.output(&format!("{name}.toml"))).expect("manifests are UTF-8");
        Head::parse(&text).expect("a manifest")
    };
    let own = head("Own");
    let written =
        r#"model = "models/net.onnx", calibration = "models/three.npy", io = "careful", profile_from = "narrow""#;
    assert_eq!(own.attribute, written);
    let effective = r#"model = "models/net.onnx", calibration = "models/three.npy", global = int8(per_tensor, observer = minmax), io = int8(per_tensor, observer = minmax)"#;
    assert_eq!(own.effective, effective);
    let origin: Vec<(&str, &str)> =
        own.origin.iter().map(|(argument, from)| (argument.as_str(), from.as_str())).collect();
    let expected = [
        ("calibration", "attribute"),
        ("global", "profile `narrow` of quantize.toml:6"),
        ("io", "attribute, `careful` of quantize.toml:2"),
        ("model", "attribute"),
    ];
    assert_eq!(origin, expected);
    assert_eq!(head("Whole").origin["module[0]"], "profile `wide` of quantize.toml:11");

    assert!(fixture.build().fresh);
    fixture.write("quantize.toml", SETTINGS.replacen("models/one.npy", "models/three.npy", 1));
    assert!(!fixture.build().fresh, "the file is not watched");
    assert_eq!(cargo(&fixture, &["run", "--quiet"]), "WWWW");
}

#[test]
fn members_of_a_workspace_share_its_file() {
    let own = "#[quantize_runtime::quantize(model = \"models/net.onnx\")]\npub struct Net;\n";
    let member = "#[quantize_runtime::quantize(model = \"../models/net.onnx\", calibration = \"../models/three.npy\", \
                  profile_from = \"wide\")]\npub struct Net;\n";
    let files = [
        ("src/lib.rs", own),
        ("member/src/lib.rs", member),
        ("member/build.rs", "fn main() {\n    quantize_build::compile();\n}\n"),
        ("quantize.toml", SETTINGS),
    ];
    let fixture = user_crate("shared-settings", &files);
    let manifest = fs::read_to_string(fixture.path("Cargo.toml")).expect("every crate has one");
    let package = manifest.split("[profile").next().expect("it begins with the package");
    fixture.write("member/Cargo.toml", package.replace("shared-settings", "member"));
    fixture.write("Cargo.toml", manifest.replace("[workspace]", "[workspace]\nmembers = [\"member\"]"));
    cargo(&fixture, &["check", "--quiet", "--workspace"]);
    fs::remove_file(fixture.path("quantize.toml")).expect("it is there");
    fixture.write("member/src/lib.rs", format!("{member}\n"));
    let output = fixture.cargo(&["check", "--quiet", "--package=member"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("no profile `wide`: there is no quantize.toml beside Cargo.toml or the workspace's"),
        "{said}"
    );
}

#[test]
fn mistakes_of_the_file_are_one_report() {
    let settings = r#"[config]
careful = "int8(observer = hist)"
int8 = "a16w8"

[profile.small]
calibraton = "models/one.npy"
global = "carful"
module = [{ name = "encoder.fc", confg = "int8" }]
from = { x = "u8" }

[[select]]
cfg = "fast"
profile = "smal"
"#;
    let source =
        "#[quantize_runtime::quantize(model = \"models/net.onnx\", profile_from = \"small\")]\npub struct Net;\n";
    check_refused(
        &user_crate("wrong-settings", &[("src/lib.rs", source), ("quantize.toml", settings)]),
        "wrong_settings",
    );
}

#[test]
fn values_of_the_file_that_do_not_fit_are_reported_at_the_attribute() {
    let settings = r#"[config]
careful = "int8"
ends = "uint8"
unused = "int8"

[profile.small]
calibration = "models/gone.npy"
global = "int8"
module = [{ name = "encoder.fcc", config = "careful" }]
"#;
    let source = r#"//! A mistake a module.

mod profile {
    #[quantize_runtime::quantize(model = "models/net.onnx", profile_from = "small")]
    pub struct Net;
}

mod names {
    #[quantize_runtime::quantize(
        model = "models/net.onnx",
        profile_from = "smal",
        global = "carefull",
        node(name = "relu", config = "ends"),
    )]
    pub struct Names;
}

mod model {
    #[quantize_runtime::quantize(profile_from = "small")]
    pub struct Model;
}
"#;
    check_refused(
        &user_crate("unfit-settings", &[("src/lib.rs", source), ("quantize.toml", settings)]),
        "unfit_settings",
    );
}

#[test]
fn conditions_that_cannot_be_seen_are_refused() {
    let source = r#"//! Conditions that Cargo does not tell.

#[cfg(fast)]
mod fast;
#[cfg_attr(panic = "abort", quantize_runtime::quantize(N))]
#[cfg_attr(not(panic = "abort"), quantize_runtime::quantize(W))]
pub struct Panic;
#[cfg_attr(test, quantize_runtime::quantize(N))]
#[cfg_attr(not(test), quantize_runtime::quantize(W))]
pub struct Tested;
#[quantize_runtime::quantize(model = "models/net.onnx", calibration = "models/one.npy", globl = int8)]
pub struct Misspelt;
"#;
    let files = [("src/lib.rs", source), ("src/fast.rs", "#[quantize_runtime::quantize(N)]\npub struct Fast;\n")];
    check_refused(&user_crate("unseen", &files), "unseen_conditions");
}

#[test]
fn the_runtime_may_have_another_name() {
    let source = r#"//! The runtime under a name of its own, and from another crate.

use nn::Arena;

#[nn::quantize(N, crate = nn)]
struct Renamed;

#[nn::quantize(N)]
struct Found;

mod inner {
    use firmware::parts;

    #[parts::runtime::quantize(W, crate = parts::runtime)]
    pub struct Exported;
}

nn::include_quantized!("Named");

fn main() {
    static RENAMED: Arena<Renamed> = Arena::new();
    static EXPORTED: Arena<inner::Exported> = Arena::new();
    Renamed::new(RENAMED.take()).run(&[0.0; 4]);
    static NAMED: Arena<Named> = Arena::new();
    inner::Exported::new(EXPORTED.take()).run_quantized(&[0; 4]);
    Named::new(NAMED.take()).run(&[0.0; 4]);
    print!("{} {}", Renamed::INPUT.scale < 0.015, inner::Exported::INPUT.scale > 0.015);
    assert_eq!(Found::INPUT, Renamed::INPUT);
}
"#;
    let source = source.replace("(N, ", &format!("({NARROW}, ")).replace("(W, ", &format!("({WIDE}, "));
    let firmware = "//! Hands the runtime on.\n\npub mod parts {\n    pub use quantize_runtime as runtime;\n}\n";
    let files = [("src/main.rs", source.as_str()), ("firmware/src/lib.rs", firmware)];
    let fixture = user_crate("renamed-runtime", &files);
    let manifest = fs::read_to_string(fixture.path("Cargo.toml")).expect("every crate has one");
    let package = manifest.split("[build-dependencies]").next().expect("it begins with the package");
    fixture.write("firmware/Cargo.toml", package.replacen("renamed-runtime", "firmware", 1));
    let runtime = repository("quantize-runtime");
    let dependencies = format!(
        "[dependencies]\nnn = {{ package = \"quantize-runtime\", path = {runtime:?} }}\nfirmware.path = \"firmware\"\n\n"
    );
    let (head, tail) = manifest.split_once("[dependencies]").expect("it has dependencies");
    let (_, tail) = tail.split_once("[build-dependencies]").expect("it has a build script");
    fixture.write("Cargo.toml", format!("{head}{dependencies}[build-dependencies]{tail}"));
    let script = "use quantize_build::compiler::{Compiler, Config, Model};\n\nfn main() {\n    let named = \
                  Model::new(\"models/net.onnx\").calibration(\"models/one.npy\").global(Config::int8());\n    \
                  Compiler::new().scan().model(\"Named\", named).compile();\n}\n";
    fixture.write("build.rs", script);
    assert_eq!(cargo(&fixture, &["run", "--quiet"]), "true true");
}

#[test]
fn a_runtime_that_is_not_there_is_an_error_at_its_path() {
    let source = format!("#[quantize_runtime::quantize({NARROW}, crate = nowhere::nn)]\npub struct Net;\n");
    check_refused(&user_crate("no-runtime", &[("src/lib.rs", &source)]), "no_runtime");
}
