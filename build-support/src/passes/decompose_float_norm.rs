//! Normalizations that stay in float become what TOSA has: the quantizer leaves them whole.

use super::{Builder, RESHAPE};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::mean::Mean;
use crate::ops::unary::Unary;
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    match node.op {
        Op::InstanceNorm(norm) => {
            let channels = builder.shape(node.output())[1];
            Some(vec![builder.push(node, norm.in_groups(channels), &node.inputs)])
        }
        Op::RmsNorm(norm) => {
            let (x, shape) = (node.inputs[0], builder.shape(node.output()).to_vec());
            let axes = (shape.len() - norm.dims..shape.len()).collect();
            let squares = builder.push(node, Binary::Mul, &[x, x]);
            let mean = builder.push(node, Mean { axes, keep_dims: true }, &[squares]);
            let eps = builder.scalar(node, norm.eps, shape.len());
            let sum = builder.push(node, Binary::Add, &[mean, eps]);
            let factor = builder.push(node, Unary::Rsqrt, &[sum]);
            let mut result = builder.push(node, Binary::Mul, &[x, factor]);
            if let Some(&weight) = node.inputs.get(1) {
                let lifted = (0..shape.len()).map(|axis| if axis + norm.dims < shape.len() { 1 } else { shape[axis] });
                let weight = builder.push_as(RESHAPE, node, View { shape: lifted.collect() }, &[weight]);
                result = builder.push(node, Binary::Mul, &[result, weight]);
            }
            Some(vec![result])
        }
        _ => None,
    }
}
