//! A factor on the second operand of a sum or difference becomes a multiplication; a reversed difference is turned round.

use super::{Builder, without_scopes};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::AddAlpha(sum) = node.op else { return None };
    let [a, b] = node.inputs[..] else { unreachable!("checked at import") };
    let factor = builder.scalar(node, sum.alpha, builder.shape(b).len().max(1));
    let scaled = builder.push(node, Binary::Mul, &[b, factor]);
    let op = if sum.subtract { Binary::Sub } else { Binary::Add };
    Some(vec![builder.push(node, op, &[a, scaled])])
}

/// Upstream does this to float nodes too, and loses their modules.
pub(super) fn reverse(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Binary(Binary::Rsub) = node.op else { return None };
    let [a, b] = node.inputs[..] else { unreachable!("checked at import") };
    Some(vec![builder.push(&without_scopes(node), Binary::Sub, &[b, a])])
}
