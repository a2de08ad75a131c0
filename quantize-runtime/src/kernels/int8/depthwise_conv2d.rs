//! DEPTHWISE_CONV2D from i8 to i8: the places of a window that have the same taps, one after another.

#[cfg(any(kernels = "armv7em", kernels = "mve"))]
use super::are_aligned;
use crate::kernels::portable;
use crate::kernels::portable::window::Axis;
use crate::kernels::target::lanes::{self, LANES};
use crate::rescale::Rescale;
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
    Target,
    /// By that for any target, as the window or the constants do not fit the target's.
    #[cfg(any(kernels = "armv7em", kernels = "mve"))]
    Portable,
    /// The input has fewer channels than the result.
    Multiplied,
}

impl DepthwiseConv2d<'_, Rescale<'_>> {
    /// The kernels for this step, and for every one with the same channels, window and constants, which must be aligned to words.
    pub const fn way(&self) -> DepthwiseConv2dWay {
        let ([_, _, _, from], [_, _, _, channels]) = (self.input.sizes::<4>(), self.output.sizes::<4>());
        let groups = match channels {
            _ if from != channels => return DepthwiseConv2dWay { groups: Groups::Multiplied, has_rest: false },
            ..LANES => Groups::Absent,
            #[cfg(any(kernels = "armv7em", kernels = "mve"))]
            _ if !lanes::fit(self) => Groups::Portable,
            _ => Groups::Target,
        };
        DepthwiseConv2dWay { groups, has_rest: !channels.is_multiple_of(LANES) }
    }

    /// [`Self::way`], or the kernels that need no alignment.
    pub(crate) fn way_at_run_time(&self) -> DepthwiseConv2dWay {
        let way = self.way();
        #[cfg(any(kernels = "armv7em", kernels = "mve"))]
        if way.groups == Groups::Target && !are_aligned(self.bias, &self.epilogue) {
            return DepthwiseConv2dWay { groups: Groups::Portable, ..way };
        }
        way
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
        Groups::Absent => {}
        Groups::Target => lanes::channels(step, input, output),
        #[cfg(any(kernels = "armv7em", kernels = "mve"))]
        Groups::Portable => portable::lanes::groups::<LANES>(step, input, output),
        Groups::Multiplied => portable::depthwise_conv2d::depthwise_conv2d(step, input, output),
    }
    if way.has_rest {
        portable::lanes::rest::<LANES>(step, input, output);
    }
}

/// Neighbouring places in a row of the result whose windows lie inside the input with the same taps.
#[derive(Clone)]
pub(in crate::kernels) struct Segment {
    /// Taps on each axis.
    pub(in crate::kernels) taps: [Range<usize>; 2],
    /// Where the activations under the first tap of the first place are.
    pub(in crate::kernels) input: usize,
    /// Where the result of the first place is.
    pub(in crate::kernels) output: usize,
    /// Places.
    pub(in crate::kernels) count: usize,
}

/// Distances in elements.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Distances {
    /// From an activation to that under the next tap of a row.
    pub(in crate::kernels) tap: usize,
    /// From an activation to that under the same tap of the next row.
    pub(in crate::kernels) row: usize,
    /// From an activation to that under the same tap at the next place.
    pub(in crate::kernels) place: usize,
}

impl Distances {
    pub(in crate::kernels) fn new(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> Self {
        let [_, _, iw, channels] = step.input.sizes();
        let [rows, columns] = step.dilation.map(|dilation| usize::from(dilation.max(1)) * channels);
        Self { tap: columns, row: rows * iw, place: usize::from(step.stride[1]) * channels }
    }
}

/// Calls a function with all segments in the order of the results.
pub(in crate::kernels) fn for_each_segment(step: &DepthwiseConv2d<'_, Rescale<'_>>, mut run: impl FnMut(Segment)) {
    let [_, ih, iw, channels] = step.input.sizes();
    let [n, oh, ow] = step.output.sizes();
    let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
    let mut output = 0;
    for batch in 0..n {
        for oy in 0..oh {
            let ky = rows.taps(oy);
            let mut ox = 0;
            while ox < ow {
                let kx = columns.taps(ox);
                let count = if kx.len() == columns.kernel { columns.whole_from(ox).min(ow - ox) } else { 1 };
                let is_empty = ky.is_empty() || kx.is_empty();
                let (y, x) =
                    if is_empty { (0, 0) } else { (rows.position(oy, ky.start), columns.position(ox, kx.start)) };
                let taps = if is_empty { [0..0, 0..0] } else { [ky.clone(), kx] };
                run(Segment { taps, input: ((batch * ih + y) * iw + x) * channels, output, count });
                output += count * channels;
                ox += count;
            }
        }
    }
}
