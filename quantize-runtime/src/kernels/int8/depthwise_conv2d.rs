//! DEPTHWISE_CONV2D from i8 to i8: the places of a window that have the same taps, one after another.

use crate::kernels::portable;
use crate::kernels::portable::window::Axis;
use crate::kernels::target::lanes::{LANES, channels as convolve};
use crate::rescale::Rescale;
use crate::steps::DepthwiseConv2d;
use core::ops::Range;

/// Convolves each channel of an activation.
pub(crate) fn depthwise_conv2d(step: &DepthwiseConv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., channels] = step.output.sizes::<4>();
    if step.input.sizes::<4>()[3] != channels {
        return portable::depthwise_conv2d::depthwise_conv2d(step, input, output);
    }
    let groups = channels / LANES;
    if groups > 0 {
        convolve(step, groups, input, output);
    }
    for channel in groups * LANES..channels {
        portable::lanes::lanes::<1>(step, channel, input, output);
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
