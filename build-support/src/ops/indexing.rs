//! What operators that read elements by computed positions share.

use crate::graph::{Data, Element, Type};
use ndarray::ArrayD;

/// The position that an index of an axis names; negative ones count from its end.
pub(super) fn position(index: i64, size: usize) -> Option<usize> {
    let size = i64::try_from(size).ok()?;
    let index = if index < 0 { index + size } else { index };
    usize::try_from(index).ok().filter(|_| index < size)
}

/// The elements of `data` at flat positions, in a new shape.
///
/// Where an index leaves its axis (`None`) a real number becomes NaN, which calibration reports.
pub(super) fn take(data: &Data, shape: &[usize], positions: impl Iterator<Item = Option<usize>>) -> Data {
    fn array<T: Copy>(
        from: &ArrayD<T>,
        shape: &[usize],
        positions: impl Iterator<Item = Option<usize>>,
        otherwise: T,
    ) -> ArrayD<T> {
        let from = from.as_slice().expect("standard layout");
        let elements = positions.map(|at| at.map_or(otherwise, |at| from[at])).collect();
        ArrayD::from_shape_vec(shape, elements).expect("a position for each element")
    }
    match data {
        Data::F32(from) => array(from, shape, positions, f32::NAN).into(),
        Data::I64(from) => array(from, shape, positions, 0).into(),
        Data::Bool(from) => array(from, shape, positions, false).into(),
    }
}

/// Checks that operands are indices.
pub(super) fn check_indices(indices: &[Type]) -> Result<(), String> {
    match indices.iter().all(|indices| indices.element == Element::I64) {
        true => Ok(()),
        false => Err("an index is no integer".to_owned()),
    }
}
