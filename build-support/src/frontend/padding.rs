//! Padding with elements of the operand, the same in every format.

/// Which element is at a place outside of an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Padding {
    /// The outermost one.
    Edge,
    /// That of the axis repeated.
    Wrap,
    /// That of the axis mirrored, without the outermost one once more.
    Reflect,
}

impl Padding {
    /// Index of the element at a place, for an axis of `dim` elements, at least 1.
    pub(super) fn source(self, place: i64, dim: i64) -> i64 {
        match self {
            Self::Edge => place.clamp(0, dim - 1),
            Self::Wrap => place.rem_euclid(dim),
            Self::Reflect if dim == 1 => 0,
            Self::Reflect => {
                let place = place.rem_euclid(2 * (dim - 1));
                place.min(2 * (dim - 1) - place)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_outside_have_an_element() {
        let around = |padding: Padding| (-2..5).map(|place| padding.source(place, 3)).collect::<Vec<_>>();
        assert_eq!(around(Padding::Edge), [0, 0, 0, 1, 2, 2, 2]);
        assert_eq!(around(Padding::Wrap), [1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(around(Padding::Reflect), [2, 1, 0, 1, 2, 1, 0]);
        assert_eq!(Padding::Reflect.source(2, 1), 0);
    }
}
