//! TRANSPOSE without a second tensor, where two groups of axes change places.
//!
//! The matrix is halved until its parts fit on the stack, and the parts of its rows are brought together by rotations.

use crate::steps::Transpose;

/// Bytes of a part that is transposed through a copy on the stack.
const CHUNK: usize = 128;

/// Reorders the axes of a tensor with elements of `size` bytes, if [`Transpose::swapped`] knows how.
pub fn transpose_in_place(step: &Transpose, size: usize, data: &mut [u8]) {
    let Some([_, a, b, inner]) = step.swapped() else { return };
    for matrix in data.chunks_exact_mut((a * b * inner * size).max(1)) {
        swap(matrix, [a, b], inner * size);
    }
}

/// `[a, b]` elements of `size` bytes become `[b, a]`.
fn swap(matrix: &mut [u8], [a, b]: [usize; 2], size: usize) {
    if a <= 1 || b <= 1 {
        return;
    }
    if matrix.len() <= CHUNK {
        swap_small(matrix, [a, b], size);
    } else if b >= a {
        let left = b / 2;
        unzip(matrix, a, [left * size, (b - left) * size]);
        let Some((first, second)) = matrix.split_at_mut_checked(a * left * size) else { return };
        swap(first, [a, left], size);
        swap(second, [a, b - left], size);
    } else {
        let upper = a / 2;
        let Some((first, second)) = matrix.split_at_mut_checked(upper * b * size) else { return };
        swap(first, [upper, b], size);
        swap(second, [a - upper, b], size);
        zip(matrix, b, [upper * size, (a - upper) * size]);
    }
}

/// [`swap`] of at most [`CHUNK`] bytes; not part of the recursion, whose frames are to be small.
#[inline(never)]
fn swap_small(matrix: &mut [u8], [a, b]: [usize; 2], size: usize) {
    let mut copy = [0; CHUNK];
    for (copy, byte) in copy.iter_mut().zip(&*matrix) {
        *copy = *byte;
    }
    for (column, results) in matrix.chunks_exact_mut(a * size).enumerate() {
        for (row, result) in results.chunks_exact_mut(size).enumerate() {
            let element = copy.iter().skip((row * b + column) * size);
            result.iter_mut().zip(element).for_each(|(result, byte)| *result = *byte);
        }
    }
}

/// Rows of `x` and then `y` bytes become all `x` and then all `y`.
fn unzip(rows: &mut [u8], count: usize, [x, y]: [usize; 2]) {
    if count <= 1 {
        return;
    }
    let upper = count / 2;
    let Some((first, second)) = rows.split_at_mut_checked(upper * (x + y)) else { return };
    unzip(first, upper, [x, y]);
    unzip(second, count - upper, [x, y]);
    exchange(rows, upper * x, [upper * y, (count - upper) * x]);
}

/// The inverse of [`unzip`].
fn zip(rows: &mut [u8], count: usize, [x, y]: [usize; 2]) {
    if count <= 1 {
        return;
    }
    let upper = count / 2;
    exchange(rows, upper * x, [(count - upper) * x, upper * y]);
    let Some((first, second)) = rows.split_at_mut_checked(upper * (x + y)) else { return };
    zip(first, upper, [x, y]);
    zip(second, count - upper, [x, y]);
}

/// Exchanges two neighbouring parts of these lengths; by reversals, as a rotation of the core library may panic.
fn exchange(bytes: &mut [u8], start: usize, [first, second]: [usize; 2]) {
    let Some(both) = bytes.get_mut(start..start + first + second) else { return };
    both.reverse();
    if let Some((second, first)) = both.split_at_mut_checked(second) {
        second.reverse();
        first.reverse();
    }
}
