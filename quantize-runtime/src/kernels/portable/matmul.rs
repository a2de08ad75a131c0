//! MATMUL.

use crate::epilogue::{Arithmetic, Epilogue, Input};
use crate::slices;
use crate::steps::MatMul;

/// Columns computed together: their accumulators fit the registers of most targets.
const LANES: usize = 8;

/// Multiplies matrices, one per batch.
#[inline(never)]
pub fn matmul<E: Epilogue>(step: &MatMul<E>, a: &[Input<E>], b: &[Input<E>], output: &mut [E::Output]) {
    let [_, h, c] = step.a.sizes();
    let [_, _, w] = step.b.sizes();
    let rows = slices::chunks(a, c).zip(slices::chunks_mut(output, w));
    for (row, (a, result)) in rows.enumerate() {
        let b = slices::part(b, row / h.max(1) * c * w, c * w);
        for (group, result) in result.chunks_mut(LANES).enumerate() {
            let first = group * LANES;
            let mut sums: [_; LANES] = core::array::from_fn(|_| Default::default());
            for (&a, b) in a.iter().zip(slices::chunks(b, w)) {
                for (sum, &b) in sums.iter_mut().zip(slices::part(b, first, result.len())) {
                    *sum = E::Arithmetic::add_product(*sum, a, b, step.zero_points);
                }
            }
            for (lane, (result, sum)) in result.iter_mut().zip(sums).enumerate() {
                *result = step.epilogue.finish(sum, first + lane);
            }
        }
    }
}
