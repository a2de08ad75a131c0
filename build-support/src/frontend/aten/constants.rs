//! Tensors that the network makes of nothing, and conversions.

use super::{
    Arg, Builder, Call, MAX_ELEMENTS, converted, element_count, element_of, fold, scalar_type, to_size, to_sizes,
};
use crate::graph::{Data, Element, Tensor, ValueId};
use crate::ops::cast::Cast;
use crate::ops::constant::Constant;
use crate::ops::expand::Expand;
use crate::ops::identity::Identity;
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

/// `steps` numbers from `start` to `end`, both included.
///
/// Source: torch's `linspace`, which counts from the nearer end in float32, with one rounding for product and sum.
pub(super) fn linspace(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (start, end) = (call.float("start", 0.0)? as f32, call.float("end", 0.0)? as f32); // torch's own precision
    let steps = to_size(call.int("steps", 0)?).filter(|&steps| steps > 0).ok_or("has no elements")?;
    element_count(&[steps], *builder.budget)?;
    let step = (end - start) / (steps - 1) as f32;
    let element = |at: usize| match at {
        _ if steps == 1 => start,
        _ if at < steps / 2 => libm::fmaf(step, at as f32, start),
        _ => libm::fmaf(-step, (steps - 1 - at) as f32, end),
    };
    let data = Data::F32(Tensor::from_shape_fn(IxDyn(&[steps]), |at| element(at[0])));
    let element = data_type(call)?.unwrap_or(Element::F32);
    made(builder, call, fold::cast(&data, element))
}

/// Ones on the main diagonal, zeros elsewhere.
pub(super) fn eye(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let rows = call.int("n", 0)?;
    let shape = to_sizes(&[rows, call.int("m", rows)?]).ok_or("has negative dimensions")?;
    element_count(&shape, *builder.budget)?;
    let data = Data::F32(Tensor::from_shape_fn(shape, |at| f32::from(u8::from(at[0] == at[1]))));
    let element = data_type(call)?.unwrap_or(Element::F32);
    made(builder, call, fold::cast(&data, element))
}

/// `src` in the shape and with the elements of `self`.
pub(super) fn copy(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (target, source) = (call.tensor("self")?, call.tensor("src")?);
    let source = converted(builder, call, source, builder.graph.value(target).element)?;
    let shape = builder.shape(target).to_vec();
    match shape == builder.shape(source) {
        true => builder.push(call, Identity, &[source]),
        false => builder.push(call, Expand { shape }, &[source]),
    }
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
        None => call.arg("fill_value").or_else(|| call.arg("value")).cloned().ok_or("has no value")?,
    };
    let fill = number(builder, fill)?;
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

/// A tensor of one element as a number.
fn number<'a>(builder: &Builder<'_>, value: Arg<'a>) -> Result<Arg<'a>, String> {
    let Arg::Tensor(id) = value else { return Ok(value) };
    let data = builder.graph.value(id).constant.as_ref().ok_or("its value is computed at run time")?;
    match data {
        Data::F32(array) if array.len() == 1 => Ok(Arg::Float(array.iter().copied().map(f64::from).sum())),
        Data::I64(array) if array.len() == 1 => Ok(Arg::Int(array.sum())),
        Data::Bool(array) if array.len() == 1 => Ok(Arg::Bool(array.iter().all(|&value| value))),
        _ => Err(format!("is filled with a tensor of shape {:?}", data.shape())),
    }
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
