//! Model files to float networks.

pub mod onnx;

use crate::graph::Graph;

/// Reads a model file; the format is found by content.
///
/// # Errors
///
/// Everything that is wrong with the file or not supported, in one list.
pub fn import(shown: &str, bytes: &[u8]) -> Result<Graph, Vec<String>> {
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(vec![format!(
            "`{shown}` is a PyTorch archive; exported programs (.pt2) are not supported yet: write an ONNX file with \
             `torch.onnx.export(model, args, \"model.onnx\", dynamo=True)`"
        )]);
    }
    onnx::import(shown, bytes)
}
