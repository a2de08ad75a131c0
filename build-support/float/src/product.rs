//! Products of matrices.

use crate::convolution::{bias_of, round};
use crate::threads::for_runs;
use crate::{Tensor, elements, tensor};

/// Partial sums of a dot product: a fixed number, so that the order of additions is the same on every host.
const LANES: usize = 8;

/// `x · Wᵀ + b` over the last dimension: `[…, I]` with weights `[O, I]` and an optional bias `[O]` gives `[…, O]`.
///
/// Each result is summed up in f64 and rounded, before the bias is added.
///
/// # Panics
///
/// For other shapes.
pub fn linear(x: &Tensor, weights: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let &[o, i] = weights.shape() else { panic!("weights of shape {:?}", weights.shape()) };
    let (rows, weights, bias) = (elements(x), elements(weights), bias.map(elements));
    let mut output = vec![0.0; x.len() / i * o];
    let operations = output.len() * i;
    for_runs(&mut output, 1, operations, |first, run| {
        for (at, y) in (first..).zip(run) {
            let (row, channel) = (at / o, at % o);
            *y = dot(&rows[row * i..][..i], &weights[channel * i..][..i]) as f32 + bias_of(bias, channel);
        }
    });
    let outer = &x.shape()[..x.ndim() - 1];
    tensor(&[outer, &[o]].concat(), output)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] += f64::from(a[lane]) * f64::from(b[lane]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f64::from(*a) * f64::from(*b);
    }
    lanes.iter().sum()
}

/// `[N, K]` times `[K, M]` for each of as many matrices as there are, with all elements one after the other.
///
/// Each result is summed up over K in order, in f64, and rounded once.
pub fn matmul(a: &[f32], b: &[f32], [n, k, m]: [usize; 3]) -> Vec<f32> {
    let mut output = vec![0.0_f32; a.len() / k * m];
    let operations = output.len() * k;
    for_runs(&mut output, m, operations, |first, run| {
        // Columns are the inner loop: whatever the vector width, the order of a sum is the same.
        let mut sums = vec![0.0_f64; m];
        for (row, results) in (first..).zip(run.chunks_exact_mut(m)) {
            let b = &b[row / n * k * m..][..k * m];
            sums.fill(0.0);
            for (&factor, b) in a[row * k..][..k].iter().zip(b.chunks_exact(m)) {
                sums.iter_mut().zip(b).for_each(|(sum, &x)| *sum += f64::from(factor) * f64::from(x));
            }
            round(&sums, 0.0, results);
        }
    });
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_outputs_for_each_row_of_inputs() {
        let x = Tensor::from_shape_fn(vec![2, 1, 11], |at| (at[0] * 11 + at[2]) as f32);
        let weights = Tensor::from_shape_fn(vec![3, 11], |at| at[0] as f32 - at[1] as f32);
        let bias = tensor(&[3], vec![0.5, 1.5, -2.0]);
        let expected = Tensor::from_shape_fn(vec![2, 1, 3], |at| {
            (0..11).map(|i| x[[at[0], 0, i]] * weights[[at[2], i]]).sum::<f32>() + bias[at[2]]
        });
        assert_eq!(linear(&x, &weights, Some(&bias)), expected);
    }

    #[test]
    fn a_matrix_times_its_own_partner() {
        let a = [1.0, 2.0, 3.0, 4.0];
        let b = [1.0, 10.0, 2.0, 20.0];
        assert_eq!(matmul(&a, &b, [1, 2, 1]), [21.0, 86.0]);
        assert_eq!(matmul(&a, &b, [2, 2, 2]), [5.0, 50.0, 11.0, 110.0]);
    }
}
