//! A build script as Cargo runs it, run again without Cargo: by other hosts, under limits, several at once.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fixture::Fixture;

/// The user's build script, which also notes how Cargo called it.
pub const NOTING_SCRIPT: &str = r#"use std::{env, fs, path::PathBuf};

fn main() {
    if env::var_os("NOTED").is_none() {
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
        let environment: String = env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
        fs::write(out.join("environment"), environment).unwrap();
        fs::write(out.join("program"), env::current_exe().unwrap().to_str().unwrap()).unwrap();
    }
    quantize_build::compile();
}
"#;

/// Contents by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// VGF files, code and manifests in `OUT_DIR`.
pub fn files(out_dir: &Path) -> Files {
    let entries = fs::read_dir(out_dir.join("quantize")).expect("the build script made it");
    let paths = entries.map(|entry| entry.expect("readable").path());
    // A seal names the program that wrote the files.
    let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension != "seal"));
    let name = |path: &Path| path.file_name().expect("a file").to_string_lossy().into_owned();
    paths.map(|path| (name(&path), fs::read(&path).expect("readable"))).collect()
}

/// A build script that was run with [`NOTING_SCRIPT`].
pub struct Script {
    /// The program.
    pub program: PathBuf,
    /// Where Cargo had it write.
    pub out_dir: PathBuf,
    environment: Vec<(String, String)>,
}

impl Script {
    /// That of a crate, after `cargo check`; errors in the crate's own code are of no interest.
    pub fn of(fixture: &Fixture) -> Self {
        let output = fixture.cargo(&["check", "--quiet"]);
        let built = fs::read_dir(fixture.target().join("debug/build")).expect("Cargo made it");
        let scripts = built.filter_map(|entry| Self::noted(&entry.expect("readable").path().join("out")));
        // Several packages may have this target folder.
        let folder = fixture.path("").canonicalize().expect("it was made");
        let mut scripts =
            scripts.filter(|script| script.package().canonicalize().is_ok_and(|package| package == folder));
        scripts.next().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// What a script wrote about itself.
    fn noted(out_dir: &Path) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(out_dir.join(name)).ok();
        let variable = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Self {
            program: read("program")?.into(),
            environment: read("environment")?.lines().filter_map(variable).collect(),
            out_dir: out_dir.to_owned(),
        })
    }

    /// The folder of the script's package.
    fn package(&self) -> &Path {
        let folder = self.environment.iter().find(|(name, _)| name == "CARGO_MANIFEST_DIR");
        Path::new(folder.map_or("", |(_, folder)| folder))
    }

    /// A program with arguments, to be run as Cargo ran the build script, but with another `OUT_DIR`.
    pub fn command(&self, words: &[&OsStr], out_dir: &Path) -> Command {
        fs::create_dir_all(out_dir).expect("the folder can be made");
        let mut command = Command::new(words[0]);
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.args(&words[1..]).env_clear().envs(environment).env("OUT_DIR", out_dir).env("NOTED", "1");
        command
    }

    /// Runs the build script, as an argument of the program `before` if there is one.
    pub fn run(&self, before: &[&str], out_dir: &Path) -> Output {
        let words: Vec<&OsStr> = before.iter().map(OsStr::new).chain([self.program.as_os_str()]).collect();
        self.command(&words, out_dir).output().expect("the build script runs")
    }
}
