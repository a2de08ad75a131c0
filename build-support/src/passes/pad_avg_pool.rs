//! Padding that counts in an average pool becomes an explicit pad with zeros.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::avg_pool2d::AvgPool2d;
use crate::ops::pad::Pad;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::AvgPool2d(pool) = node.op else { return None };
    if !pool.count_include_pad || pool.pad == [[0, 0]; 2] {
        return None;
    }
    let input = node.inputs[0];
    // After the last element only as far as the windows reach: TOSA wants exact divisions.
    let reach = |axis: usize| {
        let [before, after] = pool.pad[axis];
        let rest = (builder.shape(input)[2 + axis] + before + after - pool.kernel[axis]) % pool.stride[axis];
        [before, after.saturating_sub(rest)]
    };
    let padding = vec![[0, 0], [0, 0], reach(0), reach(1)];
    let padded = builder.push(node, Pad { padding, value: 0.0 }, &[input]);
    let pool = AvgPool2d { pad: [[0, 0]; 2], count_include_pad: false, ..pool };
    Some(vec![builder.push(node, pool, &[padded])])
}
