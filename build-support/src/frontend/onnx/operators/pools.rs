//! Sliding windows and their padding.

use super::{apply, constant, one, pair, same, shape_of, sizes, unary};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Tensor, ValueId};
use crate::ops::{
    abs::Abs, adaptive_avg_pool2d::AdaptiveAvgPool2d, amax::Amax, avg_pool1d::AvgPool1d, avg_pool2d::AvgPool2d,
    binary::Binary, conv2d::Conv2d, max_pool1d::MaxPool1d, max_pool2d::MaxPool2d, max_pool2d::ceil_pad, mean::Mean,
    sum::Sum, unary::Unary, view::View,
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

/// Steps and padding of windows over a volume, along depth, height and width.
pub(super) struct Volume {
    pub(super) stride: [usize; 3],
    pub(super) dilation: [usize; 3],
    pub(super) pad: [[usize; 2]; 3],
}

/// Reads them for a volume and windows of these sizes.
pub(super) fn volume(node: &OnnxNode<'_>, size: [usize; 3], kernel: [usize; 3]) -> Result<Volume, String> {
    let (stride, dilation) = (three(node, "strides")?, three(node, "dilations")?);
    let pad = match node.text("auto_pad") {
        None | Some("" | "NOTSET") => {
            let pads = sizes(node, "pads", 6, 0)?;
            [0, 1, 2].map(|axis| [pads[axis], pads[3 + axis]])
        }
        Some("VALID") => [[0, 0]; 3],
        Some(mode @ ("SAME_UPPER" | "SAME_LOWER")) => [0, 1, 2].map(|axis| {
            let reach = dilation[axis] * kernel[axis].saturating_sub(1) + 1;
            let covered = size[axis].div_ceil(stride[axis]).saturating_sub(1) * stride[axis] + reach;
            let total = covered.saturating_sub(size[axis]);
            let less = total / 2;
            if mode == "SAME_UPPER" { [less, total - less] } else { [total - less, less] }
        }),
        Some(other) => return Err(format!("unknown auto_pad `{other}`")),
    };
    Ok(Volume { stride, dilation, pad })
}

/// Three sizes above 0.
fn three(node: &OnnxNode<'_>, name: &str) -> Result<[usize; 3], String> {
    match sizes(node, name, 3, 1)?[..] {
        [depth, height, width] if ![depth, height, width].contains(&0) => Ok([depth, height, width]),
        _ => Err(format!("attribute `{name}` contains 0")),
    }
}

/// A pool of `[N, C, D, H, W]`: each slice is pooled, then the results along the depth. Extremes, sums and means alike are those
/// of the whole windows, as the elements that count are the same in every slice.
fn over_volume(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    pool: Pool,
) -> Result<ValueId, String> {
    let &[n, c, d, h, w] = shape_of(importer, input) else { unreachable!("a volume") };
    if node.attribute("kernel_shape").is_none() {
        return Err("attribute `kernel_shape` is missing".to_owned());
    }
    let kernel = three(node, "kernel_shape")?;
    let Volume { stride, dilation, pad } = volume(node, [d, h, w], kernel)?;
    let mut ceil = [0; 3];
    if node.int("ceil_mode", 0) != 0 {
        for (axis, size) in [d, h, w].into_iter().enumerate() {
            let extra = ceil_pad(size, kernel[axis], stride[axis], dilation[axis], pad[axis]);
            ceil[axis] = extra.ok_or("no window fits the padded input")?;
        }
    }
    let of_slice = Windows {
        kernel: [kernel[1], kernel[2]],
        stride: [stride[1], stride[2]],
        pad: [pad[1], pad[2]],
        dilation: [dilation[1], dilation[2]],
        ceil: [ceil[1], ceil[2]],
    };
    let of_depth = Windows {
        kernel: [kernel[0], 1],
        stride: [stride[0], 1],
        pad: [pad[0], [0, 0]],
        dilation: [dilation[0], 1],
        ceil: [ceil[0], 0],
    };
    let slices = apply(importer, node, View { shape: vec![n, c * d, h, w] }, vec![input])?;
    let pooled = pool(importer, node, slices, of_slice)?;
    let (height, width) = (shape_of(importer, pooled)[2], shape_of(importer, pooled)[3]);
    let columns = apply(importer, node, View { shape: vec![n, c, d, height * width] }, vec![pooled])?;
    let result = pool(importer, node, columns, of_depth)?;
    let depth = shape_of(importer, result)[2];
    apply(importer, node, View { shape: vec![n, c, depth, height, width] }, vec![result])
}

/// A pool of `[N, C, H, W]`, or of `[N, C, L]` as an image of one row.
fn over_image(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    windows: Windows,
    pool: Pool,
) -> Result<ValueId, String> {
    let &[n, c, length] = shape_of(importer, input) else { return pool(importer, node, input, windows) };
    let row = apply(importer, node, View { shape: vec![n, c, 1, length] }, vec![input])?;
    let pooled = pool(importer, node, row, windows)?;
    let length = shape_of(importer, pooled)[3];
    apply(importer, node, View { shape: vec![n, c, length] }, vec![pooled])
}

fn is_volume(importer: &Importer<'_>, input: ValueId) -> bool {
    shape_of(importer, input).len() == 5
}

/// Pools `[N, C, H, W]`.
type Pool = fn(&mut Importer<'_>, &OnnxNode<'_>, ValueId, Windows) -> Result<ValueId, String>;

fn max_of(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    windows: Windows,
) -> Result<ValueId, String> {
    let pad = windows.reach();
    let Windows { kernel, stride, dilation, .. } = windows;
    apply(importer, node, MaxPool2d { kernel, stride, pad, dilation }, vec![input])
}

fn mean_of(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    windows: Windows,
) -> Result<ValueId, String> {
    let count_include_pad = node.int("count_include_pad", 0) != 0;
    if windows.dilation == [1, 1] {
        let Windows { kernel, stride, pad, ceil, .. } = windows;
        let pool = AvgPool2d { kernel, stride, pad, count_include_pad, ceil, divisor: None };
        return apply(importer, node, pool, vec![input]);
    }
    let sum = sum_of(importer, node, input, windows)?;
    let (from, to) = (shape_of(importer, input).to_vec(), shape_of(importer, sum).to_vec());
    // Those of a window's elements that count along an axis: of the input, and of its padding where that counts.
    let mut counted = |axis: usize| {
        importer.spend(&[to[2 + axis], windows.kernel[axis]])?;
        let (size, [before, after]) = (from[2 + axis], windows.pad[axis]);
        let counts = if count_include_pad { 0..before + size + after } else { before..before + size };
        let place = |at: usize, tap: usize| at * windows.stride[axis] + tap * windows.dilation[axis];
        let count = |at| (0..windows.kernel[axis]).filter(|&tap| counts.contains(&place(at, tap))).count();
        Ok::<Vec<usize>, String>((0..to[2 + axis]).map(count).collect())
    };
    let (rows, columns) = (counted(0)?, counted(1)?);
    let shape = vec![1, 1, to[2], to[3]];
    importer.spend(&shape)?;
    let factors = Tensor::from_shape_fn(shape, |at| 1.0 / (rows[at[2]] * columns[at[3]]).max(1) as f32); // small
    let factors = constant(importer, node, "factors", factors);
    apply(importer, node, Binary::Mul, vec![sum, factors])
}

/// Sums, of windows with dilation as products with ones.
fn sum_of(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    windows: Windows,
) -> Result<ValueId, String> {
    let Windows { kernel, stride, pad, dilation, ceil } = windows;
    if dilation == [1, 1] {
        let pool = AvgPool2d { kernel, stride, pad, count_include_pad: true, ceil, divisor: Some(1) };
        return apply(importer, node, pool, vec![input]);
    }
    let groups = shape_of(importer, input)[1];
    let shape = vec![groups, 1, kernel[0], kernel[1]];
    importer.spend(&shape)?;
    let ones = constant(importer, node, "ones", Tensor::from_elem(shape, 1.0));
    let conv = Conv2d { stride, pad: windows.reach(), dilation, groups };
    apply(importer, node, conv, vec![input, ones])
}

/// The windows of a pool.
#[derive(Clone, Copy)]
struct Windows {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [[usize; 2]; 2],
    dilation: [usize; 2],
    /// What rounding the size up adds behind the padding.
    ceil: [usize; 2],
}

impl Windows {
    /// Padding and what rounding up adds.
    fn reach(&self) -> [[usize; 2]; 2] {
        [0, 1].map(|axis| [self.pad[axis][0], self.pad[axis][1] + self.ceil[axis]])
    }
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
    if is_volume(importer, input) {
        return over_volume(importer, node, input, max_of).map(same);
    }
    let windows = windows(importer, node, input)?;
    let Windows { kernel, stride, dilation, .. } = windows;
    let pool = MaxPool2d { kernel, stride, pad: windows.reach(), dilation };
    match is_row(importer, input) {
        true => importer.push(node, MaxPool1d(pool), vec![input]),
        false => importer.push(node, pool, vec![input]),
    }
}

pub(super) fn average_pool(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    if is_volume(importer, input) {
        return over_volume(importer, node, input, mean_of).map(same);
    }
    let windows = windows(importer, node, input)?;
    let Windows { kernel, stride, pad, dilation, ceil } = windows;
    if dilation != [1, 1] {
        return over_image(importer, node, input, windows, mean_of).map(same);
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
    let sum = match is_volume(importer, power) {
        true => over_volume(importer, node, power, sum_of)?,
        false => {
            let windows = windows(importer, node, power)?;
            over_image(importer, node, power, windows, sum_of)?
        }
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
