//! A square root becomes the power 0.5.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Unary(Unary::Sqrt) = node.op else { return None };
    Some(vec![builder.push(node, Unary::Pow { exponent: 0.5 }, &node.inputs)])
}
