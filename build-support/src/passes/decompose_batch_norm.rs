//! Batch normalization that follows no layer becomes elementwise arithmetic with a constant for each channel.

use super::{Builder, VIEW_COPY};
use crate::graph::{Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::constant::Constant;
use crate::ops::unary::Unary;
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::BatchNorm(norm) = node.op else { return None };
    let [x, gamma, beta, mean, variance] = node.inputs[..] else { unreachable!("checked at import") };
    let mut shape = vec![1; builder.shape(x).len()];
    let eps = Tensor::from_elem(shape.clone(), norm.eps);
    shape[1] = builder.shape(x)[1];
    let channels = |builder: &mut Builder<'_>, parameter| {
        builder.push_as(VIEW_COPY, node, View { shape: shape.clone() }, &[parameter])
    };
    let mean = channels(builder, mean);
    let variance = channels(builder, variance);
    let centered = builder.push(node, Binary::Sub, &[x, mean]);
    let eps = builder.push(node, Constant { data: eps.into(), target: "aten.full.default" }, &[]);
    let variance = builder.push(node, Binary::Add, &[variance, eps]);
    let factor = builder.push(node, Unary::Rsqrt, &[variance]);
    let normalized = builder.push(node, Binary::Mul, &[centered, factor]);
    let gamma = channels(builder, gamma);
    let scaled = builder.push(node, Binary::Mul, &[normalized, gamma]);
    let beta = channels(builder, beta);
    Some(vec![builder.push(node, Binary::Add, &[scaled, beta])])
}
