//! Calls of Cargo: the members of the workspace, and where their build scripts left their results.

use clap::Args;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What to build and how, as for `cargo check`.
#[derive(Args)]
#[command(next_help_heading = "Options of cargo check")]
pub(crate) struct Options {
    /// Packages to build; those of the current folder where none is given
    #[arg(short, long, value_name = "SPEC")]
    package: Vec<String>,
    /// All packages of the workspace
    #[arg(long, alias = "all")]
    workspace: bool,
    /// Packages of the workspace to leave out
    #[arg(long, value_name = "SPEC")]
    exclude: Vec<String>,
    /// Features to turn on
    #[arg(short = 'F', long, value_name = "FEATURES")]
    features: Vec<String>,
    /// All features of the packages
    #[arg(long)]
    all_features: bool,
    /// Without the feature `default`
    #[arg(long)]
    no_default_features: bool,
    /// Platforms to build for
    #[arg(long, value_name = "TRIPLE")]
    target: Vec<String>,
    /// The library only
    #[arg(long)]
    lib: bool,
    /// All binaries
    #[arg(long)]
    bins: bool,
    /// A binary
    #[arg(long, value_name = "NAME")]
    bin: Vec<String>,
    /// All examples
    #[arg(long)]
    examples: bool,
    /// An example
    #[arg(long, value_name = "NAME")]
    example: Vec<String>,
    /// Libraries, binaries, examples, tests and benchmarks
    #[arg(long)]
    all_targets: bool,
    /// With optimization
    #[arg(short, long)]
    release: bool,
    /// Profile to build with
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Folder of what is built
    #[arg(long, value_name = "FOLDER")]
    target_dir: Option<PathBuf>,
    /// How many jobs run at once
    #[arg(short, long, value_name = "N")]
    jobs: Option<String>,
    /// Path of Cargo.toml
    #[arg(long, value_name = "PATH")]
    manifest_path: Option<PathBuf>,
    /// A setting, or a file of settings, of Cargo
    #[arg(long, value_name = "KEY=VALUE|PATH")]
    config: Vec<String>,
    /// Fails where Cargo.lock would change
    #[arg(long)]
    locked: bool,
    /// Without the network
    #[arg(long)]
    offline: bool,
    /// As with --locked and --offline
    #[arg(long)]
    frozen: bool,
    /// Without Cargo's progress
    #[arg(short, long)]
    quiet: bool,
    /// With Cargo's calls
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl Options {
    /// Those that `cargo metadata` has too.
    fn of_workspace(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        add(&mut arguments, "--manifest-path", self.manifest_path.iter());
        add(&mut arguments, "--config", self.config.iter());
        flags(&mut arguments, [("--locked", self.locked), ("--offline", self.offline), ("--frozen", self.frozen)]);
        arguments
    }

    fn of_check(&self) -> Vec<OsString> {
        let mut arguments = self.of_workspace();
        add(&mut arguments, "--package", self.package.iter());
        add(&mut arguments, "--exclude", self.exclude.iter());
        add(&mut arguments, "--features", self.features.iter());
        add(&mut arguments, "--target", self.target.iter());
        add(&mut arguments, "--bin", self.bin.iter());
        add(&mut arguments, "--example", self.example.iter());
        add(&mut arguments, "--profile", self.profile.iter());
        add(&mut arguments, "--target-dir", self.target_dir.iter());
        add(&mut arguments, "--jobs", self.jobs.iter());
        let switches = [
            ("--workspace", self.workspace),
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
            ("--lib", self.lib),
            ("--bins", self.bins),
            ("--examples", self.examples),
            ("--all-targets", self.all_targets),
            ("--release", self.release),
            ("--quiet", self.quiet),
        ];
        flags(&mut arguments, switches);
        arguments.extend((0..self.verbose).map(|_| "--verbose".into()));
        arguments
    }
}

fn add(arguments: &mut Vec<OsString>, name: &str, values: impl Iterator<Item = impl Into<OsString> + Clone>) {
    arguments.extend(values.flat_map(|value| [name.into(), value.into()]));
}

fn flags<const N: usize>(arguments: &mut Vec<OsString>, flags: [(&str, bool); N]) {
    arguments.extend(flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name.into()));
}

/// A package of the workspace that was built.
pub(crate) struct Member {
    /// Its name.
    pub(crate) name: String,
    /// The folder of its `Cargo.toml`.
    pub(crate) folder: PathBuf,
    /// `OUT_DIR` of each run of its build script: several where it is built for several platforms.
    pub(crate) out_dirs: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
}

/// A message of `cargo check`; those of other reasons have no `out_dir`.
#[derive(Deserialize)]
struct Message {
    package_id: Option<String>,
    out_dir: Option<PathBuf>,
}

/// Calibrates: builds the packages without regard to lock files. In the order of their folders.
///
/// # Errors
///
/// When Cargo does not run or fails, which it has then explained itself.
pub(crate) fn calibrate(options: &Options) -> Result<Vec<Member>, String> {
    let mut metadata = cargo(&["metadata", "--format-version=1", "--no-deps"]);
    let metadata = run(metadata.args(options.of_workspace()))?;
    let metadata: Metadata = serde_json::from_slice(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let mut check = cargo(&["check", "--message-format=json-render-diagnostics"]);
    let messages = run(check.args(options.of_check()).env("QUANTIZE_LOCK", "ignore"))?;
    let mut out_dirs: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for message in messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message = serde_json::from_slice(message).map_err(|error| format!("cargo check: {error}"))?;
        if let Message { package_id: Some(package), out_dir: Some(out_dir) } = message {
            out_dirs.entry(package).or_default().push(out_dir);
        }
    }
    let mut members: Vec<Member> = Vec::new();
    for Package { id, name, manifest_path } in metadata.packages {
        if let Some(out_dirs) = out_dirs.remove(&id) {
            let folder = manifest_path.parent().expect("a file is in a folder").to_owned();
            members.push(Member { name, folder, out_dirs });
        }
    }
    members.sort_by(|a, b| a.folder.cmp(&b.folder));
    Ok(members)
}

/// The Cargo that called us.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// What Cargo prints; its progress and errors go where ours go.
fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("cannot run Cargo: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let subcommand = command.get_args().next().expect("a subcommand").display().to_string();
    Err(format!("`cargo {subcommand}` failed: no lock file was written"))
}
