//! CONV2D with weights in OHWI order.

use super::window::Axis;
use crate::epilogue::{Arithmetic, Epilogue, Input};
use crate::slices;
use crate::steps::Conv2d;

/// Convolves an activation.
pub(crate) fn conv2d<E: Epilogue>(step: &Conv2d<'_, E>, input: &[Input<E>], output: &mut [E::Output]) {
    let [_, ih, iw, ic] = step.input.sizes();
    let [n, oh, ow, oc] = step.output.sizes();
    let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
    // With dense columns a row of taps is one run of elements in both tensors.
    let dense = columns.dilation() == 1;
    let mut results = slices::chunks_mut(output, oc);
    for batch in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let (ky, kx) = (rows.taps(oy), columns.taps(ox));
                let weights = slices::chunks(step.weights, rows.kernel() * columns.kernel() * ic);
                for ((channel, result), weights) in result.iter_mut().enumerate().zip(weights) {
                    let mut sum = Default::default();
                    for ky in ky.clone() {
                        let row = (batch * ih + rows.position(oy, ky)) * iw;
                        if dense && !kx.is_empty() {
                            let from = (row + columns.position(ox, kx.start)) * ic;
                            let kernel = (ky * columns.kernel() + kx.start) * ic;
                            let len = kx.len() * ic;
                            let (input, weights) = (slices::part(input, from, len), slices::part(weights, kernel, len));
                            sum = dot::<E::Arithmetic>(sum, input, step.input_zero_point, weights);
                            continue;
                        }
                        for kx in kx.clone() {
                            let from = (row + columns.position(ox, kx)) * ic;
                            let kernel = (ky * columns.kernel() + kx) * ic;
                            let (input, weights) = (slices::part(input, from, ic), slices::part(weights, kernel, ic));
                            sum = dot::<E::Arithmetic>(sum, input, step.input_zero_point, weights);
                        }
                    }
                    *result = step.epilogue.finish(E::Arithmetic::add_bias(sum, bias(step.bias, channel)), channel);
                }
            }
        }
    }
}

/// The bias of a channel: the first one where there is one for all.
#[inline(always)]
pub(in crate::kernels) fn bias<B: Copy + Default>(bias: &[B], channel: usize) -> B {
    bias.get(if bias.len() == 1 { 0 } else { channel }).copied().unwrap_or_default()
}

/// `sum + Σ (input − zero_point) · weight`, in order.
#[inline(always)]
pub(super) fn dot<A: Arithmetic>(sum: A::Sum, input: &[A::Input], zero_point: i8, weights: &[A::Weight]) -> A::Sum {
    input.iter().zip(weights).fold(sum, |sum, (&input, &weight)| A::add(sum, input, zero_point, weight))
}
