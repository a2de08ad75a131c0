//! TRANSPOSE_CONV2D with weights in OHWI order.

use super::conv2d::{bias, dot};
use crate::epilogue::{Arithmetic, Epilogue, Input};
use crate::slices;
use crate::steps::TransposeConv2d;

/// Spreads an activation over windows: each result gathers the taps that reach it.
#[inline(never)]
pub fn transpose_conv2d<E: Epilogue>(step: &TransposeConv2d<'_, E>, input: &[Input<E>], output: &mut [E::Output]) {
    let [_, ih, iw, ic] = step.input.sizes();
    let [n, oh, ow, oc] = step.output.sizes();
    let [kh, kw] = step.kernel.map(usize::from);
    let mut results = slices::chunks_mut(output, oc);
    for batch in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let weights = slices::chunks(step.weights, kh * kw * ic);
                for ((channel, result), weights) in result.iter_mut().enumerate().zip(weights) {
                    let mut sum = Default::default();
                    for ky in 0..kh {
                        let Some(y) = source(oy, ky, step.out_pad[0], step.stride[0], ih) else { continue };
                        for kx in 0..kw {
                            let Some(x) = source(ox, kx, step.out_pad[2], step.stride[1], iw) else { continue };
                            let (from, kernel) = (((batch * ih + y) * iw + x) * ic, (ky * kw + kx) * ic);
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

/// The position in the input that tap `tap` spreads to the result's position `at`.
#[inline(always)]
fn source(at: usize, tap: usize, pad: i16, stride: u16, input: usize) -> Option<usize> {
    let stride = usize::from(stride.max(1));
    let spread = usize::try_from(at as i64 - i64::from(pad) - tap as i64).ok()?;
    (spread.is_multiple_of(stride) && spread / stride < input).then_some(spread / stride)
}
