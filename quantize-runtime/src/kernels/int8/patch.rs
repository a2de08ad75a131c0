//! The activations under a window, in the order of a row of weights.

use crate::kernels::portable::window::Axis;
use crate::kernels::target;
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;
use core::ops::Range;

/// The window of a convolution on its way over the input, in the order of the results.
pub(in crate::kernels) struct Windows<'a> {
    input: &'a [i8],
    rows: Axis,
    columns: Axis,
    channels: usize,
    zero_point: i8,
    /// Whether the activations under a window that is inside the input are one run.
    is_run: bool,
    /// Results in a row whose columns are inside the input.
    inside: Range<usize>,
    /// Whether the rows of the last place are inside the input.
    is_row_inside: bool,
    output: [usize; 3],
    next: [usize; 3],
}

/// Neighbouring places in a row whose windows are inside the input, with rows that are runs of it.
#[cfg(kernels = "mve")]
pub(in crate::kernels) struct Neighbours<'a> {
    /// From the first activation of the first place to the last one of the last place.
    pub(in crate::kernels) input: &'a [i8],
    /// Places.
    pub(in crate::kernels) count: usize,
    /// Rows of a window.
    pub(in crate::kernels) rows: usize,
    /// Activations of a row.
    pub(in crate::kernels) row: usize,
    /// From a row to the next one.
    pub(in crate::kernels) row_step: usize,
    /// From a place to the next one.
    pub(in crate::kernels) place_step: usize,
}

/// One place of the window.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Place {
    batch: usize,
    at: [usize; 2],
    /// Whether the window is inside the input.
    is_inside: bool,
}

impl<'a> Windows<'a> {
    #[inline(never)] // so that its registers are not on the stack under all that follows
    pub(in crate::kernels) fn new(step: &Conv2d<'_, Rescale<'_>>, input: &'a [i8]) -> Self {
        let [_, ih, iw, channels] = step.input.sizes();
        let output = step.output.sizes();
        let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
        let is_row = columns.dilation() == 1 || columns.kernel() == 1;
        let is_run = is_row && (rows.kernel() == 1 || rows.dilation() == 1 && columns.kernel() == columns.input);
        let inside = columns.inside(output[2]);
        let zero_point = step.input_zero_point;
        let next = [0; 3];
        Self { input, rows, columns, channels, zero_point, is_run, inside, is_row_inside: false, output, next }
    }

    /// Elements of a window, and of a row of weights.
    pub(in crate::kernels) fn len(&self) -> usize {
        self.rows.kernel() * self.columns.kernel() * self.channels
    }

    /// Leaves out so many places from the first one on.
    pub(in crate::kernels) fn skip(&mut self, places: usize) {
        let [_, oh, ow] = self.output;
        // A dimension is not 0, which the compiler does not know.
        let (Some(row), Some(ox)) = (places.checked_div(ow), places.checked_rem(ow)) else { return };
        let (Some(batch), Some(oy)) = (row.checked_div(oh), row.checked_rem(oh)) else { return };
        let next = [batch, oy, ox];
        self.is_row_inside = self.rows.taps(next[1]).len() == self.rows.kernel();
        self.next = next;
    }

    /// The next place.
    pub(in crate::kernels) fn next(&mut self) -> Option<Place> {
        let ([n, oh, ow], [batch, oy, ox]) = (self.output, self.next);
        if batch == n {
            return None;
        }
        if ox == 0 {
            self.is_row_inside = self.rows.taps(oy).len() == self.rows.kernel();
        }
        self.next = match (ox + 1 < ow, oy + 1 < oh) {
            (true, _) => [batch, oy, ox + 1],
            (false, true) => [batch, oy + 1, 0],
            (false, false) => [batch + 1, 0, 0],
        };
        Some(Place { batch, at: [oy, ox], is_inside: self.is_row_inside && self.inside.contains(&ox) })
    }

    /// A place that [`next`](Self::next) gave together with those after it that are inside as well, at most so many; `None` where it
    /// is not inside, or a row is none run of the input or longer than `longest`.
    #[cfg(kernels = "mve")]
    pub(in crate::kernels) fn neighbours(
        &mut self,
        place: Place,
        most: usize,
        longest: usize,
    ) -> Option<Neighbours<'a>> {
        let Self { rows, columns, channels, .. } = *self;
        let row = columns.kernel() * channels;
        if !place.is_inside || (columns.dilation() != 1 && columns.kernel() != 1) || row > longest {
            return None;
        }
        let [_, _, ow] = self.output;
        let [oy, ox] = place.at;
        let count = (self.inside.end - ox).min(most);
        if ox + count < ow {
            self.next = [place.batch, oy, ox + count];
        } else if count > 1 {
            let [_, oh, _] = self.output;
            self.next = if oy + 1 < oh { [place.batch, oy + 1, 0] } else { [place.batch + 1, 0, 0] };
        }
        let (row_step, place_step) = (rows.dilation() * columns.input * channels, columns.stride() * channels);
        let len = (count - 1) * place_step + (rows.kernel() - 1) * row_step + row;
        let input = self.input.get(self.start(place, 0, 0)..)?.get(..len)?;
        Some(Neighbours { input, count, rows: rows.kernel(), row, row_step, place_step })
    }

    /// The activations at a place where they are one run of the input.
    pub(in crate::kernels) fn run(&self, place: Place) -> Option<&'a [i8]> {
        (place.is_inside && self.is_run).then(|| slices::part(self.input, self.start(place, 0, 0), self.len()))
    }

    /// The activations at a place, copied to `patch` where they are no run, with the zero point for those in the padding.
    pub(in crate::kernels) fn activations<'p>(&self, place: Place, patch: &'p mut [i8]) -> &'p [i8]
    where
        'a: 'p,
    {
        self.run(place).unwrap_or_else(|| {
            self.copy(place, patch);
            patch
        })
    }

    /// Copies the activations at a place, with the zero point for those in the padding.
    // So that its registers are not on the stack under those of products.
    #[cfg_attr(any(kernels = "armv6m", kernels = "mve", kernels = "riscv32"), inline(never))]
    pub(in crate::kernels) fn copy(&self, place: Place, patch: &mut [i8]) {
        let Self { rows, columns, channels, .. } = *self;
        if place.is_inside && (columns.dilation() == 1 || columns.kernel() == 1) {
            let mut from = self.start(place, 0, 0);
            for patch in slices::chunks_mut(patch, columns.kernel() * channels) {
                target::copy(slices::part(self.input, from, patch.len()), patch);
                from += rows.dilation() * columns.input * channels;
            }
            return;
        }
        if !place.is_inside {
            target::fill(patch, self.zero_point);
        }
        self.for_each_run(place, |run, tap| target::copy(run, slices::part_mut(patch, tap, run.len())));
    }

    /// Calls a function with each run of activations inside the input and its place in a row of weights.
    pub(in crate::kernels) fn for_each_run(&self, place: Place, mut run: impl FnMut(&'a [i8], usize)) {
        let Self { rows, columns, channels, .. } = *self;
        let [ky, kx] = match place.is_inside {
            true => [0..rows.kernel(), 0..columns.kernel()],
            false => [rows.taps(place.at[0]), columns.taps(place.at[1])],
        };
        // Without dilation a row of taps is one run.
        let taps = if columns.dilation() == 1 { kx.len() } else { 1 };
        for ky in ky {
            let mut kx = kx.clone();
            while !kx.is_empty() {
                let first = kx.start;
                kx.start += taps;
                run(
                    slices::part(self.input, self.start(place, ky, first), taps * channels),
                    (ky * columns.kernel() + first) * channels,
                );
            }
        }
    }

    /// Where the activations under a tap start.
    fn start(&self, Place { batch, at: [oy, ox], .. }: Place, ky: usize, kx: usize) -> usize {
        let Self { rows, columns, channels, .. } = *self;
        ((batch * rows.input + rows.position(oy, ky)) * columns.input + columns.position(ox, kx)) * channels
    }
}
