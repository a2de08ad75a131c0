//! Operators that move elements without looking at them.

use super::{OUTSIDE, apply, axes_of, axis_of, constant, one, same, shape_of, size, sizes};
use crate::frontend::aten::MAX_RANK;
use crate::frontend::onnx::tensor::{reshape_target, wrap_index};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::frontend::padding::Padding;
use crate::graph::ValueId;
use crate::ops::gather::Gather;
use crate::ops::select::Select;
use crate::ops::strided_slice::StridedSlice;
use crate::ops::{
    broadcast_shape, cat::Cat, expand::Expand, index_select::IndexSelect, masked_fill::MaskedFill, pad::Pad,
    permute::Permute, repeat::Repeat, slice::Slice, tril::Tril, view::View,
};
use ndarray::ArrayD;

pub(super) fn pad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let axes = match (importer.known_integers(node, 3), node.has(3)) {
        (Some(axes), _) => axes_of(&axes, rank)?,
        (None, true) => return Err("its axes are no constants".to_owned()),
        (None, false) => (0..rank).collect(),
    };
    // An attribute before opset 11.
    let padding = importer.known_integers(node, 1).or_else(|| node.ints("pads").map(<[i64]>::to_vec));
    let padding = padding.ok_or("its padding is computed at run time")?;
    let in_range = |&count: &i64| size(count.saturating_abs()).is_some();
    if padding.len() != 2 * axes.len() || !padding.iter().all(in_range) {
        return Err("its padding is too large or not two numbers an axis".to_owned());
    }
    let mode = node.text("mode").unwrap_or("constant");
    let value = match (importer.known_scalar(node, 2), node.has(2)) {
        (Some(value), _) => value,
        (None, true) => return Err("its value is no float constant".to_owned()),
        (None, false) => node.float("value", 0.0),
    };
    let mut filled = vec![[0, 0]; rank];
    for (index, &axis) in axes.iter().enumerate() {
        let [before, after] = [padding[index], padding[axes.len() + index]];
        let dim = shape_of(importer, input)[axis] as i64; // of a tensor
        if mode != "constant" {
            if [before, after] != [0, 0] {
                if dim == 0 {
                    return Err("repeats elements of an axis that has none".to_owned());
                }
                importer.spend(&[(dim + before + after).max(0) as usize])?; // not negative
                let padding = match mode {
                    "edge" => Padding::Edge,
                    "wrap" => Padding::Wrap,
                    "reflect" => Padding::Reflect,
                    _ => return Err(format!("unknown padding mode `{mode}`")),
                };
                let indices = (-before..dim + after).map(|place| padding.source(place, dim)).collect();
                input = one(selected(importer, node, input, axis, indices)?)?;
            }
            continue;
        }
        // Negative padding takes elements away.
        let (start, end) = ((-before).max(0), dim - (-after).max(0));
        if (start, end) != (0, dim) {
            let (start, end) = (start as usize, end.max(start) as usize); // within the axis, or an empty slice
            input = apply(importer, node, Slice { axis, start, end }, vec![input])?;
        }
        filled[axis] = [before.max(0) as usize, after.max(0) as usize]; // in range, checked above
    }
    if filled.iter().all(|pad| *pad == [0, 0]) {
        return Ok(same(input));
    }
    if value.is_finite() {
        return importer.push(node, Pad { padding: filled, value }, vec![input]);
    }
    // Infinities are put there on purpose, as constants; those that an operator makes are an overflow.
    for (axis, pad) in filled.into_iter().enumerate() {
        let mut part = |count: usize| {
            let mut shape = shape_of(importer, input).to_vec();
            shape[axis] = count;
            (count > 0).then(|| constant(importer, node, "padding", ArrayD::from_elem(shape, value)))
        };
        let (before, after) = (part(pad[0]), part(pad[1]));
        if before.is_some() || after.is_some() {
            let parts = before.into_iter().chain([input]).chain(after).collect();
            input = apply(importer, node, Cat { axis }, parts)?;
        }
    }
    Ok(same(input))
}

/// The elements of an axis at constant indices.
fn selected(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    axis: usize,
    indices: Vec<i64>,
) -> Result<Vec<Entry>, String> {
    let indices = constant(importer, node, "indices", ndarray::Array1::from(indices).into_dyn());
    importer.push(node, IndexSelect { axis }, vec![input, indices])
}

/// The middle of some axes, or zeros around them, for these sizes.
pub(super) fn center_crop_pad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let axes = match node.ints("axes") {
        Some(axes) => axes_of(axes, rank)?,
        None => (0..rank).collect(),
    };
    let wanted = importer.known_integers(node, 1).ok_or("its shape is computed at run time")?;
    let wanted: Option<Vec<usize>> = wanted.iter().map(|&dim| size(dim)).collect();
    let wanted = wanted.filter(|wanted| wanted.len() == axes.len()).ok_or("has a shape that does not fit its axes")?;
    let mut padding = vec![[0, 0]; rank];
    for (&axis, wanted) in axes.iter().zip(wanted) {
        let dim = shape_of(importer, input)[axis];
        if wanted < dim {
            let start = (dim - wanted) / 2;
            input = apply(importer, node, Slice { axis, start, end: start + wanted }, vec![input])?;
        } else {
            let missing = wanted - dim;
            padding[axis] = [missing / 2, missing - missing / 2];
        }
    }
    match padding.iter().all(|pad| *pad == [0, 0]) {
        true => Ok(same(input)),
        false => importer.push(node, Pad { padding, value: 0.0 }, vec![input]),
    }
}

pub(super) fn reshape(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let wanted = importer.known_integers(node, 1).ok_or("its shape is computed at run time")?;
    let shape = reshape_target(shape_of(importer, input), &wanted, node.int("allowzero", 0) != 0)
        .ok_or_else(|| format!("a reshape of {:?} to {wanted:?}", shape_of(importer, input)))?;
    importer.push(node, View { shape }, vec![input])
}

pub(super) fn flatten(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input);
    let axis = node.int("axis", 1);
    let axis = if axis == shape.len() as i64 { Some(shape.len()) } else { wrap_index(axis, shape.len()) };
    let (outer, inner) = shape.split_at(axis.ok_or(OUTSIDE)?);
    let shape = vec![outer.iter().product(), inner.iter().product()];
    importer.push(node, View { shape }, vec![input])
}

/// The shape without some axes of size 1, or without all.
pub(in crate::frontend::onnx) fn squeezed(dims: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, String> {
    let is_gone = match axes {
        Some(axes) => named(axes, dims.len())?,
        None => dims.iter().map(|&dim| dim == 1).collect(),
    };
    Ok(dims.iter().zip(is_gone).filter(|(_, is_gone)| !is_gone).map(|(&dim, _)| dim).collect())
}

/// The shape with axes of size 1 put in, which are counted in the result.
pub(in crate::frontend::onnx) fn unsqueezed(dims: &[usize], axes: &[i64]) -> Result<Vec<usize>, String> {
    let rank = dims.len() + axes.len();
    if rank > MAX_RANK {
        return Err(format!("its result has {rank} dimensions, which is more than {MAX_RANK}"));
    }
    let is_new = named(axes, rank)?;
    let mut old = dims.iter();
    Ok(is_new
        .into_iter()
        .map(|is_new| if is_new { 1 } else { *old.next().expect("one for each other axis") })
        .collect())
}

/// Which of as many axes are named.
fn named(axes: &[i64], rank: usize) -> Result<Vec<bool>, String> {
    let mut is_named = vec![false; rank];
    for &axis in axes {
        let place = &mut is_named[wrap_index(axis, rank).ok_or(OUTSIDE)?];
        if std::mem::replace(place, true) {
            return Err(format!("its axes name {axis} twice"));
        }
    }
    Ok(is_named)
}

pub(super) fn squeeze(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let axes = importer.known_integers(node, 1).or_else(|| node.ints("axes").map(<[i64]>::to_vec));
    if axes.is_none() && node.has(1) {
        return Err("its axes are no constants".to_owned());
    }
    let shape = squeezed(shape_of(importer, input), axes.as_deref())?;
    importer.push(node, View { shape }, vec![input])
}

pub(super) fn unsqueeze(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let axes = importer.known_integers(node, 1).or_else(|| node.ints("axes").map(<[i64]>::to_vec));
    let axes = axes.ok_or("its axes are no constants")?;
    let shape = unsqueezed(shape_of(importer, input), &axes)?;
    importer.push(node, View { shape }, vec![input])
}

pub(super) fn transpose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let perm = match node.ints("perm") {
        Some(_) => sizes(node, "perm", rank, 0)?,
        None => (0..rank).rev().collect(),
    };
    importer.push(node, Permute { perm }, vec![input])
}

pub(super) fn concat(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let inputs = (0..node.inputs.len()).map(|index| importer.tensor(node, index)).collect::<Result<Vec<_>, _>>()?;
    let rank = inputs.first().map_or(0, |&input| shape_of(importer, input).len());
    let axis = axis_of(node, 0, rank)?;
    importer.push(node, Cat { axis }, inputs)
}

/// Which elements of an axis a Slice takes.
pub(in crate::frontend::onnx) struct AxisSlice {
    pub(in crate::frontend::onnx) axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

impl AxisSlice {
    /// The elements in their order.
    pub(in crate::frontend::onnx) fn indices(&self) -> impl Iterator<Item = usize> {
        let distance = if self.step > 0 { self.end - self.start } else { self.start - self.end };
        let count = (distance.max(0) as u64).div_ceil(self.step.unsigned_abs()); // not negative
        (0..count as i64).map(|index| (self.start + index * self.step) as usize) // within the axis
    }
}

/// What a Slice takes of each of its axes; starts and ends are clamped to the axis as ONNX has it.
pub(in crate::frontend::onnx) fn slices(
    dims: &[usize],
    starts: &[i64],
    ends: &[i64],
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
) -> Result<Vec<AxisSlice>, String> {
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("its starts, ends, axes and steps are of different lengths".to_owned());
    }
    let mut slices = Vec::new();
    for (index, (&axis, &step)) in axes.iter().zip(&steps).enumerate() {
        let axis = wrap_index(axis, dims.len()).ok_or(OUTSIDE)?;
        let dim = i64::try_from(dims[axis]).map_err(|_| OUTSIDE)?;
        let wrap = |index: i64| if index < 0 { index.saturating_add(dim) } else { index };
        let (start, end) = (wrap(starts[index]), wrap(ends[index]));
        let (start, end) = match step {
            0 => return Err("has a step of 0".to_owned()),
            1.. => (start.clamp(0, dim), end.clamp(0, dim)),
            // Not `clamp`: an axis without elements has no last one.
            _ => (start.max(0).min(dim - 1), end.max(-1).min(dim - 1)),
        };
        // A step beyond the axis takes the first element only.
        slices.push(AxisSlice { axis, start, end, step: step.clamp(-dim.max(1), dim.max(1)) });
    }
    Ok(slices)
}

pub(super) fn slice(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut value = importer.tensor(node, 0)?;
    let given = |index: usize, what: &str| match (importer.known_integers(node, index), node.has(index)) {
        (None, true) => Err(format!("its {what} are computed at run time")),
        // Attributes before opset 10.
        (values, _) => Ok(values.or_else(|| node.ints(what).map(<[i64]>::to_vec))),
    };
    let (starts, ends) = (given(1, "starts")?.ok_or("has no starts")?, given(2, "ends")?.ok_or("has no ends")?);
    let (axes, steps) = (given(3, "axes")?, given(4, "steps")?);
    for part in slices(shape_of(importer, value), &starts, &ends, axes, steps)? {
        let Ok(step) = usize::try_from(part.step) else {
            importer.spend(&[part.indices().size_hint().0])?;
            let indices = part.indices().map(|index| index as i64).collect(); // within the axis
            value = one(selected(importer, node, value, part.axis, indices)?)?;
            continue;
        };
        let (start, end) = (part.start as usize, part.end as usize); // clamped to the axis
        if step > 1 {
            let slice = StridedSlice { axis: part.axis, start, end, step };
            value = apply(importer, node, slice, vec![value])?;
            continue;
        }
        if start == 0 && end == shape_of(importer, value)[part.axis] {
            continue;
        }
        value = apply(importer, node, Slice { axis: part.axis, start, end }, vec![value])?;
    }
    Ok(same(value))
}

/// Most parts of an axis.
const MAX_PARTS: usize = 1 << 12;

fn check_parts(count: usize) -> Result<(), String> {
    if count > MAX_PARTS { Err(format!("{count} parts; up to {MAX_PARTS} are supported")) } else { Ok(()) }
}

/// Sizes of the parts of an axis: given ones, or as many equal ones as there are results, the last smaller (opset 18).
pub(in crate::frontend::onnx) fn split_sizes(
    node: &OnnxNode<'_>,
    dim: usize,
    given: Option<Vec<i64>>,
) -> Result<Vec<usize>, String> {
    let Some(given) = given.or_else(|| node.ints("split").map(<[i64]>::to_vec)) else {
        let count = usize::try_from(node.int("num_outputs", node.proto.output.len() as i64)).unwrap_or(0);
        if count == 0 || count > dim {
            return Err(format!("{count} parts of {dim} elements"));
        }
        check_parts(count)?;
        let size = dim.div_ceil(count);
        return Ok((0..count).map(|part| size.min(dim.saturating_sub(part * size))).collect());
    };
    let sizes: Option<Vec<usize>> = given.iter().map(|&part| size(part)).collect();
    sizes.filter(|sizes| sizes.iter().sum::<usize>() == dim).ok_or_else(|| format!("parts {given:?} of {dim} elements"))
}

/// Consecutive parts of an axis as tensors.
fn parts(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    axis: usize,
    sizes: &[usize],
) -> Result<Vec<ValueId>, String> {
    let mut start = 0;
    let mut parts = Vec::new();
    for size in sizes {
        parts.push(apply(importer, node, Slice { axis, start, end: start + size }, vec![input])?);
        start += size;
    }
    Ok(parts)
}

pub(super) fn split(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input);
    let axis = axis_of(node, 0, shape.len())?;
    let given = importer.known_integers(node, 1);
    if given.is_none() && node.has(1) {
        return Err("its sizes are computed at run time".to_owned());
    }
    let sizes = split_sizes(node, shape[axis], given)?;
    Ok(parts(importer, node, input, axis, &sizes)?.into_iter().map(Entry::Value).collect())
}

/// Parts as a list: of one size, or of given sizes; without them parts of one element, whose axis may disappear.
pub(super) fn split_to_sequence(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let axis = axis_of(node, 0, shape.len())?;
    let given = importer.known(node, 1).map(|sizes| sizes.shape().is_empty()).zip(importer.known_integers(node, 1));
    let sizes = match given {
        Some((true, step)) => {
            let step = size(step[0]).filter(|&step| step > 0).ok_or("its parts are empty")?;
            check_parts(shape[axis].div_ceil(step))?;
            (0..shape[axis]).step_by(step).map(|start| step.min(shape[axis] - start)).collect()
        }
        Some((false, sizes)) => split_sizes(node, shape[axis], Some(sizes))?,
        None if node.has(1) => return Err("its sizes are computed at run time".to_owned()),
        None => {
            check_parts(shape[axis])?;
            vec![1; shape[axis]]
        }
    };
    let mut values = parts(importer, node, input, axis, &sizes)?;
    if !node.has(1) && node.int("keepdims", 1) == 0 {
        let mut shape = shape;
        shape.remove(axis);
        for value in &mut values {
            *value = apply(importer, node, View { shape: shape.clone() }, vec![*value])?;
        }
    }
    Ok(vec![Entry::Sequence(values)])
}

pub(super) fn sequence_at(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let Some(Some(Entry::Sequence(values))) = node.inputs.first() else {
        return Err("its list is not known".to_owned());
    };
    let index = importer.known_integers(node, 1).and_then(|index| wrap_index(*index.first()?, values.len()));
    Ok(same(values[index.ok_or("its index is not known, or outside the list")?]))
}

pub(super) fn expand(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let wanted = importer.known_integers(node, 1).ok_or("its shape is computed at run time")?;
    let dims: Option<Vec<usize>> = wanted.iter().map(|&dim| size(dim)).collect();
    let shape = dims.and_then(|dims| broadcast_shape(shape_of(importer, input), &dims));
    let shape = shape.ok_or_else(|| format!("an expansion of {:?} to {wanted:?}", shape_of(importer, input)))?;
    if shape == shape_of(importer, input) {
        return Ok(same(input));
    }
    importer.push(node, Expand { shape }, vec![input])
}

pub(super) fn tile(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let repeats = importer.known_integers(node, 1).ok_or("its repetitions are computed at run time")?;
    let repeats: Option<Vec<usize>> = repeats.iter().map(|&count| size(count)).collect();
    importer.push(node, Repeat { repeats: repeats.ok_or("has negative repetitions")? }, vec![input])
}

/// `[N, C, H, W]` with blocks of channels moved into space.
///
/// Source: ONNX, DepthToSpace.
pub(super) fn depth_to_space(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let (&[n, c, h, w], block) = (shape_of(importer, input), block_size(node)?) else {
        return Err("needs an operand of four dimensions".to_owned());
    };
    let rest = c / (block * block);
    let (blocks, perm) = match node.text("mode") {
        None | Some("DCR") => (vec![n, block, block, rest, h, w], vec![0, 3, 4, 1, 5, 2]),
        Some("CRD") => (vec![n, rest, block, block, h, w], vec![0, 1, 4, 2, 5, 3]),
        Some(other) => return Err(format!("unknown mode `{other}`")),
    };
    regroup(importer, node, [blocks, vec![n, rest, h * block, w * block]], perm)
}

/// `[N, C, H, W]` with blocks of space moved into channels.
///
/// Source: ONNX, SpaceToDepth.
pub(super) fn space_to_depth(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let (&[n, c, h, w], block) = (shape_of(importer, input), block_size(node)?) else {
        return Err("needs an operand of four dimensions".to_owned());
    };
    let (rows, columns) = (h / block, w / block);
    let blocks = vec![n, c, rows, block, columns, block];
    let result = vec![n, c * block * block, rows, columns];
    let perm = match node.text("mode") {
        None | Some("DCR") => vec![0, 3, 5, 1, 2, 4],
        Some("CRD") => vec![0, 1, 3, 5, 2, 4],
        Some(other) => return Err(format!("unknown mode `{other}`")),
    };
    regroup(importer, node, [blocks, result], perm)
}

fn block_size(node: &OnnxNode<'_>) -> Result<usize, String> {
    let block = size(node.int("blocksize", 0)).filter(|block| (1..=1 << 15).contains(block));
    block.ok_or_else(|| "has no positive `blocksize`".to_owned())
}

/// A view, a permutation of it, and another view.
fn regroup(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    shapes: [Vec<usize>; 2],
    perm: Vec<usize>,
) -> Result<Vec<Entry>, String> {
    let [before, after] = shapes;
    let input = importer.tensor(node, 0)?;
    let blocks = apply(importer, node, View { shape: before }, vec![input])?;
    let moved = apply(importer, node, Permute { perm }, vec![blocks])?;
    importer.push(node, View { shape: after }, vec![moved])
}

/// Elements of an axis: one by a constant number, or those at indices of any shape.
pub(super) fn gather(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, indices) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?);
    let dims = shape_of(importer, input).to_vec();
    let axis = axis_of(node, 0, dims.len())?;
    let known = importer.known_integers(node, 1);
    if let Some(indices) = &known
        && indices.iter().any(|&index| wrap_index(index, dims[axis]).is_none())
    {
        return Err(format!("has an index outside axis {axis} of {dims:?}"));
    }
    let counts = shape_of(importer, indices).to_vec();
    let shape = [&dims[..axis], &counts, &dims[axis + 1..]].concat();
    if let Some([index]) = known.as_deref()
        && counts.is_empty()
    {
        let index = wrap_index(*index, dims[axis]).expect("checked above");
        return importer.push(node, Select { axis, index }, vec![input]);
    }
    if known.as_deref().is_some_and(|known| known.iter().copied().eq(0..dims[axis] as i64)) {
        return all_elements(importer, node, input, shape);
    }
    if counts.len() == 1 {
        return importer.push(node, IndexSelect { axis }, vec![input, indices]);
    }
    let flat = apply(importer, node, View { shape: vec![counts.iter().product()] }, vec![indices])?;
    let rows = apply(importer, node, IndexSelect { axis }, vec![input, flat])?;
    importer.push(node, View { shape }, vec![rows])
}

pub(super) fn gather_elements(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let inputs = vec![importer.tensor(node, 0)?, importer.tensor(node, 1)?];
    let axis = axis_of(node, 0, shape_of(importer, inputs[0]).len())?;
    importer.push(node, Gather { axis }, inputs)
}

/// A Gather of all elements in their order changes no more than the shape. torch writes it for `as_strided`, which is no
/// operator of the model: with the flattening before it, it is removed.
fn all_elements(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    shape: Vec<usize>,
) -> Result<Vec<Entry>, String> {
    let source = match importer.graph.nodes.last() {
        Some(view) if view.output() == input && matches!(view.op, crate::ops::Op::View(_)) => view.inputs[0],
        _ => input,
    };
    if shape_of(importer, source) == shape {
        return Ok(same(source));
    }
    importer.push(node, View { shape }, vec![source])
}

/// A triangle of the last two axes; the upper one is chosen by a mask.
pub(super) fn trilu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let diagonal = match (importer.known_integers(node, 1), node.has(1)) {
        (Some(offset), _) => offset.first().copied().unwrap_or(0),
        (None, true) => return Err("its diagonal is computed at run time".to_owned()),
        (None, false) => 0,
    };
    if node.int("upper", 1) == 0 {
        return importer.push(node, Tril { diagonal }, vec![input]);
    }
    let &[.., rows, columns] = shape_of(importer, input) else { return Err("needs two dimensions or more".to_owned()) };
    importer.spend(&[rows, columns])?;
    let below = |row: usize, column: usize| (column as i64 - row as i64) < diagonal; // sizes of a tensor
    let mask = ArrayD::from_shape_fn(vec![rows, columns], |at| below(at[0], at[1]));
    let mask = constant(importer, node, "mask", mask);
    importer.push(node, MaskedFill { value: 0.0 }, vec![input, mask])
}

#[cfg(test)]
mod tests {
    use super::{slices, squeezed, unsqueezed};

    #[test]
    fn axes_of_size_1_come_and_go() {
        assert_eq!(squeezed(&[1, 2, 1, 3], None), Ok(vec![2, 3]));
        assert_eq!(squeezed(&[1, 2, 1, 3], Some(&[-2])), Ok(vec![1, 2, 3]));
        assert_eq!(unsqueezed(&[2, 3], &[-1, 0]), Ok(vec![1, 2, 3, 1]));
        for axes in [&[0, 0][..], &[0, -4]] {
            assert!(unsqueezed(&[2, 3], axes).is_err_and(|error| error.contains("twice")), "{axes:?}");
        }
        assert!(unsqueezed(&[2, 3], &[3]).is_err());
    }

    #[test]
    fn slices_stay_within_their_axis() {
        let indices = |dim: usize, start: i64, end: i64, step: i64| -> Vec<usize> {
            slices(&[dim], &[start], &[end], None, Some(vec![step])).expect("an axis")[0].indices().collect()
        };
        assert_eq!(indices(5, 1, -1, 2), [1, 3]);
        assert_eq!(indices(5, -1, i64::MIN, -2), [4, 2, 0]);
        assert_eq!(indices(5, 9, 0, -1), [4, 3, 2, 1]);
        for step in [1, -1, i64::MIN] {
            assert!(indices(0, i64::MAX, i64::MIN, step).is_empty(), "{step}");
        }
    }

    #[test]
    fn a_million_axes_are_refused() {
        let axes: Vec<i64> = (0..1_000_000).collect();
        assert!(unsqueezed(&[], &axes).is_err_and(|error| error.contains("1000000 dimensions")));
    }
}
