//! Layer and group normalization become a mean, a variance and elementwise arithmetic.

use super::{Builder, RESHAPE, without_scopes};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::mean::Mean;
use crate::ops::unary::Unary;
use crate::ops::var::Var;
use crate::ops::view::View;

/// What both normalizations have in common.
struct Norm {
    axes: Vec<usize>,
    eps: f64,
    /// Shape in which a parameter meets the normalized tensor.
    parameter: Vec<usize>,
    weight: bool,
    bias: bool,
}

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    match node.op {
        Op::LayerNorm(norm) => {
            let shape = builder.shape(node.output());
            let outer = shape.len() - norm.dims;
            let parameter = (0..shape.len()).map(|axis| if axis < outer { 1 } else { shape[axis] }).collect();
            let axes = (outer..shape.len()).collect();
            let norm = Norm { axes, eps: norm.eps, parameter, weight: norm.weight, bias: norm.bias };
            Some(vec![normalize(builder, node, node.inputs[0], &norm)])
        }
        Op::GroupNorm(norm) => {
            let shape = builder.shape(node.output()).to_vec();
            let channels = shape[1] / norm.groups;
            let grouped = vec![shape[0], norm.groups, channels, shape[2..].iter().product()];
            let x = builder.push_as(RESHAPE, node, View { shape: grouped }, &node.inputs[..1]);
            let parameter = vec![1, norm.groups, channels, 1];
            let norm = Norm { axes: vec![2, 3], eps: norm.eps, parameter, weight: norm.weight, bias: norm.bias };
            let result = normalize(builder, node, x, &norm);
            Some(vec![builder.push_as(RESHAPE, node, View { shape }, &[result])])
        }
        _ => None,
    }
}

fn normalize(builder: &mut Builder<'_>, node: &Node, x: ValueId, norm: &Norm) -> ValueId {
    let axes = || norm.axes.clone();
    // Upstream loses the modules of these two.
    let outside = without_scopes(node);
    let mean = builder.push(&outside, Mean { axes: axes(), keep_dims: true }, &[x]);
    let centered = builder.push(&outside, Binary::Sub, &[x, mean]);
    let variance = builder.push(node, Var { axes: axes(), keep_dims: true, correction: 0, root: false }, &[x]);
    let eps = builder.scalar(node, norm.eps, norm.parameter.len());
    let variance = builder.push(node, Binary::Add, &[variance, eps]);
    let factor = builder.push(node, Unary::Rsqrt, &[variance]);
    let mut result = builder.push(node, Binary::Mul, &[centered, factor]);
    let mut parameters = node.inputs[1..].iter();
    for (exists, op) in [(norm.weight, Binary::Mul), (norm.bias, Binary::Add)] {
        if let Some(&parameter) = exists.then(|| parameters.next()).flatten() {
            let view = View { shape: norm.parameter.clone() };
            let parameter = builder.push_as(RESHAPE, node, view, &[parameter]);
            result = builder.push(node, op, &[result, parameter]);
        }
    }
    result
}
