//! Computes at import what exporters compute at run time from shapes and constants.

use super::tensor::{Constant, reshape_target, wrap_index};
use super::{Entry, OnnxNode};
use crate::graph::Graph;
use crate::ops::broadcast_shape;
use ndarray::ArrayD;

/// Whether an operator can be computed at import, when what it reads is known.
pub(super) fn is_foldable(op_type: &str) -> bool {
    FOLDABLE.contains(&op_type)
}

const FOLDABLE: [&str; 12] = [
    "Cast",
    "CastLike",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Expand",
    "Gather",
    "Identity",
    "Reshape",
    "Shape",
    "Transpose",
    "Unsqueeze",
];

/// The result of a node whose operands are known, or which only asks for a shape. `None`: not one of these.
pub(super) fn fold(node: &OnnxNode<'_>, graph: &Graph) -> Option<Constant> {
    let op = node.proto.op_type.as_str();
    if op == "Shape" {
        return shape(node, graph);
    }
    if op == "CastLike" {
        let to_float = match node.inputs.get(1)? {
            Some(Entry::Known(like)) => matches!(like, Constant::F32(_)),
            _ => true, // every computed tensor is a float tensor
        };
        return Some(node.known(0)?.clone().cast(to_float));
    }
    if !node.inputs.iter().flatten().all(|entry| matches!(entry, Entry::Known(_))) {
        return None;
    }
    match op {
        "Constant" => constant(node),
        "ConstantOfShape" => {
            let shape = to_dims(&node.known(0)?.to_ints()?)?;
            let value = match node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
                Some(value) => Constant::decode(value).ok()?,
                None => Constant::F32(ArrayD::zeros(vec![1])),
            };
            value.reshaped(&[])?.expanded(&shape)
        }
        "Expand" => {
            let input = node.known(0)?;
            let wanted = to_dims(&node.known(1)?.to_ints()?)?;
            input.expanded(&broadcast_shape(input.shape(), &wanted)?)
        }
        "Cast" => match i32::try_from(node.int("to", 0)).ok()? {
            super::proto::data_type::FLOAT => Some(node.known(0)?.clone().cast(true)),
            super::proto::data_type::INT64 | super::proto::data_type::INT32 => Some(node.known(0)?.clone().cast(false)),
            _ => None,
        },
        "Gather" => {
            let input = node.known(0)?;
            let Constant::I64(indices) = node.known(1)? else { return None };
            input.gathered(wrap_index(node.int("axis", 0), input.shape().len())?, indices)
        }
        "Concat" => {
            let parts: Option<Vec<Constant>> = (0..node.inputs.len()).map(|index| node.known(index).cloned()).collect();
            let parts = parts?;
            let axis = wrap_index(node.int("axis", 0), parts.first()?.shape().len())?;
            Constant::concatenated(&parts, axis)
        }
        "Reshape" => {
            let input = node.known(0)?;
            let shape = reshape_target(input.shape(), &node.known(1)?.to_ints()?, node.int("allowzero", 0) != 0)?;
            input.clone().reshaped(&shape)
        }
        "Unsqueeze" => {
            let input = node.known(0)?;
            let axes = node.known(1)?.to_ints()?;
            let rank = input.shape().len() + axes.len();
            let axes: Option<Vec<usize>> = axes.iter().map(|&axis| wrap_index(axis, rank)).collect();
            let (axes, mut dims) = (axes?, input.shape().iter());
            let shape: Vec<usize> =
                (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { *dims.next().unwrap_or(&1) }).collect();
            input.clone().reshaped(&shape)
        }
        "Identity" => node.known(0).cloned(),
        "Transpose" => {
            // The weight of a linear layer without bias.
            let Constant::F32(values) = node.known(0)? else { return None };
            let reversed: Vec<i64> = (0..values.ndim() as i64).rev().collect();
            let perm = to_dims(node.ints("perm").unwrap_or(&reversed))?;
            let mut sorted = perm.clone();
            sorted.sort_unstable();
            sorted
                .iter()
                .copied()
                .eq(0..values.ndim())
                .then(|| Constant::F32(values.view().permuted_axes(perm).as_standard_layout().into_owned()))
        }
        _ => None,
    }
}

fn constant(node: &OnnxNode<'_>) -> Option<Constant> {
    if let Some(tensor) = node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        return Constant::decode(tensor).ok();
    }
    if let Some(values) = node.attribute("value_ints") {
        return Some(Constant::ints(values.ints.clone()));
    }
    if let Some(value) = node.attribute("value_int") {
        return Constant::ints(vec![value.i]).reshaped(&[]);
    }
    if let Some(values) = node.attribute("value_floats") {
        return Some(Constant::F32(ndarray::Array1::from(values.floats.clone()).into_dyn()));
    }
    node.attribute("value_float").map(|value| Constant::F32(ndarray::arr0(value.f).into_dyn()))
}

fn shape(node: &OnnxNode<'_>, graph: &Graph) -> Option<Constant> {
    let dims = match node.inputs.first()? {
        Some(Entry::Known(constant)) => constant.shape(),
        Some(Entry::Computed(id)) => &graph.value(*id).shape,
        _ => return None,
    };
    let bound = |value: i64| {
        let value = if value < 0 { value.saturating_add(dims.len() as i64) } else { value };
        value.clamp(0, dims.len() as i64) as usize
    };
    let (start, end) = (bound(node.int("start", 0)), bound(node.int("end", i64::MAX)));
    Some(Constant::ints(dims.get(start..end).unwrap_or_default().iter().map(|&dim| dim as i64).collect()))
}

fn to_dims(values: &[i64]) -> Option<Vec<usize>> {
    values.iter().map(|&value| usize::try_from(value).ok()).collect()
}
