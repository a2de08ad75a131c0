//! A variance becomes the mean of squared differences from the mean, a standard deviation the root of that.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::mean::Mean;
use crate::ops::sum::Sum;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Var(var) = &node.op else { return None };
    let x = node.inputs[0];
    let mean = builder.push(node, Mean { axes: var.axes.clone(), keep_dims: true }, &[x]);
    let difference = builder.push(node, Binary::Sub, &[x, mean]);
    let squares = builder.push(node, Binary::Mul, &[difference, difference]);
    let sum = builder.push(node, Sum { axes: var.axes.clone(), keep_dims: var.keep_dims }, &[squares]);
    let factor = 1.0 / var.divisor(builder.shape(x));
    let factor = builder.scalar(node, factor, builder.shape(sum).len());
    let variance = builder.push(node, Binary::Mul, &[sum, factor]);
    Some(vec![if var.root { builder.push(node, Unary::Sqrt, &[variance]) } else { variance }])
}
