//! Products of a run of activations and one row of weights, for channels that are no whole group.

use crate::kernels::portable::conv2d::bias;
use crate::rescale::Rescale;
use crate::steps::Conv2d;

/// Computes the results of the channels from `first` on, one by one.
pub(crate) fn single_channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8], first: usize) {
    let weights = step.weights.chunks_exact(input.len());
    for ((channel, result), weights) in result.iter_mut().enumerate().zip(weights).skip(first) {
        let sum = row(i32::from_le_bytes(bias(step.bias, channel)), input, step.input_zero_point, weights);
        *result = step.epilogue.to_i8(sum, channel);
    }
}

/// `sum + Σ (input − zero_point) · weight` over one row of weights.
pub(crate) fn row(sum: i32, input: &[i8], zero_point: i8, weights: &[i8]) -> i32 {
    input.iter().zip(weights).fold(sum, |sum, (&input, &weight)| {
        sum.wrapping_add((i32::from(input) - i32::from(zero_point)) * i32::from(weight))
    })
}
