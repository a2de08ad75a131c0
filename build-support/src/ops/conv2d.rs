//! Two-dimensional convolution, grouped and depthwise included.

use super::threads::for_runs;
use super::{Pattern, Room, window_output};
use crate::graph::{Node, Tensor};
use crate::lower::layer::LayerWeights;
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW, Operand};
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops;

/// Convolution of `[N, C, H, W]` with weights `[O, C/groups, KH, KW]` and an optional bias `[O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv2d {
    /// Vertical, horizontal.
    pub stride: [usize; 2],
    /// Zeros added above and below, left and right.
    pub pad: [[usize; 2]; 2],
    /// Distance between taps, vertical and horizontal.
    pub dilation: [usize; 2],
    /// Number of independent channel groups.
    pub groups: usize,
}

impl Room for Conv2d {
    const NAME: &'static str = "conv2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (&[n, c, h, w], &[o, ic, kh, kw]) = (inputs[0], inputs[1]) else {
            return Err(format!("a 2-D convolution of {:?} with weights {:?}", inputs[0], inputs[1]));
        };
        if ic * self.groups != c || o % self.groups != 0 {
            return Err(format!("weights {:?} in {} groups do not fit the input {:?}", inputs[1], self.groups, inputs[0]));
        }
        if inputs.get(2).is_some_and(|bias| *bias != [o]) {
            return Err(format!("bias {:?} for {o} output channels", inputs[2]));
        }
        let side = |axis: usize, input, kernel| {
            window_output(input, kernel, self.stride[axis], self.dilation[axis], self.pad[axis])
                .ok_or_else(|| format!("a kernel of {kh}×{kw} does not fit the padded input {h}×{w}"))
        };
        Ok(vec![n, o, side(0, h, kh)?, side(1, w, kw)?])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&inputs.iter().map(|x| x.shape()).collect::<Vec<_>>()).expect("checked at import");
        let (&[n, c, h, w], &[o, ic, kh, kw]) = (inputs[0].shape(), inputs[1].shape()) else { unreachable!("rank 4") };
        let (oh, ow) = (shape[2], shape[3]);
        let mut output = vec![0.0_f32; n * o * oh * ow];
        let weights = inputs[1].as_slice().expect("standard layout");
        let planes = Planes {
            conv: self,
            input: inputs[0].as_slice().expect("standard layout"),
            input_shape: [c, h, w],
            weights,
            kernel: [ic, kh, kw],
            bias: inputs.get(2).map(|bias| bias.as_slice().expect("standard layout")),
            output: [o, oh, ow],
        };
        let operations = output.len() * ic * kh * kw;
        for_runs(&mut output, oh * ow, operations, |first, run| match o == self.groups {
            true => planes.one_by_one(first, run),
            false => planes.together(first, run),
        });
        Tensor::from_shape_vec(shape, output).expect("as many elements as the shape says")
    }

    fn target(&self) -> &'static str {
        "aten.conv2d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Weighted
    }

    /// CONV2D or DEPTHWISE_CONV2D per group, and a RESCALE of integers.
    ///
    /// Source: oracle of the lowering, section 4.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let weights = lowering.weights(node)?;
        let (o, c) = (weights.shape[0], input.shape[1]);
        let input = lowering.transposed(&input, NCHW_TO_NHWC)?;
        let (input, pad) = lowering.fit_windows(&input, &weights.shape[2..], self.stride, self.dilation, self.pad)?;
        let result = if self.groups == c && o % c == 0 {
            self.lower_group(lowering, node, &input, &weights, pad, true)?
        } else {
            let parts = (0..self.groups)
                .map(|group| {
                    let (per_in, per_out) = (c / self.groups, o / self.groups);
                    let part = lowering.channels(&input, group * per_in, per_in)?;
                    let outputs = group * per_out..(group + 1) * per_out;
                    self.lower_group(lowering, node, &part, &weights.part(outputs.clone(), outputs), pad, false)
                })
                .collect::<Result<Vec<_>, _>>()?;
            lowering.concat(&parts, 3)?
        };
        let result = lowering.transpose(result, NHWC_TO_NCHW)?;
        lowering.finish_fused(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl Conv2d {
    fn lower_group(
        &self,
        lowering: &mut Lowering<'_>,
        node: &Node,
        input: &Operand,
        weights: &LayerWeights<'_>,
        pad: [i32; 4],
        depthwise: bool,
    ) -> Result<ValueId, String> {
        let [o, ic, kh, kw] = weights.shape[..] else { unreachable!("rank 4, checked at import") };
        let c = *input.shape.last().expect("rank 4");
        // From OIHW to OHWI, and to HWCM with output channel c·M + m for depthwise.
        let (shape, order) = if depthwise {
            ([kh, kw, c, o / c], [2, 3, 0, 1])
        } else {
            ([o, kh, kw, ic], [0, 2, 3, 1])
        };
        let bias = lowering.bias(weights, input)?;
        let weight = lowering.weight(weights, &shape, &order)?;
        let side = |out: usize, index: usize| {
            (out + pad[2 * index] as usize + pad[2 * index + 1] as usize
                - self.dilation[index] * ([kh, kw][index] - 1)
                - 1)
                / self.stride[index]
                + 1
        };
        let output = [input.shape[0], side(input.shape[1], 0), side(input.shape[2], 1), o];
        let stride = self.stride.map(|s| s as i32);
        let dilation = self.dilation.map(|d| d as i32);
        let input_zero_point = input.zero_point();
        let (element, accumulator) = input.accumulator();
        let op = if depthwise {
            ops::Op::DepthwiseConv2d(ops::DepthwiseConv2d {
                pad,
                stride,
                dilation,
                accumulator,
                input: input.id,
                weight,
                bias,
                input_zero_point,
                ..Default::default()
            })
        } else {
            ops::Op::Conv2d(ops::Conv2d {
                pad,
                stride,
                dilation,
                accumulator,
                input: input.id,
                weight,
                bias,
                input_zero_point,
                ..Default::default()
            })
        };
        let sums = lowering.push(op, element, &output)?;
        lowering.narrow_layer(node, sums, input, weights)
    }
}

/// Output positions and channels that are computed together: as many sums as the registers of any x86-64 or Arm processor hold.
const POSITIONS: usize = 8;
const CHANNELS: usize = 4;

/// A convolution by planes, each an output channel of a batch.
///
/// Each output sums over (ic, kh, kw) in this order from zero on and then adds the bias, whatever is computed together.
struct Planes<'a> {
    conv: &'a Conv2d,
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
        let Conv2d { stride, pad, dilation, groups } = *self.conv;
        for (plane, sums) in (first..).zip(planes.chunks_exact_mut(oh * ow)) {
            let (batch, oc) = (plane / o, plane % o);
            let group = oc / (o / groups);
            for k in 0..ic * kh * kw {
                let (channel, ky, kx) = (group * ic + k / (kh * kw), k / kw % kh, k % kw);
                let weight = self.weights[oc * ic * kh * kw + k];
                let columns = valid_outputs(ow, w, kx * dilation[1], stride[1], pad[1][0]);
                for oy in valid_outputs(oh, h, ky * dilation[0], stride[0], pad[0][0]) {
                    let y = oy * stride[0] + ky * dilation[0] - pad[0][0];
                    let row = &self.input[((batch * c + channel) * h + y) * w..][..w];
                    let sums = &mut sums[oy * ow..][..ow][columns.clone()];
                    let start = columns.start * stride[1] + kx * dilation[1];
                    let taps = row.iter().skip(start.saturating_sub(pad[1][0]));
                    if stride[1] == 1 {
                        sums.iter_mut().zip(taps).for_each(|(sum, x)| *sum += weight * x);
                    } else {
                        sums.iter_mut().zip(taps.step_by(stride[1])).for_each(|(sum, x)| *sum += weight * x);
                    }
                }
            }
            self.add_bias(oc, sums);
        }
    }

    /// Planes of which several share their input: for some positions what the kernel covers is gathered, then all channels
    /// read that.
    fn together(&self, first: usize, planes: &mut [f32]) {
        let ([ic, kh, kw], [o, oh, ow]) = (self.kernel, self.output);
        let (taps, per_group) = (ic * kh * kw, o / self.conv.groups);
        let mut covered = vec![[0.0_f32; POSITIONS]; taps];
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
                for (block, sums) in part.chunks_mut(CHANNELS * oh * ow).enumerate() {
                    let weights = &self.weights[(oc + block * CHANNELS) * taps..];
                    multiply(weights, &covered, sums, oh * ow, positions.clone());
                }
            }
            (0..).zip(part.chunks_exact_mut(oh * ow)).for_each(|(index, sums)| self.add_bias(oc + index, sums));
            (rest, plane) = (behind, plane + count);
        }
    }

    /// The elements under each tap of the kernel at some positions; zeros outside the input.
    fn gather(
        &self,
        batch: usize,
        group: usize,
        positions: core::ops::Range<usize>,
        covered: &mut [[f32; POSITIONS]],
    ) {
        let ([c, h, w], [ic, kh, kw], [_, _, ow]) = (self.input_shape, self.kernel, self.output);
        let Conv2d { stride, pad, dilation, .. } = *self.conv;
        let is_pointwise = [kh, kw] == [1, 1] && stride == [1, 1] && pad == [[0; 2]; 2];
        for (k, covered) in covered.iter_mut().enumerate() {
            let channel = batch * c + group * ic + k / (kh * kw);
            let plane = &self.input[channel * h * w..][..h * w];
            if is_pointwise {
                covered[..positions.len()].copy_from_slice(&plane[positions.clone()]);
                continue;
            }
            let (ky, kx) = (k / kw % kh, k % kw);
            for (at, position) in covered.iter_mut().zip(positions.clone()) {
                let y = (position / ow * stride[0] + ky * dilation[0]).checked_sub(pad[0][0]).filter(|&y| y < h);
                let x = (position % ow * stride[1] + kx * dilation[1]).checked_sub(pad[1][0]).filter(|&x| x < w);
                *at = y.zip(x).map_or(0.0, |(y, x)| plane[y * w + x]);
            }
        }
    }

    fn add_bias(&self, channel: usize, sums: &mut [f32]) {
        if let Some(bias) = self.bias {
            sums.iter_mut().for_each(|sum| *sum += bias[channel]);
        }
    }
}

/// Sums of up to [`CHANNELS`] planes at some positions.
fn multiply(
    weights: &[f32],
    covered: &[[f32; POSITIONS]],
    planes: &mut [f32],
    plane: usize,
    positions: core::ops::Range<usize>,
) {
    let taps = covered.len();
    let mut sums = [[0.0_f32; POSITIONS]; CHANNELS];
    if planes.len() == CHANNELS * plane {
        let rows: [&[f32]; CHANNELS] = core::array::from_fn(|channel| &weights[channel * taps..][..taps]);
        for (k, covered) in covered.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(rows) {
                for (sum, x) in sums.iter_mut().zip(covered) {
                    *sum += row[k] * x;
                }
            }
        }
    } else {
        for (sums, row) in sums.iter_mut().zip(weights.chunks_exact(taps)).take(planes.len() / plane) {
            for (weight, covered) in row.iter().zip(covered) {
                for (sum, x) in sums.iter_mut().zip(covered) {
                    *sum += weight * x;
                }
            }
        }
    }
    for (plane, sums) in planes.chunks_exact_mut(plane).zip(&sums) {
        plane[positions.clone()].copy_from_slice(&sums[..positions.len()]);
    }
}

/// Which outputs of a row or column read inside the input through the tap at `offset`.
fn valid_outputs(
    outputs: usize,
    inputs: usize,
    offset: usize,
    stride: usize,
    pad_before: usize,
) -> core::ops::Range<usize> {
    // Position in the input is output · stride + offset - pad_before.
    let start = pad_before.saturating_sub(offset).div_ceil(stride);
    let end = (inputs + pad_before).saturating_sub(offset).div_ceil(stride).min(outputs);
    start.min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Straight from the definition, one output at a time.
    fn naive(conv: &Conv2d, x: &Tensor, w: &Tensor) -> Tensor {
        let shape = conv.infer(&[x.shape(), w.shape()]).unwrap();
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
    fn equals_its_definition_with_strides_pads_dilations_and_groups() {
        for (stride, pad, dilation, groups) in [
            ([1, 1], [[1, 1], [1, 1]], [1, 1], 1),
            ([2, 3], [[0, 1], [2, 0]], [1, 1], 2),
            ([1, 2], [[2, 2], [1, 1]], [2, 1], 4),
            ([2, 1], [[1, 1], [0, 1]], [1, 2], 1),
        ] {
            let conv = Conv2d { stride, pad, dilation, groups };
            let count = core::cell::Cell::new(0_u8);
            let next = || {
                count.set(count.get().wrapping_mul(29).wrapping_add(17));
                f32::from(count.get()) - 100.0
            };
            let x = Tensor::from_shape_simple_fn(vec![2, 4, 6, 5], next);
            for outputs in [4, 12] {
                let w = Tensor::from_shape_simple_fn(vec![outputs, 4 / groups, 3, 2], next);
                assert_eq!(conv.evaluate(&[&x, &w]), naive(&conv, &x, &w), "{conv:?}");
            }
        }
    }
}
