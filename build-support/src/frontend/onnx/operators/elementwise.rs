//! Functions of one element of each operand.

use super::{one, same, shape_of, unary};
use crate::frontend::onnx::{Entry, Importer, OnnxNode, proto, tensor};
use crate::ops::binary::Binary;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::unary::Unary;

pub(super) fn binary(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Binary) -> Result<Vec<Entry>, String> {
    let mut inputs = vec![importer.tensor(node, 0)?, importer.tensor(node, 1)?];
    // Scalars become tensors of the other operand's rank, as upstream lifts them.
    for index in 0..2 {
        let rank = shape_of(importer, inputs[1 - index]).len();
        if let Some(data) = importer.known(node, index)
            && data.shape().is_empty()
            && let Some(scalar) = data.real()
        {
            let lifted = ndarray::ArrayD::from_elem(vec![1; rank], *scalar.first().ok_or("a scalar without a value")?);
            inputs[index] = importer.graph.add_constant(node.proto.input[index].clone(), lifted);
        }
    }
    importer.push(node, op, inputs)
}

/// A function of two operands, applied to one or more from the left.
pub(super) fn variadic(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Binary) -> Result<Vec<Entry>, String> {
    if node.inputs.len() == 2 {
        return binary(importer, node, op);
    }
    let mut result = importer.tensor(node, 0)?;
    for index in 1..node.inputs.len() {
        let operand = importer.tensor(node, index)?;
        result = one(importer.push(node, op, vec![result, operand])?)?;
    }
    Ok(same(result))
}

pub(super) fn clip(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let bound = |index: usize| match importer.known_scalar(node, index) {
        None if node.has(index) => Err("its bounds are no float constants"),
        bound => Ok(bound),
    };
    let (min, max) = (bound(1)?, bound(2)?);
    // With crossed bounds the upper one wins.
    let min = min.zip(max).map(|(min, max)| min.min(max)).or(min);
    let kind = match node.scopes.target.as_deref() {
        Some("aten.relu6.default") => ClampKind::Relu6,
        Some(target) if target.starts_with("aten.clamp") => ClampKind::Clamp,
        _ => ClampKind::Hardtanh,
    };
    unary(importer, node, Clamp { min, max, kind })
}

pub(super) fn hard_sigmoid(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
    if (alpha - 1.0 / 6.0).abs() > 1e-6 || beta != 0.5 {
        return Err(format!("alpha {alpha}, beta {beta}; only PyTorch's 1/6 and 0.5 are supported"));
    }
    unary(importer, node, Unary::HardSigmoid)
}

/// A conversion that keeps the elements: between types that are computed as the same one.
pub(super) fn cast(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let to = i32::try_from(node.int("to", 0)).unwrap_or_default();
    let (from, into) = (importer.graph.value(input).element, tensor::element(to)?);
    if from == into {
        return Ok(same(input));
    }
    Err(format!("from {from:?} to {}", proto::data_type::name(to)))
}

/// A conversion to the type of operand 1.
pub(super) fn cast_like(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, like) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?);
    let (from, into) = (importer.graph.value(input).element, importer.graph.value(like).element);
    if from == into {
        return Ok(same(input));
    }
    Err(format!("from {from:?} to {into:?}"))
}
