//! Operators over whole axes.

use super::{converted, real, to_size};
use crate::frontend::pt2::{Call, Importer, wrap_axis};
use crate::graph::{Element, ValueId};
use crate::ops::amax::Amax;
use crate::ops::any::Any;
use crate::ops::argmax::ArgMax;
use crate::ops::cosine_similarity::CosineSimilarity;
use crate::ops::cumsum::Cumsum;
use crate::ops::glu::Glu;
use crate::ops::max_dim::MaxDim;
use crate::ops::mean::Mean;
use crate::ops::prod::Prod;
use crate::ops::softmax::Softmax;
use crate::ops::sum::Sum;
use crate::ops::var::Var;
use crate::ops::vector_norm::{Order, VectorNorm};

/// Axes of a reduction, ascending; all where none are given.
fn axes(importer: &Importer, call: &Call<'_>, input: ValueId) -> Result<Vec<usize>, String> {
    let rank = importer.shape(input).len();
    let mut axes: Vec<usize> =
        call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, rank)).collect::<Result<_, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() || rank == 0 {
        axes = (0..rank).collect();
    }
    Ok(axes)
}

pub(super) fn mean(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(importer, call)?;
    importer.push(call, Mean { axes, keep_dims }, &[input])
}

pub(super) fn sum(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(importer, call)?;
    importer.push(call, Sum { axes, keep_dims }, &[input])
}

pub(super) fn prod(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(importer, call)?;
    importer.push(call, Prod { axes, keep_dims }, &[input])
}

/// A float operand, axes and whether they stay.
fn reduction(importer: &mut Importer, call: &Call<'_>) -> Result<(ValueId, Vec<usize>, bool), String> {
    let input = real(importer, call, call.tensor("self")?)?;
    Ok((input, axes(importer, call, input)?, call.flag("keepdim", false)?))
}

/// Variance, or its root, the standard deviation.
pub(super) fn var(importer: &mut Importer, call: &Call<'_>, root: bool) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(importer, call)?;
    let correction = if call.flag("unbiased", true)? { call.float("correction", 1.0)? } else { 0.0 };
    let whole = to_size(correction as i64).filter(|&whole| whole as f64 == correction);
    let correction = whole.ok_or_else(|| format!("subtracts {correction} from the number of elements"))?;
    importer.push(call, Var { axes, keep_dims, correction, root }, &[input])
}

pub(super) fn any(importer: &mut Importer, call: &Call<'_>, all: bool) -> Result<Vec<ValueId>, String> {
    let input = converted(importer, call, call.tensor("self")?, Element::Bool)?;
    let (axes, keep_dims) = (axes(importer, call, input)?, call.flag("keepdim", false)?);
    importer.push(call, Any { all, axes, keep_dims }, &[input])
}

/// Axes in the order in which they are written: the reference quantizer reduces one by one.
pub(super) fn amax(importer: &mut Importer, call: &Call<'_>, largest: bool) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call, call.tensor("self")?)?;
    let rank = importer.shape(input).len();
    let written = call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, rank));
    let mut axes = written.collect::<Result<Vec<usize>, _>>()?;
    if axes.is_empty() || rank == 0 {
        axes = (0..rank).collect();
    }
    importer.push(call, Amax { largest, axes, keep_dims: call.flag("keepdim", false)? }, &[input])
}

pub(super) fn max_dim(importer: &mut Importer, call: &Call<'_>, largest: bool) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call, call.tensor("self")?)?;
    let axis = call.axis("dim", 0, importer.shape(input).len())?;
    importer.push(call, MaxDim { largest, axis, keep_dims: call.flag("keepdim", false)? }, &[input])
}

pub(super) fn cumsum(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call, call.tensor("self")?)?;
    let axis = call.axis("dim", 0, importer.shape(input).len())?;
    importer.push(call, Cumsum { axis }, &[input])
}

pub(super) fn softmax(importer: &mut Importer, call: &Call<'_>, log: bool) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call, call.tensor("self")?)?;
    let axis = call.axis("dim", 0, importer.shape(input).len())?;
    importer.push(call, Softmax { axis, log }, &[input])
}

pub(super) fn glu(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let axis = call.axis("dim", -1, importer.shape(input).len())?;
    importer.push(call, Glu { axis }, &[input])
}

pub(super) fn cosine_similarity(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = [real(importer, call, call.tensor("x1")?)?, real(importer, call, call.tensor("x2")?)?];
    let axis = call.axis("dim", 1, importer.shape(inputs[0]).len())?;
    importer.push(call, CosineSimilarity { axis, eps: call.float("eps", 1e-8)? }, &inputs)
}

pub(super) fn vector_norm(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(importer, call)?;
    let order = match call.float("ord", 2.0)? {
        1.0 => Order::One,
        2.0 => Order::Two,
        other => return Err(format!("norm {other} is not supported; 1 and 2 are")),
    };
    importer.push(call, VectorNorm { order, axes, keep_dims }, &[input])
}

pub(super) fn argmax(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call, call.tensor("self")?)?;
    let rank = importer.shape(input).len();
    let axis = if call.has("dim") { Some(call.axis("dim", 0, rank)?) } else { None };
    importer.push(call, ArgMax { axis, keep_dims: call.flag("keepdim", false)? }, &[input])
}
