//! A softmax becomes a difference from the largest element, an exponential and a division by the sum.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::amax::Amax;
use crate::ops::binary::Binary;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Softmax(softmax) = node.op else { return None };
    let (x, axes) = (node.inputs[0], vec![softmax.axis]);
    let largest = builder.push(node, Amax { largest: true, axes: axes.clone(), keep_dims: true }, &[x]);
    let difference = builder.push(node, Binary::Sub, &[x, largest]);
    let exponential = builder.push(node, Unary::Exp, &[difference]);
    let sum = builder.push(node, Sum { axes, keep_dims: true }, &[exponential]);
    let reciprocal = builder.push(node, Unary::Reciprocal, &[sum]);
    let mut result = builder.push(node, Binary::Mul, &[exponential, reciprocal]);
    if softmax.log {
        result = builder.push(node, Unary::Log, &[result]);
    }
    Some(vec![result])
}
