//! Element by element: CLAMP, TABLE, RESCALE and the binary operators.

use super::rows::Rows;
use crate::Rescale;
use crate::rescale::multiply;
use crate::shape::MAX_RANK;
use crate::steps::{Binary, BinaryOperator, Clamp, RescaledBinary, Table};

/// Limits each element to a range.
pub fn clamp(step: &Clamp, input: &[i8], output: &mut [i8]) {
    for (output, input) in output.iter_mut().zip(input) {
        *output = (*input).max(step.min).min(step.max);
    }
}

/// Looks each element up.
pub fn table(step: &Table<'_>, input: &[i8], output: &mut [i8]) {
    for (output, input) in output.iter_mut().zip(input) {
        // The bytes of −128 to 127 with the sign flipped are 0 to 255.
        *output = step.table[usize::from(input.cast_unsigned() ^ 0x80)];
    }
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

/// Applies an operator to two i32 tensors.
pub fn binary(step: &Binary, input1: &[[u8; 4]], input2: &[[u8; 4]], output: &mut [[u8; 4]]) {
    let read = |word: [u8; 4], _| i32::from_le_bytes(word);
    for_each_pair(step, [input1, input2], output, read, read, |result, _| result.to_le_bytes());
}

/// Rescales two i8 tensors to i32, applies an operator and rescales the result to i8.
pub fn rescaled_binary(step: &RescaledBinary<'_>, input1: &[i8], input2: &[i8], output: &mut [i8]) {
    let [rescale1, rescale2] = &step.input_rescales;
    for_each_pair(
        &step.binary,
        [input1, input2],
        output,
        |value, channel| rescale1.to_i32(value, channel),
        |value, channel| rescale2.to_i32(value, channel),
        |result, channel| step.rescale.to_i8(result, channel),
    );
}

/// Applies the operator to each pair of elements; elements are read and written with their index on the last axis.
#[inline(always)]
fn for_each_pair<I: Copy, O>(
    step: &Binary,
    inputs: [&[I]; 2],
    output: &mut [O],
    read1: impl Fn(I, usize) -> i32,
    read2: impl Fn(I, usize) -> i32,
    write: impl Fn(i32, usize) -> O,
) {
    let last = step.output.rank().saturating_sub(1);
    let row = step.output.sizes::<MAX_RANK>()[last];
    let strides = step.inputs.map(|shape| shape.broadcast_strides());
    for (output, starts) in output.chunks_exact_mut(row).zip(Rows::new(step.output.sizes(), last, strides)) {
        let [input1, input2] = [0, 1].map(|i| &inputs[i][starts[i]..]);
        let steps = strides.map(|strides| strides[last]);
        // A broadcast operand stays on its only element, whose index is 0.
        match steps {
            [0, 0] => {
                let result = operate(step.operator, read1(input1[0], 0), read2(input2[0], 0));
                for (channel, output) in output.iter_mut().enumerate() {
                    *output = write(result, channel);
                }
            }
            [0, _] => {
                let a = read1(input1[0], 0);
                for (channel, (output, b)) in output.iter_mut().zip(input2).enumerate() {
                    *output = write(operate(step.operator, a, read2(*b, channel)), channel);
                }
            }
            [_, 0] => {
                let b = read2(input2[0], 0);
                for (channel, (output, a)) in output.iter_mut().zip(input1).enumerate() {
                    *output = write(operate(step.operator, read1(*a, channel), b), channel);
                }
            }
            _ => {
                for (channel, (output, (a, b))) in output.iter_mut().zip(input1.iter().zip(input2)).enumerate() {
                    *output = write(operate(step.operator, read1(*a, channel), read2(*b, channel)), channel);
                }
            }
        }
    }
}

/// One result; where TOSA leaves it open, the low 32 bits, or 0 for a shifted product.
#[inline(always)]
fn operate(operator: BinaryOperator, a: i32, b: i32) -> i32 {
    match operator {
        BinaryOperator::Add => a.wrapping_add(b),
        BinaryOperator::Sub => a.wrapping_sub(b),
        BinaryOperator::Mul { shift } => multiply(a, b, u32::from(shift.min(63))).unwrap_or_default(),
        BinaryOperator::Maximum => a.max(b),
        BinaryOperator::Minimum => a.min(b),
    }
}
