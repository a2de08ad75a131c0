//! Products of a run of activations and four rows of weights.

use crate::kernels::int8::ROWS;

/// Products written out in a row, for targets whose compiler unrolls no loop.
const BLOCK: usize = if cfg!(target_arch = "riscv32") { 8 } else { 1 };

/// Adds to each sum Σ (input − zero_point) · weight over a row of weights; rows start `stride` elements apart.
///
/// # Panics
/// If a row leaves `weights`.
pub(crate) fn rows(sums: &mut [i32; ROWS], input: &[i8], zero_point: i8, weights: &[i8], stride: usize) {
    let rows: [&[i8]; ROWS] = core::array::from_fn(|row| &weights[row * stride..][..input.len()]);
    let (blocks, rest) = input.as_chunks::<BLOCK>();
    let [w0, w1, w2, w3] = rows.map(|row| row.as_chunks::<BLOCK>());
    for ((((x, w0), w1), w2), w3) in blocks.iter().zip(w0.0).zip(w1.0).zip(w2.0).zip(w3.0) {
        for i in 0..BLOCK {
            add(sums, x[i], zero_point, [w0[i], w1[i], w2[i], w3[i]]);
        }
    }
    for ((((x, w0), w1), w2), w3) in rest.iter().zip(w0.1).zip(w1.1).zip(w2.1).zip(w3.1) {
        add(sums, *x, zero_point, [*w0, *w1, *w2, *w3]);
    }
}

/// Adds the products of an activation and a weight of each row.
#[inline(always)]
fn add(sums: &mut [i32; ROWS], input: i8, zero_point: i8, weights: [i8; ROWS]) {
    let input = i32::from(input) - i32::from(zero_point);
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum = sum.wrapping_add(input * i32::from(weight));
    }
}
