//! Model files to float networks.

pub mod onnx;
mod shapes;
mod unsupported;

pub use shapes::Shapes;

use crate::graph::Graph;
use quantize_syntax::ArgPath;

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

/// The file is wrong.
impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self { at: ArgPath::Model, message }
    }
}

/// Reads a model file; the format is found by content.
///
/// `shapes` gives inputs the dimensions that the file leaves open.
///
/// # Errors
///
/// Everything that is wrong with the file or not supported, in one list.
pub fn import(shown: &str, bytes: &[u8], shapes: &Shapes) -> Result<Import, Vec<Problem>> {
    if bytes.starts_with(b"PK\x03\x04") {
        let message = format!(
            "`{shown}` is a PyTorch archive; exported programs (.pt2) are not supported yet: write an ONNX file with \
             `torch.onnx.export(model, args, \"model.onnx\", dynamo=True)`"
        );
        return Err(vec![message.into()]);
    }
    onnx::import(shown, bytes, shapes)
}
