//! Pairs of elements: the binary operators and SELECT, with broadcasting.

use super::integer::Integer;
use super::layout::last_axis;
use super::rows::Rows;
use crate::operators;
use crate::shape::MAX_RANK;
use crate::slices;
use crate::steps::{Binary, RescaledBinary, Select};

/// How the elements of two tensors meet, which generated code knows when it is compiled: a program has the loop for that.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<const MEET: u8>;

/// Both tensors have the shape of the result.
const ONE_BY_ONE: u8 = 0;
/// The second tensor has one element, the first the shape of the result.
const SECOND_IS_ONE: u8 = 1;
/// The first tensor has one element, the second the shape of the result.
const FIRST_IS_ONE: u8 = 2;
/// In any way that shapes allow.
const BROADCAST: u8 = 3;

impl<P> Binary<P> {
    /// How the elements of the operands meet, for [`Pairs`].
    pub const fn meet(&self) -> u8 {
        let [first, second] = &self.inputs;
        match (first.len() == self.output.len(), second.len() == self.output.len()) {
            (true, true) => ONE_BY_ONE,
            (true, _) if second.len() == 1 => SECOND_IS_ONE,
            (_, true) if first.len() == 1 => FIRST_IS_ONE,
            _ => BROADCAST,
        }
    }
}

/// Applies an operator to two tensors of integers.
#[inline(never)]
pub fn binary<P, I, O>(step: &Binary<P>, input1: &[I], input2: &[I], output: &mut [O])
where
    P: operators::Binary<i32>,
    I: Integer,
    O: Integer,
{
    let read = |element: I, _| element.widen();
    for_each_pair(BROADCAST, step, [input1, input2], output, read, read, |result, _| O::narrow(result));
}

/// Applies an operator to two tensors of f32.
pub fn binary_f32<P>(step: &Binary<P>, input1: &[[u8; 4]], input2: &[[u8; 4]], output: &mut [[u8; 4]])
where
    P: operators::Binary<f32>,
{
    match step.meet() {
        ONE_BY_ONE => binary_f32_of(Pairs::<ONE_BY_ONE>, step, input1, input2, output),
        SECOND_IS_ONE => binary_f32_of(Pairs::<SECOND_IS_ONE>, step, input1, input2, output),
        FIRST_IS_ONE => binary_f32_of(Pairs::<FIRST_IS_ONE>, step, input1, input2, output),
        _ => binary_f32_of(Pairs::<BROADCAST>, step, input1, input2, output),
    }
}

/// The same for tensors whose elements meet as the step's [`Binary::meet`] says.
#[inline(never)]
pub fn binary_f32_of<const MEET: u8, P>(
    _: Pairs<MEET>,
    step: &Binary<P>,
    input1: &[[u8; 4]],
    input2: &[[u8; 4]],
    output: &mut [[u8; 4]],
) where
    P: operators::Binary<f32>,
{
    let read = |word: [u8; 4], _| f32::from_le_bytes(word);
    for_each_pair(MEET, step, [input1, input2], output, read, read, |result, _| result.to_le_bytes());
}

/// Compares two tensors of f32.
#[inline(never)]
pub fn compare_f32<P>(step: &Binary<P>, input1: &[[u8; 4]], input2: &[[u8; 4]], output: &mut [u8])
where
    P: operators::Binary<f32, bool>,
{
    let read = |word: [u8; 4], _| f32::from_le_bytes(word);
    for_each_pair(BROADCAST, step, [input1, input2], output, read, read, |holds, _| holds.into());
}

/// Rescales two i8 tensors to i32, applies an operator and rescales the result to i8.
pub fn rescaled_binary<P>(step: &RescaledBinary<'_, P>, input1: &[i8], input2: &[i8], output: &mut [i8])
where
    P: operators::Binary<i32>,
{
    match step.binary.meet() {
        ONE_BY_ONE => rescaled_binary_of(Pairs::<ONE_BY_ONE>, step, input1, input2, output),
        SECOND_IS_ONE => rescaled_binary_of(Pairs::<SECOND_IS_ONE>, step, input1, input2, output),
        FIRST_IS_ONE => rescaled_binary_of(Pairs::<FIRST_IS_ONE>, step, input1, input2, output),
        _ => rescaled_binary_of(Pairs::<BROADCAST>, step, input1, input2, output),
    }
}

/// The same for tensors whose elements meet as the step's [`Binary::meet`] says.
#[inline(never)]
pub fn rescaled_binary_of<const MEET: u8, P>(
    _: Pairs<MEET>,
    step: &RescaledBinary<'_, P>,
    input1: &[i8],
    input2: &[i8],
    output: &mut [i8],
) where
    P: operators::Binary<i32>,
{
    let [rescale1, rescale2] = &step.input_rescales;
    for_each_pair(
        MEET,
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
    meet: u8,
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
    let operator = &step.operator;
    // A broadcast operand stays on its only element, whose index is 0.
    let one_by_one = |output: &mut [O], input1: &[I], input2: &[I]| {
        for (channel, (output, (a, b))) in output.iter_mut().zip(input1.iter().zip(input2)).enumerate() {
            *output = write(operator.apply(read1(*a, channel), read2(*b, channel)), channel);
        }
    };
    let second_is_one = |output: &mut [O], input1: &[I], b: I| {
        let b = read2(b, 0);
        for (channel, (output, a)) in output.iter_mut().zip(input1).enumerate() {
            *output = write(operator.apply(read1(*a, channel), b), channel);
        }
    };
    let first_is_one = |output: &mut [O], a: I, input2: &[I]| {
        let a = read1(a, 0);
        for (channel, (output, b)) in output.iter_mut().zip(input2).enumerate() {
            *output = write(operator.apply(a, read2(*b, channel)), channel);
        }
    };
    let [input1, input2] = inputs;
    let (Some(&a), Some(&b)) = (input1.first(), input2.first()) else { return };
    let rows = |input| slices::chunks(input, row);
    let results = slices::chunks_mut(output, row);
    match meet {
        ONE_BY_ONE => results.zip(rows(input1).zip(rows(input2))).for_each(|(output, (a, b))| one_by_one(output, a, b)),
        SECOND_IS_ONE => results.zip(rows(input1)).for_each(|(output, input1)| second_is_one(output, input1, b)),
        FIRST_IS_ONE => results.zip(rows(input2)).for_each(|(output, input2)| first_is_one(output, a, input2)),
        _ => {
            let strides = step.inputs.map(|shape| shape.broadcast_strides());
            for (output, [start1, start2]) in results.zip(Rows::new(step.output.sizes(), last, strides)) {
                let (input1, input2) = (slices::from(input1, start1), slices::from(input2, start2));
                let (Some(&a), Some(&b)) = (input1.first(), input2.first()) else { return };
                match strides.map(|strides| strides[last]) {
                    [0, 0] => {
                        let result = operator.apply(read1(a, 0), read2(b, 0));
                        output.iter_mut().enumerate().for_each(|(channel, output)| *output = write(result, channel));
                    }
                    [0, _] => first_is_one(output, a, input2),
                    [_, 0] => second_is_one(output, input1, b),
                    _ => one_by_one(output, input1, input2),
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
