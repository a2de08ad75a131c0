//! A softmax becomes a difference from the largest element, an exponential and a division by the sum.

use super::Builder;
use crate::graph::{Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::amax::Amax;
use crate::ops::any::Any;
use crate::ops::binary::Binary;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::softmax::Softmax;
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

/// For float nodes: zeros in the place of rows that look at nothing. Where a softmax is quantized, infinities have become finite.
pub(super) fn guard(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Softmax(softmax) = node.op else { return None };
    if !softmax.safe {
        return None;
    }
    let x = node.inputs[0];
    let ones = vec![1; builder.shape(x).len()];
    let infinity = builder.constant("infinity", Tensor::from_elem(ones.clone(), f32::NEG_INFINITY));
    let is_infinite = builder.push(node, Compare::Eq, &[x, infinity]);
    let is_blind = builder.push(node, Any { all: true, axes: vec![softmax.axis], keep_dims: true }, &[is_infinite]);
    let weights = builder.push(node, Softmax { safe: false, ..softmax }, &[x]);
    let zero = builder.constant("zero", Tensor::zeros(ones));
    Some(vec![builder.push(node, Choose, &[is_blind, zero, weights])])
}
