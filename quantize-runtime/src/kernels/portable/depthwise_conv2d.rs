//! DEPTHWISE_CONV2D with weights in HWCM order.

use super::conv2d::bias;
use super::window::Axis;
use crate::epilogue::{Arithmetic, Epilogue, Input};
use crate::slices;
use crate::steps::DepthwiseConv2d;

/// Output channels computed together: their accumulators fit the registers of most targets.
const LANES: usize = 8;

/// Convolves each channel of an activation.
#[inline(never)]
pub(crate) fn depthwise_conv2d<E: Epilogue>(
    step: &DepthwiseConv2d<'_, E>,
    input: &[Input<E>],
    output: &mut [E::Output],
) {
    let [_, ih, iw, ic] = step.input.sizes();
    let [n, oh, ow, oc] = step.output.sizes();
    let multiplier = (oc / ic.max(1)).max(1);
    let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
    let mut results = slices::chunks_mut(output, oc);
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
                            let input = slices::part(input, from, ic);
                            let kernel = (ky * columns.kernel() + kx) * oc + first;
                            let weights = slices::part(step.weights, kernel, result.len());
                            let terms = sums.iter_mut().zip(weights);
                            if multiplier == 1 {
                                let input = slices::part(input, first, result.len());
                                for ((sum, weight), input) in terms.zip(input) {
                                    *sum = E::Arithmetic::add(*sum, *input, step.input_zero_point, *weight);
                                }
                            } else {
                                for ((sum, weight), channel) in terms.zip(first..) {
                                    let Some(input) = input.get(channel / multiplier) else { break };
                                    *sum = E::Arithmetic::add(*sum, *input, step.input_zero_point, *weight);
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
