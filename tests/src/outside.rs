//! Programs from outside the project that judge our files, and the shared reference material.

use std::io::Write;
use std::path::{Path, PathBuf};
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

/// A program of the system; missing ones are treated as in [`shared`].
pub fn program(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").expect("PATH is set");
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.or_else(|| skipped(&format!("the program {name} is missing")))
}

/// The toolchain's compiler or the system's, whichever has the target's standard library; treated as in [`shared`].
pub fn compiler_for(target: &str) -> Option<&'static str> {
    let has_target = |compiler: &&str| {
        let libraries = Command::new(compiler).args(["--print", "target-libdir", "--target", target]).output().ok();
        libraries.is_some_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
    };
    let found = ["rustc", "/usr/bin/rustc"].into_iter().find(has_target);
    found.or_else(|| skipped(&format!("no compiler has the target {target}")))
}

/// The linker that comes with the toolchain; other compilers do not find it by themselves.
pub fn bundled_linker() -> PathBuf {
    let ask = |what| run(Command::new("rustc").args(["--print", what])).trim().to_owned();
    PathBuf::from(format!("{}/lib/rustlib/{}/bin/rust-lld", ask("sysroot"), ask("host-tuple")))
}

fn present(path: PathBuf) -> Option<PathBuf> {
    if path.exists() { Some(path) } else { skipped(&format!("{} is missing", path.display())) }
}

/// Says that a part of the test is skipped; with `CI=true` that is a failure.
pub fn skipped<T>(reason: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none_or(|value| value != "true"), "{reason}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not `eprintln`: the test harness shows what that prints for failed tests only.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
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

/// The command in its folder, where nobody can write, the superuser included: on a file system of its own. Without the right to
/// mount, `unshare` or `mount` fails.
pub fn on_read_only(folder: &Path, command: &Command) -> Command {
    let mounted = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && cd \"$0\" && exec \"$@\"";
    let mut unshared = Command::new("unshare");
    unshared.args(["--mount", "sh", "-c", mounted]).arg(folder).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => unshared.env(name, value),
            None => unshared.env_remove(name),
        };
    }
    unshared
}
