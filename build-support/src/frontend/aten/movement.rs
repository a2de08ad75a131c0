//! Operators that move elements: views, permutations, parts, repetitions.

use super::{Arg, Builder, Call, MAX_ELEMENTS, element_count, real, to_size, to_sizes, wrap_axis};
use crate::frontend::padding::Padding;
use crate::graph::{Data, Element, ValueId};
use crate::ops::as_strided::AsStrided;
use crate::ops::binary::Binary;
use crate::ops::cat::Cat;
use crate::ops::expand::Expand;
use crate::ops::flip::Flip;
use crate::ops::gather::Gather;
use crate::ops::index::{Index, rows};
use crate::ops::index_put::IndexPut;
use crate::ops::index_select::IndexSelect;
use crate::ops::masked_fill::MaskedFill;
use crate::ops::pad::Pad;
use crate::ops::permute::Permute;
use crate::ops::pixel_shuffle::PixelShuffle;
use crate::ops::repeat::Repeat;
use crate::ops::repeat_interleave::RepeatInterleave;
use crate::ops::roll::Roll;
use crate::ops::scatter::Scatter;
use crate::ops::select::Select;
use crate::ops::slice::Slice;
use crate::ops::stack::Stack;
use crate::ops::strided_slice::StridedSlice;
use crate::ops::tril::Tril;
use crate::ops::unfold::Unfold;
use crate::ops::view::View;
use ndarray::{ArrayD, IxDyn};

/// A result of a call that has several, under its own name.
fn part<'a>(call: &Call<'a>, name: &'a str) -> Call<'a> {
    Call { name, results: vec![name], args: Vec::new(), scopes: call.scopes.clone(), target: call.target }
}

/// Padding with a constant, where negative sizes take elements away, or with elements of the operand.
pub(super) fn pad(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let elements = match call.text("mode", "constant")? {
        "constant" => None,
        "reflect" => Some(Padding::Reflect),
        "replicate" => Some(Padding::Edge),
        "circular" => Some(Padding::Wrap),
        mode => return Err(format!("has the unknown mode `{mode}`")),
    };
    let mut input = call.tensor("self")?;
    let rank = builder.shape(input).len();
    let sizes = call.ints("pad", &[])?;
    let mut padding = vec![[0, 0]; rank];
    // Pairs of sizes before and after the data, from the last axis on.
    for (index, pair) in sizes.chunks(2).enumerate() {
        let axis = rank.checked_sub(index + 1).ok_or("has padding for more axes than there are")?;
        let &[before, after] = pair else { return Err("its padding is no list of pairs".to_owned()) };
        let sizes = [before, after, before.saturating_neg(), after.saturating_neg()].map(|size| to_size(size.max(0)));
        let [Some(before), Some(after), Some(start), Some(less)] = sizes else {
            return Err("its padding is too large".to_owned());
        };
        let dim = builder.shape(input)[axis];
        let end = dim.checked_sub(less).filter(|&end| end > start).ok_or("its padding leaves no elements")?;
        if (start, end) != (0, dim) {
            input = builder.push_piece(call, "slice", Slice { axis, start, end }, &[input])?;
        }
        match elements {
            None => padding[axis] = [before, after],
            Some(_) if [before, after] == [0, 0] => {}
            Some(elements) => {
                let dim = (end - start) as i64; // of a tensor
                let places = -(before as i64)..dim + after as i64;
                builder.spend(&[places.clone().count()])?;
                let indices: ndarray::Array1<i64> = places.map(|place| elements.source(place, dim)).collect();
                let indices = builder.graph.add_constant(format!("{}.indices", call.name), indices.into_dyn());
                input = builder.push_piece(call, "index_select", IndexSelect { axis }, &[input, indices])?;
            }
        }
    }
    if elements.is_some() {
        return Ok(vec![input]);
    }
    builder.push(call, Pad { padding, value: call.float("value", 0.0)? as f32 }, &[input])
}

pub(super) fn permute(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let rank = builder.shape(input).len();
    let perm = call.ints("dims", &[])?.into_iter().map(|axis| wrap_axis(axis, rank)).collect::<Result<_, _>>()?;
    builder.push(call, Permute { perm }, &[input])
}

pub(super) fn transpose(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let rank = builder.shape(input).len();
    let mut perm: Vec<usize> = (0..rank).collect();
    if rank > 0 {
        perm.swap(call.axis("dim0", 0, rank)?, call.axis("dim1", 1, rank)?);
    }
    builder.push(call, Permute { perm }, &[input])
}

pub(super) fn transpose_matrix(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let perm = (0..builder.shape(input).len()).rev().collect();
    builder.push(call, Permute { perm }, &[input])
}

pub(super) fn view(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let wanted = if call.has("shape") { call.ints("shape", &[])? } else { call.ints("size", &[])? };
    let shape = view_shape(builder.shape(input), &wanted)?;
    builder.push(call, View { shape }, &[input])
}

/// The shape that a view of `input` as `wanted` has: -1 takes what is left.
fn view_shape(input: &[usize], wanted: &[i64]) -> Result<Vec<usize>, String> {
    let count = element_count(input, MAX_ELEMENTS)?;
    let known = wanted.iter().filter(|&&dim| dim != -1);
    let known = known.map(|&dim| to_size(dim)).try_fold(1_usize, |product, dim| product.checked_mul(dim?));
    let rest = known.filter(|&known| known > 0 && count.is_multiple_of(known)).map(|known| count / known);
    let open = wanted.iter().filter(|&&dim| dim == -1).count();
    let rest = rest.filter(|&rest| open == 1 || open == 0 && rest == 1);
    let rest = rest.ok_or_else(|| format!("a view of {input:?} as {wanted:?}"))?;
    Ok(wanted.iter().map(|&dim| to_size(dim).unwrap_or(rest)).collect())
}

pub(super) fn view_as(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, other) = (call.tensor("self")?, call.tensor("other")?);
    let shape = builder.shape(other).to_vec();
    builder.push(call, View { shape }, &[input])
}

pub(super) fn flatten(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = builder.shape(input);
    let (start, end) = (call.axis("start_dim", 0, shape.len())?, call.axis("end_dim", -1, shape.len())?);
    if start > end {
        return Err(format!("starts at axis {start} and ends at {end}"));
    }
    let middle = shape.get(start..=end).unwrap_or_default().iter().product();
    let mut flat = shape.get(..start).unwrap_or_default().to_vec();
    flat.push(middle);
    flat.extend(shape.get(end + 1..).unwrap_or_default());
    builder.push(call, View { shape: flat }, &[input])
}

pub(super) fn unflatten(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = builder.shape(input);
    let axis = call.axis("dim", 0, shape.len())?;
    let (Some(before), Some(&[dim])) = (shape.get(..axis), shape.get(axis..=axis)) else {
        return Err("its operand has no dimensions".to_owned());
    };
    let middle = view_shape(&[dim], &call.ints("sizes", &[])?)?;
    let shape = [before, &middle, &shape[axis + 1..]].concat();
    builder.push(call, View { shape }, &[input])
}

pub(super) fn squeeze(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = builder.shape(input);
    let axes: Vec<usize> = match call.arg("dim") {
        Some(_) => {
            call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, shape.len())).collect::<Result<_, _>>()?
        }
        None => (0..shape.len()).collect(),
    };
    let dims = shape.iter().enumerate().filter(|(axis, dim)| **dim != 1 || !axes.contains(axis));
    let shape = dims.map(|(_, &dim)| dim).collect();
    builder.push(call, View { shape }, &[input])
}

pub(super) fn unsqueeze(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let mut shape = builder.shape(input).to_vec();
    shape.insert(call.axis("dim", 0, shape.len() + 1)?, 1);
    builder.push(call, View { shape }, &[input])
}

pub(super) fn cat(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = call.tensors("tensors")?;
    let rank = inputs.first().map_or(0, |&input| builder.shape(input).len());
    let axis = call.axis("dim", 0, rank)?;
    builder.push(call, Cat { axis }, &inputs)
}

pub(super) fn slice(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let step = to_size(call.int("step", 1)?).filter(|&step| step > 0).ok_or("argument `step` is not positive")?;
    let [start, end] = bounds(call, dim)?;
    if step > 1 {
        return builder.push(call, StridedSlice { axis, start, end, step: step.min(dim) }, &[input]);
    }
    if (start, end) == (0, dim) && builder.graph.value(input).constant.is_some() {
        return Ok(vec![input]);
    }
    builder.push(call, Slice { axis, start, end }, &[input])
}

pub(super) fn unbind(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let mut results = Vec::new();
    for (index, name) in (0..dim).zip(&call.results) {
        results.extend(builder.push(&part(call, name), Select { axis, index }, &[input])?);
    }
    Ok(results)
}

pub(super) fn split(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let sizes = if call.has("split_sizes") {
        to_sizes(&call.ints("split_sizes", &[])?).ok_or("has negative sizes")?
    } else {
        equal_parts(dim, to_size(call.int("split_size", 1)?).ok_or("has a negative size")?)?
    };
    parts(builder, call, input, &sizes)
}

pub(super) fn chunk(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let chunks =
        to_size(call.int("chunks", 1)?).filter(|&chunks| chunks > 0).ok_or("argument `chunks` is not positive")?;
    let sizes = equal_parts(dim, dim.div_ceil(chunks))?;
    parts(builder, call, input, &sizes)
}

/// The tensor to split and its size along the axis.
fn split_axis(builder: &Builder<'_>, call: &Call<'_>) -> Result<(ValueId, usize), String> {
    let input = call.tensor("self")?;
    let shape = builder.shape(input);
    let dim = shape.get(call.axis("dim", 0, shape.len())?).ok_or("its operand has no dimensions")?;
    Ok((input, *dim))
}

/// Parts of this size, the last one of what is left.
fn equal_parts(dim: usize, size: usize) -> Result<Vec<usize>, String> {
    if size == 0 {
        return Err("has parts of size 0".to_owned());
    }
    Ok((0..dim).step_by(size).map(|start| size.min(dim - start)).collect())
}

fn parts(builder: &mut Builder<'_>, call: &Call<'_>, input: ValueId, sizes: &[usize]) -> Result<Vec<ValueId>, String> {
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let (mut results, mut start) = (Vec::new(), 0);
    for (&size, name) in sizes.iter().zip(&call.results) {
        results.extend(builder.push(&part(call, name), Slice { axis, start, end: start + size }, &[input])?);
        start += size;
    }
    Ok(results)
}

/// Axes of an argument.
fn axes(builder: &Builder<'_>, call: &Call<'_>, name: &str, input: ValueId) -> Result<Vec<usize>, String> {
    let rank = builder.shape(input).len();
    call.ints(name, &[])?.into_iter().map(|axis| wrap_axis(axis, rank)).collect()
}

/// Axes `source` move to `destination`, the others keep their order.
pub(super) fn movedim(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let rank = builder.shape(input).len();
    let (from, to) = (axes(builder, call, "source", input)?, axes(builder, call, "destination", input)?);
    if from.len() != to.len() {
        return Err(format!("moves axes {from:?} to {to:?}"));
    }
    let mut rest = (0..rank).filter(|axis| !from.contains(axis));
    let perm = (0..rank).map(|place| match to.iter().position(|&to| to == place) {
        Some(index) => Some(from[index]),
        None => rest.next(),
    });
    let perm = perm.collect::<Option<_>>().ok_or_else(|| format!("moves axes {from:?} to {to:?}"))?;
    builder.push(call, Permute { perm }, &[input])
}

pub(super) fn expand(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let (shape, wanted) = (builder.shape(input), call.ints("size", &[])?);
    // -1 keeps a dimension; they are counted from the last one.
    let before = wanted.len().checked_sub(shape.len()).ok_or("has fewer dimensions than its operand")?;
    let dim = |(axis, &dim): (usize, &i64)| match axis.checked_sub(before) {
        Some(axis) if dim == -1 => Some(shape[axis]),
        _ => to_size(dim),
    };
    let shape = wanted.iter().enumerate().map(dim).collect::<Option<_>>();
    let shape = shape.ok_or_else(|| format!("an expansion of {:?} to {wanted:?}", builder.shape(input)))?;
    builder.push(call, Expand { shape }, &[input])
}

pub(super) fn expand_as(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, other) = (call.tensor("self")?, call.tensor("other")?);
    let shape = builder.shape(other).to_vec();
    builder.push(call, Expand { shape }, &[input])
}

pub(super) fn repeat(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let repeats = positive(&call.ints("repeats", &[])?)?;
    builder.push(call, Repeat { repeats }, &[call.tensor("self")?])
}

/// Like `repeat`, but axes that are not named come first.
pub(super) fn tile(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let named = positive(&call.ints("dims", &[])?)?;
    let mut repeats = vec![1; builder.shape(input).len().saturating_sub(named.len())];
    repeats.extend(named);
    builder.push(call, Repeat { repeats }, &[input])
}

fn positive(values: &[i64]) -> Result<Vec<usize>, String> {
    let sizes = to_sizes(values).filter(|sizes| !sizes.contains(&0));
    sizes.ok_or_else(|| format!("repeats {values:?} times"))
}

pub(super) fn repeat_interleave(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let mut input = call.tensor("self")?;
    let count = positive(&[call.int("repeats", 1)?])?[0];
    let mut shape = builder.shape(input);
    let axis = if call.has("dim") {
        call.axis("dim", 0, shape.len())?
    } else {
        let flat = View { shape: vec![shape.iter().product()] };
        input = builder.push_piece(call, "view", flat, &[input])?;
        shape = builder.shape(input);
        0
    };
    if axis >= shape.len() {
        return Err("its operand has no dimensions".to_owned());
    }
    builder.push(call, RepeatInterleave { axis, count }, &[input])
}

pub(super) fn flip(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let axes = axes(builder, call, "dims", input)?;
    builder.push(call, Flip { axes }, &[input])
}

pub(super) fn tril(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    builder.push(call, Tril { diagonal: call.int("diagonal", 0)? }, &[input])
}

/// An upper triangle, whose other elements a mask tells.
pub(super) fn triu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    let diagonal = call.int("diagonal", 0)?;
    let &[.., rows, columns] = builder.shape(input) else { return Err("needs two dimensions or more".to_owned()) };
    builder.spend(&[rows, columns])?;
    let below = |at: IxDyn| (at[1] as i64 - at[0] as i64) < diagonal; // sizes of a tensor
    let mask = ArrayD::from_shape_fn(IxDyn(&[rows, columns]), below);
    let mask = builder.constant(format!("{}.mask", call.name), mask)?;
    builder.push(call, MaskedFill { value: 0.0 }, &[input, mask])
}

pub(super) fn stack(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = call.tensors("tensors")?;
    let rank = inputs.first().map_or(0, |&input| builder.shape(input).len());
    builder.push(call, Stack { axis: call.axis("dim", 0, rank + 1)? }, &inputs)
}

/// Start and end of a slice, which may count from the end and lie outside.
fn bounds(call: &Call<'_>, dim: usize) -> Result<[usize; 2], String> {
    let bound = |index: i64| {
        let index = if index < 0 { index.saturating_add(dim as i64) } else { index };
        index.clamp(0, dim as i64) as usize // clamped to 0..=dim
    };
    Ok([bound(call.int("start", 0)?), bound(call.int("end", i64::MAX)?)])
}

pub(super) fn slice_scatter(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let step = to_size(call.int("step", 1)?).filter(|&step| step > 0).ok_or("has a step that is not positive")?;
    let [start, end] = bounds(call, dim)?;
    builder.push(call, Scatter::Slice { axis, start, end, step }, &[input, call.tensor("src")?])
}

pub(super) fn select_scatter(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let index = wrap_axis(call.int("index", 0)?, dim).map_err(|_| "has an index outside its operand")?;
    builder.push(call, Scatter::Select { axis, index }, &[input, call.tensor("src")?])
}

/// One element of an axis, without the axis.
pub(super) fn select(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let index = wrap_axis(call.int("index", 0)?, dim).map_err(|_| "has an index outside its operand")?;
    builder.push(call, Select { axis, index }, &[input])
}

pub(super) fn narrow(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    let start = call.int("start", 0)?;
    let start = if start < 0 { start.checked_add(dim as i64).and_then(to_size) } else { to_size(start) };
    let range = start.zip(to_size(call.int("length", 1)?)).map(|(start, length)| start..start + length);
    let range = range.ok_or("has a range outside its operand")?;
    builder.push(call, Slice { axis, start: range.start, end: range.end }, &[input])
}

pub(super) fn index_select(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, _) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    builder.push(call, IndexSelect { axis }, &[input, call.tensor("index")?])
}

pub(super) fn gather(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, _) = split_axis(builder, call)?;
    let axis = call.axis("dim", 0, builder.shape(input).len())?;
    builder.push(call, Gather { axis }, &[input, call.tensor("index")?])
}

/// `x[:, rows, columns]`: tensors of indices for neighbouring axes.
pub(super) fn index(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (axis, indices) = indices(builder, call)?;
    let inputs = [vec![call.tensor("self")?], indices].concat();
    builder.push(call, Index { axis }, &inputs)
}

/// The first indexed axis, and the indices from there on.
fn indices(builder: &Builder<'_>, call: &Call<'_>) -> Result<(usize, Vec<ValueId>), String> {
    let Some(Arg::Tensors(indices)) = call.arg("indices") else { return Err("has no indices".to_owned()) };
    let axis = indices.iter().take_while(|index| index.is_none()).count();
    let given: Vec<ValueId> = indices[axis..].iter().map_while(|index| *index).collect();
    if given.is_empty() || indices[axis + given.len()..].iter().any(Option::is_some) {
        return Err("only the indices of neighbouring axes are supported".to_owned());
    }
    if given.iter().any(|&id| builder.graph.value(id).element != Element::I64) {
        return Err("a choice by truth values has a size that is only known at run time".to_owned());
    }
    Ok((axis, given))
}

pub(super) fn index_put(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (0, indices) = indices(builder, call)? else {
        return Err("only the indices of the first axes are supported".to_owned());
    };
    let (input, mut values) = (call.tensor("self")?, call.tensor("values")?);
    if call.flag("accumulate", false)? {
        only_once(builder, input, &indices)?;
        let operands = [vec![input], indices.clone()].concat();
        let old = builder.push_piece(call, "index", Index { axis: 0 }, &operands)?;
        values = builder.push_piece(call, "add", Binary::Add, &[values, old])?;
    }
    builder.push(call, IndexPut, &[vec![input], indices, vec![values]].concat())
}

/// Checks that no element is named twice by indices of the first axes.
fn only_once(builder: &Builder<'_>, input: ValueId, indices: &[ValueId]) -> Result<(), String> {
    let known: Option<Vec<&Data>> = indices.iter().map(|&id| builder.graph.value(id).constant.as_ref()).collect();
    let known = known.ok_or("sums at indices that are computed at run time are not supported")?;
    let mut rows = rows(&known, &builder.shape(input)[..indices.len()]);
    rows.sort_unstable();
    match rows.windows(2).any(|pair| pair[0] == pair[1]) {
        true => Err("sums several elements at one index".to_owned()),
        false => Ok(()),
    }
}

/// Parts of an axis replaced by those of another tensor.
pub(super) fn index_copy(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, index, source) = (call.tensor("self")?, call.tensor("index")?, call.tensor("source")?);
    let rank = builder.shape(input).len();
    let axis = call.axis("dim", 0, rank)?;
    if axis == 0 {
        return builder.push(call, IndexPut, &[input, index, source]);
    }
    // The axis comes first, and goes back.
    let there: Vec<usize> = [axis].into_iter().chain((0..rank).filter(|&other| other != axis)).collect();
    let back = (1..=axis).chain([0]).chain(axis + 1..rank).collect();
    let input = builder.push_piece(call, "permute", Permute { perm: there.clone() }, &[input])?;
    let source = builder.push_piece(call, "permute", Permute { perm: there }, &[source])?;
    let result = builder.push_piece(call, "index_put", IndexPut, &[input, index, source])?;
    builder.push(call, Permute { perm: back }, &[result])
}

pub(super) fn as_strided(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (shape, strides) = (to_sizes(&call.ints("size", &[])?), to_sizes(&call.ints("stride", &[])?));
    let offset = to_size(call.int("storage_offset", 0)?);
    let parts = shape.zip(strides).zip(offset).ok_or("has negative sizes or strides")?;
    let ((shape, strides), offset) = parts;
    element_count(&shape, MAX_ELEMENTS)?;
    builder.push(call, AsStrided { shape, strides, offset }, &[call.tensor("self")?])
}

pub(super) fn pixel_shuffle(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    factor: &str,
    op: fn(usize) -> PixelShuffle,
) -> Result<Vec<ValueId>, String> {
    // Its square is a size, too.
    let factor = to_size(call.int(factor, 1)?).filter(|factor| (1..1 << 15).contains(factor));
    builder.push(call, op(factor.ok_or("its factor is no small number above 0")?), &[call.tensor("self")?])
}

/// Elements moved on along axes; a shift without an axis is for all elements in the order of memory, which is not supported.
pub(super) fn roll(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let axes = axes(builder, call, "dims", input)?;
    let shifts = call.ints("shifts", &[])?;
    if axes.len() != shifts.len() {
        return Err("has no axis for each shift".to_owned());
    }
    let shape = builder.shape(input);
    let shift = |(&axis, &shift): (&usize, &i64)| {
        let dim = *shape.get(axis)? as i64; // tensors have fewer than 2^31 elements
        Some((axis, to_size(shift.checked_rem_euclid(dim)?)?))
    };
    let shifts = axes.iter().zip(&shifts).map(shift).collect::<Option<_>>().ok_or("its operand has no dimensions")?;
    builder.push(call, Roll { shifts }, &[input])
}

pub(super) fn unfold(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let axis = call.axis("dimension", 0, builder.shape(input).len())?;
    let size = to_size(call.int("size", 1)?).ok_or("argument `size` is negative")?;
    let step = to_size(call.int("step", 1)?).filter(|&step| step > 0).ok_or("argument `step` is not positive")?;
    builder.push(call, Unfold { axis, size, step }, &[input])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_infer_one_dimension() {
        assert_eq!(view_shape(&[2, 3, 4], &[2, -1]), Ok(vec![2, 12]));
        assert_eq!(view_shape(&[1, 64, 1, 1], &[64]), Ok(vec![64]));
        assert_eq!(view_shape(&[4], &[4, -1]), Ok(vec![4, 1]));
        for wanted in [&[-1, -1][..], &[5, -1], &[7], &[], &[0, -1], &[-2, -12], &[i64::MAX, 2]] {
            assert!(view_shape(&[2, 3, 4], wanted).is_err(), "{wanted:?}");
        }
    }

    #[test]
    fn the_last_part_has_what_is_left() {
        assert_eq!(equal_parts(7, 3), Ok(vec![3, 3, 1]));
        assert!(equal_parts(7, 0).is_err());
    }
}
