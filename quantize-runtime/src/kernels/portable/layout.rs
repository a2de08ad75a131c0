//! Moves elements without changing them: CONCAT, SLICE, PAD, TRANSPOSE and copies.

use super::rows::Rows;
use crate::Shape;
use crate::shape::MAX_RANK;
use crate::slices;
use crate::steps::{Concat, Pad, Slice, Transpose};

/// Copies one input of CONCAT to its place; the rest of `output` stays.
#[inline(never)]
pub fn concat<T: Copy>(step: &Concat, input: &[T], output: &mut [T]) {
    let mut start = [0; MAX_RANK];
    start[usize::from(step.axis).min(MAX_RANK - 1)] = step.start;
    insert(&step.input, &step.output, &start, input, output);
}

/// Copies a box out of `input`.
#[inline(never)]
pub fn slice<T: Copy>(step: &Slice, input: &[T], output: &mut [T]) {
    let strides = step.input.strides();
    let first = offset(&step.start, &strides);
    let (row, axes) = row(&step.output);
    for (output, [from]) in slices::chunks_mut(output, row).zip(Rows::new(step.output.sizes(), axes, [strides])) {
        copy(slices::from(input, first + from), output);
    }
}

/// Puts a border around `input`.
#[inline(never)]
pub fn pad<T: Copy>(step: &Pad<T>, input: &[T], output: &mut [T]) {
    output.fill(step.value);
    insert(&step.input, &step.output, &step.before, input, output);
}

/// Reorders the axes.
#[inline(never)]
pub fn transpose<T: Copy>(step: &Transpose, input: &[T], output: &mut [T]) {
    let (sizes, strides) = (step.input.sizes::<MAX_RANK>(), step.input.strides());
    let of = |list: &[usize; MAX_RANK], axis: u8| list.get(usize::from(axis)).copied().unwrap_or(1);
    let (from, to) = (step.perms.map(|axis| of(&strides, axis)), step.perms.map(|axis| of(&sizes, axis)));
    let last = last_axis(&step.input) as u8; // below the rank
    let (row, distance) = (of(&to, last), of(&from, last).max(1));
    for (output, [first]) in slices::chunks_mut(output, row).zip(Rows::new(to, usize::from(last), [from])) {
        for (output, input) in output.iter_mut().zip(slices::from(input, first).iter().step_by(distance)) {
            *output = *input;
        }
    }
}

/// Copies elements; the shorter of the two slices decides how many.
pub fn copy<T: Copy>(input: &[T], output: &mut [T]) {
    for (output, input) in output.iter_mut().zip(input) {
        *output = *input;
    }
}

/// Copies a whole tensor into a larger one, from `start` on.
fn insert<T: Copy>(inner: &Shape, outer: &Shape, start: &[u32; MAX_RANK], input: &[T], output: &mut [T]) {
    let strides = outer.strides();
    let first = offset(start, &strides);
    let (row, axes) = row(inner);
    for (input, [to]) in slices::chunks(input, row).zip(Rows::new(inner.sizes(), axes, [strides])) {
        copy(input, slices::from_mut(output, first + to));
    }
}

/// Length of a tensor's rows and the number of axes before them.
fn row(shape: &Shape) -> (usize, usize) {
    let last = last_axis(shape);
    (shape.sizes::<MAX_RANK>()[last], last)
}

/// The axis on which neighbours lie side by side.
pub(super) fn last_axis(shape: &Shape) -> usize {
    shape.rank().saturating_sub(1).min(MAX_RANK - 1)
}

/// Position in a buffer of the element at `index`.
fn offset(index: &[u32; MAX_RANK], strides: &[usize; MAX_RANK]) -> usize {
    index.iter().zip(strides).map(|(index, stride)| *index as usize * stride).sum()
}
