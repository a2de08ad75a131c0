//! Pairs of elements: the binary operators and SELECT, with broadcasting.

use super::integer::Integer;
use super::layout::last_axis;
use super::rows::Rows;
use crate::operators;
use crate::shape::MAX_RANK;
use crate::slices;
use crate::steps::{Binary, RescaledBinary, Select};

/// Applies an operator to two tensors of integers.
#[inline(never)]
pub fn binary<P, I, O>(step: &Binary<P>, input1: &[I], input2: &[I], output: &mut [O])
where
    P: operators::Binary<i32>,
    I: Integer,
    O: Integer,
{
    let read = |element: I, _| element.widen();
    for_each_pair(step, [input1, input2], output, read, read, |result, _| O::narrow(result));
}

/// Applies an operator to two tensors of f32.
#[inline(never)]
pub fn binary_f32<P>(step: &Binary<P>, input1: &[[u8; 4]], input2: &[[u8; 4]], output: &mut [[u8; 4]])
where
    P: operators::Binary<f32>,
{
    let read = |word: [u8; 4], _| f32::from_le_bytes(word);
    for_each_pair(step, [input1, input2], output, read, read, |result, _| result.to_le_bytes());
}

/// Compares two tensors of f32.
#[inline(never)]
pub fn compare_f32<P>(step: &Binary<P>, input1: &[[u8; 4]], input2: &[[u8; 4]], output: &mut [u8])
where
    P: operators::Binary<f32, bool>,
{
    let read = |word: [u8; 4], _| f32::from_le_bytes(word);
    for_each_pair(step, [input1, input2], output, read, read, |holds, _| holds.into());
}

/// Rescales two i8 tensors to i32, applies an operator and rescales the result to i8.
#[inline(never)]
pub fn rescaled_binary<P>(step: &RescaledBinary<'_, P>, input1: &[i8], input2: &[i8], output: &mut [i8])
where
    P: operators::Binary<i32>,
{
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
fn for_each_pair<P, I: Copy, T: Copy, R: Copy, O>(
    step: &Binary<P>,
    inputs: [&[I]; 2],
    output: &mut [O],
    read1: impl Fn(I, usize) -> T,
    read2: impl Fn(I, usize) -> T,
    write: impl Fn(R, usize) -> O,
) where
    P: operators::Binary<T, R>,
{
    let last = last_axis(&step.output);
    let row = step.output.sizes::<MAX_RANK>()[last];
    let strides = step.inputs.map(|shape| shape.broadcast_strides());
    for (output, starts) in slices::chunks_mut(output, row).zip(Rows::new(step.output.sizes(), last, strides)) {
        let ([first1, first2], [start1, start2]) = (inputs, starts);
        let (input1, input2) = (slices::from(first1, start1), slices::from(first2, start2));
        let (Some(&a), Some(&b)) = (input1.first(), input2.first()) else { return };
        let steps = strides.map(|strides| strides[last]);
        // A broadcast operand stays on its only element, whose index is 0.
        match steps {
            [0, 0] => {
                let result = step.operator.apply(read1(a, 0), read2(b, 0));
                for (channel, output) in output.iter_mut().enumerate() {
                    *output = write(result, channel);
                }
            }
            [0, _] => {
                let a = read1(a, 0);
                for (channel, (output, b)) in output.iter_mut().zip(input2).enumerate() {
                    *output = write(step.operator.apply(a, read2(*b, channel)), channel);
                }
            }
            [_, 0] => {
                let b = read2(b, 0);
                for (channel, (output, a)) in output.iter_mut().zip(input1).enumerate() {
                    *output = write(step.operator.apply(read1(*a, channel), b), channel);
                }
            }
            _ => {
                for (channel, (output, (a, b))) in output.iter_mut().zip(input1.iter().zip(input2)).enumerate() {
                    *output = write(step.operator.apply(read1(*a, channel), read2(*b, channel)), channel);
                }
            }
        }
    }
}

/// Takes each element from one of two tensors, as a truth value says.
#[inline(never)]
pub fn select<T: Copy>(step: &Select, condition: &[u8], if_true: &[T], if_false: &[T], output: &mut [T]) {
    let last = last_axis(&step.output);
    let row = step.output.sizes::<MAX_RANK>()[last];
    let strides = step.inputs.map(|shape| shape.broadcast_strides());
    let [c, a, b] = strides.map(|strides| strides[last]);
    for (output, starts) in slices::chunks_mut(output, row).zip(Rows::new(step.output.sizes(), last, strides)) {
        for (i, output) in output.iter_mut().enumerate() {
            let [condition_at, true_at, false_at] = starts;
            let holds = condition.get(condition_at + i * c).is_some_and(|&condition| condition != 0);
            let chosen = if holds { if_true.get(true_at + i * a) } else { if_false.get(false_at + i * b) };
            let Some(&chosen) = chosen else { return };
            *output = chosen;
        }
    }
}
