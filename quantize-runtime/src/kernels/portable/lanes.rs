//! DEPTHWISE_CONV2D from i8 to i8, some channels at a time.

use crate::kernels::int8::biases;
use crate::kernels::int8::depthwise_conv2d::{Band, Bands, Segment, Tensors};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(crate) const LANES: usize = 4;

/// What this kernel knows of a step: nothing.
#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(crate) type Fit = ();

/// It takes all steps.
#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(crate) const fn fit(_: &DepthwiseConv2d<'_, Rescale<'_>>) -> Option<Fit> {
    Some(())
}

/// Computes the results of all groups of channels at all places.
///
/// The step has as many channels in its input as in its result.
#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(in crate::kernels) fn channels((): Fit, step: &DepthwiseConv2d<'_, Rescale<'_>>, tensors: &mut impl Tensors) {
    groups::<LANES>(step, tensors);
}

/// Computes the results of all groups of `N` channels at all places, of a step as above.
#[inline(never)]
pub(in crate::kernels) fn groups<const N: usize>(step: &DepthwiseConv2d<'_, Rescale<'_>>, tensors: &mut impl Tensors) {
    let channels = channels_of(step);
    let mut bands = Bands::new(step, channels, tensors.is_descending());
    while let Some(band) = bands.next() {
        for group in 0..channels / N {
            lanes::<N>(step, group * N, band, tensors);
        }
    }
}

/// Computes the results of the channels after all groups of `N` at all places, of a step as above.
#[inline(never)]
pub(in crate::kernels) fn rest<const N: usize>(step: &DepthwiseConv2d<'_, Rescale<'_>>, tensors: &mut impl Tensors) {
    let channels = channels_of(step);
    let mut bands = Bands::new(step, channels, tensors.is_descending());
    while let Some(band) = bands.next() {
        for channel in channels / N * N..channels {
            lanes::<1>(step, channel, band, tensors);
        }
    }
}

/// Computes the results of `N` channels from `first` on in some rows.
#[inline(never)]
fn lanes<const N: usize>(
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    first: usize,
    band: &Band,
    tensors: &mut impl Tensors,
) {
    let biases: [i32; N] = biases(step.bias, first);
    let (mut input, mut output) = (band.input + first, band.output + first);
    for _ in 0..band.rows {
        for segment in band.segments() {
            let (mut from, mut to) = (input + segment.input, output + segment.output);
            let weights = slices::from(step.weights, band.weights + segment.weights + first);
            for _ in 0..segment.count {
                let sums = sums(step, biases, segment, weights, slices::from(tensors.input(), from), band.tap);
                let Some(results) = slices::from_mut(tensors.output(), to).first_chunk_mut() else { return };
                step.epilogue.requantize(sums, first, results);
                from += band.place;
                to += channels_of(step);
            }
        }
        (input, output) = (input.wrapping_add(band.input_step), output.wrapping_add(band.output_step));
    }
}

/// The sums of products at a place whose first activation is the first of `input`.
#[inline(always)]
fn sums<const N: usize>(
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    mut sums: [i32; N],
    segment: &Segment,
    weights: &[i8],
    input: &[i8],
    distance: usize,
) -> [i32; N] {
    let (channels, zero_point) = (channels_of(step), i32::from(step.input_zero_point));
    let (mut from, mut tap) = (0_usize, 0);
    for _ in 0..segment.rows {
        for _ in 0..segment.columns {
            let (activations, weights) = (slices::part(input, from, N), slices::part(weights, tap, N));
            for (sum, (&activation, &weight)) in sums.iter_mut().zip(activations.iter().zip(weights)) {
                *sum = sum.wrapping_add((i32::from(activation) - zero_point) * i32::from(weight));
            }
            from += distance;
            tap += channels;
        }
        (from, tap) = (from.wrapping_add(segment.row), tap + segment.skipped);
    }
    sums
}

fn channels_of(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> usize {
    let [.., channels] = step.output.sizes::<4>();
    channels
}
