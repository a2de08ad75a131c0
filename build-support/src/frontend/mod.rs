//! Model files to float networks.

mod aten;
mod half;
pub mod onnx;
mod padding;
pub mod pt2;
mod shapes;
mod unsupported;

pub use shapes::Shapes;

use crate::files::pointer;
use crate::graph::Graph;
use quantize_syntax::ArgPath;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// A model that was read.
#[derive(Debug)]
pub struct Import {
    /// The network.
    pub graph: Graph,
    /// What the user should know about it.
    pub warnings: Vec<String>,
}

/// Something wrong with a model, or with what the attribute says about it.
#[derive(Debug)]
pub struct Problem {
    /// The argument to change.
    pub at: ArgPath,
    /// What is wrong.
    pub message: String,
}

/// A model that could not be imported.
#[derive(Debug, Default)]
pub struct Failure {
    /// Everything that is wrong with it or not supported.
    pub problems: Vec<Problem>,
    /// Its inputs and outputs without what is between, where the file gives the types of all of them.
    pub ends: Option<Graph>,
}

/// What is wrong lies before the network.
impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems, ends: None }
    }
}

/// The file is wrong.
impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self { at: ArgPath::Model, message }
    }
}

/// A model file with the files that it refers to.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Path as the user wrote it.
    shown: String,
    bytes: Vec<u8>,
    external: onnx::External,
}

impl Model {
    /// Reads the file `shown` of a crate, and what it refers to.
    ///
    /// # Errors
    ///
    /// When the model itself cannot be read; another file's problems are reported by the import.
    pub fn read(crate_folder: &Path, shown: &str) -> io::Result<Self> {
        let path = crate_folder.join(shown);
        let bytes = fs::read(&path)?;
        let folder = path.parent().unwrap_or(crate_folder);
        let external = if is_archive(&bytes) { Default::default() } else { onnx::external(&bytes, folder) };
        Ok(Self { shown: shown.to_owned(), bytes, external })
    }

    /// Paths of the files beside the model.
    pub fn external_paths(&self) -> impl Iterator<Item = PathBuf> {
        self.external.paths()
    }

    /// All bytes that the import depends on: the model's, then names and contents of the files beside it.
    pub fn contents(&self) -> impl Iterator<Item = &[u8]> {
        let external = self.external.contents().flat_map(|(name, bytes)| [name.as_bytes(), bytes]);
        [self.bytes.as_slice()].into_iter().chain(external)
    }
}

/// Reads a model; the format is found by content.
///
/// `shapes` gives inputs the dimensions that the file leaves open.
///
/// # Errors
///
/// Everything that is wrong with the file or not supported, in one list.
pub fn import(model: &Model, shapes: &Shapes) -> Result<Import, Failure> {
    let Model { shown, bytes, external } = model;
    if let Some(message) = pointer(shown, bytes) {
        return Err(vec![message.into()].into());
    }
    let mut import = match is_archive(bytes) {
        true => pt2::import(shown, bytes, shapes),
        false => onnx::import(shown, bytes, external, shapes),
    };
    let graph = import.as_mut().map_or_else(|failure| failure.ends.as_mut(), |import| Some(&mut import.graph));
    graph.into_iter().for_each(Graph::name_outputs_apart);
    import
}

/// The inputs and outputs of a network that was imported in part; `None` where some are unknown.
fn ends(mut graph: Graph, inputs: usize, outputs: usize) -> Option<Graph> {
    graph.nodes.clear();
    (graph.inputs.len() == inputs && graph.outputs.len() == outputs && outputs > 0).then_some(graph)
}

/// Whether the bytes begin as a ZIP file does.
fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}
