//! Cargo.toml and the usual folders → the root file of each target of a crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Root files that exist: library, programs, examples, tests and benches, whether declared or found by Cargo.
///
/// `manifest` is the text of Cargo.toml; one that does not parse counts as empty, because Cargo has read it already.
pub(super) fn roots(manifest_dir: &Path, manifest: &str) -> Vec<PathBuf> {
    let mut roots = vec![manifest_dir.join("src/lib.rs"), manifest_dir.join("src/main.rs")];
    for folder in ["src/bin", "examples", "tests", "benches"] {
        roots.extend(found(&manifest_dir.join(folder)));
    }
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    roots.extend(declared(&manifest).into_iter().map(|path| manifest_dir.join(path)));
    let mut seen = BTreeSet::new();
    roots.retain(|root| root.is_file() && seen.insert(root.clone()));
    roots
}

/// `x.rs` and `x/main.rs` in a folder of targets, sorted.
fn found(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut roots: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .map(|path| if path.is_dir() { path.join("main.rs") } else { path })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    roots.sort();
    roots
}

/// `path` of `[lib]`, `[[bin]]` and the other kinds of target.
fn declared(manifest: &toml::Table) -> Vec<&str> {
    let lib = manifest.get("lib").into_iter();
    let lists = ["bin", "example", "test", "bench"].into_iter().filter_map(|kind| manifest.get(kind)?.as_array());
    lib.chain(lists.flatten()).filter_map(|target| target.get("path")?.as_str()).collect()
}
