//! Crates outside the workspace, as a user has them, and what Cargo says about them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::repository;

/// The build script that every user writes.
pub const BUILD_SCRIPT: &str = "fn main() {\n    quantize_build::compile();\n}\n";

/// A crate in a folder of its own, built offline with the versions of our `Cargo.lock`.
///
/// All share the target folder of the workspace, so that their dependencies are compiled once.
pub struct Fixture {
    folder: PathBuf,
    target: PathBuf,
}

/// What one build did.
pub struct Build {
    /// Whether Cargo found nothing to do for the crate.
    pub fresh: bool,
    /// `OUT_DIR` of its build script.
    pub out_dir: PathBuf,
}

impl Fixture {
    /// An empty crate `name` with both our dependencies and [`BUILD_SCRIPT`], in a new folder `place`.
    ///
    /// `tmp` is the test's `env!("CARGO_TARGET_TMPDIR")`.
    pub fn new(tmp: &str, place: &str, name: &str) -> Self {
        let folder = Path::new(tmp).join("fixtures").join(place);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the folder of an earlier run can be removed");
        }
        let target = Path::new(tmp).parent().expect("Cargo puts it into the target folder").to_path_buf();
        let fixture = Self { folder, target };
        let (runtime, build) = (repository("quantize-runtime"), repository("build-support"));
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [dependencies]\nquantize-runtime.path = {runtime:?}\n\n\
             [build-dependencies]\nquantize-build.path = {build:?}\n\n\
             [profile.dev.package]\nquantize-float.opt-level = 3\nlibm.opt-level = 3\nsha2.opt-level = 3\nquantize-runtime.opt-level = 3\n\n\
             [workspace]\n",
        );
        fixture.write("Cargo.toml", manifest);
        fixture.write("build.rs", BUILD_SCRIPT);
        fs::copy(repository("Cargo.lock"), fixture.path("Cargo.lock")).expect("the workspace has a Cargo.lock");
        fixture
    }

    /// Gives the runtime its feature `libm`.
    pub fn use_libm(&self) {
        let manifest = fs::read_to_string(self.path("Cargo.toml")).expect("every crate has one");
        let runtime = repository("quantize-runtime");
        let plain = format!("quantize-runtime.path = {runtime:?}");
        let with_libm = format!("quantize-runtime = {{ path = {runtime:?}, features = [\"libm\"] }}");
        self.write("Cargo.toml", manifest.replace(&plain, &with_libm));
    }

    /// A file of the crate.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
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

    /// Runs Cargo in the crate.
    pub fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .arg("--offline")
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never")
            // Ours, which Cargo would hand on to a crate without a build script.
            .env_remove("OUT_DIR")
            .output()
            .expect("Cargo runs")
    }

    /// Builds the crate; panics with Cargo's words where that fails.
    pub fn build(&self) -> Build {
        let output = self.cargo(&["build", "--message-format=json-render-diagnostics"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8(output.stdout).expect("Cargo's messages are UTF-8");
        let package = format!("{}#", self.folder.display());
        let ours = |reason: &str| {
            let reason = format!("{{\"reason\":\"{reason}\"");
            messages.lines().filter(|line| line.starts_with(&reason) && line.contains(&package)).collect::<Vec<_>>()
        };
        let script = ours("build-script-executed");
        let out_dir = script.first().and_then(|line| line.split("\"out_dir\":\"").nth(1)?.split('"').next());
        Build {
            fresh: ours("compiler-artifact").iter().all(|line| line.contains("\"fresh\":true")),
            out_dir: out_dir.expect("the crate has a build script").into(),
        }
    }
}

impl Build {
    /// Bytes of a file that the build script wrote for the attribute, such as `Net.vgf`.
    pub fn output(&self, file: &str) -> Vec<u8> {
        let path = self.out_dir.join("quantize").join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}
