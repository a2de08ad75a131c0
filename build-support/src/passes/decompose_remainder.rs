//! A remainder by a tensor becomes `x - floor(x / y) · y`.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Binary(Binary::Remainder) = node.op else { return None };
    let [x, y] = node.inputs[..] else { unreachable!("checked at import") };
    let quotient = builder.push(node, Binary::DivFloor, &[x, y]);
    let product = builder.push(node, Binary::Mul, &[quotient, y]);
    Some(vec![builder.push(node, Binary::Sub, &[x, product])])
}
