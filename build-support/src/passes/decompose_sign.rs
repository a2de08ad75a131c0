//! A sign becomes comparisons with zero that choose between -1, 0 and 1.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::neg::Neg;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Unary(Unary::Sign) = node.op else { return None };
    let x = node.inputs[0];
    let with_number = |builder: &mut Builder<'_>, op: Op, x, number| {
        let number = builder.number(node, number);
        builder.push(node, op, &[x, number])
    };
    let is_positive = with_number(builder, Compare::Gt.into(), x, 0.0);
    let is_negative = with_number(builder, Compare::Lt.into(), x, 0.0);
    let zeros = with_number(builder, Binary::Mul.into(), x, 0.0);
    let ones = with_number(builder, Binary::Add.into(), zeros, 1.0);
    let opposite = builder.push(node, Neg, &[ones]);
    let negative = builder.push(node, Choose, &[is_negative, opposite, zeros]);
    let positive = builder.push(node, Choose, &[is_positive, ones, zeros]);
    Some(vec![builder.push(node, Choose, &[is_negative, negative, positive])])
}
