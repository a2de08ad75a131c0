//! Cargo.toml and the usual folders → the root file of each target of a crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::cfg::Cfg;

/// Section, key that switches off looking for files, and their folder.
const KINDS: [(&str, &str, &str); 4] = [
    ("bin", "autobins", "src/bin"),
    ("example", "autoexamples", "examples"),
    ("test", "autotests", "tests"),
    ("bench", "autobenches", "benches"),
];

/// Root files that exist: library, programs, examples, tests and benches, whether declared or found by Cargo; `false` beside
/// those that need a feature which is not enabled.
///
/// `manifest` is the text of Cargo.toml; one that does not parse counts as empty, because Cargo has read it already.
pub(super) fn roots(manifest_dir: &Path, manifest: &str, cfg: &Cfg) -> Vec<(PathBuf, bool)> {
    let manifest: Table = manifest.parse().unwrap_or_default();
    let package = manifest.get("package").and_then(Value::as_table).cloned().unwrap_or_default();
    let library = manifest.get("lib").and_then(|lib| lib.get("path")).and_then(Value::as_str);
    let has_library = manifest.contains_key("lib") || is_automatic(&package, "autolib", true);
    let library = has_library.then(|| manifest_dir.join(library.unwrap_or("src/lib.rs")));
    let mut roots: Vec<(PathBuf, bool)> = library.into_iter().map(|path| (path, true)).collect();
    for (section, switch, folder) in KINDS {
        let mut found = found(&manifest_dir.join(folder));
        if section == "bin" {
            let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
            found.insert(0, (name.to_owned(), manifest_dir.join("src/main.rs")));
        }
        let declared = declared(&manifest, section, manifest_dir, &found);
        // Edition 2015 looks for files of a kind only where none is declared.
        let is_old = package.get("edition").is_none_or(|edition| edition.as_str() == Some("2015"));
        if is_automatic(&package, switch, !is_old || declared.is_empty()) {
            let is_free = |(name, path): &(String, PathBuf)| {
                !declared.iter().any(|target| target.name == *name || target.path == *path)
            };
            roots.extend(found.into_iter().filter(is_free).map(|(_, path)| (path, true)));
        }
        let is_built = |target: &Declared| target.features.iter().all(|feature| is_enabled(feature, cfg));
        roots.extend(declared.into_iter().map(|target| (target.path.clone(), is_built(&target))));
    }
    let mut seen = BTreeSet::new();
    roots.retain(|(root, is_built)| root.is_file() && seen.insert((root.clone(), *is_built)));
    roots
}

fn is_automatic(package: &Table, switch: &str, default: bool) -> bool {
    package.get(switch).and_then(Value::as_bool).unwrap_or(default)
}

/// Names and files `x.rs` and `x/main.rs` in a folder of targets, sorted.
fn found(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|path| {
            let name = path.file_stem()?.to_string_lossy().into_owned();
            let root = if path.is_dir() { path.join("main.rs") } else { path };
            root.extension().is_some_and(|extension| extension == "rs").then_some((name, root))
        })
        .collect();
    found.sort();
    found
}

/// A target of a section such as `[[bin]]`.
struct Declared {
    name: String,
    path: PathBuf,
    /// `required-features`
    features: Vec<String>,
}

fn declared(manifest: &Table, section: &str, manifest_dir: &Path, found: &[(String, PathBuf)]) -> Vec<Declared> {
    let targets = manifest.get(section).and_then(Value::as_array).into_iter().flatten();
    let target = |target: &Value| {
        let text = |key: &str| target.get(key).and_then(Value::as_str);
        let name = text("name").unwrap_or_default().to_owned();
        // Without a path it is where Cargo would find a target of this name.
        let usual = || found.iter().find(|(known, _)| *known == name).map(|(_, path)| path.clone());
        let path = text("path").map(|path| manifest_dir.join(path)).or_else(usual)?;
        let features = target.get("required-features").and_then(Value::as_array).into_iter().flatten();
        let features = features.filter_map(|feature| feature.as_str().map(str::to_owned)).collect();
        Some(Declared { name, path, features })
    };
    targets.filter_map(target).collect()
}

/// Whether a required feature is enabled; of those of dependencies, `dependency/feature`, the build script knows nothing.
fn is_enabled(feature: &str, cfg: &Cfg) -> bool {
    feature.contains('/') || cfg.has_feature(feature)
}
