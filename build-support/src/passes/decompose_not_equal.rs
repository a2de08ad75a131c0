//! `ne` becomes the opposite of `eq`.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::compare::Compare;
use crate::ops::logical::Logical;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Compare(Compare::Ne) = node.op else { return None };
    let equal = builder.push(node, Compare::Eq, &node.inputs);
    Some(vec![builder.push(node, Logical::Not, &[equal])])
}
