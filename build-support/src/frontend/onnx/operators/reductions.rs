//! Reductions along axes.

use super::{apply, axes_of, axis_of, counting, number, one, same, shape_of, unary};
use crate::frontend::onnx::tensor::wrap_index;
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Element, ValueId};
use crate::ops::Op;
use crate::ops::abs::Abs;
use crate::ops::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use crate::ops::amax::Amax;
use crate::ops::any::Any;
use crate::ops::argmax::ArgMax;
use crate::ops::binary::Binary;
use crate::ops::cast::Cast;
use crate::ops::cat::Cat;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::cumsum::Cumsum;
use crate::ops::flip::Flip;
use crate::ops::mean::Mean;
use crate::ops::neg::Neg;
use crate::ops::pad::Pad;
use crate::ops::prod::Prod;
use crate::ops::slice::Slice;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;

/// Most times that an axis is searched for its next largest element.
const MAX_SEARCHES: usize = 16;

/// Axes of a reduction, ascending, and whether they stay; no axes where nothing is reduced.
fn reduction(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<(Vec<usize>, bool), String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    // An attribute up to opset 17 (sums: 12), an operand from then on.
    let axes = match node.has(1) {
        true => importer.known_integers(node, 1).ok_or("its axes are no constants")?,
        false => node.ints("axes").unwrap_or_default().to_vec(),
    };
    let mut axes = axes_of(&axes, rank)?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() && node.int("noop_with_empty_axes", 0) == 0 {
        axes = (0..rank).collect();
    }
    Ok((axes, node.int("keepdims", 1) != 0))
}

/// The reduction of a tensor by `op`; where there is no axis, the tensor itself.
fn reduced(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    op: fn(Vec<usize>, bool) -> Op,
) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    if axes.is_empty() {
        return Ok(same(input));
    }
    importer.push(node, op(axes, keep_dims), vec![input])
}

fn sum_over(axes: Vec<usize>, keep_dims: bool) -> Op {
    Sum { axes, keep_dims }.into()
}

pub(super) fn mean(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    // `adaptive_avg_pool2d(x, 1)` arrives as a mean over [-1, -2]; a mean that was written as one has other axes.
    let written = importer.known_integers(node, 1);
    if keep_dims && written.as_deref() == Some(&[-1, -2]) && axes == [2, 3] {
        return unary(importer, node, AdaptiveAvgPool2d { output: [1, 1] });
    }
    let input = importer.tensor(node, 0)?;
    reduced(importer, node, input, |axes, keep_dims| Mean { axes, keep_dims }.into())
}

pub(super) fn sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    reduced(importer, node, input, sum_over)
}

pub(super) fn l1(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let sizes = one(unary(importer, node, Abs)?)?;
    reduced(importer, node, sizes, sum_over)
}

pub(super) fn l2(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let sum = one(sum_square(importer, node)?)?;
    importer.push(node, Unary::Sqrt, vec![sum])
}

pub(super) fn extreme(importer: &mut Importer<'_>, node: &OnnxNode<'_>, largest: bool) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let op: fn(Vec<usize>, bool) -> Op = match (importer.graph.value(input).element, largest) {
        (Element::Bool, true) => |axes, keep_dims| Any { all: false, axes, keep_dims }.into(),
        (Element::Bool, false) => |axes, keep_dims| Any { all: true, axes, keep_dims }.into(),
        (_, true) => |axes, keep_dims| Amax { largest: true, axes, keep_dims }.into(),
        (_, false) => |axes, keep_dims| Amax { largest: false, axes, keep_dims }.into(),
    };
    reduced(importer, node, input, op)
}

pub(super) fn product(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    reduced(importer, node, input, |axes, keep_dims| Prod { axes, keep_dims }.into())
}

pub(super) fn sum_square(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let squares = apply(importer, node, Binary::Mul, vec![input, input])?;
    reduced(importer, node, squares, sum_over)
}

pub(super) fn log_sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let sum = one(sum(importer, node)?)?;
    importer.push(node, Unary::Log, vec![sum])
}

pub(super) fn log_sum_exp(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let powers = one(unary(importer, node, Unary::Exp)?)?;
    let sum = one(reduced(importer, node, powers, sum_over)?)?;
    importer.push(node, Unary::Log, vec![sum])
}

/// Where the largest element is, or the smallest, which is the largest of the opposite numbers.
pub(super) fn arg_max(importer: &mut Importer<'_>, node: &OnnxNode<'_>, largest: bool) -> Result<Vec<Entry>, String> {
    let last = node.int("select_last_index", 0) != 0;
    let mut input = importer.tensor(node, 0)?;
    let axis = Some(axis_of(node, 0, shape_of(importer, input).len())?);
    if !largest {
        input = apply(importer, node, Neg, vec![input])?;
    }
    importer.push(node, ArgMax { last, axis, keep_dims: node.int("keepdims", 1) != 0 }, vec![input])
}

/// The `k` largest elements along an axis, or the smallest, and where they are; the axis is searched `k` times.
pub(super) fn top_k(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let axis = axis_of(node, -1, shape.len())?;
    let count = importer.known_integers(node, 1).and_then(|count| usize::try_from(*count.first()?).ok());
    let count = count.filter(|count| (1..=shape[axis].min(MAX_SEARCHES)).contains(count));
    let count = count.ok_or_else(|| format!("its `k` is not a constant from 1 to {MAX_SEARCHES} within the axis"))?;
    let smallest = node.int("largest", 1) == 0;
    if smallest {
        input = apply(importer, node, Neg, vec![input])?;
    }
    let places = counting(importer, node, shape[axis], axis, shape.len())?;
    let lowest = number(importer, node, "lowest", f32::MIN, shape.len());
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for index in 0..count {
        let largest = Amax { largest: true, axes: vec![axis], keep_dims: true };
        values.push(apply(importer, node, largest, vec![input])?);
        let found = apply(importer, node, ArgMax { last: false, axis: Some(axis), keep_dims: true }, vec![input])?;
        indices.push(found);
        if index + 1 < count {
            let is_found = apply(importer, node, Compare::Eq, vec![places, found])?;
            input = apply(importer, node, Choose, vec![is_found, lowest, input])?;
        }
    }
    let mut values = importer.push(node, Cat { axis }, values)?;
    if smallest {
        values = importer.push(node, Neg, vec![one(values)?])?;
    }
    values.extend(importer.push(node, Cat { axis }, indices)?);
    Ok(values)
}

/// 1 at the first largest element along an axis, 0 elsewhere.
pub(super) fn hardmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let axis = axis_of(node, -1, shape.len())?;
    let largest = apply(importer, node, ArgMax { last: false, axis: Some(axis), keep_dims: true }, vec![input])?;
    let places = counting(importer, node, shape[axis], axis, shape.len())?;
    let is_largest = apply(importer, node, Compare::Eq, vec![places, largest])?;
    importer.push(node, Cast { element: Element::F32 }, vec![is_largest])
}

pub(super) fn cumulative_sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let axis = importer.known_integers(node, 1).ok_or("its axis is computed at run time")?;
    let axis = axis.first().and_then(|&axis| wrap_index(axis, shape.len())).ok_or(super::OUTSIDE)?;
    let reverse = node.int("reverse", 0) != 0;
    if reverse {
        input = apply(importer, node, Flip { axes: vec![axis] }, vec![input])?;
    }
    if node.int("exclusive", 0) != 0 {
        // Each sum without its own element: the elements move by one.
        let mut padding = vec![[0, 0]; shape.len()];
        padding[axis][0] = 1;
        input = apply(importer, node, Pad { padding, value: 0.0 }, vec![input])?;
        input = apply(importer, node, Slice { axis, start: 0, end: shape[axis] }, vec![input])?;
    }
    let mut sums = importer.push(node, Cumsum { axis }, vec![input])?;
    if reverse {
        sums = importer.push(node, Flip { axes: vec![axis] }, vec![one(sums)?])?;
    }
    Ok(sums)
}
