//! Normalizations over groups of elements.

use super::{one, shape_of};
use crate::frontend::onnx::tensor::wrap_index;
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Tensor, ValueId};
use crate::ops::binary::Binary;
use crate::ops::group_norm::GroupNorm;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::mean::Mean;
use crate::ops::repeat_interleave::RepeatInterleave;
use crate::ops::softmax::Softmax;
use crate::ops::unary::Unary;
use crate::ops::vector_norm::{Order, VectorNorm};

/// Operands 0 to 2: the tensor, and factors and summands where there are any.
fn operands(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>, String> {
    (0..3).filter(|&index| index == 0 || node.has(index)).map(|index| importer.tensor(node, index)).collect()
}

pub(super) fn layer_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let inputs = operands(importer, node)?;
    let rank = shape_of(importer, inputs[0]).len();
    let axis = wrap_index(node.int("axis", -1), rank).ok_or("has an axis outside its operand")?;
    let eps = node.float("epsilon", 1e-5).into();
    let norm = LayerNorm { dims: rank - axis, eps, weight: node.has(1), bias: node.has(2) };
    importer.push(node, norm, inputs)
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
            *parameter = one(importer.push(node, op, vec![*parameter])?)?;
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
    let axis = wrap_index(node.int("axis", -1), shape_of(importer, input).len());
    importer.push(node, Softmax { axis: axis.ok_or("has an axis outside its operand")?, log }, vec![input])
}

/// `x / norm(x)` along an axis.
pub(super) fn lp_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let axis = wrap_index(node.int("axis", -1), shape_of(importer, input).len());
    let order = match node.int("p", 2) {
        1 => Order::One,
        2 => Order::Two,
        p => return Err(format!("has p {p}; ONNX has 1 and 2")),
    };
    let axes = vec![axis.ok_or("has an axis outside its operand")?];
    let norm = one(importer.push(node, VectorNorm { order, axes, keep_dims: true }, vec![input])?)?;
    importer.push(node, Binary::Div, vec![input, norm])
}

/// `x / sqrt(mean(x²) + epsilon) · scale` over the last axes.
pub(super) fn rms_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, scale) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?);
    let rank = shape_of(importer, input).len();
    let axis = wrap_index(node.int("axis", -1), rank).ok_or("has an axis outside its operand")?;
    let squares = one(importer.push(node, Binary::Mul, vec![input, input])?)?;
    let mean = one(importer.push(node, Mean { axes: (axis..rank).collect(), keep_dims: true }, vec![squares])?)?;
    let eps = Tensor::from_elem(vec![1; rank], node.float("epsilon", 1e-5));
    let eps = importer.graph.add_constant(format!("{}.epsilon", node.scopes.name(node.proto)), eps);
    let sum = one(importer.push(node, Binary::Add, vec![mean, eps])?)?;
    let factor = one(importer.push(node, Unary::Rsqrt, vec![sum])?)?;
    let normalized = one(importer.push(node, Binary::Mul, vec![input, factor])?)?;
    importer.push(node, Binary::Mul, vec![normalized, scale])
}
