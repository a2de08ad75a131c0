//! A lookup in a table of vectors becomes a selection of rows by a vector of indices.

use super::{Builder, RESHAPE, without_scopes};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::index_select::IndexSelect;
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Embedding(_) = node.op else { return None };
    let [table, indices] = node.inputs[..] else { unreachable!("checked at import") };
    // Upstream loses the modules of all pieces.
    let outside = without_scopes(node);
    let count = builder.shape(indices).iter().product();
    let flat = builder.push_as(RESHAPE, &outside, View { shape: vec![count] }, &[indices]);
    let rows = builder.push(&outside, IndexSelect { axis: 0 }, &[table, flat]);
    let shape = builder.shape(node.output()).to_vec();
    Some(vec![builder.push_as(RESHAPE, &outside, View { shape }, &[rows])])
}
