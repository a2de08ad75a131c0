//! CONV2D from i8 to i8: some windows at a time, widened once for all channels.

use super::columns::{Columns, WORDS};
use crate::kernels::int8;
use crate::kernels::int8::conv2d::Conv2dWay;
use crate::kernels::int8::patch::Windows;
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;

/// This target's own kernels for a step; `None` for too long windows, or one window.
pub(crate) const fn way(step: &Conv2d<'_, Rescale<'_>>) -> Option<Conv2dWay> {
    let [n, oh, ow] = step.output.sizes::<3>();
    match (step.window_len(), n * oh * ow) {
        (_, 1) => None,
        (..=Columns::<4>::MAX_LEN, 4..) => Some(Conv2dWay::FourColumns),
        (..=Columns::<2>::MAX_LEN, _) => Some(Conv2dWay::TwoColumns),
        _ => None,
    }
}

/// Convolves `N` windows at a time, and the rest one by one.
#[inline(never)] // its memory is on the stack
pub(in crate::kernels) fn by_columns<const N: usize>(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    let len = windows.len();
    let mut halves = [0; WORDS];
    let Some(mut columns) = Columns::<N>::new(&mut halves, len) else { return };
    let mut patch = [0; Columns::<2>::MAX_LEN]; // of any `N`
    let patch = slices::part_mut(&mut patch, 0, len);
    let mut blocks = slices::chunks_mut(output, N * oc);
    for results in blocks.by_ref() {
        for column in 0..N {
            let Some(place) = windows.next() else { return };
            columns.widen(column, windows.activations(place, patch), step.input_zero_point);
        }
        columns.store(step, results);
    }
    int8::conv2d::remaining(step, &mut windows, patch, blocks.into_remainder());
}
