//! Crates outside the workspace, as a user has them, and what Cargo says about them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::repository;

/// The build script that every user writes.
pub const BUILD_SCRIPT: &str = "fn main() {\n    quantize_build::compile();\n}\n";

/// What the README tells users to write for fast calibration; in the `Cargo.toml` of the workspace's root.
///
/// Without debug information, of which Cargo gives what a build script needs more where `--target` is named: the same libraries
/// serve both.
pub const PROFILE: &str = "[profile.dev]\ndebug = false\n\n[profile.dev.package]\nquantize-float.opt-level = 3\n\
                           libm.opt-level = 3\nsha2.opt-level = 3\nquantize-runtime.opt-level = 3\n";

/// Crates in a folder of their own, built offline with the versions of our `Cargo.lock`.
///
/// Each has its own target folder with all dependencies in it, compiled once for all: a build compiles the crates themselves.
/// In a folder that other settings of Cargo reach, or with other profiles or compilers, everything is compiled anew.
pub struct Fixture {
    /// Where all fixtures are.
    fixtures: PathBuf,
    folder: PathBuf,
    target: PathBuf,
}

/// What one build did.
pub struct Build {
    /// Whether Cargo found nothing to do for the crates.
    pub fresh: bool,
    /// `OUT_DIR` of the build script, if it is the only one.
    pub out_dir: PathBuf,
    /// `OUT_DIR` of each package's build script.
    pub out_dirs: BTreeMap<String, PathBuf>,
}

/// `Cargo.toml` of a crate `name` with both our dependencies; any feature is one of `quantize-runtime`.
pub fn manifest(name: &str, features: &[&str]) -> String {
    let (runtime, build) = (repository("quantize-runtime"), repository("build-support"));
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nquantize-runtime = {{ path = {runtime:?}, features = {features:?} }}\n\n\
         [build-dependencies]\nquantize-build.path = {build:?}\n\n",
    )
}

impl Fixture {
    /// An empty crate `name` with both our dependencies and [`BUILD_SCRIPT`], in a new folder `place`.
    ///
    /// `tmp` is the test's `env!("CARGO_TARGET_TMPDIR")`.
    pub fn new(tmp: &str, place: &str, name: &str) -> Self {
        let fixture = Self::empty(tmp, place);
        fixture.write("Cargo.toml", format!("{}{PROFILE}\n[workspace]\n", manifest(name, &[])));
        fixture.write("build.rs", BUILD_SCRIPT);
        fixture
    }

    /// A new folder `place` with our `Cargo.lock` and nothing else, such as for a workspace.
    ///
    /// Members' manifests come from [`manifest`]; the root's ends with [`PROFILE`].
    pub fn empty(tmp: &str, place: &str) -> Self {
        let fixture = Self::uncompiled(tmp, place);
        fixture.link_dependencies(&fixture.target);
        fixture
    }

    /// [`Fixture::empty`] for another compiler or target folder, for which nothing is compiled yet.
    pub fn uncompiled(tmp: &str, place: &str) -> Self {
        let fixtures = Path::new(tmp).join("fixtures");
        let (folder, target) = (fixtures.join(place), fixtures.join("targets").join(place));
        for folder in [&folder, &target] {
            remove(folder);
        }
        let fixture = Self { fixtures, folder, target };
        fs::create_dir_all(&fixture.folder).expect("the folder can be made");
        fs::copy(repository("Cargo.lock"), fixture.path("Cargo.lock")).expect("the workspace has a Cargo.lock");
        fixture
    }

    /// Makes `target` a target folder in which the dependencies of every fixture are compiled.
    pub fn link_dependencies(&self, target: &Path) {
        static COMPILED: OnceLock<PathBuf> = OnceLock::new();
        link(COMPILED.get_or_init(|| compile_dependencies(&self.fixtures.join("dependencies"))), target);
    }

    /// Gives the runtime its feature `libm`.
    pub fn use_libm(&self) {
        let manifest = fs::read_to_string(self.path("Cargo.toml")).expect("every crate has one");
        self.write("Cargo.toml", manifest.replace("features = []", "features = [\"libm\"]"));
    }

    /// A file of the crate.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The target folder, unless a command is told another.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Writes a file of the crate.
    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        fs::write(path, content).expect("the file can be written");
    }

    /// Copies a file of the repository into the crate.
    pub fn copy(&self, from: &str, file: &str) {
        self.write(file, fs::read(repository(from)).unwrap_or_else(|error| panic!("{from}: {error}")));
    }

    /// Cargo in the crate, to be run; the caller may add arguments, variables of the environment or another folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            // Ours, which Cargo would hand on to a crate without a build script.
            .env_remove("OUT_DIR");
        command
    }

    /// Runs Cargo in the crate.
    pub fn cargo(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("Cargo runs")
    }

    /// Runs Cargo in the crate, which must fail; what it says, with `$DIR` for the crate's folder.
    #[track_caller]
    pub fn failure(&self, arguments: &[&str]) -> String {
        let output = self.cargo(arguments);
        let said = String::from_utf8(output.stderr).expect("messages are UTF-8");
        assert!(!output.status.success(), "the mistake went unnoticed: {said}");
        said.replace(self.folder.to_str().expect("test folders are UTF-8"), "$DIR")
    }

    /// Builds the crate; panics with Cargo's words where that fails.
    #[track_caller]
    pub fn build(&self) -> Build {
        self.build_with(&mut self.command(&["build"]))
    }

    /// Runs a [`Fixture::command`] that builds; panics with Cargo's words where that fails.
    #[track_caller]
    pub fn build_with(&self, command: &mut Command) -> Build {
        let output = command.arg("--message-format=json-render-diagnostics").output().expect("Cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("Cargo's messages are UTF-8");
        // With `cargo run`, the program's output follows.
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let (mut fresh, mut out_dirs) = (true, BTreeMap::new());
        for message in messages {
            let Some(id) = message["package_id"].as_str() else { continue };
            let Some(name) = self.package(id) else { continue };
            fresh &= message["reason"] != "compiler-artifact" || message["fresh"] == true;
            if let Some(out_dir) = message["out_dir"].as_str() {
                out_dirs.insert(name, PathBuf::from(out_dir));
            }
        }
        let out_dir = if out_dirs.len() == 1 { out_dirs.values().next().cloned() } else { None };
        Build { fresh, out_dir: out_dir.unwrap_or_default(), out_dirs }
    }

    /// The name of a package of the fixture by Cargo's id: `path+file:///folder#name@0.1.0`, or without the name where the
    /// folder has it.
    fn package(&self, id: &str) -> Option<String> {
        let (url, version) = id.strip_prefix("path+file://")?.rsplit_once('#')?;
        let folder = PathBuf::from(percent_decoded(url));
        if !folder.starts_with(&self.folder) {
            return None;
        }
        let name = version.split_once('@').map(|(name, _)| name.to_owned());
        name.or_else(|| Some(folder.file_name()?.to_str()?.to_owned()))
    }
}

impl Build {
    /// Bytes of a file that the build script wrote for the attribute, such as `Net.vgf`.
    pub fn output(&self, file: &str) -> Vec<u8> {
        let path = self.out_dir.join("quantize").join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

fn percent_decoded(url: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = url.as_bytes();
    while let [first, after @ ..] = rest {
        let code = |digits: &[u8]| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
        match after.get(..2).and_then(code).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).expect("Cargo's ids are UTF-8")
}

fn remove(folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).expect("the folder of an earlier run can be removed");
    }
}

/// Compiles what fixtures have in common, once with each feature of the runtime; the target folder.
fn compile_dependencies(folder: &Path) -> PathBuf {
    let target = folder.join("target");
    fs::create_dir_all(folder).expect("the folder can be made");
    // Other tests may run at the same time, and the folder must not change while it is copied.
    let lock = File::create(folder.join("lock")).expect("the lock can be made");
    lock.lock().expect("the lock can be had");
    let fixture = Fixture { fixtures: folder.to_owned(), folder: folder.to_owned(), target: target.clone() };
    // Their times stay, by which Cargo finds nothing to do the next time.
    let write = |file: &str, content: String| {
        if fs::read(fixture.path(file)).is_ok_and(|old| old == content.as_bytes()) {
            return;
        }
        fixture.write(file, content);
    };
    let members = [("plain", &[][..]), ("real", &["libm"][..])];
    write("Cargo.toml", format!("[workspace]\nresolver = \"3\"\nmembers = [\"plain\", \"real\"]\n\n{PROFILE}"));
    fs::copy(repository("Cargo.lock"), fixture.path("Cargo.lock")).expect("the workspace has a Cargo.lock");
    for (name, features) in members {
        write(&format!("{name}/Cargo.toml"), manifest(name, features));
        write(&format!("{name}/src/lib.rs"), String::new());
        write(&format!("{name}/build.rs"), "fn main() {}\n".to_owned());
    }
    for (name, _) in members {
        for command in ["build", "check"] {
            // One package at a time: features of several would be merged.
            fixture.build_with(&mut fixture.command(&[command, "--package", name]));
        }
    }
    target
}

/// Copies a target folder by hard links: what Cargo finds fresh it leaves as it is, and what it makes is a new file.
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be read") {
        let entry = entry.expect("the folder can be read");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        let is_rewritten =
            [".cargo-lock", ".cargo-build-lock", ".rustc_info.json", "incremental"].iter().any(|known| name == *known);
        if is_rewritten {
            continue;
        }
        if from.is_dir() {
            link(&from, &to);
        } else if fs::hard_link(&from, &to).is_err() {
            copy_with_time(&from, &to);
        }
    }
}

/// For a target folder on another file system; Cargo compares times.
fn copy_with_time(from: &Path, to: &Path) {
    let copied = fs::copy(from, to).and_then(|_| {
        let time = fs::metadata(from)?.modified()?;
        File::options().write(true).open(to)?.set_modified(time)
    });
    copied.unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}
