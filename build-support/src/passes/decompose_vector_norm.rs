//! A Euclidean norm becomes the root of a sum of squares.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;
use crate::ops::vector_norm::Order;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::VectorNorm(norm) = &node.op else { return None };
    if norm.order == Order::One {
        return None;
    }
    let x = node.inputs[0];
    let squares = builder.push(node, Binary::Mul, &[x, x]);
    let sum = builder.push(node, Sum { axes: norm.axes.clone(), keep_dims: norm.keep_dims }, &[squares]);
    Some(vec![builder.push(node, Unary::Sqrt, &[sum])])
}
