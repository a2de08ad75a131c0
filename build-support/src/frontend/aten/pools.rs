//! Pools over windows, and images of another size.

use super::{Arg, Builder, Call, only_images, only_rows, pads, positive_pair, positive_sides, to_size};
use crate::graph::ValueId;
use crate::ops::adaptive_avg_pool1d::AdaptiveAvgPool1d;
use crate::ops::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use crate::ops::adaptive_max_pool2d::AdaptiveMaxPool2d;
use crate::ops::avg_pool1d::AvgPool1d;
use crate::ops::avg_pool2d::AvgPool2d;
use crate::ops::grid_sampler::GridSampler;
use crate::ops::max_pool1d::MaxPool1d;
use crate::ops::max_pool2d::{MaxPool2d, ceil_pad};
use crate::ops::upsample::{Interpolation, Upsample};

pub(super) fn adaptive_avg_pool2d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    only_images(builder.shape(input))?;
    builder.push(call, AdaptiveAvgPool2d { output: positive_pair(call, "output_size", 1)? }, &[input])
}

pub(super) fn adaptive_avg_pool1d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    only_rows(builder.shape(input))?;
    let [_, output] = positive_sides(call, "output_size", 1, 1)?;
    builder.push(call, AdaptiveAvgPool1d { output }, &[input])
}

pub(super) fn adaptive_max_pool2d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    only_images(builder.shape(input))?;
    builder.push(call, AdaptiveMaxPool2d { output: positive_pair(call, "output_size", 1)? }, &[input])
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

fn windows(builder: &Builder<'_>, call: &Call<'_>, input: ValueId, dims: usize) -> Result<Windows, String> {
    let input = builder.shape(input);
    if dims == 1 {
        only_rows(input)?
    } else {
        only_images(input)?
    }
    let (kernel, dilation) =
        (positive_sides(call, "kernel_size", 1, dims)?, positive_sides(call, "dilation", 1, dims)?);
    // The stride is the kernel's size where it is left out or empty.
    let is_empty = call.ints("stride", &[])?.is_empty();
    let stride = if is_empty { kernel } else { positive_sides(call, "stride", 1, dims)? };
    let pad = pads(call, dims)?;
    let mut ceil = [0; 2];
    if call.flag("ceil_mode", false)? {
        let sizes = [if dims == 1 { 1 } else { input[2] }, input[input.len() - 1]];
        for axis in 0..2 {
            let extra = ceil_pad(sizes[axis], kernel[axis], stride[axis], dilation[axis], pad[axis]);
            ceil[axis] = extra.ok_or("no window fits the padded input")?;
        }
    }
    Ok(Windows { kernel, stride, pad, dilation, ceil })
}

pub(super) fn max_pool1d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let pool = largest(windows(builder, call, input, 1)?);
    builder.push(call, MaxPool1d(pool), &[input])
}

pub(super) fn max_pool2d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let pool = largest(windows(builder, call, input, 2)?);
    builder.push(call, pool, &[input])
}

fn largest(windows: Windows) -> MaxPool2d {
    let Windows { kernel, stride, mut pad, dilation, ceil } = windows;
    (pad[0][1], pad[1][1]) = (pad[0][1] + ceil[0], pad[1][1] + ceil[1]);
    MaxPool2d { kernel, stride, pad, dilation }
}

pub(super) fn avg_pool1d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let pool = mean(call, windows(builder, call, input, 1)?)?;
    builder.push(call, AvgPool1d(pool), &[input])
}

pub(super) fn avg_pool2d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let pool = mean(call, windows(builder, call, input, 2)?)?;
    builder.push(call, pool, &[input])
}

fn mean(call: &Call<'_>, windows: Windows) -> Result<AvgPool2d, String> {
    let Windows { kernel, stride, pad, ceil, .. } = windows;
    let divisor = if call.has("divisor_override") { Some(call.int("divisor_override", 1)?) } else { None };
    let divisor = divisor.map(|divisor| {
        to_size(divisor).filter(|&divisor| divisor > 0).ok_or_else(|| format!("a divisor of {divisor}"))
    });
    let count_include_pad = call.flag("count_include_pad", true)?;
    Ok(AvgPool2d { kernel, stride, pad, count_include_pad, ceil, divisor: divisor.transpose()? })
}

/// Bilinear sampling of images; the modes are numbers of torch's.
pub(super) fn grid_sampler(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, grid) = (call.tensor("input")?, call.tensor("grid")?);
    let mode = call.int("interpolation_mode", 0)?;
    if mode != 0 {
        return Err(format!("has interpolation mode {mode}; only 0, bilinear, is supported"));
    }
    let border = match call.int("padding_mode", 0)? {
        0 => false,
        1 => true,
        mode => return Err(format!("has padding mode {mode}; only 0, zeros, and 1, border, are supported")),
    };
    builder.push(call, GridSampler { align_corners: call.flag("align_corners", false)?, border }, &[input, grid])
}

/// `upsample_nearest2d` and `upsample_bilinear2d`, to a size or by factors.
pub(super) fn upsample(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = if call.has("input") { call.tensor("input")? } else { call.tensor("self")? };
    let shape = builder.shape(input);
    only_images(shape)?;
    let factors = match call.arg("scale_factors") {
        Some(&Arg::Floats(&[y, x])) => Some([y, x]),
        None if call.has("scales_h") && call.has("scales_w") => {
            Some([call.float("scales_h", 1.0)?, call.float("scales_w", 1.0)?])
        }
        None => None,
        Some(_) => return Err("argument `scale_factors` is no pair".to_owned()),
    };
    let output = match factors {
        _ if call.has("output_size") => positive_pair(call, "output_size", 1)?,
        // Source: torch's `compute_output_size`.
        Some(factors) => {
            let size = |axis: usize| to_size((shape[2 + axis] as f64 * factors[axis]) as i64).filter(|&size| size > 0);
            let sizes = size(0).zip(size(1)).ok_or_else(|| format!("has factors {factors:?}"))?;
            [sizes.0, sizes.1]
        }
        None => return Err("has neither a size nor factors".to_owned()),
    };
    if factors.is_some_and(|factors| factors.iter().any(|factor| !(factor.is_finite() && *factor > 0.0))) {
        return Err(format!("has factors {factors:?}"));
    }
    let mode = match (call.target.contains("nearest"), call.flag("align_corners", false)?) {
        (true, _) => Interpolation::Nearest,
        (false, false) => Interpolation::Bilinear,
        (false, true) => Interpolation::BilinearAlignedCorners,
    };
    builder.push(call, Upsample { output, factors, mode }, &[input])
}
