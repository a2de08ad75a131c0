//! Arithmetic on constants that are no real numbers.

use crate::graph::{Data, Element};
use crate::ops::binary::Binary;
use crate::ops::broadcast_shape;
use ndarray::{ArrayD, Zip};

/// The elements as another kind, as torch converts them.
pub(super) fn cast(data: &Data, element: Element) -> Data {
    match (data, element) {
        (Data::I64(values), Element::F32) => Data::F32(values.mapv(|x| x as f32)),
        (Data::Bool(values), Element::F32) => Data::F32(values.mapv(|x| if x { 1.0 } else { 0.0 })),
        (Data::F32(values), Element::I64) => Data::I64(values.mapv(|x| x as i64)),
        (Data::Bool(values), Element::I64) => Data::I64(values.mapv(i64::from)),
        (Data::F32(values), Element::Bool) => Data::Bool(values.mapv(|x| x != 0.0)),
        (Data::I64(values), Element::Bool) => Data::Bool(values.mapv(|x| x != 0)),
        (Data::F32(_), Element::F32) | (Data::I64(_), Element::I64) | (Data::Bool(_), Element::Bool) => data.clone(),
    }
}

/// The same elements with other dimensions, of as many elements.
pub(super) fn reshaped(data: Data, shape: &[usize]) -> Data {
    const COUNT: &str = "as many elements as before";
    match data {
        Data::F32(values) => Data::F32(values.into_shape_with_order(shape).expect(COUNT)),
        Data::I64(values) => Data::I64(values.into_shape_with_order(shape).expect(COUNT)),
        Data::Bool(values) => Data::Bool(values.into_shape_with_order(shape).expect(COUNT)),
    }
}

/// An operator on integers; `None` where shapes do not fit or a result has more than 64 bits.
pub(super) fn binary(op: Binary, a: &ArrayD<i64>, b: &ArrayD<i64>) -> Option<ArrayD<i64>> {
    let apply = |a: i64, b: i64| match op {
        Binary::Add => a.checked_add(b),
        Binary::Sub => a.checked_sub(b),
        Binary::Mul => a.checked_mul(b),
        Binary::Maximum => Some(a.max(b)),
        Binary::Minimum => Some(a.min(b)),
        Binary::Rsub => b.checked_sub(a),
        Binary::FloorDivide | Binary::DivFloor => floor_divide(a, b),
        Binary::DivTrunc => a.checked_div(b),
        Binary::Remainder => floor_divide(a, b).and_then(|quotient| a.checked_sub(quotient.checked_mul(b)?)),
        Binary::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        Binary::Div => None, // a float
    };
    let shape = broadcast_shape(a.shape(), b.shape())?;
    let results =
        Zip::from(a.broadcast(shape.as_slice())?).and(b.broadcast(shape.as_slice())?).map_collect(|&a, &b| apply(a, b));
    let shape = results.raw_dim();
    let values: Option<Vec<i64>> = results.into_iter().collect();
    ArrayD::from_shape_vec(shape, values?).ok()
}

/// The quotient rounded to the integer below, as in Python.
pub(in crate::frontend) fn floor_divide(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_computed_with_broadcasting() {
        let array = |shape: &[usize], values: &[i64]| ArrayD::from_shape_vec(shape, values.to_vec()).unwrap();
        let (column, row) = (array(&[2, 1], &[1, 2]), array(&[2], &[10, 20]));
        assert_eq!(binary(Binary::Mul, &column, &row), Some(array(&[2, 2], &[10, 20, 20, 40])));
        assert_eq!(binary(Binary::Add, &row, &array(&[3], &[1, 2, 3])), None);
        assert_eq!(binary(Binary::Add, &row, &array(&[], &[i64::MAX])), None);
    }

    #[test]
    fn floats_become_integers_towards_zero() {
        let data = Data::F32(ArrayD::from_shape_vec(vec![2], vec![-1.5, 2.5]).unwrap());
        let expected = ArrayD::from_shape_vec(vec![2], vec![-1, 2]).unwrap();
        assert_eq!(cast(&data, Element::I64), Data::I64(expected));
    }
}
