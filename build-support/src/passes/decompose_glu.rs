//! A gated linear unit becomes slices, a sigmoid and a product.

use super::{Builder, SLICE_COPY};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::slice::Slice;
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Glu(glu) = node.op else { return None };
    let size = builder.shape(node.inputs[0])[glu.axis];
    let mut part = |start, end| {
        let slice = Slice { axis: glu.axis, start, end };
        builder.push_as(SLICE_COPY, node, slice, &node.inputs)
    };
    let (value, gate) = (part(0, size / 2), part(size / 2, size));
    let gate = builder.push(node, Unary::Sigmoid, &[gate]);
    Some(vec![builder.push(node, Binary::Mul, &[value, gate])])
}
