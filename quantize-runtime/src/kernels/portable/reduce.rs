//! Reductions along axes.

use super::integer::Integer;
use super::rows::Rows;
use crate::operators::Binary;
use crate::shape::MAX_RANK;
use crate::steps::{Reduce, RescaledSum};

/// Reduces integers along one axis.
pub fn reduce<P: Binary<i32>, T: Integer>(step: &Reduce<P>, input: &[T], output: &mut [T]) {
    for_each_column(step, input, output, T::widen, T::narrow);
}

/// Reduces f32 along one axis.
pub fn reduce_f32<P: Binary<f32>>(step: &Reduce<P>, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    for_each_column(step, input, output, f32::from_le_bytes, f32::to_le_bytes);
}

/// Takes in the elements along the axis, one after the other.
#[inline(always)]
fn for_each_column<P: Binary<N>, T: Copy, N>(
    step: &Reduce<P>,
    input: &[T],
    output: &mut [T],
    read: impl Fn(T) -> N,
    write: impl Fn(N) -> T,
) {
    let (_, size, inner) = step.input.around(u32::from(step.axis));
    for (output, input) in output.chunks_exact_mut(inner).zip(input.chunks_exact(size * inner)) {
        for (channel, output) in output.iter_mut().enumerate() {
            let column = input.iter().skip(channel).step_by(inner).map(|element| read(*element));
            if let Some(result) = column.reduce(|result, element| step.operator.apply(result, element)) {
                *output = write(result);
            }
        }
    }
}

/// Rescales i8 to i32, sums along some axes and rescales the sums to i8.
pub fn rescaled_sum(step: &RescaledSum<'_>, input: &[i8], output: &mut [i8]) {
    let sizes: [usize; MAX_RANK] = step.input.sizes();
    // The kept axes walk over the results, the summed ones over the terms of each.
    let select = |summed: bool| core::array::from_fn(|axis| if step.axes[axis] == summed { sizes[axis] } else { 1 });
    let (kept, summed): ([usize; MAX_RANK], [usize; MAX_RANK]) = (select(false), select(true));
    let strides = step.input.strides();
    let last = step.input.rank().saturating_sub(1);
    let channels = sizes[last];
    for (result, (output, [start])) in output.iter_mut().zip(Rows::new(kept, MAX_RANK, [strides])).enumerate() {
        let mut sum = 0_i32;
        for [offset] in Rows::new(summed, MAX_RANK, [strides]) {
            let at = start + offset;
            sum = sum.wrapping_add(step.input_rescale.to_i32(input[at], at % channels));
        }
        *output = step.rescale.to_i8(sum, result % kept[last]);
    }
}
