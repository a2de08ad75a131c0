//! CONV2D from i8 to i8: some windows at a time, widened once for all channels.

use super::columns::{Columns, Memory};
use crate::kernels::int8::conv2d::Conv2dWay;
use crate::kernels::int8::patch::Windows;
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;

/// This target's own kernels for a step; `None` for too long windows, or one window.
pub(crate) const fn way(step: &Conv2d<'_, Rescale<'_>>) -> Option<Conv2dWay> {
    let [n, oh, ow] = step.output.sizes::<3>();
    let (len, places) = (step.window_len(), n * oh * ow);
    let patch = if step.are_runs() { 0 } else { len };
    match places {
        1 => None,
        4.. if Columns::<4>::fit(len, patch) => Some(Conv2dWay::FourColumns),
        _ if Columns::<2>::fit(len, patch) => Some(Conv2dWay::TwoColumns),
        _ => None,
    }
}

/// Convolves `N` windows at a time, but those left at the end.
#[inline(never)] // its memory is on the stack
pub(in crate::kernels) fn by_columns<const N: usize>(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    let mut memory = Memory::new();
    let Some(mut columns) = Columns::<N>::new(&mut memory, windows.len()) else { return };
    for results in slices::chunks_mut(output, N * oc) {
        columns.fill(&mut windows, step.input_zero_point);
        columns.store(step, results);
    }
}
