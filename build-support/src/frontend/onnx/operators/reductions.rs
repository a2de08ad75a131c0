//! Reductions along axes.

use super::{apply, axes_of, axis_of, counting, one, same, shape_of, unary};
use crate::frontend::onnx::tensor::wrap_index;
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::Element;
use crate::ops::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use crate::ops::amax::Amax;
use crate::ops::any::Any;
use crate::ops::argmax::ArgMax;
use crate::ops::binary::Binary;
use crate::ops::cast::Cast;
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
use crate::ops::vector_norm::{Order, VectorNorm};

/// Axes of a reduction, ascending, and whether they stay.
fn reduction(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<(Vec<usize>, bool), String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    // An attribute up to opset 17 (sums: 12), an operand from then on.
    let axes = match node.has(1) {
        true => importer.known_integers(node, 1).ok_or("its axes are no constants")?,
        false => node.ints("axes").unwrap_or_default().to_vec(),
    };
    if axes.is_empty() && node.int("noop_with_empty_axes", 0) != 0 {
        return Err("reduces no axis".to_owned());
    }
    let mut axes = axes_of(&axes, rank)?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() {
        axes = (0..rank).collect();
    }
    Ok((axes, node.int("keepdims", 1) != 0))
}

pub(super) fn mean(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    // `adaptive_avg_pool2d(x, 1)` arrives as a mean over [-1, -2]; a mean that was written as one has other axes.
    let written = importer.known_integers(node, 1);
    if keep_dims && written.as_deref() == Some(&[-1, -2]) && axes == [2, 3] {
        return unary(importer, node, AdaptiveAvgPool2d { output: [1, 1] });
    }
    unary(importer, node, Mean { axes, keep_dims })
}

pub(super) fn sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let no_axes = importer.known_integers(node, 1).is_none_or(|axes| axes.is_empty()) && node.ints("axes").is_none();
    if no_axes && node.int("noop_with_empty_axes", 0) != 0 {
        return Ok(same(importer.tensor(node, 0)?));
    }
    let (axes, keep_dims) = reduction(importer, node)?;
    unary(importer, node, Sum { axes, keep_dims })
}

pub(super) fn l1(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    unary(importer, node, VectorNorm { order: Order::One, axes, keep_dims })
}

pub(super) fn l2(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    unary(importer, node, VectorNorm { order: Order::Two, axes, keep_dims })
}

pub(super) fn extreme(importer: &mut Importer<'_>, node: &OnnxNode<'_>, largest: bool) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    if importer.kind(node, 0).is_some_and(|kind| kind.element == Element::Bool) {
        return unary(importer, node, Any { all: !largest, axes, keep_dims });
    }
    unary(importer, node, Amax { largest, axes, keep_dims })
}

pub(super) fn product(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    unary(importer, node, Prod { axes, keep_dims })
}

pub(super) fn sum_square(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    let input = importer.tensor(node, 0)?;
    let squares = one(importer.push(node, Binary::Mul, vec![input, input])?)?;
    importer.push(node, Sum { axes, keep_dims }, vec![squares])
}

pub(super) fn log_sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let sum = one(sum(importer, node)?)?;
    importer.push(node, Unary::Log, vec![sum])
}

pub(super) fn log_sum_exp(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    let powers = one(unary(importer, node, Unary::Exp)?)?;
    let sum = one(importer.push(node, Sum { axes, keep_dims }, vec![powers])?)?;
    importer.push(node, Unary::Log, vec![sum])
}

/// Where the largest element is, or the smallest, which is the largest of the opposite numbers.
pub(super) fn arg_max(importer: &mut Importer<'_>, node: &OnnxNode<'_>, largest: bool) -> Result<Vec<Entry>, String> {
    if node.int("select_last_index", 0) != 0 {
        return Err("takes the last of several equal elements; the first is supported".to_owned());
    }
    let mut input = importer.tensor(node, 0)?;
    let axis = Some(axis_of(node, 0, shape_of(importer, input).len())?);
    if !largest {
        input = apply(importer, node, Neg, vec![input])?;
    }
    importer.push(node, ArgMax { axis, keep_dims: node.int("keepdims", 1) != 0 }, vec![input])
}

/// 1 at the first largest element along an axis, 0 elsewhere.
pub(super) fn hardmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let axis = axis_of(node, -1, shape.len())?;
    let largest = apply(importer, node, ArgMax { axis: Some(axis), keep_dims: true }, vec![input])?;
    let places = counting(importer, node, shape[axis], axis, shape.len());
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
