//! ONNX tensors and the arithmetic on those that are known at build time.

use super::proto::{self, data_type};
use crate::graph::Tensor;
use ndarray::{ArrayD, IxDyn};

/// A tensor known at build time. Booleans and all integers are kept as i64.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    F32(ArrayD<f32>),
    I64(ArrayD<i64>),
}

impl Constant {
    /// Decodes an initializer or attribute.
    pub(crate) fn decode(tensor: &proto::Tensor) -> Result<Self, String> {
        if !tensor.external_data.is_empty() {
            return Err("external data is not supported yet: save the model with its weights inside".to_owned());
        }
        let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let dims = dims.ok_or_else(|| format!("has dimensions {:?}", tensor.dims))?;
        let raw = &tensor.raw_data;
        match tensor.data_type {
            data_type::FLOAT => {
                let values = if raw.is_empty() {
                    tensor.float_data.clone()
                } else {
                    raw.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect()
                };
                Ok(Self::F32(array(&dims, values)?))
            }
            data_type::INT64 => {
                let values = if raw.is_empty() {
                    tensor.int64_data.clone()
                } else {
                    raw.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).collect()
                };
                Ok(Self::I64(array(&dims, values)?))
            }
            data_type::INT32 | data_type::BOOL => {
                let values = match (raw.is_empty(), tensor.data_type) {
                    (true, _) => tensor.int32_data.iter().map(|&value| i64::from(value)).collect(),
                    (false, data_type::BOOL) => raw.iter().map(|&byte| i64::from(byte)).collect(),
                    (false, _) => raw.as_chunks().0.iter().map(|&word| i64::from(i32::from_le_bytes(word))).collect(),
                };
                Ok(Self::I64(array(&dims, values)?))
            }
            other => Err(format!("has data type {}; supported: float32, int64, int32, bool", data_type::name(other))),
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::F32(values) => values.shape(),
            Self::I64(values) => values.shape(),
        }
    }

    /// As a float tensor.
    pub(crate) fn to_f32(&self) -> Option<Tensor> {
        match self {
            Self::F32(values) => Some(values.clone()),
            Self::I64(_) => None,
        }
    }

    /// As a list of integers: shapes, axes, indices.
    pub(crate) fn to_ints(&self) -> Option<Vec<i64>> {
        match self {
            Self::F32(_) => None,
            Self::I64(values) => Some(values.iter().copied().collect()),
        }
    }

    /// The only element of a float tensor.
    pub(crate) fn to_scalar(&self) -> Option<f32> {
        match self {
            Self::F32(values) if values.len() == 1 => values.first().copied(),
            _ => None,
        }
    }

    /// A list of integers.
    pub(crate) fn ints(values: Vec<i64>) -> Self {
        Self::I64(ArrayD::from_shape_vec(IxDyn(&[values.len()]), values).expect("rank 1"))
    }

    pub(crate) fn reshaped(self, shape: &[usize]) -> Option<Self> {
        match self {
            Self::F32(values) => values.into_shape_with_order(shape).ok().map(Self::F32),
            Self::I64(values) => values.into_shape_with_order(shape).ok().map(Self::I64),
        }
    }

    /// Converts to float or integer.
    pub(crate) fn cast(self, to_float: bool) -> Self {
        match (self, to_float) {
            (Self::I64(values), true) => Self::F32(values.mapv(|value| value as f32)),
            (Self::F32(values), false) => Self::I64(values.mapv(|value| value as i64)),
            (same, _) => same,
        }
    }

    pub(crate) fn expanded(&self, shape: &[usize]) -> Option<Self> {
        Some(match self {
            Self::F32(values) => Self::F32(values.broadcast(shape)?.as_standard_layout().into_owned()),
            Self::I64(values) => Self::I64(values.broadcast(shape)?.as_standard_layout().into_owned()),
        })
    }

    pub(crate) fn concatenated(parts: &[Self], axis: usize) -> Option<Self> {
        let ints: Option<Vec<_>> =
            parts.iter().map(|part| if let Self::I64(values) = part { Some(values.view()) } else { None }).collect();
        let floats: Option<Vec<_>> =
            parts.iter().map(|part| if let Self::F32(values) = part { Some(values.view()) } else { None }).collect();
        let axis = ndarray::Axis(axis);
        match (ints, floats) {
            (Some(parts), _) => ndarray::concatenate(axis, &parts).ok().map(Self::I64),
            (_, Some(parts)) => ndarray::concatenate(axis, &parts).ok().map(Self::F32),
            _ => None,
        }
    }

    /// ONNX Gather: the elements `indices` along an axis.
    pub(crate) fn gathered(&self, axis: usize, indices: &ArrayD<i64>) -> Option<Self> {
        let dim = *self.shape().get(axis)?;
        let flat: Option<Vec<usize>> = indices.iter().map(|&index| wrap_index(index, dim)).collect();
        let mut shape = self.shape()[..axis].to_vec();
        shape.extend(indices.shape());
        shape.extend(&self.shape()[axis + 1..]);
        let (axis, flat) = (ndarray::Axis(axis), flat?);
        match self {
            Self::F32(values) => Self::F32(values.select(axis, &flat).as_standard_layout().into_owned()),
            Self::I64(values) => Self::I64(values.select(axis, &flat).as_standard_layout().into_owned()),
        }
        .reshaped(&shape)
    }
}

/// An index or axis that may count from the end.
pub(crate) fn wrap_index(index: i64, size: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(i64::try_from(size).ok()?)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < size)
}

/// The shape that an ONNX Reshape of `input` to `wanted` gives: 0 copies a dimension, -1 takes what is left.
pub(crate) fn reshape_target(input: &[usize], wanted: &[i64], allow_zero: bool) -> Option<Vec<usize>> {
    let known: Option<Vec<Option<usize>>> = wanted
        .iter()
        .enumerate()
        .map(|(axis, &dim)| match dim {
            -1 => Some(None),
            0 if !allow_zero => input.get(axis).map(|&dim| Some(dim)),
            dim => usize::try_from(dim).ok().map(Some),
        })
        .collect();
    let known = known?;
    let elements = input.iter().product::<usize>();
    let product = known.iter().flatten().try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
    let rest = if known.contains(&None) { elements.checked_div(product)? } else { 1 };
    let shape: Vec<usize> = known.iter().map(|dim| dim.unwrap_or(rest)).collect();
    (known.iter().filter(|dim| dim.is_none()).count() <= 1 && product.checked_mul(rest) == Some(elements))
        .then_some(shape)
}

fn array<T>(dims: &[usize], values: Vec<T>) -> Result<ArrayD<T>, String> {
    let count = values.len();
    let elements = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    if elements != Some(count) {
        return Err(format!("has shape {dims:?} and {count} elements"));
    }
    ArrayD::from_shape_vec(IxDyn(dims), values).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_copies_zeros_and_infers_one_dimension() {
        assert_eq!(reshape_target(&[2, 3, 4], &[0, -1], false), Some(vec![2, 12]));
        assert_eq!(reshape_target(&[2, 3], &[-1, -1], false), None);
        assert_eq!(reshape_target(&[2, 3], &[4, -1], false), None);
        assert_eq!(reshape_target(&[1, 64, 1, 1], &[1, 64], true), Some(vec![1, 64]));
    }

    #[test]
    fn gather_puts_the_shape_of_the_indices_in_place_of_the_axis() {
        let values = Constant::ints(vec![10, 20, 30]);
        let indices = ArrayD::from_shape_vec(IxDyn(&[1, 2]), vec![-1, 0]).unwrap();
        let expected = ArrayD::from_shape_vec(IxDyn(&[1, 2]), vec![30, 10]).unwrap();
        assert_eq!(values.gathered(0, &indices), Some(Constant::I64(expected)));
    }
}
