//! Convolutions of images.

use crate::threads::for_runs;
use crate::{Tensor, elements, tensor};
use std::ops::Range;

/// How a convolution lies on its input; pairs are vertical, horizontal.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// Distance between outputs.
    pub stride: [usize; 2],
    /// Zeros before the first and behind the last element of each axis.
    pub pad: [[usize; 2]; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// Number of independent channel groups.
    pub groups: usize,
}

/// Convolution of `[N, C, H, W]` with weights `[O, C/groups, KH, KW]` and an optional bias `[O]` to `shape`.
///
/// Each output is the f64 sum over (ic, kh, kw) in this order, rounded to f32, to which the bias is added.
pub fn conv2d(x: &Tensor, weights: &Tensor, bias: Option<&Tensor>, conv: Convolution, shape: &[usize]) -> Tensor {
    let (&[_, c, h, w], &[o, ic, kh, kw]) = (x.shape(), weights.shape()) else { panic!("tensors of rank 4") };
    let (oh, ow) = (shape[2], shape[3]);
    let mut output = vec![0.0_f32; shape.iter().product()];
    let planes = Planes {
        conv,
        input: elements(x),
        input_shape: [c, h, w],
        weights: elements(weights),
        kernel: [ic, kh, kw],
        bias: bias.map(elements),
        output: [o, oh, ow],
    };
    let operations = output.len() * ic * kh * kw;
    for_runs(&mut output, oh * ow, operations, |first, run| match o == conv.groups {
        true => planes.one_by_one(first, run),
        false => planes.together(first, run),
    });
    tensor(shape, output)
}

/// Transposed convolution of `[N, C, H, W]` with weights `[C, O/groups, KH, KW]` and an optional bias `[O]` to `shape`.
///
/// Each output is the f64 sum over (ic, kh, kw) in this order, rounded to f32, to which the bias is added.
pub fn conv_transpose2d(
    x: &Tensor,
    weights: &Tensor,
    bias: Option<&Tensor>,
    conv: Convolution,
    shape: &[usize],
) -> Tensor {
    let (&[_, c, h, w], &[_, per_group, kh, kw]) = (x.shape(), weights.shape()) else { panic!("tensors of rank 4") };
    let &[_, o, oh, ow] = shape else { panic!("a result of rank 4") };
    let (input, weights, bias) = (elements(x), elements(weights), bias.map(elements));
    let in_channels = c / conv.groups;
    let mut output = vec![0.0_f32; shape.iter().product()];
    let at = |axis: usize, input: usize, tap: usize, size: usize| {
        let full = input * conv.stride[axis] + tap * conv.dilation[axis];
        full.checked_sub(conv.pad[axis][0]).filter(|&at| at < size)
    };
    let operations = x.len() * per_group * conv.groups * kh * kw;
    for_runs(&mut output, oh * ow, operations, |first, run| {
        let mut sums = vec![0.0_f64; oh * ow];
        for (plane, results) in (first..).zip(run.chunks_exact_mut(oh * ow)) {
            let (batch, oc) = (plane / o, plane % o);
            let (group, in_group) = (oc / per_group, oc % per_group);
            sums.fill(0.0);
            for k in 0..in_channels * kh * kw {
                let (channel, ky, kx) = (group * in_channels + k / (kh * kw), k / kw % kh, k % kw);
                let weight = f64::from(weights[((channel * per_group + in_group) * kh + ky) * kw + kx]);
                for (y, row) in input[(batch * c + channel) * h * w..][..h * w].chunks_exact(w).enumerate() {
                    let Some(oy) = at(0, y, ky, oh) else { continue };
                    for (x, &value) in row.iter().enumerate() {
                        if let Some(ox) = at(1, x, kx, ow) {
                            sums[oy * ow + ox] += weight * f64::from(value);
                        }
                    }
                }
            }
            round(&sums, bias_of(bias, oc), results);
        }
    });
    tensor(shape, output)
}

/// Output positions and channels that are computed together: as many sums as the registers of any x86-64 or Arm processor hold.
const POSITIONS: usize = 8;
const CHANNELS: usize = 4;

/// A convolution by planes, each an output channel of a batch.
///
/// The order of an output's sum does not depend on what is computed together.
struct Planes<'a> {
    conv: Convolution,
    input: &'a [f32],
    /// C, H, W.
    input_shape: [usize; 3],
    weights: &'a [f32],
    /// IC, KH, KW.
    kernel: [usize; 3],
    bias: Option<&'a [f32]>,
    /// O, OH, OW.
    output: [usize; 3],
}

impl Planes<'_> {
    /// Planes that share no input: a row at a time.
    fn one_by_one(&self, first: usize, planes: &mut [f32]) {
        let ([c, h, w], [ic, kh, kw], [o, oh, ow]) = (self.input_shape, self.kernel, self.output);
        let Convolution { stride, pad, dilation, groups } = self.conv;
        let mut sums = vec![0.0_f64; oh * ow];
        for (plane, results) in (first..).zip(planes.chunks_exact_mut(oh * ow)) {
            let (batch, oc) = (plane / o, plane % o);
            let group = oc / (o / groups);
            sums.fill(0.0);
            for k in 0..ic * kh * kw {
                let (channel, ky, kx) = (group * ic + k / (kh * kw), k / kw % kh, k % kw);
                let weight = f64::from(self.weights[oc * ic * kh * kw + k]);
                let columns = valid_outputs(ow, w, kx * dilation[1], stride[1], pad[1][0]);
                for oy in valid_outputs(oh, h, ky * dilation[0], stride[0], pad[0][0]) {
                    let y = oy * stride[0] + ky * dilation[0] - pad[0][0];
                    let row = &self.input[((batch * c + channel) * h + y) * w..][..w];
                    let sums = &mut sums[oy * ow..][..ow][columns.clone()];
                    let start = columns.start * stride[1] + kx * dilation[1];
                    let taps = row.iter().skip(start.saturating_sub(pad[1][0]));
                    if stride[1] == 1 {
                        sums.iter_mut().zip(taps).for_each(|(sum, &x)| *sum += weight * f64::from(x));
                    } else {
                        let taps = taps.step_by(stride[1]);
                        sums.iter_mut().zip(taps).for_each(|(sum, &x)| *sum += weight * f64::from(x));
                    }
                }
            }
            round(&sums, bias_of(self.bias, oc), results);
        }
    }

    /// Planes of which several share their input: for some positions what the kernel covers is gathered, then all channels
    /// read that.
    fn together(&self, first: usize, planes: &mut [f32]) {
        let ([ic, kh, kw], [o, oh, ow]) = (self.kernel, self.output);
        let (taps, per_group) = (ic * kh * kw, o / self.conv.groups);
        let mut covered = vec![[0.0_f64; POSITIONS]; taps];
        let mut rest = planes;
        let mut plane = first;
        while !rest.is_empty() {
            // The planes of this run that are of one batch and group.
            let count = (per_group - plane % per_group).min(rest.len() / (oh * ow));
            let (part, behind) = rest.split_at_mut(count * oh * ow);
            let (batch, oc) = (plane / o, plane % o);
            for start in (0..oh * ow).step_by(POSITIONS) {
                let positions = start..(start + POSITIONS).min(oh * ow);
                self.gather(batch, oc / per_group, positions.clone(), &mut covered);
                for (block, planes) in part.chunks_mut(CHANNELS * oh * ow).enumerate() {
                    let channel = oc + block * CHANNELS;
                    let sums = multiply(&self.weights[channel * taps..], &covered, planes.len() / (oh * ow));
                    for ((channel, plane), sums) in (channel..).zip(planes.chunks_exact_mut(oh * ow)).zip(&sums) {
                        round(sums, bias_of(self.bias, channel), &mut plane[positions.clone()]);
                    }
                }
            }
            (rest, plane) = (behind, plane + count);
        }
    }

    /// The elements under each tap of the kernel at some positions; zeros outside the input.
    fn gather(&self, batch: usize, group: usize, positions: Range<usize>, covered: &mut [[f64; POSITIONS]]) {
        let ([c, h, w], [ic, kh, kw], [_, _, ow]) = (self.input_shape, self.kernel, self.output);
        let Convolution { stride, pad, dilation, .. } = self.conv;
        let is_pointwise = [kh, kw] == [1, 1] && stride == [1, 1] && pad == [[0; 2]; 2];
        for (k, covered) in covered.iter_mut().enumerate() {
            let channel = batch * c + group * ic + k / (kh * kw);
            let plane = &self.input[channel * h * w..][..h * w];
            if is_pointwise {
                covered.iter_mut().zip(&plane[positions.clone()]).for_each(|(at, &x)| *at = f64::from(x));
                continue;
            }
            let (ky, kx) = (k / kw % kh, k % kw);
            for (at, position) in covered.iter_mut().zip(positions.clone()) {
                let y = (position / ow * stride[0] + ky * dilation[0]).checked_sub(pad[0][0]).filter(|&y| y < h);
                let x = (position % ow * stride[1] + kx * dilation[1]).checked_sub(pad[1][0]).filter(|&x| x < w);
                *at = y.zip(x).map_or(0.0, |(y, x)| f64::from(plane[y * w + x]));
            }
        }
    }
}

/// The bias of a channel.
pub(crate) fn bias_of(bias: Option<&[f32]>, channel: usize) -> f32 {
    bias.map_or(0.0, |bias| bias[channel])
}

/// Rounds as many sums as there are results and adds the bias of their channel.
pub(crate) fn round(sums: &[f64], bias: f32, results: &mut [f32]) {
    results.iter_mut().zip(sums).for_each(|(result, &sum)| *result = sum as f32 + bias);
}

/// Sums of up to [`CHANNELS`] channels at some positions, with the widest vectors of the processor.
fn multiply(weights: &[f32], covered: &[[f64; POSITIONS]], channels: usize) -> [[f64; POSITIONS]; CHANNELS] {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn wide(weights: &[f32], covered: &[[f64; POSITIONS]], channels: usize) -> [[f64; POSITIONS]; CHANNELS] {
            multiply_lanes(weights, covered, channels)
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { wide(weights, covered, channels) };
        }
    }
    multiply_lanes(weights, covered, channels)
}

/// Lanes are sums of their own, so that their bits do not depend on how many a processor adds at once.
#[inline(always)]
fn multiply_lanes(weights: &[f32], covered: &[[f64; POSITIONS]], channels: usize) -> [[f64; POSITIONS]; CHANNELS] {
    let taps = covered.len();
    let mut sums = [[0.0_f64; POSITIONS]; CHANNELS];
    if channels == CHANNELS {
        let rows: [&[f32]; CHANNELS] = core::array::from_fn(|channel| &weights[channel * taps..][..taps]);
        for (k, covered) in covered.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                let weight = f64::from(row[k]);
                sums.iter_mut().zip(covered).for_each(|(sum, x)| *sum += weight * x);
            }
        }
    } else {
        for (sums, row) in sums.iter_mut().zip(weights.chunks_exact(taps)).take(channels) {
            for (&weight, covered) in row.iter().zip(covered) {
                sums.iter_mut().zip(covered).for_each(|(sum, x)| *sum += f64::from(weight) * x);
            }
        }
    }
    sums
}

/// Which outputs of a row or column read inside the input through the tap at `offset`.
fn valid_outputs(outputs: usize, inputs: usize, offset: usize, stride: usize, pad_before: usize) -> Range<usize> {
    // Position in the input is output · stride + offset - pad_before.
    let start = pad_before.saturating_sub(offset).div_ceil(stride);
    let end = (inputs + pad_before).saturating_sub(offset).div_ceil(stride).min(outputs);
    start.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Straight from the definition, one output at a time.
    fn naive(conv: Convolution, x: &Tensor, w: &Tensor, shape: &[usize]) -> Tensor {
        let per_group = w.shape()[0] / conv.groups;
        Tensor::from_shape_fn(shape, |at| {
            let mut sum = 0.0;
            for ic in 0..w.shape()[1] {
                for ky in 0..w.shape()[2] {
                    for kx in 0..w.shape()[3] {
                        let y = (at[2] * conv.stride[0] + ky * conv.dilation[0]).checked_sub(conv.pad[0][0]);
                        let z = (at[3] * conv.stride[1] + kx * conv.dilation[1]).checked_sub(conv.pad[1][0]);
                        if let (Some(y), Some(z)) = (y, z)
                            && y < x.shape()[2]
                            && z < x.shape()[3]
                        {
                            let channel = at[1] / per_group * w.shape()[1] + ic;
                            sum += w[[at[1], ic, ky, kx]] * x[[at[0], channel, y, z]];
                        }
                    }
                }
            }
            sum
        })
    }

    #[test]
    fn wide_vectors_change_no_bit() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 1000.0 - 8000.0
        };
        for taps in [1, 2, 9, 33] {
            let weights: Vec<f32> = (0..CHANNELS * taps).map(|_| next()).collect();
            let covered: Vec<[f64; POSITIONS]> = (0..taps).map(|_| core::array::from_fn(|_| next().into())).collect();
            for channels in 1..=CHANNELS {
                let bits = |sums: [[f64; POSITIONS]; CHANNELS]| sums.map(|sums| sums.map(f64::to_bits));
                let expected = bits(multiply_lanes(&weights, &covered, channels));
                assert_eq!(bits(multiply(&weights, &covered, channels)), expected, "{taps} taps, {channels} channels");
            }
        }
    }

    #[test]
    fn equals_its_definition_with_strides_pads_dilations_and_groups() {
        for (stride, pad, dilation, groups, size) in [
            ([1, 1], [[1, 1], [1, 1]], [1, 1], 1, [6, 6]),
            ([2, 3], [[0, 1], [2, 0]], [1, 1], 2, [3, 2]),
            ([1, 2], [[2, 2], [1, 1]], [2, 1], 4, [6, 3]),
            ([2, 1], [[1, 1], [0, 1]], [1, 2], 1, [3, 4]),
        ] {
            let conv = Convolution { stride, pad, dilation, groups };
            let count = core::cell::Cell::new(0_u8);
            let next = || {
                count.set(count.get().wrapping_mul(29).wrapping_add(17));
                f32::from(count.get()) - 100.0
            };
            let x = Tensor::from_shape_simple_fn(vec![2, 4, 6, 5], next);
            for outputs in [4, 12] {
                let w = Tensor::from_shape_simple_fn(vec![outputs, 4 / groups, 3, 2], next);
                let shape = [2, outputs, size[0], size[1]];
                assert_eq!(conv2d(&x, &w, None, conv, &shape), naive(conv, &x, &w, &shape), "{conv:?}");
            }
        }
    }
}
