//! Scaled dot-product attention becomes products of matrices around a softmax.

use super::{Builder, decompose_matmul, decompose_tril};
use crate::graph::{Data, Element, Node, ValueId};
use crate::ops::Op;
use crate::ops::attention::Attention;
use crate::ops::binary::Binary;
use crate::ops::choose::Choose;
use crate::ops::constant::Constant;
use crate::ops::identity::Identity;
use crate::ops::logical::Logical;
use crate::ops::permute::Permute;
use crate::ops::softmax::Softmax;
use crate::ops::tril::Tril;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Attention(attention) = node.op else { return None };
    let (q, k, v) = (node.inputs[0], node.inputs[1], node.inputs[2]);
    let rank = builder.shape(q).len();
    // Half of the scale on either side.
    let factor = libm::sqrt(attention.scale(builder.shape(q)[rank - 1]));
    let number = builder.number(node, factor);
    let q = builder.push(node, Binary::Mul, &[q, number]);
    let mask = mask(builder, node, attention);
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(rank - 2, rank - 1);
    let k = builder.push_as("aten.transpose.int", node, Permute { perm }, &[k]);
    let number = builder.number(node, factor);
    let k = builder.push(node, Binary::Mul, &[k, number]);
    let view = if rank == 4 { "aten.view.default" } else { "aten._unsafe_view.default" };
    let mut scores = decompose_matmul::batched(builder, node, q, k, view);
    if let Some(mask) = mask {
        scores = builder.push(node, Binary::Add, &[scores, mask]);
    }
    let weights = builder.push(node, Softmax { axis: rank - 1, log: false, safe: node.inputs.len() > 3 }, &[scores]);
    let mut result = decompose_matmul::batched(builder, node, weights, v, view);
    if rank == 4 {
        // The layout that the kernel for processors leaves behind.
        result = builder.push(node, Permute { perm: vec![2, 0, 1, 3] }, &[result]);
        result = builder.push_as("aten.clone.default", node, Identity, &[result]);
        result = builder.push(node, Permute { perm: vec![1, 2, 0, 3] }, &[result]);
    }
    Some(vec![result])
}

/// The summand of the scores.
fn mask(builder: &mut Builder<'_>, node: &Node, attention: Attention) -> Option<ValueId> {
    let mut truths = node.inputs.get(3).copied();
    if let Some(mask) = truths
        && builder.element(mask) == Element::F32
    {
        return Some(mask);
    }
    if attention.causal {
        let rank = builder.shape(node.inputs[0]).len();
        let (rows, columns) = (builder.shape(node.inputs[0])[rank - 2], builder.shape(node.inputs[1])[rank - 2]);
        let all = Data::Bool(ndarray::ArrayD::from_elem(vec![rows, columns], true));
        let all = builder.push(node, Constant { data: all, target: "aten.ones.default" }, &[]);
        let triangle = decompose_tril::mask(builder, node, Tril { diagonal: 0 }, rows, columns);
        truths = Some(builder.push_as("aten.bitwise_and.Tensor", node, Logical::And, &[all, triangle]));
    }
    let truths = truths?;
    let hidden = builder.push(node, Constant::scalar_tensor(f32::NEG_INFINITY), &[]);
    let seen = builder.push(node, Constant::scalar_tensor(0.0), &[]);
    Some(builder.push(node, Choose, &[truths, seen, hidden]))
}
