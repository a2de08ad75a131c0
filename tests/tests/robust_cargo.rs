//! However Cargo is called and wherever things lie, the artifacts are the same, and a build writes nothing beside its sources.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use quantize_tests::fixture::Fixture;
use quantize_tests::script::{NOTING_SCRIPT, Script, files};
use quantize_tests::{npy, outside, repository};

fn source(model: &str, samples: &str, name: &str) -> String {
    format!(
        "#[quantize_runtime::quantize(model = \"{model}\", calibration = \"{samples}\", global = int8)]\npub struct {name};\n"
    )
}

fn add_models(fixture: &Fixture, model: &str, samples: &str) {
    fixture.copy("tests/data/models/small.onnx", model);
    let ramp: Vec<f32> = (0..32).map(|i| i as f32 / 15.5 - 1.0).collect();
    fixture.write(samples, npy::bytes(&[8, 4], &ramp));
}

fn user_crate(place: &str) -> Fixture {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, "everywhere");
    fixture.write("src/lib.rs", source("models/net.onnx", "models/calib.npy", "Net"));
    add_models(&fixture, "models/net.onnx", "models/calib.npy");
    fixture
}

/// Everything below a folder: time and content.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let time = fs::metadata(&path).and_then(|data| data.modified()).expect("a file with a time");
        if path.is_dir() {
            found.extend(snapshot(&path));
            found.insert(path, (time, Vec::new()));
        } else {
            let content = fs::read(&path).expect("the file can be read");
            found.insert(path, (time, content));
        }
    }
    found
}

#[test]
fn spaces_and_letters_of_any_script_are_good_names() {
    let expected = files(&user_crate("names/plain").build().out_dir);
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "names/Größe und Maß", "everywhere");
    let named = |name: &str| source("модели/le réseau.onnx", "модели/des échantillons.npy", name);
    fixture.write("src/lib.rs", named("Größe") + "#[allow(non_camel_case_types)]\n" + &named("r#type"));
    add_models(&fixture, "модели/le réseau.onnx", "модели/des échantillons.npy");
    let found = files(&fixture.build().out_dir);
    assert!(["Größe.vgf", "type.vgf"].iter().all(|file| found[*file] == expected["Net.vgf"]));
    assert!(fixture.build().fresh);
}

#[test]
fn symlinked_sources_are_sources() {
    let expected = files(&user_crate("links/plain").build().out_dir);
    let fixture = user_crate("links/linked");
    for folder in ["src", "models"] {
        fs::rename(fixture.path(folder), fixture.path(&format!("real-{folder}"))).expect("it can be renamed");
        symlink(format!("real-{folder}"), fixture.path(folder)).expect("a link can be made");
    }
    fs::rename(fixture.path("real-models/net.onnx"), fixture.path("net.onnx")).expect("it can be renamed");
    symlink("../net.onnx", fixture.path("models/net.onnx")).expect("a link can be made");
    // The manifest names the file of the struct, links followed.
    let artifact = || files(&fixture.build().out_dir)["Net.vgf"].clone();
    assert!(artifact() == expected["Net.vgf"]);
    fixture.copy("tests/data/models/small_retrained.onnx", "net.onnx");
    assert!(artifact() != expected["Net.vgf"], "a change behind a link was not seen");
}

#[test]
fn the_target_folder_may_be_anywhere() {
    let fixture = user_crate("target/crate");
    let expected = files(&fixture.build().out_dir);
    let mut places = vec![(fixture.path("../relative"), "../relative".to_owned())];
    // Another file system.
    let memory = Path::new("/dev/shm");
    let memory = memory.is_dir().then(|| memory.join(format!("quantize-{}", std::process::id())));
    places.extend(memory.iter().map(|path| (path.clone(), path.display().to_string())));
    for (path, variable) in &places {
        fixture.link_dependencies(path);
        let build =
            |fixture: &Fixture| fixture.build_with(fixture.command(&["build"]).env("CARGO_TARGET_DIR", variable));
        let found = files(&build(&fixture).out_dir);
        assert!(found == expected && build(&fixture).fresh, "{variable}");
        fs::remove_dir_all(path).expect("the folder can be removed");
    }
}

#[test]
fn nothing_is_written_beside_the_sources() {
    let fixture = user_crate("read-only");
    // Leaves in Cargo.lock what the crate needs; newer samples are a reason to run the build script again.
    fixture.build();
    add_models(&fixture, "models/net.onnx", "models/calib.npy");
    let before = snapshot(&fixture.path(""));
    let entries: Vec<&PathBuf> = before.keys().collect();
    let folder = fixture.path("");
    let set_mode = |write: u32| {
        for path in entries.iter().copied().chain([&folder]) {
            let read = if path.is_dir() { 0o555 } else { 0o444 };
            fs::set_permissions(path, fs::Permissions::from_mode(read | write)).expect("it is ours");
        }
    };
    set_mode(0);
    let build = fixture.build_with(&mut fixture.command(&["build", "--locked", "--offline"]));
    assert!(!build.fresh, "the build script did not run");
    let expected = files(&build.out_dir);
    assert!(snapshot(&folder) == before, "the sources changed");
    // The superuser writes where it may not: it gets a file system of its own that nobody can write to.
    set_mode(0o200);
    fixture.write("build.rs", NOTING_SCRIPT);
    let script = Script::of(&fixture);
    let out_dir = script.out_dir.join("read-only");
    let command = script.command(&[script.program.as_os_str()], &out_dir);
    let output = outside::on_read_only(&folder, &command).output().expect("unshare is there");
    if output.status.success() {
        assert!(files(&out_dir) == expected);
    } else {
        println!("skipped: no file system of its own: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_packaged_crate_is_verified() {
    let fixture = user_crate("package");
    let manifest = fs::read_to_string(fixture.path("Cargo.toml")).expect("it has one");
    // As on the registry, where they will be.
    let (runtime, build) = (repository("quantize-runtime"), repository("build-support"));
    let manifest = manifest
        .replace(&format!("path = {runtime:?}"), &format!("version = \"0.1.0\", path = {runtime:?}"))
        .replace(
            &format!("quantize-build.path = {build:?}"),
            &format!("quantize-build = {{ version = \"0.1.0\", path = {build:?} }}"),
        )
        .replace("edition =", "license = \"MIT\"\ndescription = \"A network\"\nedition =");
    fixture.write("Cargo.toml", manifest);
    let mut patches = Vec::new();
    for (name, folder) in [
        ("quantize-runtime", "quantize-runtime"),
        ("quantize-macros", "quantize-macros"),
        ("quantize-build", "build-support"),
        ("quantize-float", "build-support/float"),
        ("quantize-syntax", "build-support/syntax"),
    ] {
        patches.push(format!("patch.crates-io.{name}.path = {:?}", repository(folder)));
    }
    let mut cargo = fixture.command(&["package", "--offline", "--allow-dirty"]);
    cargo.args(patches.iter().flat_map(|patch| ["--config", patch]));
    let output = cargo.output().expect("Cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
