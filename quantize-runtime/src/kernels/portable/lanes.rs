//! DEPTHWISE_CONV2D from i8 to i8, some channels at a time.

use super::conv2d::bias;
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::rescale::Rescale;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
#[cfg(any(kernels = "armv6m", kernels = "portable"))]
pub(crate) const LANES: usize = 4;

/// Computes the results of four channels from `first` on at all places.
///
/// The step has as many channels in its input as in its result.
#[cfg(any(kernels = "armv6m", kernels = "portable"))]
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, first: usize, input: &[i8], output: &mut [i8]) {
    lanes::<LANES>(step, first, input, output);
}

/// Computes the results of `N` channels from `first` on at all places.
///
/// The step has as many channels in its input as in its result.
pub(in crate::kernels) fn lanes<const N: usize>(
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    first: usize,
    input: &[i8],
    output: &mut [i8],
) {
    let distances = Distances::new(step);
    let biases: [i32; N] = core::array::from_fn(|lane| i32::from_le_bytes(bias(step.bias, first + lane)));
    for_each_segment(step, |segment| {
        for place in 0..segment.count {
            let sums =
                sums(step, biases, &segment, first, &input[segment.input + place * distances.place..], distances);
            let results = &mut output[segment.output + place * channels_of(step) + first..][..N];
            for (lane, (result, sum)) in results.iter_mut().zip(sums).enumerate() {
                *result = step.epilogue.to_i8(sum, first + lane);
            }
        }
    });
}

/// The sums of products at a place whose first activation is the first of `input`.
#[inline(always)]
fn sums<const N: usize>(
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    mut sums: [i32; N],
    segment: &Segment,
    first: usize,
    input: &[i8],
    distances: Distances,
) -> [i32; N] {
    let (channels, zero_point) = (channels_of(step), i32::from(step.input_zero_point));
    let [ky, kx] = &segment.taps;
    for (row, ky) in ky.clone().enumerate() {
        let activations = input[row * distances.row + first..].chunks(distances.tap);
        let weights = step.weights[(ky * usize::from(step.kernel[1]) + kx.start) * channels + first..].chunks(channels);
        for (activations, weights) in activations.zip(weights).take(kx.len()) {
            let (Some(activations), Some(weights)) = (activations.first_chunk::<N>(), weights.first_chunk::<N>())
            else {
                break;
            };
            for (sum, (&activation, &weight)) in sums.iter_mut().zip(activations.iter().zip(weights)) {
                *sum = sum.wrapping_add((i32::from(activation) - zero_point) * i32::from(weight));
            }
        }
    }
    sums
}

fn channels_of(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> usize {
    let [.., channels] = step.output.sizes::<4>();
    channels
}
