//! Parts of slices, empty where they would leave the slice: a step that stays inside its tensors never asks for such a one, and
//! no panic is linked for it.

use core::slice::{ChunksExact, ChunksExactMut};

/// `len` elements from `at` on.
#[inline(always)]
pub(crate) fn part<T>(elements: &[T], at: usize, len: usize) -> &[T] {
    from(elements, at).get(..len).unwrap_or_default()
}

/// `len` elements from `at` on, to be written.
#[inline(always)]
pub(crate) fn part_mut<T>(elements: &mut [T], at: usize, len: usize) -> &mut [T] {
    from_mut(elements, at).get_mut(..len).unwrap_or_default()
}

/// All elements from `at` on.
#[inline(always)]
pub(crate) fn from<T>(elements: &[T], at: usize) -> &[T] {
    elements.get(at..).unwrap_or_default()
}

/// All elements from `at` on, to be written.
#[inline(always)]
pub(crate) fn from_mut<T>(elements: &mut [T], at: usize) -> &mut [T] {
    elements.get_mut(at..).unwrap_or_default()
}

/// `chunks_exact`; of elements where chunks would have none.
#[inline(always)]
pub(crate) fn chunks<T>(elements: &[T], size: usize) -> ChunksExact<'_, T> {
    elements.chunks_exact(size.max(1))
}

/// `chunks_exact_mut`, likewise.
#[inline(always)]
pub(crate) fn chunks_mut<T>(elements: &mut [T], size: usize) -> ChunksExactMut<'_, T> {
    elements.chunks_exact_mut(size.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_inside_or_empty() {
        let elements = [1, 2, 3, 4];
        assert_eq!(part(&elements, 1, 2), [2, 3]);
        assert_eq!(
            (part(&elements, 3, 2), part(&elements, 5, 0), part(&elements, 1, usize::MAX)),
            (&[][..], &[][..], &[][..])
        );
        assert_eq!((from(&elements, 2), from(&elements, 4), from(&elements, 9)), (&[3, 4][..], &[][..], &[][..]));
        assert!(from_mut(&mut [0; 3], 4).is_empty());
    }
}
