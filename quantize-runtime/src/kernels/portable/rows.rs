//! Walks the rows of a tensor and the places in other tensors that belong to them.

use crate::shape::MAX_RANK;

/// For each row of a tensor, where `N` other tensors are read or written.
pub(super) struct Rows<const N: usize> {
    sizes: [usize; MAX_RANK],
    strides: [[usize; MAX_RANK]; N],
    axes: usize,
    index: [usize; MAX_RANK],
    at: Option<[usize; N]>,
}

impl<const N: usize> Rows<N> {
    /// The rows of a tensor of `sizes`, which run over the axes from `axes` on.
    pub(super) fn new(sizes: [usize; MAX_RANK], axes: usize, strides: [[usize; MAX_RANK]; N]) -> Self {
        Self { sizes, strides, axes: axes.min(MAX_RANK), index: [0; MAX_RANK], at: Some([0; N]) }
    }
}

impl<const N: usize> Iterator for Rows<N> {
    type Item = [usize; N];

    fn next(&mut self) -> Option<[usize; N]> {
        let at = self.at?;
        let mut next = at;
        for axis in (0..self.axes.min(MAX_RANK)).rev() {
            self.index[axis] += 1;
            if self.index[axis] < self.sizes[axis] {
                for (next, strides) in next.iter_mut().zip(&self.strides) {
                    *next += strides[axis];
                }
                self.at = Some(next);
                return Some(at);
            }
            self.index[axis] = 0;
            for (next, strides) in next.iter_mut().zip(&self.strides) {
                *next -= strides[axis] * (self.sizes[axis] - 1);
            }
        }
        self.at = None;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::Rows;

    #[test]
    fn rows_follow_the_strides() {
        let rows = Rows::new([2, 3, 4, 1, 1, 1], 2, [[10, 1, 0, 0, 0, 0], [0, 5, 0, 0, 0, 0]]);
        assert!(rows.eq([[0, 0], [1, 5], [2, 10], [10, 0], [11, 5], [12, 10]]));
        assert_eq!(Rows::new([1; 6], 0, [[0; 6]]).count(), 1);
    }
}
