//! What the build script tells Cargo: each directive is a line of its output.

use std::path::Path;

/// Shown to the user, in builds that succeed too.
pub(crate) fn warning(message: &str) {
    println!("cargo::warning={}", one_line(message));
}

/// Shown to the user; the build fails when the script has ended.
pub(crate) fn error(message: &str) {
    println!("cargo::error={}", one_line(message));
}

/// Cargo runs the script again when the file has another time.
pub(crate) fn rerun_if_changed(file: &Path) {
    println!("cargo::rerun-if-changed={}", file.display());
}

/// Cargo runs the script again when the variable of the environment has another value.
pub(crate) fn rerun_if_env_changed(variable: &str) {
    println!("cargo::rerun-if-env-changed={variable}");
}

/// Cargo's directives end with the line.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
