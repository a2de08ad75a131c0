//! Programs from outside the project that judge our files, and the shared reference material.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use crate::repository;

/// The reference material that may lie beside a checkout.
///
/// `None` where `path` of it is missing, after saying so; with `CI=true` that is a failure.
pub fn shared(path: &str) -> Option<PathBuf> {
    present(repository("../shared").join(path))
}

/// A program or folder that `.ci/setup-judges` installs; missing ones are treated as in [`shared`].
pub fn installed(path: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    present(cache.expect("HOME is set").join(path))
}

fn present(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{} is missing", path.display());
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln`: the test harness shows what that prints for failed tests only.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {} is missing", path.display());
    None
}

/// Runs the command; its standard output, or a panic with all it said.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed with {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}
