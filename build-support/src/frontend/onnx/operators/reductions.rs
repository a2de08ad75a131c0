//! Reductions along axes.

use super::{one, shape_of, unary};
use crate::frontend::onnx::tensor::wrap_index;
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::ops::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use crate::ops::amax::Amax;
use crate::ops::argmax::ArgMax;
use crate::ops::binary::Binary;
use crate::ops::cumsum::Cumsum;
use crate::ops::mean::Mean;
use crate::ops::prod::Prod;
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
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| wrap_index(axis, rank)).collect();
    let mut axes = axes.ok_or("has an axis outside its operand")?;
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

pub(super) fn arg_max(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.int("select_last_index", 0) != 0 {
        return Err("takes the last of several largest elements; the first is supported".to_owned());
    }
    let input = importer.tensor(node, 0)?;
    let axis = wrap_index(node.int("axis", 0), shape_of(importer, input).len());
    let axis = Some(axis.ok_or("has an axis outside its operand")?);
    importer.push(node, ArgMax { axis, keep_dims: node.int("keepdims", 1) != 0 }, vec![input])
}

pub(super) fn cumulative_sum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.int("exclusive", 0) != 0 || node.int("reverse", 0) != 0 {
        return Err("exclusive and reverse sums are not supported".to_owned());
    }
    let input = importer.tensor(node, 0)?;
    let axis = importer.known_integers(node, 1).ok_or("its axis is computed at run time")?;
    let axis = axis.first().and_then(|&axis| wrap_index(axis, shape_of(importer, input).len()));
    importer.push(node, Cumsum { axis: axis.ok_or("has an axis outside its operand")? }, vec![input])
}
