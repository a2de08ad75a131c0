//! CONV2D with weights in OHWI order.

use super::window::Axis;
use crate::steps::Conv2d;

/// Convolves an i8 activation and rescales the accumulators to i8.
pub fn conv2d(step: &Conv2d<'_>, input: &[i8], output: &mut [i8]) {
    accumulate(step, input, output, |accumulator, channel| step.rescale.to_i8(accumulator, channel));
}

/// Convolves an i8 activation into i32 accumulators.
pub fn conv2d_i32(step: &Conv2d<'_, ()>, input: &[i8], output: &mut [[u8; 4]]) {
    accumulate(step, input, output, |accumulator, _| accumulator.to_le_bytes());
}

/// Computes each accumulator and stores what `finish` makes of it and its channel.
#[inline(always)]
fn accumulate<R, T>(step: &Conv2d<'_, R>, input: &[i8], output: &mut [T], finish: impl Fn(i32, usize) -> T) {
    let [_, ih, iw, ic] = step.input.sizes();
    let [n, oh, ow, oc] = step.output.sizes();
    let [rows, columns] = Axis::pair([ih, iw], step.kernel, step.stride, step.dilation, step.pad);
    let zero_point = i32::from(step.input_zero_point);
    let bias = |channel: usize| {
        let at = if step.bias.len() == 1 { 0 } else { channel };
        i32::from_le_bytes(step.bias.get(at).copied().unwrap_or_default())
    };
    // With dense columns a row of taps is one run of elements in both tensors.
    let dense = columns.dilation == 1;
    let mut results = output.chunks_exact_mut(oc);
    for batch in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                let Some(result) = results.next() else { return };
                let (ky, kx) = (rows.taps(oy), columns.taps(ox));
                let weights = step.weights.chunks_exact(rows.kernel * columns.kernel * ic);
                for ((channel, result), weights) in result.iter_mut().enumerate().zip(weights) {
                    let mut accumulator = bias(channel);
                    for ky in ky.clone() {
                        let row = (batch * ih + rows.position(oy, ky)) * iw;
                        if dense && !kx.is_empty() {
                            let from = (row + columns.position(ox, kx.start)) * ic;
                            let kernel = (ky * columns.kernel + kx.start) * ic;
                            let len = kx.len() * ic;
                            accumulator = accumulator.wrapping_add(dot(
                                &input[from..from + len],
                                &weights[kernel..kernel + len],
                                zero_point,
                            ));
                            continue;
                        }
                        for kx in kx.clone() {
                            let from = (row + columns.position(ox, kx)) * ic;
                            let kernel = (ky * columns.kernel + kx) * ic;
                            accumulator = accumulator.wrapping_add(dot(
                                &input[from..from + ic],
                                &weights[kernel..kernel + ic],
                                zero_point,
                            ));
                        }
                    }
                    *result = finish(accumulator, channel);
                }
            }
        }
    }
}

/// `Σ (input − zero_point) · weight`, modulo 2^32.
///
/// A sum that fits i32 is exact even if a partial one would not fit.
#[inline(always)]
fn dot(input: &[i8], weights: &[i8], zero_point: i32) -> i32 {
    let products =
        input.iter().zip(weights).map(|(&input, &weight)| (i32::from(input) - zero_point) * i32::from(weight));
    products.fold(0, i32::wrapping_add)
}
