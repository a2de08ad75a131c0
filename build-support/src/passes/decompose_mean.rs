//! A mean becomes a sum times `1 / N`, in rank 4.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::binary::Binary;
use crate::ops::mean::Mean;
use crate::ops::sum::Sum;
use crate::ops::view::View;

/// Rank in which upstream reduces.
const RANK: usize = 4;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node, mean: &Mean) -> Option<ValueId> {
    let result = mean_shape(builder, node, mean);
    let input = node.inputs[0];
    let shape = builder.shape(input).to_vec();
    let lifted = RANK.checked_sub(shape.len())?;
    let mut rank4 = vec![1; lifted];
    rank4.extend(&shape);
    let source = if lifted == 0 { input } else { builder.push(node, View { shape: rank4.clone() }, &[input]) };
    let axes: Vec<usize> = mean.axes.iter().map(|axis| axis + lifted).filter(|&axis| rank4[axis] > 1).collect();
    let count: usize = axes.iter().map(|&axis| rank4[axis]).product();
    let sum = builder.push(node, Sum { axes, keep_dims: true }, &[source]);
    let factor = builder.scalar(node, 1.0 / count as f32, RANK);
    let product = builder.push(node, Binary::Mul, &[sum, factor]);
    if builder.shape(product) == result {
        return Some(product);
    }
    Some(builder.push(node, View { shape: result }, &[product]))
}

fn mean_shape(builder: &Builder<'_>, node: &Node, mean: &Mean) -> Vec<usize> {
    let op = crate::ops::Op::from(mean.clone());
    op.infer(&builder.graph.kinds(&node.inputs)).expect("checked at import").remove(0).shape
}
