//! REDUCE_SUM.

use super::rows::Rows;
use crate::shape::MAX_RANK;
use crate::steps::{ReduceSum, RescaledSum};

/// Sums i32 along one axis.
pub fn reduce_sum(step: &ReduceSum, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    let (_, size, inner) = step.input.around(u32::from(step.axis));
    for (output, input) in output.chunks_exact_mut(inner).zip(input.chunks_exact(size * inner)) {
        for (channel, output) in output.iter_mut().enumerate() {
            let column = input.iter().skip(channel).step_by(inner);
            *output = column.fold(0, |sum: i32, word| sum.wrapping_add(i32::from_le_bytes(*word))).to_le_bytes();
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
