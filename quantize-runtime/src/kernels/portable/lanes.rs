//! DEPTHWISE_CONV2D from i8 to i8, some channels at a time.

use crate::kernels::int8::biases;
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(crate) const LANES: usize = 4;

/// Computes the results of all groups of channels at all places.
///
/// The step has as many channels in its input as in its result.
#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    groups::<LANES>(step, input, output);
}

/// Computes the results of all groups of `N` channels at all places, of a step as above.
#[inline(never)]
pub(in crate::kernels) fn groups<const N: usize>(
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    input: &[i8],
    output: &mut [i8],
) {
    for group in 0..channels_of(step) / N {
        lanes::<N>(step, group * N, input, output);
    }
}

/// Computes the results of the channels after all groups of `N` at all places, of a step as above.
#[inline(never)]
pub(in crate::kernels) fn rest<const N: usize>(
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    input: &[i8],
    output: &mut [i8],
) {
    let channels = channels_of(step);
    for channel in channels / N * N..channels {
        lanes::<1>(step, channel, input, output);
    }
}

/// Computes the results of `N` channels from `first` on at all places.
///
/// The step has as many channels in its input as in its result.
fn lanes<const N: usize>(step: &DepthwiseConv2d<'_, Rescale<'_>>, first: usize, input: &[i8], output: &mut [i8]) {
    let distances = Distances::new(step);
    let biases: [i32; N] = biases(step.bias, first);
    for_each_segment(step, |segment| {
        for place in 0..segment.count {
            let sums = sums(
                step,
                biases,
                &segment,
                first,
                slices::from(input, segment.input + place * distances.place),
                distances,
            );
            let at = segment.output + place * channels_of(step) + first;
            let Some(results) = slices::from_mut(output, at).first_chunk_mut() else { return };
            step.epilogue.requantize(sums, first, results);
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
        let mut from = row * distances.row + first;
        let mut tap = (ky * usize::from(step.kernel[1]) + kx.start) * channels + first;
        for _ in kx.clone() {
            let (activations, weights) = (slices::part(input, from, N), slices::part(step.weights, tap, N));
            for (sum, (&activation, &weight)) in sums.iter_mut().zip(activations.iter().zip(weights)) {
                *sum = sum.wrapping_add((i32::from(activation) - zero_point) * i32::from(weight));
            }
            from += distances.tap;
            tap += channels;
        }
    }
    sums
}

fn channels_of(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> usize {
    let [.., channels] = step.output.sizes::<4>();
    channels
}
