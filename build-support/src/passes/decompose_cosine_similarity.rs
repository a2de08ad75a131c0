//! A cosine similarity becomes products, sums, powers and a division.

use super::Builder;
use crate::graph::{Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::constant::Constant;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::CosineSimilarity(similarity) = node.op else { return None };
    let [a, b] = node.inputs[..] else { unreachable!("checked at import") };
    let sum = |builder: &mut Builder<'_>, a, b| {
        let product = builder.push(node, Binary::Mul, &[a, b]);
        builder.push(node, Sum { axes: vec![similarity.axis], keep_dims: false }, &[product])
    };
    let norm = |builder: &mut Builder<'_>, x| {
        let squares = sum(builder, x, x);
        builder.push(node, Unary::Pow { exponent: 0.5 }, &[squares])
    };
    let dot = sum(builder, a, b);
    let (norm_a, norm_b) = (norm(builder, a), norm(builder, b));
    let eps = Tensor::from_elem(builder.shape(norm_a), similarity.eps as f32);
    let eps = builder.push(node, Constant { data: eps.into(), target: "aten.full_like.default" }, &[]);
    let norm_a = builder.push(node, Binary::Maximum, &[norm_a, eps]);
    let norm_b = builder.push(node, Binary::Maximum, &[norm_b, eps]);
    let divisor = builder.push(node, Binary::Mul, &[norm_a, norm_b]);
    Some(vec![builder.push(node, Binary::Div, &[dot, divisor])])
}
