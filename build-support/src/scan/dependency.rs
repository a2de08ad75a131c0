//! Cargo.toml → the name of the runtime crate, where its dependency is renamed.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

const PACKAGE: &str = "quantize-runtime";

/// Path of the runtime crate under the name that its dependency has in this Cargo.toml; `None` where that is the usual one or there
/// is none.
pub(crate) fn renamed_runtime(manifest: &Path) -> Option<String> {
    let table = read(manifest)?;
    let targets = table.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = [&table].into_iter().chain(targets.filter_map(|(_, target)| target.as_table()));
    let dependencies: Vec<(&String, &Value)> = tables
        .flat_map(|table| ["dependencies", "dev-dependencies"].map(|kind| table.get(kind).and_then(Value::as_table)))
        .flatten()
        .flatten()
        .collect();
    if dependencies.iter().any(|(name, _)| *name == PACKAGE) {
        return None;
    }
    let is_shared = |value: &Value| value.get("workspace").and_then(Value::as_bool) == Some(true);
    let shared = dependencies.iter().any(|(_, value)| is_shared(value)).then(|| workspace(manifest)).flatten();
    let package = |(name, value): &(&String, &Value)| {
        let value = if is_shared(value) { shared.as_ref()?.get("dependencies")?.get(name.as_str())? } else { value };
        Some(value.get("package")?.as_str()? == PACKAGE)
    };
    let (name, _) = dependencies.iter().find(|dependency| package(dependency) == Some(true))?;
    Some(format!("::{}", name.replace('-', "_")))
}

/// The table `workspace` of the nearest Cargo.toml that has one.
fn workspace(manifest: &Path) -> Option<Value> {
    let mut folders = manifest.ancestors().skip(1);
    folders.find_map(|folder| read(&folder.join("Cargo.toml"))?.remove("workspace"))
}

fn read(manifest: &Path) -> Option<Table> {
    fs::read_to_string(manifest).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(manifest: &str, expected: Option<&str>) {
        let folder = std::env::temp_dir().join(format!("quantize-dependency-{}", std::process::id()));
        let member = folder.join("member");
        fs::create_dir_all(&member).expect("temporary folder");
        let root = "[workspace.dependencies]\nnet = { package = 'quantize-runtime', version = '1' }\nother = '1'\n";
        fs::write(folder.join("Cargo.toml"), root).expect("temporary file");
        let file = member.join("Cargo.toml");
        fs::write(&file, manifest).expect("temporary file");
        let found = renamed_runtime(&file);
        fs::remove_dir_all(&folder).expect("temporary folder");
        assert_eq!(found.as_deref(), expected, "{manifest}");
    }

    #[test]
    fn a_runtime_is_found_under_its_name() {
        check("[dependencies]\nquantize-runtime = '1'\n", None);
        check("[dependencies]\nserde = '1'\n", None);
        check("[dependencies]\nnn-int8 = { package = 'quantize-runtime', version = '1' }\n", Some("::nn_int8"));
        check("[dependencies.nn]\npackage = 'quantize-runtime'\n[dev-dependencies]\nquantize-runtime = '1'\n", None);
        let of_target = "[target.'cfg(target_os = \"none\")'.dependencies]\nnn = { package = 'quantize-runtime' }\n";
        check(of_target, Some("::nn"));
        check("[dependencies]\nother.workspace = true\nnet = { workspace = true }\n", Some("::net"));
        check("[dependencies]\nother.workspace = true\n", None);
    }
}
