//! Reads elements in another order, or by their index: GATHER, SCATTER, REVERSE and TILE.

use super::layout::{copy, last_axis};
use crate::shape::MAX_RANK;
use crate::slices;
use crate::steps::{Gather, Reverse, Scatter, Tile};

/// Copies rows by their index; an index outside names the nearest row.
#[inline(never)]
pub fn gather<T: Copy>(step: &Gather, values: &[T], indices: &[[u8; 4]], output: &mut [T]) {
    let [_, k, c] = step.values.sizes();
    let [_, w] = step.indices.sizes();
    for ((at, index), output) in indices.iter().enumerate().zip(slices::chunks_mut(output, c)) {
        copy(slices::from(values, (at / w.max(1) * k + row(*index, k)) * c), output);
    }
}

/// Copies all rows, then those of `input` to the rows that the indices name; an index outside names the nearest row.
#[inline(never)]
pub fn scatter<T: Copy>(step: &Scatter, values: &[T], indices: &[[u8; 4]], input: &[T], output: &mut [T]) {
    let [_, k, c] = step.values.sizes();
    let [_, w] = step.indices.sizes();
    copy(values, output);
    for ((at, index), input) in indices.iter().enumerate().zip(slices::chunks(input, c)) {
        copy(input, slices::from_mut(output, (at / w.max(1) * k + row(*index, k)) * c));
    }
}

/// The row of an index that TOSA wants inside.
fn row(index: [u8; 4], k: usize) -> usize {
    usize::try_from(i32::from_le_bytes(index)).unwrap_or(0).min(k - 1) // a dimension is at least 1
}

/// Mirrors along an axis.
#[inline(never)]
pub fn reverse<T: Copy>(step: &Reverse, input: &[T], output: &mut [T]) {
    let (_, size, inner) = step.input.around(step.axis.into());
    let whole = size * inner;
    for (input, output) in slices::chunks(input, whole).zip(slices::chunks_mut(output, whole)) {
        for (input, output) in slices::chunks(input, inner).zip(slices::chunks_mut(output, inner).rev()) {
            copy(input, output);
        }
    }
}

/// Repeats along all axes.
#[inline(never)]
pub fn tile<T: Copy>(step: &Tile, input: &[T], output: &mut [T]) {
    let (sizes, strides) = (step.input.sizes::<MAX_RANK>(), step.input.strides());
    let outer = step.output.sizes::<MAX_RANK>();
    let last = last_axis(&step.input);
    let mut index = [0; MAX_RANK];
    for output in slices::chunks_mut(output, outer[last]) {
        let from: usize = (0..last).map(|axis| index[axis] % sizes[axis].max(1) * strides[axis]).sum();
        for output in slices::chunks_mut(output, sizes[last]) {
            copy(slices::from(input, from), output);
        }
        for axis in (0..last).rev() {
            index[axis] += 1;
            if index[axis] < outer[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}
