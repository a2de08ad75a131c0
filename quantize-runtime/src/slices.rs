//! Parts of slices, empty where they would leave the slice: a step that stays inside its tensors never asks for such a one, so
//! that programs link no panic for it. With debug assertions it is one.

use core::slice::{ChunksExact, ChunksExactMut};

/// `len` elements from `at` on.
#[inline(always)]
pub(crate) fn part<T>(elements: &[T], at: usize, len: usize) -> &[T] {
    let elements = from(elements, at);
    debug_assert!(len <= elements.len(), "{len} elements of {}", elements.len());
    elements.get(..len).unwrap_or_default()
}

/// `len` elements from `at` on, to be written.
#[inline(always)]
pub(crate) fn part_mut<T>(elements: &mut [T], at: usize, len: usize) -> &mut [T] {
    let elements = from_mut(elements, at);
    debug_assert!(len <= elements.len(), "{len} elements of {}", elements.len());
    elements.get_mut(..len).unwrap_or_default()
}

/// All elements from `at` on.
#[inline(always)]
pub(crate) fn from<T>(elements: &[T], at: usize) -> &[T] {
    debug_assert!(at <= elements.len(), "{at} behind {} elements", elements.len());
    elements.get(at..).unwrap_or_default()
}

/// All elements from `at` on, to be written.
#[inline(always)]
pub(crate) fn from_mut<T>(elements: &mut [T], at: usize) -> &mut [T] {
    debug_assert!(at <= elements.len(), "{at} behind {} elements", elements.len());
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
    fn parts_have_their_elements() {
        let mut elements = [1, 2, 3, 4];
        assert_eq!((part(&elements, 1, 2), part(&elements, 4, 0)), (&[2, 3][..], &[][..]));
        assert_eq!((from(&elements, 2), from(&elements, 4)), (&[3, 4][..], &[][..]));
        assert_eq!(part_mut(&mut elements, 3, 1), [4]);
        assert_eq!(chunks(&elements, 0).count(), 4);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "2 elements of 1"))]
    fn a_part_outside_is_empty() {
        assert!(part(&[1, 2, 3, 4], 3, 2).is_empty());
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "9 behind 4 elements"))]
    fn what_begins_outside_is_empty() {
        assert!(from_mut(&mut [1, 2, 3, 4], 9).is_empty());
    }
}
