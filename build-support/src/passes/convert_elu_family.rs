//! `selu` and `celu` become `elu` with the factors that make it the same function.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let elu = match node.op {
        Op::Unary(Unary::Selu) => Unary::SELU,
        Op::Unary(Unary::Celu { alpha }) => Unary::Elu { alpha, scale: 1.0, input_scale: 1.0 / alpha },
        _ => return None,
    };
    Some(vec![builder.push(node, elu, &node.inputs)])
}
