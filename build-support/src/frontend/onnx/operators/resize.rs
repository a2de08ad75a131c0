//! Images of another size.

use super::{shape_of, size};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::Data;
use crate::ops::upsample::{Interpolation, Upsample};

/// The forms that PyTorch has: nearest neighbours and bilinear interpolation of `[N, C, H, W]`.
pub(super) fn resize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let &[n, c, height, width] = shape_of(importer, input) else {
        return Err("only images of four dimensions are supported".to_owned());
    };
    if node.attribute("axes").is_some() || node.int("antialias", 0) != 0 {
        return Err("axes and antialiasing are not supported".to_owned());
    }
    if node.text("keep_aspect_ratio_policy").is_some_and(|policy| policy != "stretch") {
        return Err("keeping the aspect ratio is not supported".to_owned());
    }
    let coordinates = node.text("coordinate_transformation_mode").unwrap_or("half_pixel");
    let mode = match (node.text("mode").unwrap_or("nearest"), coordinates) {
        ("nearest", "asymmetric") if node.text("nearest_mode") == Some("floor") => Interpolation::Nearest,
        ("linear", "half_pixel" | "pytorch_half_pixel") => Interpolation::Bilinear,
        ("linear", "align_corners") => Interpolation::BilinearAlignedCorners,
        (mode, coordinates) => return Err(format!("mode `{mode}` with `{coordinates}` coordinates is not supported")),
    };
    let (output, factors) = if node.has(3) {
        let sizes = importer.known_integers(node, 3).ok_or("its sizes are computed at run time")?;
        let sizes: Option<Vec<usize>> = sizes.iter().map(|&dim| size(dim)).collect();
        match sizes.as_deref() {
            Some(&[batch, channels, h, w]) if [batch, channels] == [n, c] => ([h, w], None),
            _ => return Err("its sizes change the batch or the channels".to_owned()),
        }
    } else {
        let scales = importer.known(node, 2).and_then(Data::real).ok_or("its scales are computed at run time")?;
        let scales: Vec<f64> = scales.iter().map(|&scale| f64::from(scale)).collect();
        let &[1.0, 1.0, vertical, horizontal] = &scales[..] else {
            return Err("its scales change the batch or the channels".to_owned());
        };
        let scaled = |dim: usize, factor: f64| size(libm::floor(dim as f64 * factor) as i64); // saturates
        let output = [scaled(height, vertical), scaled(width, horizontal)];
        let [Some(h), Some(w)] = output else { return Err("its scales are too large".to_owned()) };
        ([h, w], Some([vertical, horizontal]))
    };
    if coordinates == "pytorch_half_pixel" && output.contains(&1) {
        return Err("a side of one pixel, which ONNX takes from the corner, is not supported".to_owned());
    }
    importer.push(node, Upsample { output, factors, mode }, vec![input])
}
