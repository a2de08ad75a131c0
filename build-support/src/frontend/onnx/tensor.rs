//! ONNX tensors to data of the network: every integer becomes i64, every real number f32.

use super::external::External;
use super::proto::{self, data_type};
use crate::frontend::half;
use crate::graph::{Data, Element};
use ndarray::{ArrayD, IxDyn};

/// What the elements of a data type become; an error for strings, complex numbers and 8-bit floats.
pub(super) fn element(kind: i32) -> Result<Element, String> {
    match kind {
        data_type::FLOAT | data_type::FLOAT16 | data_type::BFLOAT16 | data_type::DOUBLE => Ok(Element::F32),
        data_type::BOOL => Ok(Element::Bool),
        kind if integer_range(kind).is_some() => Ok(Element::I64),
        other => Err(format!("has data type {}, which is not supported", data_type::name(other))),
    }
}

/// The smallest and the largest number of an integer type; unsigned 64-bit numbers are kept as signed ones.
pub(super) fn integer_range(kind: i32) -> Option<(i64, i64)> {
    Some(match kind {
        data_type::UINT4 => (0, 15),
        data_type::INT4 => (-8, 7),
        data_type::UINT8 => (0, 0xFF),
        data_type::INT8 => (i8::MIN.into(), i8::MAX.into()),
        data_type::UINT16 => (0, 0xFFFF),
        data_type::INT16 => (i16::MIN.into(), i16::MAX.into()),
        data_type::UINT32 => (0, 0xFFFF_FFFF),
        data_type::INT32 => (i32::MIN.into(), i32::MAX.into()),
        data_type::INT64 | data_type::UINT64 => (i64::MIN, i64::MAX),
        _ => return None,
    })
}

/// Decodes an initializer or attribute.
///
/// # Errors
///
/// What is wrong with the tensor, to be read after its name.
pub(super) fn decode(tensor: &proto::Tensor, external: &External) -> Result<Data, String> {
    let element = element(tensor.data_type)?;
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let dims = dims.ok_or_else(|| format!("has dimensions {:?}", tensor.dims))?;
    let count = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
    let count = count.ok_or_else(|| format!("has dimensions {dims:?}"))?;
    let raw = match tensor.data_location {
        0 => tensor.raw_data.as_slice(),
        _ => external.bytes(tensor)?,
    };
    let typed = raw.is_empty() && count > 0;
    if typed && tensor.data_location != 0 {
        return Err("has no elements in its external file".to_owned());
    }
    let data = match element {
        Element::F32 => {
            let values = if typed { typed_reals(tensor) } else { raw_reals(raw, tensor.data_type) };
            array(&dims, values).map(Data::F32)
        }
        Element::I64 => {
            let values = if typed { typed_integers(tensor, count) } else { raw_integers(raw, tensor.data_type, count) };
            array(&dims, values).map(Data::I64)
        }
        Element::Bool => {
            let values = match typed {
                true => tensor.int32_data.iter().map(|&value| value != 0).collect(),
                false => raw.iter().map(|&byte| byte != 0).collect(),
            };
            array(&dims, values).map(Data::Bool)
        }
    };
    data.map_err(|found| format!("has shape {dims:?} and {found} elements"))
}

/// An array of these dimensions, or the number of elements where it is another one.
fn array<T>(dims: &[usize], values: Vec<T>) -> Result<ArrayD<T>, usize> {
    let found = values.len();
    ArrayD::from_shape_vec(IxDyn(dims), values).map_err(|_| found)
}

fn typed_reals(tensor: &proto::Tensor) -> Vec<f32> {
    let halves = tensor.int32_data.iter().map(|&bits| bits as u16); // 16 bits in a wider field
    match tensor.data_type {
        data_type::FLOAT16 => halves.map(half::half).collect(),
        data_type::BFLOAT16 => halves.map(half::brain_float).collect(),
        data_type::DOUBLE => tensor.double_data.iter().map(|&value| value as f32).collect(), // narrowed with a warning
        _ => tensor.float_data.clone(),
    }
}

fn raw_reals(raw: &[u8], kind: i32) -> Vec<f32> {
    match kind {
        data_type::FLOAT16 => raw.as_chunks().0.iter().map(|&word| half::half(u16::from_le_bytes(word))).collect(),
        data_type::BFLOAT16 => {
            raw.as_chunks().0.iter().map(|&word| half::brain_float(u16::from_le_bytes(word))).collect()
        }
        data_type::DOUBLE => raw.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word) as f32).collect(),
        _ => raw.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect(),
    }
}

fn typed_integers(tensor: &proto::Tensor, count: usize) -> Vec<i64> {
    match tensor.data_type {
        data_type::INT64 => tensor.int64_data.clone(),
        data_type::UINT32 | data_type::UINT64 => tensor.uint64_data.iter().map(|&value| value as i64).collect(),
        data_type::UINT4 | data_type::INT4 => {
            let bytes: Vec<u8> = tensor.int32_data.iter().map(|&pair| pair as u8).collect(); // two numbers in 8 bits
            raw_integers(&bytes, tensor.data_type, count)
        }
        _ => tensor.int32_data.iter().map(|&value| i64::from(value)).collect(),
    }
}

fn raw_integers(raw: &[u8], kind: i32, count: usize) -> Vec<i64> {
    let four_bits = |signed: bool| {
        let nibbles = raw.iter().flat_map(|&byte| [byte & 0xF, byte >> 4]).take(count);
        nibbles.map(|bits| i64::from(bits) - if signed && bits > 7 { 16 } else { 0 }).collect()
    };
    match kind {
        data_type::UINT4 => four_bits(false),
        data_type::INT4 => four_bits(true),
        data_type::UINT8 => raw.iter().map(|&byte| i64::from(byte)).collect(),
        data_type::INT8 => raw.iter().map(|&byte| i64::from(byte as i8)).collect(),
        data_type::UINT16 => raw.as_chunks().0.iter().map(|&word| u16::from_le_bytes(word).into()).collect(),
        data_type::INT16 => raw.as_chunks().0.iter().map(|&word| i16::from_le_bytes(word).into()).collect(),
        data_type::UINT32 => raw.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word).into()).collect(),
        data_type::INT32 => raw.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word).into()).collect(),
        _ => raw.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).collect(),
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

    fn decoded(kind: i32, dims: &[i64], raw: &[u8]) -> Result<Data, String> {
        let tensor =
            proto::Tensor { data_type: kind, dims: dims.to_vec(), raw_data: raw.to_vec(), ..Default::default() };
        decode(&tensor, &External::default())
    }

    #[test]
    fn integers_of_every_width_become_i64() {
        let expected = |values: &[i64]| Ok(Data::I64(ndarray::arr1(values).into_dyn()));
        assert_eq!(decoded(data_type::INT8, &[2], &[0xFF, 2]), expected(&[-1, 2]));
        assert_eq!(decoded(data_type::UINT8, &[2], &[0xFF, 2]), expected(&[255, 2]));
        assert_eq!(decoded(data_type::UINT16, &[1], &[0xFE, 0xFF]), expected(&[65534]));
        assert_eq!(decoded(data_type::INT4, &[3], &[0xF1, 0x08]), expected(&[1, -1, -8]));
    }

    #[test]
    fn what_does_not_fit_its_shape_is_refused() {
        assert!(decoded(data_type::FLOAT, &[2], &[0; 4]).is_err());
        assert!(decoded(data_type::FLOAT, &[-1], &[0; 4]).is_err());
        assert!(decoded(data_type::FLOAT, &[i64::MAX, i64::MAX], &[]).is_err());
        assert!(decoded(data_type::DOUBLE, &[0], &[]).is_ok());
        assert_eq!(decoded(8, &[1], &[0]), Err("has data type string, which is not supported".to_owned()));
    }
}
