//! Elements filled with a number become a choice.

use super::Builder;
use crate::graph::{Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::choose::Choose;
use crate::ops::constant::Constant;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::MaskedFill(fill) = node.op else { return None };
    let [x, mask] = node.inputs[..] else { unreachable!("checked at import") };
    let value = Tensor::from_elem(builder.shape(x), fill.value);
    let value = builder.push(node, Constant { data: value.into(), target: "aten.full_like.default" }, &[]);
    Some(vec![builder.push(node, Choose, &[mask, value, x])])
}
