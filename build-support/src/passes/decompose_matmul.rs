//! A product of matrices of any rank becomes one of rank 2 or 3 between views.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::broadcast_shape;
use crate::ops::expand::Expand;
use crate::ops::matmul::MatMul;
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::MatMul(MatMul::Any) = node.op else { return None };
    let (mut a, mut b) = (node.inputs[0], node.inputs[1]);
    let result = builder.shape(node.output()).to_vec();
    let view = |builder: &mut Builder<'_>, value, shape| builder.push(node, View { shape }, &[value]);
    if let [k] = *builder.shape(a) {
        a = view(builder, a, vec![1, k]);
    }
    if let [k] = *builder.shape(b) {
        b = view(builder, b, vec![k, 1]);
    }
    let (shape_a, shape_b) = (builder.shape(a).to_vec(), builder.shape(b).to_vec());
    let product = match (shape_a.split_last_chunk(), shape_b.split_last_chunk()) {
        (Some(([], _)), Some(([], _))) => builder.push(node, MatMul::Mm, &[a, b]),
        // A matrix for all batches: their rows are those of one matrix.
        (Some((batch, &[n, k])), Some(([], _))) => {
            let rows = batch.iter().product::<usize>() * n;
            a = view(builder, a, vec![rows, k]);
            builder.push(node, MatMul::Mm, &[a, b])
        }
        (Some((batch_a, &[n, k])), Some((batch_b, &[_, m]))) => {
            let batch = broadcast_shape(batch_a, batch_b)?;
            let mut stack = |value, rows, columns| {
                let shape = batch.iter().copied().chain([rows, columns]).collect();
                let value = builder.push(node, Expand { shape }, &[value]);
                view(builder, value, vec![batch.iter().product(), rows, columns])
            };
            (a, b) = (stack(a, n, k), stack(b, k, m));
            builder.push(node, MatMul::Bmm, &[a, b])
        }
        _ => return None,
    };
    let is_done = builder.shape(product) == result;
    Some(vec![if is_done { product } else { view(builder, product, result) }])
}
