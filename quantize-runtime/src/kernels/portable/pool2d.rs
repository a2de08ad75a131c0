//! AVG_POOL2D and MAX_POOL2D.

use super::window::Axis;
use crate::Shape;
use crate::rescale::{average, saturate_i8, saturate_i16};
use crate::slices;
use crate::steps::{AvgPool2d, MaxPool2d};
use core::ops::Range;

/// Channels computed together: their accumulators fit the registers of most targets.
const LANES: usize = 8;

/// An element that can be averaged.
pub trait Mean: Copy {
    /// What elements are added up in.
    type Sum: Copy + Default;
    /// The sum with one more element.
    fn add(self, sum: Self::Sum) -> Self::Sum;
    /// `Σ (element − zero_points[0]) / count + zero_points[1]`.
    fn mean(sum: Self::Sum, count: usize, zero_points: [i8; 2]) -> Self;
}

impl Mean for i8 {
    type Sum = i32;
    #[inline(always)]
    fn add(self, sum: i32) -> i32 {
        sum.wrapping_add(self.into())
    }
    #[inline(always)]
    fn mean(sum: i32, count: usize, [from, to]: [i8; 2]) -> Self {
        let offset = i32::from(from) * count as i32; // a kernel has at most 2^26 taps
        saturate_i8(average(sum.wrapping_sub(offset), count as u32), to.into())
    }
}

/// An i16.
impl Mean for [u8; 2] {
    type Sum = i32;
    #[inline(always)]
    fn add(self, sum: i32) -> i32 {
        sum.wrapping_add(i16::from_le_bytes(self).into())
    }
    #[inline(always)]
    fn mean(sum: i32, count: usize, _: [i8; 2]) -> Self {
        saturate_i16(average(sum, count as u32), 0).to_le_bytes() // a kernel has at most 2^26 taps
    }
}

/// An f32.
impl Mean for [u8; 4] {
    type Sum = f32;
    #[inline(always)]
    fn add(self, sum: f32) -> f32 {
        sum + f32::from_le_bytes(self)
    }
    #[inline(always)]
    fn mean(sum: f32, count: usize, _: [i8; 2]) -> Self {
        (sum / count as f32).to_le_bytes() // a kernel has at most 2^26 taps
    }
}

/// The mean over windows, without the padding.
#[inline(never)]
pub fn avg_pool2d<T: Mean>(step: &AvgPool2d, input: &[T], output: &mut [T]) {
    let axes = axes(&step.input, step.kernel, step.stride, step.pad);
    for_each_window(&step.input, &step.output, axes, output, |window, result: &mut [T]| {
        let count = window.rows.len() * window.columns.len();
        let mut sums: [T::Sum; LANES] = core::array::from_fn(|_| Default::default());
        window.for_each_tap(input, result.len(), |values: &[T]| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = value.add(*sum);
            }
        });
        for (result, sum) in result.iter_mut().zip(sums) {
            *result = T::mean(sum, count, [step.input_zero_point, step.output_zero_point]);
        }
    });
}

/// The maximum over windows of i8.
#[inline(never)]
pub fn max_pool2d(step: &MaxPool2d, input: &[i8], output: &mut [i8]) {
    largest(step, input, output, i8::MIN, i8::max);
}

/// The maximum over windows of i16.
#[inline(never)]
pub fn max_pool2d_i16(step: &MaxPool2d, input: &[[u8; 2]], output: &mut [[u8; 2]]) {
    let larger = |a, b| if i16::from_le_bytes(b) > i16::from_le_bytes(a) { b } else { a };
    largest(step, input, output, i16::MIN.to_le_bytes(), larger);
}

/// The maximum over windows of f32; NaN wins.
#[inline(never)]
pub fn max_pool2d_f32(step: &MaxPool2d, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    let larger = |a, b| match (f32::from_le_bytes(a), f32::from_le_bytes(b)) {
        (a, b) if a.is_nan() || b.is_nan() => f32::NAN.to_le_bytes(),
        (real_a, real_b) => {
            if real_b > real_a {
                b
            } else {
                a
            }
        }
    };
    largest(step, input, output, f32::NEG_INFINITY.to_le_bytes(), larger);
}

/// The maximum over windows of f32; NaN loses.
#[inline(never)]
pub fn max_pool2d_number(step: &MaxPool2d, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    let larger = |a, b| if f32::from_le_bytes(b) > f32::from_le_bytes(a) { b } else { a };
    largest(step, input, output, f32::NEG_INFINITY.to_le_bytes(), larger);
}

#[inline(always)]
fn largest<T: Copy>(step: &MaxPool2d, input: &[T], output: &mut [T], least: T, larger: impl Fn(T, T) -> T) {
    let axes = axes(&step.input, step.kernel, step.stride, step.pad);
    for_each_window(&step.input, &step.output, axes, output, |window, result: &mut [T]| {
        result.fill(least);
        window.for_each_tap(input, result.len(), |values: &[T]| {
            for (result, value) in result.iter_mut().zip(values) {
                *result = larger(*result, *value);
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
    fn for_each_tap<T>(&self, input: &[T], len: usize, mut tap: impl FnMut(&[T])) {
        for y in self.rows.clone() {
            for x in self.columns.clone() {
                let from = (y * self.width + x) * self.channels + self.channel;
                tap(slices::part(input, from, len));
            }
        }
    }
}

/// Shows each window with its results, at most [`LANES`] channels at a time.
#[inline(always)]
fn for_each_window<T>(
    input: &Shape,
    output: &Shape,
    [rows, columns]: [Axis; 2],
    results: &mut [T],
    mut pool: impl FnMut(&Window, &mut [T]),
) {
    let [_, height, width, channels] = input.sizes();
    let [n, oh, ow, oc] = output.sizes();
    let mut results = slices::chunks_mut(results, oc);
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
