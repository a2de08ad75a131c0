//! Sums over axes.

use crate::{Tensor, elements, tensor};

/// Sums over some axes, which stay with size 1, in f64 and memory order.
pub fn sum(x: &Tensor, axes: &[usize]) -> Tensor {
    let kept: Vec<usize> = (0..x.ndim()).map(|axis| if axes.contains(&axis) { 1 } else { x.shape()[axis] }).collect();
    let mut sums = vec![0.0_f64; kept.iter().product()];
    let row = x.shape().last().copied().unwrap_or(1);
    let is_row_summed = axes.contains(&(x.ndim().wrapping_sub(1)));
    let outer = &x.shape()[..x.ndim().saturating_sub(1)];
    for (index, row) in elements(x).chunks_exact(row.max(1)).enumerate() {
        // Where the sum of the row's first element is.
        let (mut rest, mut at, mut stride) = (index, 0, kept.last().copied().unwrap_or(1));
        for (axis, &dim) in outer.iter().enumerate().rev() {
            at += if axes.contains(&axis) { 0 } else { rest % dim * stride };
            stride *= kept[axis];
            rest /= dim;
        }
        if is_row_summed {
            row.iter().for_each(|&x| sums[at] += f64::from(x));
        } else {
            sums[at..].iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
        }
    }
    tensor(&kept, sums.into_iter().map(|sum| sum as f32).collect())
}

/// Subtracts the mean and divides by the standard deviation, to whose square `eps` is added; sums in f64, in order.
pub fn normalize(row: &mut [f32], eps: f64) {
    let count = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = row.iter().map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean)).sum::<f64>() / count;
    let factor = 1.0 / libm::sqrt(variance + eps);
    row.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) * factor) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_axes_are_summed() {
        let x = Tensor::from_shape_fn(vec![2, 3, 4, 5], |at| (((at[0] * 3 + at[1]) * 4 + at[2]) * 5 + at[3]) as f32);
        for axes in [&[][..], &[0], &[3], &[0, 2], &[1, 3], &[0, 1, 2, 3]] {
            let mut expected = x.mapv(f64::from);
            for &axis in axes {
                expected = expected.sum_axis(ndarray::Axis(axis)).insert_axis(ndarray::Axis(axis));
            }
            assert_eq!(sum(&x, axes), expected.mapv(|x| x as f32), "{axes:?}");
        }
        assert_eq!(sum(&tensor(&[], vec![7.0]), &[]), tensor(&[], vec![7.0]));
    }

    #[test]
    fn rows_are_normalized() {
        let mut row = [1.0, 3.0, 1.0, 3.0];
        normalize(&mut row, 0.0);
        assert_eq!(row, [-1.0, 1.0, -1.0, 1.0]);
    }
}
