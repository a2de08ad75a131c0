//! DEPTHWISE_CONV2D with weights in HWCM order.

use super::window::Axis;
use crate::steps::DepthwiseConv2d;

/// Output channels computed together: their accumulators fit the registers of most targets.
const LANES: usize = 8;

/// Convolves each channel of an i8 activation and rescales the accumulators to i8.
pub fn depthwise_conv2d(step: &DepthwiseConv2d<'_>, input: &[i8], output: &mut [i8]) {
    accumulate(step, input, output, |accumulator, channel| step.rescale.to_i8(accumulator, channel));
}

/// Convolves each channel of an i8 activation into i32 accumulators.
pub fn depthwise_conv2d_i32(step: &DepthwiseConv2d<'_, ()>, input: &[i8], output: &mut [[u8; 4]]) {
    accumulate(step, input, output, |accumulator, _| accumulator.to_le_bytes());
}

/// Computes each accumulator and stores what `finish` makes of it and its channel.
#[inline(always)]
fn accumulate<R, T>(step: &DepthwiseConv2d<'_, R>, input: &[i8], output: &mut [T], finish: impl Fn(i32, usize) -> T) {
    let [_, ih, iw, ic] = step.input.sizes();
    let [n, oh, ow, oc] = step.output.sizes();
    let multiplier = oc / ic; // a dimension of a shape is never 0
    let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
    let zero_point = i32::from(step.input_zero_point);
    let bias = |channel: usize| {
        let at = if step.bias.len() == 1 { 0 } else { channel };
        i32::from_le_bytes(step.bias.get(at).copied().unwrap_or_default())
    };
    let mut results = output.chunks_exact_mut(oc);
    for batch in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let (ky, kx) = (rows.taps(oy), columns.taps(ox));
                for (group, result) in result.chunks_mut(LANES).enumerate() {
                    let first = group * LANES;
                    let mut accumulators: [i32; LANES] = core::array::from_fn(|lane| bias(first + lane));
                    for ky in ky.clone() {
                        for kx in kx.clone() {
                            let from = ((batch * ih + rows.position(oy, ky)) * iw + columns.position(ox, kx)) * ic;
                            let input = &input[from..from + ic];
                            let kernel = (ky * columns.kernel + kx) * oc + first;
                            let weights = &step.weights[kernel..kernel + result.len()];
                            let mut add = |lane: usize, input: i8, weight: i8| {
                                let product = (i32::from(input) - zero_point) * i32::from(weight);
                                accumulators[lane] = accumulators[lane].wrapping_add(product);
                            };
                            if multiplier == 1 {
                                let input = &input[first..first + result.len()];
                                for (lane, (input, weight)) in input.iter().zip(weights).enumerate().take(LANES) {
                                    add(lane, *input, *weight);
                                }
                            } else {
                                for (lane, weight) in weights.iter().enumerate().take(LANES) {
                                    add(lane, input[(first + lane) / multiplier], *weight);
                                }
                            }
                        }
                    }
                    for (lane, (result, accumulator)) in result.iter_mut().zip(accumulators).enumerate() {
                        *result = finish(accumulator, first + lane);
                    }
                }
            }
        }
    }
}
