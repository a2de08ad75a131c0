//! Convolutions of volumes.

use crate::convolution::{bias_of, round};
use crate::threads::for_runs;
use crate::{Tensor, elements, tensor};

/// How a convolution lies on its input; triples are along depth, height, width.
#[derive(Clone, Copy, Debug)]
pub struct Convolution3d {
    /// Distance between outputs.
    pub stride: [usize; 3],
    /// Zeros before the first and behind the last element of each axis.
    pub pad: [[usize; 2]; 3],
    /// Distance between taps.
    pub dilation: [usize; 3],
    /// Number of independent channel groups.
    pub groups: usize,
}

/// Convolution of `[N, C, D, H, W]` with weights `[O, C/groups, KD, KH, KW]` and an optional bias `[O]` to `shape`.
///
/// Each output is the f64 sum over (ic, kd, kh, kw) in this order, rounded to f32, to which the bias is added.
pub fn conv3d(x: &Tensor, weights: &Tensor, bias: Option<&Tensor>, conv: Convolution3d, shape: &[usize]) -> Tensor {
    let (&[_, c, d, h, w], &[o, ic, kd, kh, kw]) = (x.shape(), weights.shape()) else { panic!("tensors of rank 5") };
    let (input, weights, bias) = (elements(x), elements(weights), bias.map(elements));
    let (taps, volume) = (ic * kd * kh * kw, shape[2..].iter().product::<usize>());
    let at = |axis: usize, output: usize, tap: usize, size: usize| {
        let padded = output * conv.stride[axis] + tap * conv.dilation[axis];
        padded.checked_sub(conv.pad[axis][0]).filter(|&at| at < size)
    };
    let mut output = vec![0.0_f32; shape.iter().product()];
    let operations = output.len() * taps;
    for_runs(&mut output, volume, operations, |first, run| {
        let mut sums = vec![0.0_f64; volume];
        for (index, results) in (first..).zip(run.chunks_exact_mut(volume)) {
            let (batch, oc) = (index / o, index % o);
            sums.fill(0.0);
            let group = batch * c + oc / (o / conv.groups) * ic;
            for k in 0..taps {
                let (channel, kz, ky, kx) = (k / (kd * kh * kw), k / (kh * kw) % kd, k / kw % kh, k % kw);
                let (plane, weight) = ((group + channel) * d, f64::from(weights[oc * taps + k]));
                for (line, sums) in sums.chunks_exact_mut(shape[4]).enumerate() {
                    let place = at(0, line / shape[3], kz, d).zip(at(1, line % shape[3], ky, h));
                    let Some((z, y)) = place else { continue };
                    let row = &input[((plane + z) * h + y) * w..][..w];
                    for (ox, sum) in sums.iter_mut().enumerate() {
                        if let Some(x) = at(2, ox, kx, w) {
                            *sum += weight * f64::from(row[x]);
                        }
                    }
                }
            }
            round(&sums, bias_of(bias, oc), results);
        }
    });
    tensor(shape, output)
}
