//! AVG_POOL2D and MAX_POOL2D.

use super::window::Axis;
use crate::Shape;
use crate::rescale::{average, saturate_i8};
use crate::steps::{AvgPool2d, MaxPool2d};
use core::ops::Range;

/// Channels computed together: their accumulators fit the registers of most targets.
const LANES: usize = 8;

/// The mean over windows, without the padding.
pub fn avg_pool2d(step: &AvgPool2d, input: &[i8], output: &mut [i8]) {
    let axes = axes(&step.input, step.kernel, step.stride, step.pad);
    let (from, to) = (i32::from(step.input_zero_point), i32::from(step.output_zero_point));
    for_each_window(&step.input, &step.output, axes, output, |window, result| {
        let count = window.rows.len() * window.columns.len();
        let offset = from * count as i32; // a kernel has at most 2^26 taps
        let mut sums = [0_i32; LANES];
        window.for_each_tap(input, result.len(), |values| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += i32::from(*value);
            }
        });
        for (result, sum) in result.iter_mut().zip(sums) {
            *result = saturate_i8(average(sum.wrapping_sub(offset), count as u32), to);
        }
    });
}

/// The maximum over windows.
pub fn max_pool2d(step: &MaxPool2d, input: &[i8], output: &mut [i8]) {
    let axes = axes(&step.input, step.kernel, step.stride, step.pad);
    for_each_window(&step.input, &step.output, axes, output, |window, result| {
        result.fill(i8::MIN);
        window.for_each_tap(input, result.len(), |values| {
            for (result, value) in result.iter_mut().zip(values) {
                *result = (*result).max(*value);
            }
        });
    });
}

fn axes(input: &Shape, kernel: [u16; 2], stride: [u16; 2], pad: [u16; 4]) -> [Axis; 2] {
    let [_, ih, iw] = input.sizes();
    Axis::pair([ih, iw], kernel, stride, [1, 1], pad)
}

/// The part of a window inside the input, for some neighbouring channels.
struct Window {
    /// Rows of the input over all batches.
    rows: Range<usize>,
    columns: Range<usize>,
    /// First channel.
    channel: usize,
    /// Size of the input.
    width: usize,
    channels: usize,
}

impl Window {
    /// Shows `len` channels of each position.
    #[inline(always)]
    fn for_each_tap(&self, input: &[i8], len: usize, mut tap: impl FnMut(&[i8])) {
        for y in self.rows.clone() {
            for x in self.columns.clone() {
                let from = (y * self.width + x) * self.channels + self.channel;
                tap(&input[from..from + len]);
            }
        }
    }
}

/// Shows each window with its results, at most [`LANES`] channels at a time.
#[inline(always)]
fn for_each_window(
    input: &Shape,
    output: &Shape,
    [rows, columns]: [Axis; 2],
    results: &mut [i8],
    mut pool: impl FnMut(&Window, &mut [i8]),
) {
    let [_, height, width, channels] = input.sizes();
    let [n, oh, ow, oc] = output.sizes();
    let mut results = results.chunks_exact_mut(oc);
    let span = |axis: Axis, at: usize| {
        let taps = axis.taps(at);
        if taps.is_empty() { 0..0 } else { axis.position(at, taps.start)..axis.position(at, taps.end - 1) + 1 }
    };
    for batch in 0..n {
        for oy in 0..oh {
            let inside = span(rows, oy);
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let mut window = Window {
                    rows: batch * height + inside.start..batch * height + inside.end,
                    columns: span(columns, ox),
                    channel: 0,
                    width,
                    channels,
                };
                for result in result.chunks_mut(LANES) {
                    pool(&window, result);
                    window.channel += LANES;
                }
            }
        }
    }
}
