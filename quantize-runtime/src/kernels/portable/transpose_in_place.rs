//! TRANSPOSE without a second tensor, where two groups of axes change places.
//!
//! The matrix is cut into parts that fit on the stack. The pieces of rows that a part is made of are brought together as larger
//! elements, along the cycles of their permutation; where there are too many of them, the matrix is halved before, by rotations.

use crate::bytes;
use crate::kernels::target;
use crate::slices;

/// Bytes of a part that is transposed through a copy on the stack.
const CHUNK: usize = 128;
/// Pieces of rows for which there are marks.
const PIECES: usize = 1024;

/// Reorders the axes of a tensor `[outer, a, b, inner]` with elements of `size` bytes to `[outer, b, a, inner]`: the sizes that
/// [`Transpose::swapped`](crate::steps::Transpose::swapped) finds.
#[inline(never)]
pub fn transpose_in_place([_, a, b, inner]: [usize; 4], size: usize, data: &mut [u8]) {
    for matrix in slices::chunks_mut(data, a * b * inner * size) {
        swap(matrix, [a, b], inner * size);
    }
}

/// `[a, b]` elements of `size` bytes become `[b, a]`.
fn swap(matrix: &mut [u8], [a, b]: [usize; 2], size: usize) {
    if a <= 1 || b <= 1 {
        return;
    }
    if matrix.len() <= CHUNK {
        return swap_small(matrix, [a, b], size);
    }
    let [short, long] = if b >= a { [a, b] } else { [b, a] };
    // Of the longer axis: so many indices make a part, if possible without a rest, and there are so many parts.
    let most = CHUNK / (short * size).max(1);
    let piece = (most / 2 + 1..=most).rev().find(|piece| long.is_multiple_of(*piece)).unwrap_or(most);
    let parts = long.checked_div(piece).unwrap_or(usize::MAX);
    let is_cut = short.saturating_mul(parts) <= PIECES;
    let first = if is_cut { parts * piece } else { long / 2 };
    let lens = [first * size, (long - first) * size];
    if b >= a && first < long {
        unzip(matrix, a, lens);
    }
    let Some((left, right)) = matrix.split_at_mut_checked(short * lens[0]) else { return };
    match (is_cut, b >= a) {
        (true, true) => {
            swap_pieces(left, [a, parts], piece * size);
            slices::chunks_mut(left, a * piece * size).for_each(|part| swap_small(part, [a, piece], size));
        }
        (true, false) => {
            slices::chunks_mut(left, piece * b * size).for_each(|part| swap_small(part, [piece, b], size));
            swap_pieces(left, [parts, b], piece * size);
        }
        (false, true) => swap(left, [a, first], size),
        (false, false) => swap(left, [first, b], size),
    }
    swap(right, if b >= a { [a, b - first] } else { [a - first, b] }, size);
    if b < a && first < long {
        zip(matrix, b, lens);
    }
}

/// [`swap`] of at most [`PIECES`] elements of at most [`CHUNK`] bytes.
#[inline(never)] // its memory is on the stack
fn swap_pieces(matrix: &mut [u8], [a, b]: [usize; 2], size: usize) {
    let mut marks = [0_u32; PIECES / 32];
    let mut copy = [0; CHUNK];
    let Some(copy) = copy.get_mut(..size) else { return };
    // The first and the last one stay; the one at `at` comes from `at · b`, in multiples of the last index.
    let last = a * b - 1;
    for start in 1..last {
        let mut at = start;
        while let Some(mark) = marks.get_mut(at / 32).filter(|mark| **mark >> (at % 32) & 1 == 0) {
            *mark |= 1 << (at % 32);
            let from = at * b % last;
            let to = at * size..(at + 1) * size;
            if at == start {
                let Some(first) = matrix.get(to.clone()) else { return };
                target::copy(bytes::as_i8s(first), bytes::as_i8s_mut(copy));
            }
            if from == start {
                let Some(to) = matrix.get_mut(to) else { return };
                target::copy(bytes::as_i8s(copy), bytes::as_i8s_mut(to));
            } else {
                let Ok([from, to]) = matrix.get_disjoint_mut([from * size..(from + 1) * size, to]) else { return };
                target::copy(bytes::as_i8s(from), bytes::as_i8s_mut(to));
            }
            at = from;
        }
    }
}

/// [`swap`] of at most [`CHUNK`] bytes; not part of the recursion, whose frames are to be small.
#[inline(never)]
fn swap_small(matrix: &mut [u8], [a, b]: [usize; 2], size: usize) {
    let mut copy = [0; CHUNK];
    let Some(copy) = copy.get_mut(..matrix.len()) else { return };
    target::copy(bytes::as_i8s(matrix), bytes::as_i8s_mut(copy));
    for (row, elements) in slices::chunks(copy, b * size).enumerate() {
        let results = matrix.get_mut(row * size..).unwrap_or_default();
        if size == 1 {
            target::spread(bytes::as_i8s(elements), bytes::as_i8s_mut(results), a);
            continue;
        }
        for (result, element) in results.chunks_mut((a * size).max(1)).zip(slices::chunks(elements, size)) {
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
