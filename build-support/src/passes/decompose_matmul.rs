//! A product of matrices of any rank becomes one of rank 2 or 3 between views.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::broadcast_shape;
use crate::ops::expand::Expand;
use crate::ops::identity::Identity;
use crate::ops::matmul::MatMul;
use crate::ops::view::View;

/// The overload of the last view.
const UNSAFE_VIEW: &str = "aten._unsafe_view.default";

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::MatMul(MatMul::Any) = node.op else { return None };
    let (mut a, mut b) = (node.inputs[0], node.inputs[1]);
    let result = builder.shape(node.output()).to_vec();
    let view = |builder: &mut Builder<'_>, value, shape| builder.push(node, View { shape }, &[value]);
    let has_vector = [a, b].iter().any(|&operand| builder.shape(operand).len() == 1);
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
        (Some((batch, &[n, k])), Some(([], &[_, m]))) => {
            let rows = batch.iter().product::<usize>() * n;
            a = view(builder, a, vec![rows, k]);
            let product = builder.push(node, MatMul::Mm, &[a, b]);
            let shape = batch.iter().copied().chain([n, m]).collect();
            builder.push_as(UNSAFE_VIEW, node, View { shape }, &[product])
        }
        _ => batched(builder, node, a, b, UNSAFE_VIEW),
    };
    Some(vec![if has_vector { view(builder, product, result) } else { product }])
}

/// Expands both operands to the same batch, makes one axis of it, multiplies, and gives the batch back with this overload of
/// a view.
pub(super) fn batched(
    builder: &mut Builder<'_>,
    node: &Node,
    a: ValueId,
    b: ValueId,
    last_view: &'static str,
) -> ValueId {
    let split = |builder: &Builder<'_>, operand| {
        let shape = builder.shape(operand);
        let (batch, matrix) = shape.split_at(shape.len() - 2);
        (batch.to_vec(), [matrix[0], matrix[1]])
    };
    let ((batch_a, [n, k]), (batch_b, [_, m])) = (split(builder, a), split(builder, b));
    let batch = broadcast_shape(&batch_a, &batch_b).expect("checked at import");
    let count = batch.iter().product();
    let of_batch = |matrix: [usize; 2]| batch.iter().copied().chain(matrix).collect::<Vec<_>>();
    let stack = |builder: &mut Builder<'_>, operand, own: &[usize], [rows, columns]: [usize; 2]| {
        let mut value = builder.push(node, Expand { shape: of_batch([rows, columns]) }, &[operand]);
        let shape = vec![count, rows, columns];
        if is_view(own, &batch) {
            return builder.push(node, View { shape }, &[value]);
        }
        value = builder.push_as("aten.clone.default", node, Identity, &[value]);
        builder.push_as(UNSAFE_VIEW, node, View { shape }, &[value])
    };
    let a = stack(builder, a, &batch_a, [n, k]);
    let b = stack(builder, b, &batch_b, [k, m]);
    let product = builder.push(node, MatMul::Bmm, &[a, b]);
    builder.push_as(last_view, node, View { shape: of_batch([n, m]) }, &[product])
}

/// Whether the axes of an expanded batch are one axis in memory: no repeated axis stands outside of one that is not.
fn is_view(own: &[usize], batch: &[usize]) -> bool {
    let missing = batch.len() - own.len();
    let repeats = (0..batch.len())
        .filter(|&axis| batch[axis] > 1)
        .map(|axis| axis < missing || own[axis - missing] == 1)
        .collect::<Vec<_>>();
    repeats.windows(2).all(|pair| pair[0] == pair[1])
}
