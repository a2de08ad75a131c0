//! DEPTHWISE_CONV2D from i8 to i8: rows of results whose windows have the same taps, one after another.

use super::are_aligned;
use crate::bytes;
#[cfg(doc)]
use crate::in_place::AccessInPlace;
use crate::in_place::InPlace;
use crate::kernels::portable;
use crate::kernels::portable::window::Axis;
use crate::kernels::target::lanes::{self, LANES};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;
use core::ops::Range;

/// Which kernels compute a DEPTHWISE_CONV2D from i8 to i8: a program has only those that its layers need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DepthwiseConv2dWay {
    groups: Groups,
    /// Whether channels are left after the groups.
    has_rest: bool,
}

/// How groups of channels are computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Groups {
    /// There are fewer channels.
    Absent,
    /// By the target's kernel.
    Target(lanes::Fit),
    /// By that for any target, as the window or the constants do not fit the target's.
    Portable,
    /// By that for any step: the input has fewer channels than the result, or constants are not at addresses of words.
    Any,
}

impl DepthwiseConv2d<'_, Rescale<'_>> {
    /// The kernels for this step, and for every one with the same channels, window and constants, which must be aligned to words.
    pub const fn way(&self) -> DepthwiseConv2dWay {
        let ([_, _, _, from], [_, _, _, channels]) = (self.input.sizes::<4>(), self.output.sizes::<4>());
        if from != channels {
            return DepthwiseConv2dWay { groups: Groups::Any, has_rest: false };
        }
        let groups = match lanes::fit(self) {
            _ if channels < LANES => Groups::Absent,
            Some(fit) => Groups::Target(fit),
            None => Groups::Portable,
        };
        DepthwiseConv2dWay { groups, has_rest: !channels.is_multiple_of(LANES) }
    }

    /// [`Self::way`], or the kernels that need no alignment.
    pub(crate) fn way_at_run_time(&self) -> DepthwiseConv2dWay {
        match are_aligned(self.bias, &self.epilogue) {
            true => self.way(),
            false => DepthwiseConv2dWay { groups: Groups::Any, has_rest: false },
        }
    }
}

/// Convolves each channel of an activation by the kernels of the step's [`DepthwiseConv2d::way`]; by others the result is not what it
/// should be.
#[inline(always)] // so that the way is a constant
pub fn depthwise_conv2d(
    way: DepthwiseConv2dWay,
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    input: &[i8],
    output: &mut [i8],
) {
    match way.groups {
        Groups::Any => portable::depthwise_conv2d::depthwise_conv2d(step, input, output),
        _ => by_channels(way, step, &mut Apart { input, output }),
    }
}

/// The same for a result over the activation: see [`AccessInPlace::channels`] for where it may start. The step must be
/// [upright](DepthwiseConv2d::upright).
#[inline(always)] // so that the way is a constant
pub fn depthwise_conv2d_in_place(
    way: DepthwiseConv2dWay,
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    mut memory: InPlace<'_>,
) {
    match way.groups {
        Groups::Any => memory.by_rows(step, |step, input, output| {
            portable::depthwise_conv2d::depthwise_conv2d(step, bytes::as_i8s(input), bytes::as_i8s_mut(output));
        }),
        _ => by_channels(way, step, &mut memory),
    }
}

/// Convolves each channel of an input with as many as the result has.
#[inline(always)]
fn by_channels(way: DepthwiseConv2dWay, step: &DepthwiseConv2d<'_, Rescale<'_>>, tensors: &mut impl Tensors) {
    match way.groups {
        Groups::Absent | Groups::Any => {}
        Groups::Target(fit) => lanes::channels(fit, step, tensors),
        Groups::Portable => portable::lanes::groups::<LANES>(step, tensors),
    }
    if way.has_rest {
        portable::lanes::rest::<LANES>(step, tensors);
    }
}

/// The activations and the results of a step, which may be in the same memory.
pub(in crate::kernels) trait Tensors {
    fn input(&self) -> &[i8];

    fn output(&mut self) -> &mut [i8];

    /// Whether rows are computed from the last one to the first.
    fn is_descending(&self) -> bool;

    /// The addresses of both, if they are as large as the step says.
    #[cfg(any(kernels = "armv7em", kernels = "mve"))]
    fn addresses(&mut self, step: &DepthwiseConv2d<'_, Rescale<'_>>) -> Option<Addresses>;
}

/// Where the activations and the results of a step are, with as many elements as it says.
#[cfg(any(kernels = "armv7em", kernels = "mve"))]
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Addresses {
    pub(in crate::kernels) input: *const i8,
    pub(in crate::kernels) output: *mut i8,
}

struct Apart<'a> {
    input: &'a [i8],
    output: &'a mut [i8],
}

impl Tensors for Apart<'_> {
    fn input(&self) -> &[i8] {
        self.input
    }

    fn output(&mut self) -> &mut [i8] {
        self.output
    }

    fn is_descending(&self) -> bool {
        false
    }

    #[cfg(any(kernels = "armv7em", kernels = "mve"))]
    fn addresses(&mut self, step: &DepthwiseConv2d<'_, Rescale<'_>>) -> Option<Addresses> {
        let is_whole = self.input.len() >= step.input.len() && self.output.len() >= step.output.len();
        is_whole.then_some(Addresses { input: self.input.as_ptr(), output: self.output.as_mut_ptr() })
    }
}

impl Tensors for InPlace<'_> {
    fn input(&self) -> &[i8] {
        bytes::as_i8s(self.operand())
    }

    fn output(&mut self) -> &mut [i8] {
        bytes::as_i8s_mut(self.result())
    }

    fn is_descending(&self) -> bool {
        self.is_descending()
    }

    #[cfg(any(kernels = "armv7em", kernels = "mve"))]
    fn addresses(&mut self, step: &DepthwiseConv2d<'_, Rescale<'_>>) -> Option<Addresses> {
        let is_whole = self.operand().len() >= step.input.len() && self.result().len() >= step.output.len();
        let (input, output) = self.addresses();
        is_whole.then_some(Addresses { input: input.cast(), output: output.cast() })
    }
}

/// Neighbouring rows of results whose windows have the same rows of taps; of a long row a part.
#[derive(Default)]
pub(in crate::kernels) struct Band {
    /// The places of a row.
    segments: [Segment; SEGMENTS],
    len: usize,
    /// Rows of results.
    pub(in crate::kernels) rows: usize,
    /// Rows of taps.
    #[cfg(kernels = "armv7em")]
    pub(in crate::kernels) taps: usize,
    /// Where the weights of the first row of taps are.
    pub(in crate::kernels) weights: usize,
    /// Where the row of activations under the first taps of the first row of results is.
    pub(in crate::kernels) input: usize,
    /// Where the first row of results is.
    pub(in crate::kernels) output: usize,
    /// From there to those of the next row, which may be before.
    pub(in crate::kernels) input_step: usize,
    /// The same for results.
    pub(in crate::kernels) output_step: usize,
    /// From an activation to the next of a row of taps.
    pub(in crate::kernels) tap: usize,
    /// From an activation to that under the same tap at the next place.
    pub(in crate::kernels) place: usize,
}

impl Band {
    /// The places of a row.
    pub(in crate::kernels) fn segments(&self) -> &[Segment] {
        slices::part(&self.segments, 0, self.len)
    }
}

/// Neighbouring places in a row of results whose windows have the same taps inside the input. Assembly reads it.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(in crate::kernels) struct Segment {
    /// From the first weight of a row of taps to that of the first one inside.
    pub(in crate::kernels) weights: usize,
    /// Taps in a row.
    pub(in crate::kernels) columns: usize,
    /// From behind the last activation of a row of taps to the first one of the next.
    pub(in crate::kernels) row: usize,
    /// Weights between two rows of taps.
    pub(in crate::kernels) skipped: usize,
    /// From the start of a row of results to the first one.
    pub(in crate::kernels) output: usize,
    /// Rows of taps.
    pub(in crate::kernels) rows: usize,
    /// From the start of a row of activations to that under the first tap at the first place.
    pub(in crate::kernels) input: usize,
    /// Places.
    pub(in crate::kernels) count: usize,
}

/// Segments of a band: those of a window of three columns. There are not more, as they are on the stack.
const SEGMENTS: usize = 3;

/// All bands of a step, from the first row to the last or from the last to the first.
pub(in crate::kernels) struct Bands {
    rows: Axis,
    columns: Axis,
    /// Batches, rows and columns of the result.
    output: [usize; 3],
    channels: usize,
    /// From a weight to that of the next tap in a row.
    weight: usize,
    is_descending: bool,
    /// The next place, in the order of the bands.
    next: [usize; 3],
    /// Band that was found last.
    band: Band,
}

impl Bands {
    /// `weight` is the distance from a weight to that of the next tap in a row, as segments are to have it.
    pub(in crate::kernels) fn new(step: &DepthwiseConv2d<'_, Rescale<'_>>, weight: usize, is_descending: bool) -> Self {
        let [_, ih, iw, channels] = step.input.sizes();
        let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
        let (tap, place) = (columns.dilation() * channels, columns.stride() * channels);
        let band = Band { tap, place, ..Band::default() };
        Self { rows, columns, output: step.output.sizes(), channels, weight, is_descending, next: [0; 3], band }
    }

    /// The next band.
    #[inline(never)] // so that its registers are not on the stack under those of the products
    pub(in crate::kernels) fn next(&mut self) -> Option<&Band> {
        let Self { rows, channels, is_descending, .. } = *self;
        let ([n, oh, ow], [batch, done, mut ox]) = (self.output, self.next);
        if batch == n {
            return None;
        }
        let in_order = |turn: usize, count: usize| if is_descending { count - 1 - turn } else { turn };
        let oy = in_order(done, oh);
        let (ky, is_start) = (taps(rows, oy), ox == 0);
        self.band.len = 0;
        while ox < ow && self.band.len < SEGMENTS {
            let segment = self.segment(ky.len(), ox);
            if let Some(next) = self.band.segments.get_mut(self.band.len) {
                *next = segment;
            }
            (ox, self.band.len) = (ox + segment.count, self.band.len + 1);
        }
        // A row that is in several bands has them for itself.
        let is_alike = |&at: &usize| taps(rows, in_order(at, oh)) == ky;
        let count = if is_start && ox == ow { (done..oh).take_while(is_alike).count() } else { 1 };
        self.next = match (ox < ow, done + count < oh) {
            (true, _) => [batch, done, ox],
            (_, true) => [batch, done + count, 0],
            _ => [batch + 1, 0, 0],
        };
        let (input_row, output_row) = (self.columns.input * channels, ow * channels);
        let batch = in_order(batch, n);
        let (y, weights, step) = match ky.is_empty() {
            true => (0, 0, 0),
            false => {
                (rows.position(oy, ky.start), ky.start * self.columns.kernel() * channels, rows.stride() * input_row)
            }
        };
        let signed = |step: usize| if is_descending { step.wrapping_neg() } else { step };
        self.band.rows = count;
        #[cfg(kernels = "armv7em")]
        (self.band.taps = ky.len());
        self.band.weights = weights;
        self.band.input = (batch * rows.input + y) * input_row;
        self.band.output = (batch * oh + oy) * output_row;
        self.band.input_step = signed(step);
        self.band.output_step = signed(output_row);
        Some(&self.band)
    }

    /// The segment that starts at a place, of windows with so many rows of taps.
    fn segment(&self, rows: usize, ox: usize) -> Segment {
        let Self { columns, channels, weight, .. } = *self;
        let [_, _, ow] = self.output;
        let (kx, output) = (taps(columns, ox), ox * channels);
        if kx.is_empty() || rows == 0 {
            return Segment { output, count: 1, ..Segment::default() };
        }
        let row = self.rows.dilation() * columns.input * channels;
        Segment {
            weights: kx.start * weight,
            columns: kx.len(),
            row: row.wrapping_sub(kx.len() * self.band.tap),
            skipped: (columns.kernel() - kx.len()) * weight,
            output,
            rows,
            input: columns.position(ox, kx.start) * channels,
            count: if kx.len() == columns.kernel() { columns.whole_from(ox).min(ow - ox) } else { 1 },
        }
    }
}

/// [`Axis::taps`] for where it is rare: the code of its divisions is there once.
#[inline(never)]
fn taps(axis: Axis, at: usize) -> Range<usize> {
    axis.taps(at)
}
