//! DEPTHWISE_CONV2D with weights in HWCM order.

use super::conv2d::bias;
use super::window::Axis;
use crate::epilogue::{Arithmetic, Epilogue, Input};
use crate::steps::DepthwiseConv2d;

/// Output channels computed together: their accumulators fit the registers of most targets.
const LANES: usize = 8;

/// Convolves each channel of an activation.
pub(crate) fn depthwise_conv2d<E: Epilogue>(
    step: &DepthwiseConv2d<'_, E>,
    input: &[Input<E>],
    output: &mut [E::Output],
) {
    let [_, ih, iw, ic] = step.input.sizes();
    let [n, oh, ow, oc] = step.output.sizes();
    let multiplier = oc / ic; // a dimension of a shape is never 0
    let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
    let mut results = output.chunks_exact_mut(oc);
    for batch in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let (ky, kx) = (rows.taps(oy), columns.taps(ox));
                for (group, result) in result.chunks_mut(LANES).enumerate() {
                    let first = group * LANES;
                    let mut sums: [_; LANES] = core::array::from_fn(|_| Default::default());
                    for ky in ky.clone() {
                        for kx in kx.clone() {
                            let from = ((batch * ih + rows.position(oy, ky)) * iw + columns.position(ox, kx)) * ic;
                            let input = &input[from..from + ic];
                            let kernel = (ky * columns.kernel + kx) * oc + first;
                            let weights = &step.weights[kernel..kernel + result.len()];
                            let mut add = |lane: usize, input, weight| {
                                sums[lane] = E::Arithmetic::add(sums[lane], input, step.input_zero_point, weight);
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
                    for (lane, (result, sum)) in result.iter_mut().zip(sums).enumerate() {
                        let channel = first + lane;
                        *result = step.epilogue.finish(E::Arithmetic::add_bias(sum, bias(step.bias, channel)), channel);
                    }
                }
            }
        }
    }
}
