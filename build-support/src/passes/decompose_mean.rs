//! A mean becomes a sum times `1 / N`, in rank 4 where the rank is less.

use super::{Builder, RESHAPE};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::sum::Sum;
use crate::ops::view::View;

/// Rank in which upstream reduces.
const RANK: usize = 4;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Mean(mean) = &node.op else { return None };
    let result = builder.shape(node.output()).to_vec();
    let shape = builder.shape(node.inputs[0]).to_vec();
    let mut axes: Vec<usize> = mean.axes.iter().copied().filter(|&axis| shape[axis] > 1).collect();
    let mut value = node.inputs[0];
    if let Some(lifted) = RANK.checked_sub(shape.len()).filter(|&lifted| lifted > 0) {
        let shape = core::iter::repeat_n(1, lifted).chain(shape).collect();
        value = builder.push_as(RESHAPE, node, View { shape }, &[value]);
        axes.iter_mut().for_each(|axis| *axis += lifted);
    } else if shape.len() > RANK {
        // To rank 4 and back again: each view has its place in the shared observer's stream.
        let (outer, inner) = shape.split_at(shape.len() - RANK + 1);
        let rank4 = [outer.iter().product()].into_iter().chain(inner.iter().copied()).collect();
        value = builder.push_as(RESHAPE, node, View { shape: rank4 }, &[value]);
        value = builder.push_as(RESHAPE, node, View { shape }, &[value]);
    }
    if !axes.is_empty() {
        let rank = builder.shape(value).len();
        let count: usize = axes.iter().map(|&axis| builder.shape(value)[axis]).product();
        value = builder.push(node, Sum { axes, keep_dims: true }, &[value]);
        let factor = builder.scalar(node, 1.0 / count as f64, rank);
        value = builder.push(node, Binary::Mul, &[value, factor]);
    }
    if builder.shape(value) != result {
        value = builder.push_as(RESHAPE, node, View { shape: result }, &[value]);
    }
    Some(vec![value])
}
