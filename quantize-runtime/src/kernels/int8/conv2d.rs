//! CONV2D from i8 to i8: the activations under a window times rows of weights.

use super::biases;
use super::channel::row;
use super::patch::{Place, Windows};
use crate::kernels::target::ROWS;
use crate::kernels::target::{channels, dot};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;

/// Activations of the longest window that is copied to the stack; a longer one is multiplied run by run.
const PATCH: usize = 256;

/// Convolves an activation.
#[inline(never)] // its memory is on the stack
pub(crate) fn conv2d(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let windows = Windows::new(step, input);
    let mut patch = [0; PATCH];
    let len = windows.len();
    remaining(step, windows, patch.get_mut(..len), output);
}

/// Computes the results at the places that are left, with memory for the activations under a window if these fit the stack.
pub(in crate::kernels) fn remaining(
    step: &Conv2d<'_, Rescale<'_>>,
    mut windows: Windows<'_>,
    mut patch: Option<&mut [i8]>,
    output: &mut [i8],
) {
    let [.., oc] = step.output.sizes::<4>();
    for result in slices::chunks_mut(output, oc) {
        let Some(place) = windows.next() else { return };
        match (windows.run(place), patch.as_deref_mut()) {
            (Some(run), _) => channels(step, run, result),
            (None, Some(patch)) => channels(step, windows.activations(place, patch), result),
            (None, None) => by_runs(step, &windows, place, result),
        }
    }
}

/// Computes the results of all channels at a place from runs of activations.
fn by_runs(step: &Conv2d<'_, Rescale<'_>>, windows: &Windows<'_>, place: Place, result: &mut [i8]) {
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
        *result = step.epilogue.to_i8(sum, channel);
    }
}
