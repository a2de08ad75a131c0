//! Moves elements without changing them: CONCAT, SLICE, PAD, TRANSPOSE and copies.

use super::rows::Rows;
use crate::Shape;
use crate::shape::MAX_RANK;
use crate::steps::{Concat, Pad, Slice, Transpose};

/// Copies one input of CONCAT to its place; the rest of `output` stays.
pub fn concat<T: Copy>(step: &Concat, input: &[T], output: &mut [T]) {
    let mut start = [0; MAX_RANK];
    start[usize::from(step.axis).min(MAX_RANK - 1)] = step.start;
    insert(&step.input, &step.output, &start, input, output);
}

/// Copies a box out of `input`.
pub fn slice<T: Copy>(step: &Slice, input: &[T], output: &mut [T]) {
    let strides = step.input.strides();
    let first = offset(&step.start, &strides);
    let (row, axes) = row(&step.output);
    for (output, [from]) in output.chunks_exact_mut(row).zip(Rows::new(step.output.sizes(), axes, [strides])) {
        copy(&input[first + from..], output);
    }
}

/// Puts a border around `input`.
pub fn pad<T: Copy>(step: &Pad<T>, input: &[T], output: &mut [T]) {
    output.fill(step.value);
    insert(&step.input, &step.output, &step.before, input, output);
}

/// Reorders the axes.
pub fn transpose<T: Copy>(step: &Transpose, input: &[T], output: &mut [T]) {
    let (sizes, strides) = (step.input.sizes::<MAX_RANK>(), step.input.strides());
    let perm = |axis: usize| usize::from(step.perms[axis]).min(MAX_RANK - 1);
    let from = core::array::from_fn(|axis| strides[perm(axis)]);
    let to = core::array::from_fn(|axis| sizes[perm(axis)]);
    let last = step.input.rank().saturating_sub(1);
    for (output, [first]) in output.chunks_exact_mut(to[last]).zip(Rows::new(to, last, [from])) {
        for (output, input) in output.iter_mut().zip(input[first..].iter().step_by(from[last].max(1))) {
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
    for (input, [to]) in input.chunks_exact(row).zip(Rows::new(inner.sizes(), axes, [strides])) {
        copy(input, &mut output[first + to..]);
    }
}

/// Length of a tensor's rows and the number of axes before them.
fn row(shape: &Shape) -> (usize, usize) {
    let last = shape.rank().saturating_sub(1);
    (shape.sizes::<MAX_RANK>()[last], last)
}

/// Position in a buffer of the element at `index`.
fn offset(index: &[u32; MAX_RANK], strides: &[usize; MAX_RANK]) -> usize {
    index.iter().zip(strides).map(|(index, stride)| *index as usize * stride).sum()
}
