//! The activations under a window, in the order of a row of weights.

use crate::kernels::portable::window::Axis;
use crate::rescale::Rescale;
use crate::steps::Conv2d;

/// How the window of a convolution moves over its input.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Windows<'a> {
    input: &'a [i8],
    rows: Axis,
    columns: Axis,
    channels: usize,
    zero_point: i8,
}

/// One place of the window.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Window<'a> {
    windows: Windows<'a>,
    batch: usize,
    at: [usize; 2],
}

impl<'a> Windows<'a> {
    pub(in crate::kernels) fn new(step: &Conv2d<'_, Rescale<'_>>, input: &'a [i8]) -> Self {
        let [_, ih, iw, channels] = step.input.sizes();
        let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
        Self { input, rows, columns, channels, zero_point: step.input_zero_point }
    }

    /// Elements of a window, and of a row of weights.
    pub(in crate::kernels) fn len(&self) -> usize {
        self.rows.kernel * self.columns.kernel * self.channels
    }

    /// The places in the order of the results.
    pub(in crate::kernels) fn places(self, step: &Conv2d<'_, Rescale<'_>>) -> impl Iterator<Item = Window<'a>> {
        let [n, oh, ow] = step.output.sizes();
        (0..n).flat_map(move |batch| {
            (0..oh).flat_map(move |oy| (0..ow).map(move |ox| Window { windows: self, batch, at: [oy, ox] }))
        })
    }
}

impl<'a> Window<'a> {
    /// The activations where they are one run of the input.
    pub(in crate::kernels) fn run(self) -> Option<&'a [i8]> {
        let Windows { input, rows, columns, .. } = self.windows;
        let [ky, kx] = [rows.taps(self.at[0]), columns.taps(self.at[1])];
        let is_inside = ky.len() == rows.kernel && kx.len() == columns.kernel;
        let is_row = columns.dilation == 1 || columns.kernel == 1;
        let is_run = rows.kernel == 1 || (rows.dilation == 1 && columns.kernel == columns.input);
        (is_inside && is_row && is_run).then(|| &input[self.start(0, 0)..][..self.windows.len()])
    }

    /// The activations, copied to `patch` where they are no run, with the zero point for those in the padding.
    pub(in crate::kernels) fn activations<'p>(self, patch: &'p mut [i8]) -> &'p [i8]
    where
        'a: 'p,
    {
        self.run().unwrap_or_else(|| {
            patch.fill(self.windows.zero_point);
            self.for_each_run(|run, tap| patch[tap..][..run.len()].copy_from_slice(run));
            patch
        })
    }

    /// Calls a function with each run of activations inside the input and its place in a row of weights.
    pub(in crate::kernels) fn for_each_run(self, mut run: impl FnMut(&'a [i8], usize)) {
        let Windows { input, rows, columns, channels, .. } = self.windows;
        let kx = columns.taps(self.at[1]);
        // Without dilation a row of taps is one run.
        let (count, step) = if columns.dilation == 1 { (kx.len(), kx.len().max(1)) } else { (1, 1) };
        for ky in rows.taps(self.at[0]) {
            for kx in kx.clone().step_by(step) {
                run(&input[self.start(ky, kx)..][..count * channels], (ky * columns.kernel + kx) * channels);
            }
        }
    }

    /// Where the activations under a tap start.
    fn start(self, ky: usize, kx: usize) -> usize {
        let Windows { rows, columns, channels, .. } = self.windows;
        let [oy, ox] = self.at;
        ((self.batch * rows.input + rows.position(oy, ky)) * columns.input + columns.position(ox, kx)) * channels
    }
}
