//! Sliding windows and their padding.

use super::{apply, one, pair, shape_of, sizes, unary};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::ValueId;
use crate::ops::{
    abs::Abs, adaptive_avg_pool2d::AdaptiveAvgPool2d, amax::Amax, avg_pool1d::AvgPool1d, avg_pool2d::AvgPool2d,
    max_pool1d::MaxPool1d, max_pool2d::MaxPool2d, max_pool2d::ceil_pad, mean::Mean, sum::Sum, unary::Unary, view::View,
};

/// Sizes along the axes that a window slides over: one axis is the second of an image of one row, where 1 changes nothing.
pub(super) fn sides(node: &OnnxNode<'_>, name: &str, dims: usize) -> Result<[usize; 2], String> {
    match dims {
        1 => match sizes(node, name, 1, 1)?[..] {
            [0] => Err(format!("attribute `{name}` contains 0")),
            [size] => Ok([1, size]),
            _ => unreachable!("as many as asked for"),
        },
        _ => pair(node, name, 1),
    }
}

/// Height and width of `[N, C, H, W]`; `[N, C, L]` is an image of one row.
pub(super) fn image(shape: &[usize]) -> Result<[usize; 2], String> {
    match *shape {
        [_, _, length] => Ok([1, length]),
        [_, _, height, width] => Ok([height, width]),
        _ => Err(format!("windows over an input of {} dimensions are not supported", shape.len())),
    }
}

/// Padding of a window over an image: ONNX lists all starts, then all ends.
pub(super) fn pads(
    node: &OnnxNode<'_>,
    input: &[usize],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
) -> Result<[[usize; 2]; 2], String> {
    let size = image(input)?;
    let same = |upper: bool| {
        [0, 1].map(|axis| {
            let reach = dilation[axis] * (kernel[axis] - 1) + 1;
            let covered = (size[axis].div_ceil(stride[axis]) - 1) * stride[axis] + reach;
            let total = covered.saturating_sub(size[axis]);
            let less = total / 2;
            if upper { [less, total - less] } else { [total - less, less] }
        })
    };
    match node.text("auto_pad") {
        None | Some("" | "NOTSET") => match sizes(node, "pads", 2 * (input.len() - 2), 0)?[..] {
            [left, right] => Ok([[0, 0], [left, right]]),
            [top, left, bottom, right] => Ok([[top, bottom], [left, right]]),
            _ => unreachable!("as many as asked for"),
        },
        Some("VALID") => Ok([[0, 0]; 2]),
        Some("SAME_UPPER") => Ok(same(true)),
        Some("SAME_LOWER") => Ok(same(false)),
        Some(other) => Err(format!("unknown auto_pad `{other}`")),
    }
}

/// The windows of a pool.
struct Windows {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [[usize; 2]; 2],
    dilation: [usize; 2],
    /// What rounding the size up adds behind the padding.
    ceil: [usize; 2],
}

fn windows(importer: &Importer<'_>, node: &OnnxNode<'_>, input: ValueId) -> Result<Windows, String> {
    let input = shape_of(importer, input);
    let size = image(input)?;
    if node.attribute("kernel_shape").is_none() {
        return Err("attribute `kernel_shape` is missing".to_owned());
    }
    let sides = |name| sides(node, name, input.len() - 2);
    let (kernel, stride, dilation) = (sides("kernel_shape")?, sides("strides")?, sides("dilations")?);
    let pad = pads(node, input, kernel, stride, dilation)?;
    let mut ceil = [0; 2];
    if node.int("ceil_mode", 0) != 0 {
        for axis in 0..2 {
            let extra = ceil_pad(size[axis], kernel[axis], stride[axis], dilation[axis], pad[axis]);
            ceil[axis] = extra.ok_or("no window fits the padded input")?;
        }
    }
    Ok(Windows { kernel, stride, pad, dilation, ceil })
}

pub(super) fn max_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let Windows { kernel, stride, mut pad, dilation, ceil } = windows(importer, node, input)?;
    (pad[0][1], pad[1][1]) = (pad[0][1] + ceil[0], pad[1][1] + ceil[1]);
    let pool = MaxPool2d { kernel, stride, pad, dilation };
    match is_row(importer, input) {
        true => importer.push(node, MaxPool1d(pool), vec![input]),
        false => importer.push(node, pool, vec![input]),
    }
}

pub(super) fn average_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let Windows { kernel, stride, pad, dilation, ceil } = windows(importer, node, input)?;
    if dilation != [1, 1] {
        return Err(format!("a mean over windows with dilation {dilation:?} is not supported"));
    }
    if !is_row(importer, input)
        && let Some(output) = adaptive_output(importer, node, input, kernel, stride)
    {
        return importer.push(node, AdaptiveAvgPool2d { output }, vec![input]);
    }
    let count_include_pad = node.int("count_include_pad", 0) != 0;
    let pool = AvgPool2d { kernel, stride, pad, count_include_pad, ceil, divisor: None };
    match is_row(importer, input) {
        true => importer.push(node, AvgPool1d(pool), vec![input]),
        false => importer.push(node, pool, vec![input]),
    }
}

fn is_row(importer: &Importer<'_>, input: ValueId) -> bool {
    shape_of(importer, input).len() == 3
}

/// The result's size, if the pool was `adaptive_avg_pool2d`, which torch's exporter writes as a pool with explicit kernel and
/// stride and no other argument. A module says which one it was; a function with just these arguments is taken for the adaptive
/// one, as `avg_pool2d(x, k)` is written without the stride.
fn adaptive_output(
    importer: &Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    kernel: [usize; 2],
    stride: [usize; 2],
) -> Option<[usize; 2]> {
    let class = node.scopes.class();
    let bare = || {
        let arguments = node.scopes.arguments.as_deref()?;
        let lists = &arguments[arguments.find(", ")? + 2..];
        let [ky, kx, sy, sx] = [kernel[0], kernel[1], stride[0], stride[1]];
        Some(lists == format!("[{ky}, {kx}], [{sy}, {sx}])"))
    };
    let adaptive = if class.starts_with("torch.nn.modules.pooling.") {
        class == "torch.nn.modules.pooling.AdaptiveAvgPool2d"
    } else {
        bare() == Some(true)
    };
    let shape = shape_of(importer, input);
    let exact = (0..2).all(|axis| kernel[axis] == stride[axis] && shape[2 + axis].is_multiple_of(kernel[axis]));
    (adaptive && exact).then(|| [shape[2] / kernel[0], shape[3] / kernel[1]])
}

/// `(Σ |x|^p)^(1/p)` over windows.
pub(super) fn lp_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let power = one(powers(importer, node)?)?;
    let Windows { kernel, stride, pad, dilation, ceil } = windows(importer, node, power)?;
    if dilation != [1, 1] {
        return Err(format!("a sum over windows with dilation {dilation:?} is not supported"));
    }
    let pool = AvgPool2d { kernel, stride, pad, count_include_pad: true, ceil, divisor: Some(1) };
    let sum = match *shape_of(importer, power) {
        [n, c, length] => {
            let row = apply(importer, node, View { shape: vec![n, c, 1, length] }, vec![power])?;
            let sums = apply(importer, node, pool, vec![row])?;
            let length = shape_of(importer, sums)[3];
            apply(importer, node, View { shape: vec![n, c, length] }, vec![sums])?
        }
        _ => apply(importer, node, pool, vec![power])?,
    };
    importer.push(node, Unary::Pow { exponent: 1.0 / exponent(node) }, vec![sum])
}

/// `(Σ |x|^p)^(1/p)` over an image.
pub(super) fn global_lp_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let power = one(powers(importer, node)?)?;
    let axes = (2..shape_of(importer, power).len()).collect();
    let sum = apply(importer, node, Sum { axes, keep_dims: true }, vec![power])?;
    importer.push(node, Unary::Pow { exponent: 1.0 / exponent(node) }, vec![sum])
}

/// `|x|^p`
fn powers(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let sizes = one(unary(importer, node, Abs)?)?;
    importer.push(node, Unary::Pow { exponent: exponent(node) }, vec![sizes])
}

fn exponent(node: &OnnxNode<'_>) -> f64 {
    node.int("p", 2) as f64 // a small number
}

pub(super) fn global_average_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    if rank == 4 {
        return importer.push(node, AdaptiveAvgPool2d { output: [1, 1] }, vec![input]);
    }
    importer.push(node, Mean { axes: (2..rank).collect(), keep_dims: true }, vec![input])
}

pub(super) fn global_max_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let axes = (2..shape_of(importer, input).len()).collect();
    importer.push(node, Amax { largest: true, axes, keep_dims: true }, vec![input])
}
