//! A replaced element becomes a choice along the axis, a replaced slice a concatenation, or with steps a replacement by index.

use super::{Builder, SLICE_COPY};
use crate::graph::{Data, Node, ValueId};
use crate::ops::Op;
use crate::ops::cat::Cat;
use crate::ops::choose::Choose;
use crate::ops::constant::Constant;
use crate::ops::expand::Expand;
use crate::ops::index_put::IndexPut;
use crate::ops::permute::Permute;
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
        Scatter::Slice { axis, start, end, step } if step > 1 => {
            let positions = (start..end).step_by(step).map(|position| position as i64).collect(); // at most a dimension
            let positions =
                Data::I64(ArrayD::from_shape_vec(vec![builder.shape(part)[axis]], positions).expect("a line"));
            let positions = Constant { data: positions, target: "aten.arange.start_step" };
            let positions = builder.push(node, positions, &[]);
            // The axis comes first, and goes back.
            let there: Vec<usize> = [axis].into_iter().chain((0..shape.len()).filter(|&other| other != axis)).collect();
            let back = (1..=axis).chain([0]).chain(axis + 1..shape.len()).collect();
            let mut turn = |value, perm: &[usize]| match axis {
                0 => value,
                _ => builder.push_as("aten.permute_copy.default", node, Permute { perm: perm.to_vec() }, &[value]),
            };
            let (x, part) = (turn(x, &there), turn(part, &there));
            let result = builder.push(node, IndexPut, &[x, positions, part]);
            match axis {
                0 => result,
                _ => builder.push_as("aten.permute_copy.default", node, Permute { perm: back }, &[result]),
            }
        }
        Scatter::Slice { axis, start, end, .. } => {
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
