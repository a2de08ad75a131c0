//! Images sampled at the places that a grid names.

use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::ops::grid_sampler::GridSampler;

/// Source: ONNX, GridSample.
pub(super) fn grid_sample(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mode = node.text("mode").unwrap_or("linear");
    // Called `bilinear` before opset 20.
    if !["linear", "bilinear"].contains(&mode) {
        return Err(format!("has mode `{mode}`; only linear interpolation is supported"));
    }
    let border = match node.text("padding_mode").unwrap_or("zeros") {
        "zeros" => false,
        "border" => true,
        other => return Err(format!("has padding `{other}`; only zeros and the border are supported")),
    };
    let sampler = GridSampler { align_corners: node.int("align_corners", 0) != 0, border };
    let inputs = vec![importer.tensor(node, 0)?, importer.tensor(node, 1)?];
    importer.push(node, sampler, inputs)
}
