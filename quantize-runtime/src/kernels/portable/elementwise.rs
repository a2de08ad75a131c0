//! Each element on its own: CLAMP, TABLE, RESCALE, CAST and the unary operators.

use super::integer::{Integer, Wide};
use crate::float::{ceil, floor, maximum, maximum_number, minimum, minimum_number, round_ties_even};
use crate::operators::Unary;
use crate::rescale::{GeneralRescale, Rescale, interpolate};
use crate::steps::{Clamp, Dequantize, Quantize, Table, TableI16};

/// Limits each element to a range.
pub fn clamp(step: &Clamp, input: &[i8], output: &mut [i8]) {
    for_each(input, output, |input| input.max(step.min).min(step.max));
}

/// Limits each i16 to a range.
pub fn clamp_i16(step: &Clamp<i16>, input: &[[u8; 2]], output: &mut [[u8; 2]]) {
    for_each(input, output, |input| i16::from_le_bytes(input).max(step.min).min(step.max).to_le_bytes());
}

/// Limits each f32 to a range; NaN stays.
pub fn clamp_f32(step: &Clamp<f32>, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    for_each(input, output, |input| minimum(maximum(f32::from_le_bytes(input), step.min), step.max).to_le_bytes());
}

/// Limits each f32 to a range; NaN becomes the lower bound.
pub fn clamp_number(step: &Clamp<f32>, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    let clamp = |input| minimum_number(maximum_number(input, step.min), step.max);
    for_each(input, output, |input| clamp(f32::from_le_bytes(input)).to_le_bytes());
}

/// Applies an operator to each integer; the result saturates.
pub fn unary<P: Unary<i32>, T: Integer>(operator: &P, input: &[T], output: &mut [T]) {
    for_each(input, output, |input| T::saturate(operator.apply(input.widen())));
}

/// Applies an operator to each f32.
pub fn unary_f32<P: Unary<f32>>(operator: &P, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    for_each(input, output, |input| operator.apply(f32::from_le_bytes(input)).to_le_bytes());
}

/// Casts between integers and truth values.
pub fn cast<I: Integer, O: Integer>(input: &[I], output: &mut [O]) {
    for_each(input, output, |input| O::narrow(input.widen()));
}

/// Casts integers to f32.
pub fn cast_to_f32<I: Integer>(input: &[I], output: &mut [[u8; 4]]) {
    for_each(input, output, |input| (input.widen() as f32).to_le_bytes()); // to the nearest
}

/// Casts f32 to integers.
pub fn cast_from_f32<O: Integer>(input: &[[u8; 4]], output: &mut [O]) {
    for_each(input, output, |input| round(f32::from_le_bytes(input)));
}

/// Quantizes f32.
pub fn quantize<O: Integer>(step: &Quantize, input: &[[u8; 4]], output: &mut [O]) {
    for_each(input, output, |input| quantized(step, f32::from_le_bytes(input)));
}

/// The integer of a real number.
// Without instructions for f32 it is much code, which would be there for each element of a short tensor.
#[cfg_attr(any(kernels = "armv6m", kernels = "armv7m", kernels = "riscv32"), inline(never))]
fn quantized<O: Integer>(step: &Quantize, real: f32) -> O {
    let scaled = real * step.factor;
    let whole = if scaled >= 0.0 { floor(scaled + 0.5) } else { ceil(scaled - 0.5) };
    round(minimum(maximum(whole + step.zero_point, step.min), step.max))
}

/// Dequantizes integers.
pub fn dequantize<I: Integer>(step: &Dequantize, input: &[I], output: &mut [[u8; 4]]) {
    for_each(input, output, |input| {
        (input.widen().wrapping_sub(step.zero_point) as f32 * step.scale).to_le_bytes() // to the nearest
    });
}

/// The nearest integer, ties to even, saturated; 0 for NaN.
#[inline(always)]
fn round<O: Integer>(real: f32) -> O {
    O::saturate(round_ties_even(real) as i32) // saturates
}

/// Stores a function of each element.
#[inline(always)]
fn for_each<I: Copy, O>(input: &[I], output: &mut [O], function: impl Fn(I) -> O) {
    for (output, input) in output.iter_mut().zip(input) {
        *output = function(*input);
    }
}

/// Looks each element up.
pub fn table(step: &Table<'_>, input: &[i8], output: &mut [i8]) {
    // The bytes of −128 to 127 with the sign flipped are 0 to 255.
    for_each(input, output, |input| step.table[usize::from(input.cast_unsigned() ^ 0x80)]);
}

/// Interpolates between the points of a table.
pub fn table_i16(step: &TableI16<'_>, input: &[[u8; 2]], output: &mut [[u8; 4]]) {
    for_each(input, output, |input| {
        let value = i16::from_le_bytes(input);
        // The numbers from −32768 on with the sign flipped are those from 0 on.
        let index = usize::from(value.cast_unsigned() ^ 0x8000) >> 7;
        let point = |index| i16::from_le_bytes(step.table.get(index).copied().unwrap_or_default());
        interpolate(point(index), point(index + 1), value).to_le_bytes()
    });
}

/// Rescales i8 to i8.
pub fn rescale_i8(step: &Rescale<'_>, input: &[i8], output: &mut [i8]) {
    for_each_channel(step, input, output, |input, channel| {
        step.to_i8(i32::from(input) - i32::from(step.input_zero_point), channel)
    });
}

/// Rescales i8 to i32.
pub fn rescale_i8_to_i32(step: &Rescale<'_>, input: &[i8], output: &mut [[u8; 4]]) {
    for_each_channel(step, input, output, |input, channel| step.to_i32(input, channel).to_le_bytes());
}

/// Rescales i32 to i8.
pub fn rescale_i32_to_i8(step: &Rescale<'_>, input: &[[u8; 4]], output: &mut [i8]) {
    for_each_channel(step, input, output, |input, channel| step.to_i8(i32::from_le_bytes(input), channel));
}

/// Rescales i32 to i32.
pub fn rescale_i32(step: &Rescale<'_>, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    for_each_channel(step, input, output, |input, channel| {
        step.factor(channel).apply(i32::from_le_bytes(input)).to_le_bytes()
    });
}

/// Rescales integers of any width and sign.
pub fn rescale<I: Wide, O: Integer>(step: &GeneralRescale<'_>, input: &[I], output: &mut [O]) {
    let channels = step.shift.len().max(1);
    for (output, input) in output.chunks_mut(channels).zip(input.chunks(channels)) {
        for (channel, (output, input)) in output.iter_mut().zip(input).enumerate() {
            *output = O::narrow(step.apply(input.widen(), channel));
        }
    }
}

/// Applies `rescale` to each element and its channel; the channels are the multipliers.
#[inline(always)]
fn for_each_channel<I: Copy, O>(step: &Rescale<'_>, input: &[I], output: &mut [O], rescale: impl Fn(I, usize) -> O) {
    let channels = step.multiplier.len().max(1);
    for (output, input) in output.chunks_mut(channels).zip(input.chunks(channels)) {
        for (channel, (output, input)) in output.iter_mut().zip(input).enumerate() {
            *output = rescale(*input, channel);
        }
    }
}
