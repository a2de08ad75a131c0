//! A replaced element becomes a choice along the axis, a replaced slice a concatenation.

use super::{Builder, SLICE_COPY};
use crate::graph::{Data, Node, ValueId};
use crate::ops::Op;
use crate::ops::cat::Cat;
use crate::ops::choose::Choose;
use crate::ops::constant::Constant;
use crate::ops::expand::Expand;
use crate::ops::scatter::Scatter;
use crate::ops::slice::Slice;
use crate::ops::view::View;
use ndarray::ArrayD;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Scatter(scatter) = node.op else { return None };
    let [x, part] = node.inputs[..] else { unreachable!("checked at import") };
    let shape = builder.shape(x).to_vec();
    let result = match scatter {
        Scatter::Select { axis, index } => {
            let mut line = vec![1; shape.len()];
            line[axis] = shape[axis];
            let mask = Data::Bool(ArrayD::from_shape_fn(line, |at| at[axis] == index));
            let mask = builder.push(node, Constant { data: mask, target: "aten.eq.Tensor" }, &[]);
            let mut lifted = shape.clone();
            lifted[axis] = 1;
            let part = builder.push_as("aten.unsqueeze_copy.default", node, View { shape: lifted }, &[part]);
            let part = builder.push_as("aten.expand_copy.default", node, Expand { shape }, &[part]);
            builder.push(node, Choose, &[mask, part, x])
        }
        Scatter::Slice { axis, start, end } => {
            let mut slice = |start, end| builder.push_as(SLICE_COPY, node, Slice { axis, start, end }, &[x]);
            let before = (start > 0).then(|| slice(0, start));
            let after = (end < shape[axis]).then(|| slice(end, shape[axis]));
            let parts: Vec<ValueId> = before.into_iter().chain([part]).chain(after).collect();
            match parts[..] {
                [part] => part,
                _ => builder.push(node, Cat { axis }, &parts),
            }
        }
    };
    Some(vec![result])
}
