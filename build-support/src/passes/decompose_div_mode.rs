//! A division that rounds becomes a division and a rounding; `floor_divide` is one of them.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Binary(Binary::DivFloor | Binary::FloorDivide) = node.op else { return None };
    let quotient = builder.push(node, Binary::Div, &node.inputs);
    Some(vec![builder.push(node, Unary::Floor, &[quotient])])
}
