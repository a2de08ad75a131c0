//! The largest element of an axis, of whose index nobody asks, becomes a reduction.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::amax::Amax;
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::MaxDim(extreme) = node.op else { return None };
    let [values, indices] = node.outputs[..] else { unreachable!("it has two results") };
    if builder.is_read(indices) {
        return None;
    }
    let amax = Amax { largest: extreme.largest, axes: vec![extreme.axis], keep_dims: true };
    let mut result = builder.push(node, amax, &node.inputs);
    if !extreme.keep_dims {
        let shape = builder.shape(values).to_vec();
        result = builder.push_as("aten.squeeze.dims", node, View { shape }, &[result]);
    }
    Some(vec![result, indices])
}
