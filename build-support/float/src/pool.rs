//! Windows that slide over images.

use crate::threads::for_runs;
use crate::{Tensor, elements, tensor};
use std::ops::Range;

/// Where windows lie on `[N, C, H, W]`; pairs are vertical, horizontal.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Taps.
    pub kernel: [usize; 2],
    /// Distance between windows.
    pub stride: [usize; 2],
    /// Distance between taps.
    pub dilation: [usize; 2],
    /// What lies before the first element of an axis.
    pub pad: [usize; 2],
    /// Windows.
    pub output: [usize; 2],
}

impl Window {
    /// The taps of a window that are inside an axis of `size` elements, and the position of its tap 0 before padding.
    fn taps(&self, axis: usize, at: usize, size: usize) -> (Range<usize>, usize) {
        let (start, dilation) = (at * self.stride[axis], self.dilation[axis]);
        let first = self.pad[axis].saturating_sub(start).div_ceil(dilation);
        let end = (size + self.pad[axis]).saturating_sub(start).div_ceil(dilation).min(self.kernel[axis]);
        (first.min(end)..end, start)
    }

    /// Folds the elements under each window that are inside the image, row by row.
    #[inline(always)]
    fn fold(&self, x: &Tensor, first: f32, f: impl Fn(f32, f32) -> f32 + Sync) -> Tensor {
        let &[n, c, h, w] = x.shape() else { panic!("an image of shape {:?}", x.shape()) };
        let [oh, ow] = self.output;
        let input = elements(x);
        let mut output = vec![first; n * c * oh * ow];
        let operations = output.len() * self.kernel[0] * self.kernel[1];
        for_runs(&mut output, oh * ow, operations, |first, run| {
            for (plane, results) in (first..).zip(run.chunks_exact_mut(oh * ow)) {
                let plane = &input[plane * h * w..][..h * w];
                for (at, result) in results.iter_mut().enumerate() {
                    let (rows, y) = self.taps(0, at / ow, h);
                    let (columns, x) = self.taps(1, at % ow, w);
                    for row in rows {
                        let row = &plane[(y + row * self.dilation[0] - self.pad[0]) * w..][..w];
                        for column in columns.clone() {
                            *result = f(*result, row[x + column * self.dilation[1] - self.pad[1]]);
                        }
                    }
                }
            }
        });
        tensor(&[n, c, oh, ow], output)
    }
}

/// Largest element under each window; not a number where one is that.
pub fn max_pool2d(x: &Tensor, window: Window) -> Tensor {
    window.fold(x, f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// Sum of the elements under each window.
pub fn sum_pool2d(x: &Tensor, window: Window) -> Tensor {
    window.fold(x, 0.0, |a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_reach_over_the_borders() {
        let x = Tensor::from_shape_fn(vec![1, 1, 4, 5], |at| (at[2] * 5 + at[3]) as f32);
        let window = Window { kernel: [2, 3], stride: [2, 2], dilation: [2, 1], pad: [1, 1], output: [2, 3] };
        // Rows -1 and 1, then 1 and 3; columns -1..=1, 1..=3, 3..=5.
        assert_eq!(max_pool2d(&x, window), tensor(&[1, 1, 2, 3], vec![6.0, 8.0, 9.0, 16.0, 18.0, 19.0]));
        assert_eq!(sum_pool2d(&x, window), tensor(&[1, 1, 2, 3], vec![11.0, 21.0, 17.0, 42.0, 72.0, 54.0]));
    }
}
