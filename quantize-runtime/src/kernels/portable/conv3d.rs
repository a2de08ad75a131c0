//! CONV3D with weights in ODHWI order.

use super::conv2d::{bias, dot};
use super::window::Axis;
use crate::epilogue::{Arithmetic, Epilogue, Input};
use crate::slices;
use crate::steps::Conv3d;

/// Convolves an activation over depth, rows and columns.
#[inline(never)]
pub fn conv3d<E: Epilogue>(step: &Conv3d<'_, E>, input: &[Input<E>], output: &mut [E::Output]) {
    let [_, id, ih, iw, ic] = step.input.sizes();
    let [n, od, oh, ow, oc] = step.output.sizes();
    let axes = core::array::from_fn(|axis| {
        Axis::new([id, ih, iw][axis], step.kernel[axis], step.stride[axis], step.dilation[axis], step.pad[2 * axis])
    });
    let [depth, rows, columns]: [Axis; 3] = axes;
    let taps = depth.kernel() * rows.kernel() * columns.kernel() * ic;
    let mut results = slices::chunks_mut(output, oc);
    for batch in 0..n {
        for oz in 0..od {
            for oy in 0..oh {
                for ox in 0..ow {
                    let Some(result) = results.next() else { return };
                    let weights = slices::chunks(step.weights, taps);
                    for ((channel, result), weights) in result.iter_mut().enumerate().zip(weights) {
                        let mut sum = Default::default();
                        for kz in depth.taps(oz) {
                            let plane = (batch * id + depth.position(oz, kz)) * ih;
                            for ky in rows.taps(oy) {
                                let row = (plane + rows.position(oy, ky)) * iw;
                                for kx in columns.taps(ox) {
                                    let from = (row + columns.position(ox, kx)) * ic;
                                    let kernel = ((kz * rows.kernel() + ky) * columns.kernel() + kx) * ic;
                                    let (input, weights) =
                                        (slices::part(input, from, ic), slices::part(weights, kernel, ic));
                                    sum = dot::<E::Arithmetic>(sum, input, step.input_zero_point, weights);
                                }
                            }
                        }
                        *result = step.epilogue.finish(E::Arithmetic::add_bias(sum, bias(step.bias, channel)), channel);
                    }
                }
            }
        }
    }
}
