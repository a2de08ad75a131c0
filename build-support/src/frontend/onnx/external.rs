//! Weights that a model keeps in files beside it.

use super::proto;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files beside a model, by the names that it has for them.
#[derive(Clone, Debug, Default)]
pub struct External {
    files: BTreeMap<String, Result<Vec<u8>, String>>,
    folder: PathBuf,
}

impl External {
    /// Reads every file that a model in `folder` refers to; problems are reported by the tensors that need the file.
    pub(super) fn read(model: &proto::Model, folder: &Path) -> Self {
        let mut names = BTreeSet::new();
        model.graph.iter().for_each(|graph| collect(graph, &mut names));
        model.functions.iter().flat_map(|function| &function.node).for_each(|node| collect_node(node, &mut names));
        let files = names.into_iter().map(|name| (name.to_owned(), read_beside(folder, name))).collect();
        Self { files, folder: folder.to_owned() }
    }

    /// Paths of the files, existing or not.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.files.keys().filter(|name| is_inside(name)).map(|name| self.folder.join(name))
    }

    /// The contents of the files that could be read, with their names.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().filter_map(|(name, bytes)| Some((name.as_str(), bytes.as_ref().ok()?.as_slice())))
    }

    /// The bytes of a tensor.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is too short, to be read after the tensor's name.
    pub(super) fn bytes(&self, tensor: &proto::Tensor) -> Result<&[u8], String> {
        let field = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let name = field("location").ok_or("is in an external file without a name")?;
        let number =
            |key: &str| field(key).map(|text| text.parse::<usize>().map_err(|_| format!("has {key} `{text}`")));
        let bytes = self.files.get(name).ok_or_else(|| format!("is in `{name}`, which was not read"))?;
        let bytes = bytes.as_ref().map_err(|problem| format!("is in `{name}`, which {problem}"))?;
        let start = number("offset").transpose()?.unwrap_or(0);
        let end = match number("length").transpose()? {
            Some(length) => start.checked_add(length),
            None => Some(bytes.len()),
        };
        let range = end.and_then(|end| bytes.get(start..end));
        range.ok_or_else(|| format!("is outside `{name}`, which has {} bytes", bytes.len()))
    }
}

fn collect<'a>(graph: &'a proto::Graph, names: &mut BTreeSet<&'a str>) {
    graph.initializer.iter().for_each(|tensor| collect_tensor(tensor, names));
    graph.node.iter().for_each(|node| collect_node(node, names));
}

fn collect_node<'a>(node: &'a proto::Node, names: &mut BTreeSet<&'a str>) {
    for attribute in &node.attribute {
        attribute.t.iter().for_each(|tensor| collect_tensor(tensor, names));
        attribute.g.iter().for_each(|graph| collect(graph, names));
    }
}

fn collect_tensor<'a>(tensor: &'a proto::Tensor, names: &mut BTreeSet<&'a str>) {
    if tensor.data_location != 0 {
        names.extend(
            tensor.external_data.iter().filter(|entry| entry.key == "location").map(|entry| entry.value.as_str()),
        );
    }
}

/// Whether a path goes down only.
fn is_inside(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty() && parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

fn read_beside(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    if !is_inside(name) {
        return Err("is not a path below the model's folder".to_owned());
    }
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let path = fs::canonicalize(folder.join(name)).map_err(cannot)?;
    // A link may lead anywhere; a device or pipe may never end.
    if !path.starts_with(fs::canonicalize(folder).map_err(cannot)?) {
        return Err("leads out of the model's folder".to_owned());
    }
    if !fs::metadata(&path).map_err(cannot)?.is_file() {
        return Err("is not a file".to_owned());
    }
    fs::read(path).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_that_go_down_are_read() {
        for name in ["weights.bin", "data/weights.bin", "./weights.bin"] {
            assert!(is_inside(name), "{name}");
        }
        for name in ["", "../weights.bin", "data/../../weights.bin", "/etc/passwd"] {
            assert!(!is_inside(name), "{name}");
        }
    }

    fn located(fields: &[(&str, &str)]) -> proto::Tensor {
        let entry = |&(key, value): &(&str, &str)| proto::Entry { key: key.to_owned(), value: value.to_owned() };
        proto::Tensor { data_location: 1, external_data: fields.iter().map(entry).collect(), ..Default::default() }
    }

    #[test]
    fn a_tensor_is_a_range_of_its_file() {
        let files =
            BTreeMap::from([("w".to_owned(), Ok(vec![1, 2, 3, 4])), ("x".to_owned(), Err("is gone".to_owned()))]);
        let external = External { files, folder: PathBuf::new() };
        assert_eq!(external.bytes(&located(&[("location", "w"), ("offset", "1"), ("length", "2")])), Ok(&[2, 3][..]));
        assert_eq!(external.bytes(&located(&[("location", "w")])), Ok(&[1, 2, 3, 4][..]));
        assert!(external.bytes(&located(&[("location", "w"), ("offset", "3"), ("length", "2")])).is_err());
        assert!(external.bytes(&located(&[("location", "w"), ("offset", "-1")])).is_err());
        assert_eq!(external.bytes(&located(&[("location", "x")])), Err("is in `x`, which is gone".to_owned()));
    }
}
