//! Geometry of sliding windows: the result's size and the taps of each position.

use crate::graph::{Rule, require};

/// Limit of kernels, strides and pads (TOSA 1.0, level 8K).
const LIMIT: i64 = 8192;

/// A kernel that slides along one axis.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) kernel: u32,
    pub(super) stride: i32,
    pub(super) dilation: i32,
    /// Before and after.
    pub(super) pad: [i32; 2],
}

impl Axis {
    /// Size of the result: `exact(I − 1 + before + after − (K − 1) · dilation, stride) + 1`.
    pub(super) fn output(&self, input: u32) -> Result<u32, Rule> {
        let kernel = i64::from(self.kernel);
        let stride = i64::from(self.stride);
        let dilation = i64::from(self.dilation);
        let [before, after] = self.pad.map(i64::from);
        require((0..=LIMIT).contains(&before) && (0..=LIMIT).contains(&after), "a pad is outside 0 to 8192")?;
        require((1..=LIMIT).contains(&stride), "a stride is outside 1 to 8192")?;
        require((1..=LIMIT).contains(&dilation), "a dilation is outside 1 to 8192")?;
        require((1..=LIMIT).contains(&(kernel * dilation)), "kernel times dilation is outside 1 to 8192")?;
        let last = i64::from(input) - 1 + before + after - (kernel - 1) * dilation;
        require(last >= 0, "the kernel is larger than the padded input")?;
        require(last % stride == 0, "the stride does not divide the padded input exactly")?;
        u32::try_from(last / stride + 1).map_err(|_| "the result is too large")
    }

    /// The taps inside an input of `size` for the result's position `at`: tap, position in the input.
    pub(super) fn taps(self, size: usize, at: usize) -> impl Iterator<Item = (usize, usize)> + Clone {
        let origin = at as i64 * i64::from(self.stride) - i64::from(self.pad[0]);
        (0..self.kernel).filter_map(move |tap| {
            let position = usize::try_from(origin + i64::from(tap) * i64::from(self.dilation)).ok()?;
            (position < size).then_some((tap as usize, position))
        })
    }
}

/// A kernel that slides over rows and columns.
pub(super) struct Window {
    pub(super) kernel: [u32; 2],
    pub(super) stride: [i32; 2],
    pub(super) dilation: [i32; 2],
    pub(super) pad: [i32; 4],
}

impl Window {
    /// A window over an activation whose kernel size fits because the graph is valid.
    pub(super) fn new(kernel: [usize; 2], stride: [i32; 2], dilation: [i32; 2], pad: [i32; 4]) -> Self {
        Self { kernel: kernel.map(|size| size as u32), stride, dilation, pad }
    }

    fn axis(&self, axis: usize) -> Axis {
        let pad = [self.pad[2 * axis], self.pad[2 * axis + 1]];
        Axis { kernel: self.kernel[axis], stride: self.stride[axis], dilation: self.dilation[axis], pad }
    }

    /// Height and width of the result.
    pub(super) fn output(&self, input: [u32; 2]) -> Result<[u32; 2], Rule> {
        Ok([self.axis(0).output(input[0])?, self.axis(1).output(input[1])?])
    }

    /// The taps inside an input of `size` for the result's position `at`: ky, kx, input row, input column.
    pub(super) fn taps(
        &self,
        size: [usize; 2],
        at: [usize; 2],
    ) -> impl Iterator<Item = (usize, usize, usize, usize)> + use<> {
        let columns = self.axis(1).taps(size[1], at[1]);
        let rows = self.axis(0).taps(size[0], at[0]);
        rows.flat_map(move |(ky, y)| columns.clone().map(move |(kx, x)| (ky, kx, y, x)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn stride_must_divide_exactly() {
        let mut window = Window { kernel: [3, 3], stride: [2, 2], dilation: [1, 1], pad: [1, 1, 1, 1] };
        assert_eq!(window.output([7, 9]), Ok([4, 5]));
        assert!(window.output([8, 9]).is_err());
        window.pad[1] = 0;
        assert_eq!(window.output([8, 9]), Ok([4, 5]));
    }

    #[test]
    fn taps_stay_inside() {
        let window = Window { kernel: [1, 3], stride: [1, 1], dilation: [1, 2], pad: [0, 0, 2, 2] };
        let taps: Vec<_> = window.taps([1, 3], [0, 0]).collect();
        assert_eq!(taps, [(0, 1, 0, 0), (0, 2, 0, 2)]);
    }
}
