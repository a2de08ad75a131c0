//! Operators over whole axes.

use super::{Builder, Call, converted, real, to_size, wrap_axis};
use crate::graph::{Element, ValueId};
use crate::ops::amax::Amax;
use crate::ops::any::Any;
use crate::ops::argmax::ArgMax;
use crate::ops::cosine_similarity::CosineSimilarity;
use crate::ops::cumsum::Cumsum;
use crate::ops::glu::Glu;
use crate::ops::max_dim::MaxDim;
use crate::ops::mean::Mean;
use crate::ops::neg::Neg;
use crate::ops::prod::Prod;
use crate::ops::softmax::Softmax;
use crate::ops::sum::Sum;
use crate::ops::var::Var;
use crate::ops::vector_norm::{Order, VectorNorm};

/// Axes of a reduction, ascending; all where none are given.
fn axes(builder: &Builder<'_>, call: &Call<'_>, input: ValueId) -> Result<Vec<usize>, String> {
    let rank = builder.shape(input).len();
    let mut axes: Vec<usize> =
        call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, rank)).collect::<Result<_, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() || rank == 0 {
        axes = (0..rank).collect();
    }
    Ok(axes)
}

pub(super) fn mean(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(builder, call)?;
    builder.push(call, Mean { axes, keep_dims }, &[input])
}

pub(super) fn sum(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(builder, call)?;
    builder.push(call, Sum { axes, keep_dims }, &[input])
}

pub(super) fn prod(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(builder, call)?;
    builder.push(call, Prod { axes, keep_dims }, &[input])
}

/// A float operand, axes and whether they stay.
fn reduction(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<(ValueId, Vec<usize>, bool), String> {
    let input = real(builder, call, call.tensor("self")?)?;
    Ok((input, axes(builder, call, input)?, call.flag("keepdim", false)?))
}

/// Variance, or its root, the standard deviation.
pub(super) fn var(builder: &mut Builder<'_>, call: &Call<'_>, root: bool) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(builder, call)?;
    let correction = if call.flag("unbiased", true)? { call.float("correction", 1.0)? } else { 0.0 };
    let whole = to_size(correction as i64).filter(|&whole| whole as f64 == correction);
    let correction = whole.ok_or_else(|| format!("subtracts {correction} from the number of elements"))?;
    builder.push(call, Var { axes, keep_dims, correction, root }, &[input])
}

pub(super) fn any(builder: &mut Builder<'_>, call: &Call<'_>, all: bool) -> Result<Vec<ValueId>, String> {
    let input = converted(builder, call, call.tensor("self")?, Element::Bool)?;
    let (axes, keep_dims) = (axes(builder, call, input)?, call.flag("keepdim", false)?);
    builder.push(call, Any { all, axes, keep_dims }, &[input])
}

/// Axes in the order in which they are written: the reference quantizer reduces one by one.
pub(super) fn amax(builder: &mut Builder<'_>, call: &Call<'_>, largest: bool) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    let rank = builder.shape(input).len();
    let written = call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, rank));
    let mut axes = written.collect::<Result<Vec<usize>, _>>()?;
    if axes.is_empty() || rank == 0 {
        axes = (0..rank).collect();
    }
    builder.push(call, Amax { largest, axes, keep_dims: call.flag("keepdim", false)? }, &[input])
}

pub(super) fn max_dim(builder: &mut Builder<'_>, call: &Call<'_>, largest: bool) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    builder.push(call, MaxDim { largest, axis, keep_dims: call.flag("keepdim", false)? }, &[input])
}

pub(super) fn cumsum(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    builder.push(call, Cumsum { axis }, &[input])
}

pub(super) fn softmax(builder: &mut Builder<'_>, call: &Call<'_>, log: bool) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let safe = call.target.starts_with("aten._safe_softmax.");
    builder.push(call, Softmax { axis, log, safe }, &[input])
}

pub(super) fn glu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let axis = call.axis("dim", -1, builder.shape(input).len())?;
    builder.push(call, Glu { axis }, &[input])
}

pub(super) fn cosine_similarity(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = [real(builder, call, call.tensor("x1")?)?, real(builder, call, call.tensor("x2")?)?];
    let axis = call.axis("dim", 1, builder.shape(inputs[0]).len())?;
    builder.push(call, CosineSimilarity { axis, eps: call.float("eps", 1e-8)? }, &inputs)
}

pub(super) fn vector_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, axes, keep_dims) = reduction(builder, call)?;
    let order = match call.float("ord", 2.0)? {
        1.0 => Order::One,
        2.0 => Order::Two,
        other => return Err(format!("norm {other} is not supported; 1 and 2 are")),
    };
    builder.push(call, VectorNorm { order, axes, keep_dims }, &[input])
}

/// Where the largest element is, or the smallest, which is the largest of the opposite numbers.
pub(super) fn argmax(builder: &mut Builder<'_>, call: &Call<'_>, largest: bool) -> Result<Vec<ValueId>, String> {
    let mut input = real(builder, call, call.tensor("self")?)?;
    if !largest {
        input = builder.push_piece(call, "opposite", Neg, &[input])?;
    }
    let rank = builder.shape(input).len();
    let axis = if call.has("dim") { Some(call.axis("dim", 0, rank)?) } else { None };
    builder.push(call, ArgMax { last: false, axis, keep_dims: call.flag("keepdim", false)? }, &[input])
}
