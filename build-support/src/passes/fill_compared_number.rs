//! A number that a tensor is compared with becomes a tensor that the network makes.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Compare(compare) = node.op else { return None };
    let number = node.target.ends_with(".Scalar").then(|| builder.constant_data(node.inputs[1])).flatten()?;
    let number = f64::from(*number.first()?);
    let number = builder.number(node, number);
    Some(vec![builder.push(node, compare, &[node.inputs[0], number])])
}
