//! The output channels at one place: groups of them, then single ones.

use super::biases;
#[cfg(not(kernels = "armv7em"))]
use crate::kernels::{target::ROWS, target::dot::rows};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;
use core::array;

/// Computes the results of all channels from the activations under their window.
#[cfg(not(kernels = "armv7em"))]
pub(crate) fn channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    let len = input.len();
    let (groups, _) = result.as_chunks_mut::<ROWS>();
    let grouped = groups.len() * ROWS;
    for (group, (result, weights)) in groups.iter_mut().zip(slices::chunks(step.weights, ROWS * len)).enumerate() {
        let first = group * ROWS;
        let mut sums = biases(step.bias, first);
        rows(&mut sums, input, step.input_zero_point, weights, len);
        step.epilogue.requantize(sums, first, result);
    }
    single_channels(step, input, result, grouped);
}

/// Computes the results of the channels from `first` on, one by one.
pub(crate) fn single_channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8], first: usize) {
    let weights = slices::chunks(step.weights, input.len());
    for ((channel, result), weights) in result.iter_mut().enumerate().zip(weights).skip(first) {
        let [bias] = biases(step.bias, channel);
        let sum = row(bias, input, step.input_zero_point, weights);
        step.epilogue.requantize([sum], channel, array::from_mut(result));
    }
}

/// `sum + Σ (input − zero_point) · weight` over one row of weights.
pub(crate) fn row(sum: i32, input: &[i8], zero_point: i8, weights: &[i8]) -> i32 {
    input.iter().zip(weights).fold(sum, |sum, (&input, &weight)| {
        sum.wrapping_add((i32::from(input) - i32::from(zero_point)) * i32::from(weight))
    })
}
