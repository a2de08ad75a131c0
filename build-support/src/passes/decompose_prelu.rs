//! Leaky relu with trained slopes becomes `max(x, 0) + slope · min(x, 0)`.

use super::{Builder, VIEW_COPY};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Prelu(_) = node.op else { return None };
    let [x, mut slopes] = node.inputs[..] else { unreachable!("checked at import") };
    let (kind, zero) = (ClampKind::Clamp, Some(0.0));
    let positive = builder.push(node, Clamp { min: zero, max: None, kind }, &[x]);
    let negative = builder.push(node, Clamp { min: None, max: zero, kind }, &[x]);
    if let &[channels] = builder.shape(slopes)
        && channels > 1
    {
        let mut shape = vec![1; builder.shape(x).len()];
        shape[1] = channels;
        slopes = builder.push_as(VIEW_COPY, node, View { shape }, &[slopes]);
    }
    let scaled = builder.push(node, Binary::Mul, &[negative, slopes]);
    Some(vec![builder.push(node, Binary::Add, &[positive, scaled])])
}
