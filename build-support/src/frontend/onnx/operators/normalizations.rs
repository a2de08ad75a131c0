//! Normalizations over groups of elements.

use super::{apply, axes_of, axis_of, number, shape_of};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::ValueId;
use crate::ops::abs::Abs;
use crate::ops::binary::Binary;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::group_norm::GroupNorm;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::mean::Mean;
use crate::ops::pad::Pad;
use crate::ops::repeat_interleave::RepeatInterleave;
use crate::ops::slice::Slice;
use crate::ops::softmax::Softmax;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;
use crate::ops::view::View;

/// Most channels that a normalization over neighbours is written out for.
const MAX_NEIGHBOURS: usize = 64;

/// Operands 0 to 2: the tensor, and factors and summands where there are any.
fn operands(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>, String> {
    (0..3).filter(|&index| index == 0 || node.has(index)).map(|index| importer.tensor(node, index)).collect()
}

pub(super) fn layer_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let inputs = operands(importer, node)?;
    let rank = shape_of(importer, inputs[0]).len();
    let axis = axis_of(node, -1, rank)?;
    let (input, epsilon) = (inputs[0], node.float("epsilon", 1e-5));
    let norm = LayerNorm { dims: rank - axis, eps: epsilon.into(), weight: node.has(1), bias: node.has(2) };
    let mut results = importer.push(node, norm, inputs)?;
    // The mean and the inverse of the deviation, which training needs.
    if node.proto.output.iter().skip(1).any(|name| !name.is_empty()) {
        let over = || Mean { axes: (axis..rank).collect(), keep_dims: true };
        let mean = apply(importer, node, over(), vec![input])?;
        let centered = apply(importer, node, Binary::Sub, vec![input, mean])?;
        let squares = apply(importer, node, Binary::Mul, vec![centered, centered])?;
        let variance = apply(importer, node, over(), vec![squares])?;
        let epsilon = number(importer, node, "epsilon", epsilon, rank);
        let sum = apply(importer, node, Binary::Add, vec![variance, epsilon])?;
        results.push(Entry::Value(mean));
        results.extend(importer.push(node, Unary::Rsqrt, vec![sum])?);
    }
    Ok(results)
}

pub(super) fn group_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut inputs = operands(importer, node)?;
    let shape = shape_of(importer, inputs[0]);
    let channels = *shape.get(1).ok_or("needs an operand of two dimensions or more")?;
    let groups = usize::try_from(node.int("num_groups", 0)).ok().filter(|&groups| groups > 0);
    let groups = groups
        .filter(|&groups| channels.is_multiple_of(groups))
        .ok_or("attribute `num_groups` does not divide its channels")?;
    // Up to opset 20 there is one factor and one summand for each group.
    if importer.opset < 21 && groups != channels {
        for parameter in &mut inputs[1..] {
            let op = RepeatInterleave { axis: 0, count: channels / groups };
            *parameter = apply(importer, node, op, vec![*parameter])?;
        }
    }
    let eps = node.float("epsilon", 1e-5).into();
    importer.push(node, GroupNorm { groups, eps, weight: node.has(1), bias: node.has(2) }, inputs)
}

/// A group for each channel.
pub(super) fn instance_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let inputs = operands(importer, node)?;
    let groups = *shape_of(importer, inputs[0]).get(1).ok_or("needs an operand of two dimensions or more")?;
    let eps = node.float("epsilon", 1e-5).into();
    importer.push(node, GroupNorm { groups, eps, weight: node.has(1), bias: node.has(2) }, inputs)
}

pub(super) fn softmax(importer: &mut Importer<'_>, node: &OnnxNode<'_>, log: bool) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let default = if importer.opset < 13 { 1 } else { -1 };
    let axis = axis_of(node, default, shape.len())?;
    if importer.opset >= 13 || axis + 1 == shape.len() {
        return importer.push(node, Softmax { axis, log, safe: false }, vec![input]);
    }
    // Over all elements from this axis on.
    let (outer, inner) = shape.split_at(axis);
    let flat = vec![outer.iter().product(), inner.iter().product()];
    let flat = apply(importer, node, View { shape: flat }, vec![input])?;
    let result = apply(importer, node, Softmax { axis: 1, log, safe: false }, vec![flat])?;
    importer.push(node, View { shape }, vec![result])
}

/// `x / norm(x)` along an axis, zero where the norm is zero.
pub(super) fn lp_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let axes = vec![axis_of(node, -1, shape_of(importer, input).len())?];
    let rank = shape_of(importer, input).len();
    let sum = Sum { axes, keep_dims: true };
    let norm = match node.int("p", 2) {
        1 => {
            let sizes = apply(importer, node, Abs, vec![input])?;
            apply(importer, node, sum, vec![sizes])?
        }
        2 => {
            let squares = apply(importer, node, Binary::Mul, vec![input, input])?;
            let squared = apply(importer, node, sum, vec![squares])?;
            apply(importer, node, Unary::Sqrt, vec![squared])?
        }
        p => return Err(format!("has p {p}; ONNX has 1 and 2")),
    };
    // What has norm 0 is 0.
    let (zero, unit) = (number(importer, node, "zero", 0.0, rank), number(importer, node, "one", 1.0, rank));
    let is_zero = apply(importer, node, Compare::Eq, vec![norm, zero])?;
    let divisor = apply(importer, node, Choose, vec![is_zero, unit, norm])?;
    importer.push(node, Binary::Div, vec![input, divisor])
}

/// `x / sqrt(mean(x²) + epsilon) · scale` over the last axes.
pub(super) fn rms_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, scale) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?);
    let rank = shape_of(importer, input).len();
    let axis = axis_of(node, -1, rank)?;
    let squares = apply(importer, node, Binary::Mul, vec![input, input])?;
    let mean = apply(importer, node, Mean { axes: (axis..rank).collect(), keep_dims: true }, vec![squares])?;
    let epsilon = number(importer, node, "epsilon", node.float("epsilon", 1e-5), rank);
    let sum = apply(importer, node, Binary::Add, vec![mean, epsilon])?;
    let factor = apply(importer, node, Unary::Rsqrt, vec![sum])?;
    let normalized = apply(importer, node, Binary::Mul, vec![input, factor])?;
    importer.push(node, Binary::Mul, vec![normalized, scale])
}

/// `(x - mean(x)) / (√(mean(x²) - mean(x)²) + 1e-9)`
///
/// Source: ONNX, MeanVarianceNormalization.
pub(super) fn mean_variance(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let mut axes = axes_of(node.ints("axes").unwrap_or(&[0, 2, 3]), rank)?;
    axes.sort_unstable();
    axes.dedup();
    let over = || Mean { axes: axes.clone(), keep_dims: true };
    let mean = apply(importer, node, over(), vec![input])?;
    let squared_mean = apply(importer, node, Binary::Mul, vec![mean, mean])?;
    let squares = apply(importer, node, Binary::Mul, vec![input, input])?;
    let mean_square = apply(importer, node, over(), vec![squares])?;
    let variance = apply(importer, node, Binary::Sub, vec![mean_square, squared_mean])?;
    let deviation = apply(importer, node, Unary::Sqrt, vec![variance])?;
    let epsilon = number(importer, node, "epsilon", 1e-9, rank);
    let divisor = apply(importer, node, Binary::Add, vec![deviation, epsilon])?;
    let centered = apply(importer, node, Binary::Sub, vec![input, mean])?;
    importer.push(node, Binary::Div, vec![centered, divisor])
}

/// `x · (bias + alpha / size · Σ x²)^(-beta)`, where the sum is over `size` neighbouring channels.
///
/// Source: ONNX, LRN.
pub(super) fn lrn(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let channels = *shape.get(1).ok_or("needs an operand of two dimensions or more")?;
    let size = usize::try_from(node.int("size", 0)).ok().filter(|size| (1..=MAX_NEIGHBOURS).contains(size));
    let size = size.ok_or("has no `size` from 1 to 64")?;
    let squares = apply(importer, node, Binary::Mul, vec![input, input])?;
    let mut padding = vec![[0, 0]; shape.len()];
    padding[1] = [(size - 1) / 2, size / 2];
    let padded = apply(importer, node, Pad { padding, value: 0.0 }, vec![squares])?;
    let mut sum = apply(importer, node, Slice { axis: 1, start: 0, end: channels }, vec![padded])?;
    for start in 1..size {
        let part = apply(importer, node, Slice { axis: 1, start, end: start + channels }, vec![padded])?;
        sum = apply(importer, node, Binary::Add, vec![sum, part])?;
    }
    let factor = number(importer, node, "alpha", node.float("alpha", 1e-4) / size as f32, shape.len()); // at most 64
    let scaled = apply(importer, node, Binary::Mul, vec![sum, factor])?;
    let bias = number(importer, node, "bias", node.float("bias", 1.0), shape.len());
    let base = apply(importer, node, Binary::Add, vec![scaled, bias])?;
    let exponent = -f64::from(node.float("beta", 0.75));
    let factor = apply(importer, node, Unary::Pow { exponent }, vec![base])?;
    importer.push(node, Binary::Mul, vec![input, factor])
}
