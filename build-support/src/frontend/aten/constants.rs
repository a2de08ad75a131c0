//! Tensors that the network makes of nothing, and conversions.

use super::{Arg, Builder, Call, MAX_ELEMENTS, element_count, element_of, fold, scalar_type, to_sizes};
use crate::graph::{Data, Element, Tensor, ValueId};
use crate::ops::cast::Cast;
use crate::ops::constant::Constant;
use ndarray::{ArrayD, IxDyn};

/// The data type of an argument as elements of the network.
fn data_type(call: &Call<'_>) -> Result<Option<Element>, String> {
    match call.arg("dtype") {
        None => Ok(None),
        Some(Arg::DataType(dtype)) => element_of(*dtype)
            .map(Some)
            .map_err(|_| format!("data type {} is not supported", scalar_type::name(*dtype))),
        Some(_) => Err("argument `dtype` is no data type".to_owned()),
    }
}

pub(super) fn to(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let Some(element) = data_type(call)? else { return Ok(vec![input]) };
    match &builder.graph.value(input).constant {
        Some(data) => {
            let data = fold::cast(data, element);
            Ok(vec![builder.constant(call.name.to_owned(), data)?])
        }
        None => builder.push(call, Cast { element }, &[input]),
    }
}

pub(super) fn arange(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let is_float = ["start", "end", "step"].iter().any(|name| matches!(call.arg(name), Some(Arg::Float(_))));
    let (start, end, step) = (call.float("start", 0.0)?, call.float("end", 0.0)?, call.float("step", 1.0)?);
    let count = libm::ceil((end - start) / step);
    if !(0.0..MAX_ELEMENTS as f64).contains(&count) {
        return Err("has too many elements".to_owned());
    }
    let count = count as usize; // in range
    let shape = [count];
    element_count(&shape, *builder.budget)?;
    let default = if is_float { Element::F32 } else { Element::I64 };
    let data = match data_type(call)?.unwrap_or(default) {
        Element::F32 => Data::F32(Tensor::from_shape_fn(IxDyn(&shape), |at| (start + at[0] as f64 * step) as f32)),
        Element::I64 => Data::I64(ArrayD::from_shape_fn(IxDyn(&shape), |at| (start + at[0] as f64 * step) as i64)),
        Element::Bool => return Err("makes truth values".to_owned()),
    };
    made(builder, call, data)
}

/// A tensor that the network makes. Real numbers are observed where they are made; others are constants, as sizes and indices
/// are computed of them.
fn made(builder: &mut Builder<'_>, call: &Call<'_>, data: Data) -> Result<Vec<ValueId>, String> {
    if data.real().is_none() {
        return Ok(vec![builder.constant(call.name.to_owned(), data)?]);
    }
    builder.spend(data.shape())?;
    builder.push(call, Constant { data, target: "aten.full.default" }, &[])
}

/// A constant of one value: that of argument `fill_value`, or the given one.
pub(super) fn filled(builder: &mut Builder<'_>, call: &Call<'_>, value: Option<i64>) -> Result<Vec<ValueId>, String> {
    let like = call.optional("self")?;
    let shape = match like {
        Some(like) if !call.has("size") => builder.shape(like).to_vec(),
        _ => to_sizes(&call.ints("size", &[])?).ok_or("has negative dimensions")?,
    };
    element_count(&shape, *builder.budget)?;
    let fill = match value {
        Some(value) => Arg::Int(value),
        None => call.arg("fill_value").cloned().ok_or("has no value")?,
    };
    let like = like.map(|like| builder.graph.value(like).element);
    let default = like.or(value.map(|_| Element::F32));
    let data = constant_of(&fill, &shape, data_type(call)?.or(default))?;
    made(builder, call, data)
}

pub(super) fn scalar_tensor(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let fill = call.arg("s").cloned().ok_or("has no value")?;
    let data = constant_of(&fill, &[], Some(data_type(call)?.unwrap_or(Element::F32)))?;
    made(builder, call, data)
}

/// A tensor of one number; of the number's own kind where no other is given.
fn constant_of(value: &Arg<'_>, shape: &[usize], element: Option<Element>) -> Result<Data, String> {
    let shape = IxDyn(shape);
    let data = match value {
        Arg::Int(value) => Data::I64(ArrayD::from_elem(shape, *value)),
        Arg::Bool(value) => Data::Bool(ArrayD::from_elem(shape, *value)),
        Arg::Float(value) => Data::F32(Tensor::from_elem(shape, *value as f32)), // the tensor's precision
        _ => return Err("is filled with something that is no number".to_owned()),
    };
    Ok(element.map_or_else(|| data.clone(), |element| fold::cast(&data, element)))
}
