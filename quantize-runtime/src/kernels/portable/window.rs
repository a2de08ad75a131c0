//! The part of a window that lies inside the input, on one axis.

use core::ops::Range;

/// One axis of a sliding window.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Axis {
    pub(in crate::kernels) input: usize,
    kernel: u16,
    stride: u16,
    dilation: u16,
    before: u16,
}

impl Axis {
    pub(in crate::kernels) fn new(input: usize, kernel: u16, stride: u16, dilation: u16, before: u16) -> Self {
        Self { input, kernel, stride, dilation: dilation.max(1), before }
    }

    /// Both axes of a window over an NHWC input.
    pub(in crate::kernels) fn pair(
        input: [usize; 2],
        kernel: [u16; 2],
        stride: [u16; 2],
        dilation: [u16; 2],
        pad: [u16; 4],
    ) -> [Self; 2] {
        let ([height, width], [kh, kw], [sy, sx], [dy, dx]) = (input, kernel, stride, dilation);
        let [top, _, left, _] = pad;
        [Self::new(height, kh, sy, dy, top), Self::new(width, kw, sx, dx, left)]
    }

    /// Taps.
    #[inline]
    pub(in crate::kernels) const fn kernel(self) -> usize {
        self.kernel as usize
    }

    /// From a place to the next one.
    #[inline]
    pub(in crate::kernels) const fn stride(self) -> usize {
        self.stride as usize
    }

    /// From a tap to the next one, at least 1.
    #[inline]
    pub(in crate::kernels) const fn dilation(self) -> usize {
        self.dilation as usize
    }

    /// Positions that are added before the first.
    #[inline]
    const fn before(self) -> usize {
        self.before as usize
    }

    /// The taps inside the input for the result's position `at`.
    ///
    /// Tap `k` reads position `at · stride + k · dilation − before`, which [`position`](Self::position) gives.
    #[inline]
    pub(in crate::kernels) fn taps(self, at: usize) -> Range<usize> {
        let origin = at * self.stride();
        let first = self.before().saturating_sub(origin).div_ceil(self.dilation().max(1));
        let end = (self.input + self.before()).saturating_sub(origin).div_ceil(self.dilation().max(1));
        first..end.min(self.kernel())
    }

    /// The results, of so many, whose taps all lie inside the input.
    pub(in crate::kernels) fn inside(self, output: usize) -> Range<usize> {
        let stride = self.stride().max(1);
        let last = (self.kernel() - 1) * self.dilation();
        let end = (self.input + self.before()).checked_sub(last + 1).map_or(0, |room| room / stride + 1);
        self.before().div_ceil(stride)..end.min(output)
    }

    /// Places from one on, whose taps all lie inside, for which that holds.
    #[inline]
    pub(in crate::kernels) fn whole_from(self, at: usize) -> usize {
        let last = self.position(at, self.kernel() - 1);
        (self.input - 1 - last) / self.stride().max(1) + 1
    }

    /// The input's position under a tap of [`taps`](Self::taps).
    #[inline]
    pub(in crate::kernels) fn position(self, at: usize, tap: usize) -> usize {
        at * self.stride() + tap * self.dilation() - self.before()
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn taps_are_those_inside() {
        for (input, kernel, stride, dilation, before) in
            [(5, 3, 1, 1, 1), (4, 3, 2, 3, 4), (1, 4, 1, 2, 5), (9, 1, 3, 1, 0)]
        {
            let axis = Axis { input, kernel, stride, dilation, before };
            for at in 0..6 {
                let [kernel, stride, dilation, before] = [kernel, stride, dilation, before].map(usize::from);
                let inside = |tap: &usize| {
                    (at * stride + tap * dilation).checked_sub(before).is_some_and(|position| position < input)
                };
                assert!((0..kernel).filter(inside).eq(axis.taps(at)), "{at}");
            }
        }
    }
}
