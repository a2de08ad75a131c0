//! A division that rounds becomes a division and a rounding; `floor_divide` is one of them.

use super::Builder;
use crate::graph::{Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::constant::Constant;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Binary(op @ (Binary::DivFloor | Binary::FloorDivide | Binary::DivTrunc)) = node.op else { return None };
    let quotient = builder.push(node, Binary::Div, &node.inputs);
    if op != Binary::DivTrunc {
        return Some(vec![builder.push(node, Unary::Floor, &[quotient])]);
    }
    let zero = Tensor::zeros(vec![1; builder.shape(quotient).len()]);
    let zero = builder.push(node, Constant { data: zero.into(), target: "aten.full.default" }, &[]);
    let is_negative = builder.push(node, Compare::Gt, &[zero, quotient]);
    let up = builder.push(node, Unary::Ceil, &[quotient]);
    let down = builder.push(node, Unary::Floor, &[quotient]);
    Some(vec![builder.push(node, Choose, &[is_negative, up, down])])
}
