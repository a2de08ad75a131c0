//! CONV2D from i8 to i8: some windows at a time, widened once for all channels.

use super::Channels;
use super::columns::{Columns, WORDS};
use crate::kernels::int8;
use crate::kernels::int8::patch::Windows;
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;

/// Convolves an activation.
pub(crate) fn conv2d(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    if Channels::new(step, output, 0).is_none() {
        return;
    }
    let len = Windows::new(step, input).len();
    if len <= Columns::<4>::MAX_LEN {
        by_columns::<4>(step, input, output);
    } else if len <= Columns::<2>::MAX_LEN {
        by_columns::<2>(step, input, output);
    } else {
        int8::conv2d::conv2d(step, input, output);
    }
}

/// Convolves `N` windows at a time, and the rest one by one.
#[inline(never)] // its memory is on the stack
fn by_columns<const N: usize>(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    let len = windows.len();
    let mut halves = [0; WORDS];
    let Some(mut columns) = Columns::<N>::new(&mut halves, len) else { return };
    let mut patch = [0; Columns::<2>::MAX_LEN];
    let patch = slices::part_mut(&mut patch, 0, len);
    let mut blocks = slices::chunks_mut(output, N * oc);
    for results in blocks.by_ref() {
        for column in 0..N {
            let Some(place) = windows.next() else { return };
            columns.widen(column, windows.activations(place, patch), step.input_zero_point);
        }
        columns.store(step, results);
    }
    int8::conv2d::remaining(step, windows, Some(patch), blocks.into_remainder());
}
