//! A norm becomes a sum of absolute values, or the root of a sum of squares.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::abs::Abs;
use crate::ops::binary::Binary;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;
use crate::ops::vector_norm::Order;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::VectorNorm(norm) = &node.op else { return None };
    let x = node.inputs[0];
    let sum = Sum { axes: norm.axes.clone(), keep_dims: norm.keep_dims };
    Some(vec![match norm.order {
        Order::One => {
            let magnitudes = builder.push(node, Abs, &[x]);
            builder.push(node, sum, &[magnitudes])
        }
        Order::Two => {
            let squares = builder.push(node, Binary::Mul, &[x, x]);
            let sum = builder.push(node, sum, &[squares]);
            builder.push(node, Unary::Sqrt, &[sum])
        }
    }])
}
