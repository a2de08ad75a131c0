//! CONV2D from i8 to i8: the activations under a window times rows of weights.

use super::channel::row;
use super::patch::{Place, Windows};
use super::{are_aligned, biases};
use crate::kernels::portable;
use crate::kernels::target::{self, ROWS, channels, dot};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;
use core::array;

/// Activations of the longest window that is copied to the stack; a longer one is multiplied run by run.
const PATCH: usize = 256;

/// Which kernels compute a CONV2D from i8 to i8: a program has only those that its layers need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Conv2dWay {
    /// Four windows at a time.
    #[cfg(kernels = "armv7em")]
    FourColumns,
    /// Two windows at a time.
    #[cfg(kernels = "armv7em")]
    TwoColumns,
    /// All places, whose windows follow one another in memory.
    #[cfg(kernels = "mve")]
    Block,
    /// The same with activations that stay in registers.
    #[cfg(kernels = "mve")]
    Vectors,
    /// Some windows at a time.
    #[cfg(kernels = "mve")]
    Blocks,
    /// The same where one needs more memory than the stack should have for others.
    #[cfg(kernels = "mve")]
    LongBlocks,
    /// One window at a time, which is a run of the input or copied to the stack.
    Patch,
    /// The same by the target's kernel for all channels.
    #[cfg(any(kernels = "armv6m", kernels = "riscv32"))]
    PatchOfTarget,
    /// The same for activations whose zero point is 0.
    #[cfg(kernels = "armv6m")]
    PatchFromZero,
    /// The same with weights in the order of [`Conv2d::pack`].
    #[cfg(kernels = "riscv32")]
    PackedPatch,
    /// One window at a time, in runs.
    Runs,
    /// One product after another, for constants at any address.
    Unaligned,
}

impl Conv2d<'_, Rescale<'_>> {
    /// The kernels for this step, and for every one with the same channels, window and constants, which must be aligned to words.
    pub const fn way(&self) -> Conv2dWay {
        match target::own_way(self) {
            Some(way) => way,
            None if self.fits_patch() => Conv2dWay::Patch,
            None => Conv2dWay::Runs,
        }
    }

    /// Whether the activations under each window are a run of the input, or no more than are copied.
    pub(crate) const fn fits_patch(&self) -> bool {
        self.are_runs() || self.window_len() <= PATCH
    }

    /// The kernels for this step with its weights in the order of [`Self::pack`].
    pub const fn packed_way(&self) -> Conv2dWay {
        match self.way() {
            #[cfg(kernels = "riscv32")]
            Conv2dWay::PatchOfTarget => Conv2dWay::PackedPatch,
            way => way,
        }
    }

    /// Stores the weights in the order that the kernels of [`Self::packed_way`] read fastest; on most targets as they are.
    ///
    /// # Panics
    /// If there is memory for another number of weights; in a constant, which is a compile error.
    pub const fn pack(&self, packed: &mut [i8]) {
        match self.packed_way() {
            #[cfg(kernels = "riscv32")]
            Conv2dWay::PackedPatch => target::groups::pack(self.weights, self.window_len(), packed),
            _ => packed.copy_from_slice(self.weights),
        }
    }

    /// [`Self::way`], or the kernels that need no alignment.
    pub(crate) fn way_at_run_time(&self) -> Conv2dWay {
        if are_aligned(self.bias, &self.epilogue) { self.way() } else { Conv2dWay::Unaligned }
    }

    /// Whether the activations under each window are a run of the input.
    pub(crate) const fn are_runs(&self) -> bool {
        let ([_, ih, iw, _], [ky, kx]) = (self.input.sizes::<4>(), self.kernel);
        let is_padded = self.pad[0] > 0 || self.pad[1] > 0 || self.pad[2] > 0 || self.pad[3] > 0;
        let is_pointwise = ky == 1 && kx == 1;
        let is_whole_input = ky as usize == ih && kx as usize == iw && self.dilation[0] == 1 && self.dilation[1] == 1;
        !is_padded && (is_pointwise || is_whole_input)
    }

    /// Activations under a window.
    pub(crate) const fn window_len(&self) -> usize {
        let [_, _, _, channels] = self.input.sizes::<4>();
        self.kernel[0] as usize * self.kernel[1] as usize * channels
    }
}

/// Convolves an activation by the kernels of the step's [`Conv2d::way`]; by others the result is not what it should be.
#[inline(always)] // so that the way is a constant
pub fn conv2d(way: Conv2dWay, step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    match way {
        #[cfg(kernels = "armv7em")]
        Conv2dWay::FourColumns => by_columns::<4>(step, input, output),
        #[cfg(kernels = "armv7em")]
        Conv2dWay::TwoColumns => by_columns::<2>(step, input, output),
        #[cfg(kernels = "mve")]
        Conv2dWay::Block => target::conv2d::all_places(step, input, output),
        #[cfg(kernels = "mve")]
        Conv2dWay::Vectors => target::conv2d::all_places_of_vectors(step, input, output),
        #[cfg(kernels = "mve")]
        Conv2dWay::Blocks => target::conv2d::by_blocks::<{ target::conv2d::PATCHES }>(step, input, output),
        #[cfg(kernels = "mve")]
        Conv2dWay::LongBlocks => target::conv2d::by_blocks::<{ target::conv2d::LONG_PATCHES }>(step, input, output),
        Conv2dWay::Patch => by_patch(step, 0, input, output, channels),
        #[cfg(any(kernels = "armv6m", kernels = "riscv32"))]
        Conv2dWay::PatchOfTarget => by_patch(step, 0, input, output, target::groups::channels),
        #[cfg(kernels = "armv6m")]
        Conv2dWay::PatchFromZero => by_patch(step, 0, input, output, target::groups::channels_from_zero),
        #[cfg(kernels = "riscv32")]
        Conv2dWay::PackedPatch => by_patch(step, 0, input, output, target::groups::packed_channels),
        Conv2dWay::Runs => by_runs(step, input, output),
        Conv2dWay::Unaligned => portable::conv2d::conv2d(step, input, output),
    }
}

/// Convolves `N` windows at a time, and the rest one by one, which has the stack for itself.
#[cfg(kernels = "armv7em")]
#[inline(always)]
fn by_columns<const N: usize>(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    target::conv2d::by_columns::<N>(step, input, output);
    let [n, oh, ow] = step.output.sizes::<3>();
    let (places, rest) = (n * oh * ow, n * oh * ow % N);
    if rest > 0 {
        by_patch(step, places - rest, input, output, channels);
    }
}

/// Convolves a window at a time, from one on, by a function that computes all channels from the activations under it.
#[inline(never)] // its memory is on the stack
fn by_patch(
    step: &Conv2d<'_, Rescale<'_>>,
    first: usize,
    input: &[i8],
    output: &mut [i8],
    channels: impl Fn(&Conv2d<'_, Rescale<'_>>, &[i8], &mut [i8]),
) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    if first > 0 {
        windows.skip(first);
    }
    let mut patch = [0; PATCH];
    let patch = patch.get_mut(..windows.len()).unwrap_or_default();
    for result in slices::chunks_mut(slices::from_mut(output, first * oc), oc) {
        let Some(place) = windows.next() else { return };
        channels(step, windows.activations(place, patch), result);
    }
}

/// Convolves a window at a time, in runs of activations.
#[inline(never)]
fn by_runs(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    for result in slices::chunks_mut(output, oc) {
        let Some(place) = windows.next() else { return };
        match windows.run(place) {
            Some(run) => channels(step, run, result),
            None => channels_by_runs(step, &windows, place, result),
        }
    }
}

/// Computes the results of all channels at a place from runs of activations.
fn channels_by_runs(step: &Conv2d<'_, Rescale<'_>>, windows: &Windows<'_>, place: Place, result: &mut [i8]) {
    let len = windows.len();
    let (groups, rest) = result.as_chunks_mut::<ROWS>();
    let grouped = groups.len() * ROWS;
    for (group, (result, weights)) in groups.iter_mut().zip(slices::chunks(step.weights, ROWS * len)).enumerate() {
        let first = group * ROWS;
        let mut sums = biases(step.bias, first);
        windows.for_each_run(place, |run, tap| {
            dot::rows(&mut sums, run, step.input_zero_point, slices::from(weights, tap), len);
        });
        step.epilogue.requantize(sums, first, result);
    }
    let weights = slices::chunks(step.weights, len).skip(grouped);
    for (channel, (result, weights)) in (grouped..).zip(rest.iter_mut().zip(weights)) {
        let [mut sum] = biases(step.bias, channel);
        windows.for_each_run(place, |run, tap| {
            sum = row(sum, run, step.input_zero_point, slices::part(weights, tap, run.len()));
        });
        step.epilogue.requantize([sum], channel, array::from_mut(result));
    }
}
