//! A division becomes a multiplication by the reciprocal.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Binary(Binary::Div) = node.op else { return None };
    let [a, b] = node.inputs[..] else { unreachable!("checked at import") };
    let reciprocal = builder.push(node, Unary::Reciprocal, &[b]);
    Some(vec![builder.push(node, Binary::Mul, &[a, reciprocal])])
}
