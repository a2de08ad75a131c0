//! A product of matrices plus a tensor becomes the product, two scalings and a sum.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::matmul::MatMul;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Addmm(addmm) = node.op else { return None };
    let [x, a, b] = node.inputs[..] else { unreachable!("checked at import") };
    let product = builder.push(node, MatMul::Mm, &[a, b]);
    let mut scaled = |tensor, factor| {
        let factor = builder.number(node, factor);
        builder.push(node, Binary::Mul, &[tensor, factor])
    };
    let product = scaled(product, addmm.alpha);
    let summand = scaled(x, addmm.beta);
    Some(vec![builder.push(node, Binary::Add, &[product, summand])])
}
