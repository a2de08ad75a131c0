//! Products of a run of activations and four rows of weights.

use crate::kernels::target::ROWS;
use crate::slices;

/// Adds to each sum Σ (input − zero_point) · weight over a row of weights; rows start `stride` elements apart.
pub(crate) fn rows(sums: &mut [i32; ROWS], input: &[i8], zero_point: i8, weights: &[i8], stride: usize) {
    let [row0, row1, row2, row3] = core::array::from_fn(|row| slices::part(weights, row * stride, input.len()));
    for ((((&input, &w0), &w1), &w2), &w3) in input.iter().zip(row0).zip(row1).zip(row2).zip(row3) {
        let input = i32::from(input) - i32::from(zero_point);
        for (sum, weight) in sums.iter_mut().zip([w0, w1, w2, w3]) {
            *sum = sum.wrapping_add(input * i32::from(weight));
        }
    }
}
