//! Reductions along axes.

use super::integer::Integer;
use super::layout::last_axis;
use super::rows::Rows;
use crate::operators::Binary;
use crate::shape::MAX_RANK;
use crate::slices;
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
    let column = size * inner;
    for (output, input) in slices::chunks_mut(output, inner).zip(slices::chunks(input, column)) {
        for (channel, output) in output.iter_mut().enumerate() {
            let column = input.iter().skip(channel).step_by(inner.max(1)).map(|element| read(*element));
            if let Some(result) = column.reduce(|result, element| step.operator.apply(result, element)) {
                *output = write(result);
            }
        }
    }
}

/// Rescales i8 to i32, sums along some axes and rescales the sums to i8.
#[inline(never)]
pub fn rescaled_sum(step: &RescaledSum<'_>, input: &[i8], output: &mut [i8]) {
    let sizes: [usize; MAX_RANK] = step.input.sizes();
    // The kept axes walk over the results, the summed ones over the terms of each.
    let (mut kept, mut summed) = ([1; MAX_RANK], [1; MAX_RANK]);
    for (axis, is_summed) in step.axes.into_iter().enumerate() {
        let sizes_of = if is_summed { &mut summed } else { &mut kept };
        sizes_of[axis] = sizes[axis];
    }
    let strides = step.input.strides();
    let last = last_axis(&step.input);
    let (channels, results) = (sizes[last].max(1), kept[last].max(1));
    for (result, (output, [start])) in output.iter_mut().zip(Rows::new(kept, MAX_RANK, [strides])).enumerate() {
        let mut sum = 0_i32;
        for [offset] in Rows::new(summed, MAX_RANK, [strides]) {
            let at = start + offset;
            let Some(&value) = input.get(at) else { return };
            sum = sum.wrapping_add(step.input_rescale.to_i32(value, at % channels));
        }
        *output = step.rescale.to_i8(sum, result % results);
    }
}
