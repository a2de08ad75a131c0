//! A sum of products by labelled axes becomes products of matrices, each between views and permutations.
//!
//! Source: torch's `einsum` and `sumproduct_pair`, which upstream traces.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::matmul::MatMul;
use crate::ops::permute::Permute;
use crate::ops::sum::Sum;
use crate::ops::view::View;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Einsum(einsum) = &node.op else { return None };
    let labels = einsum.labels();
    let kept = einsum.result.len();
    let mut operands = Vec::new();
    for (own, &operand) in einsum.operands.iter().zip(&node.inputs) {
        operands.push(aligned(builder, node, operand, own, &labels));
    }
    // How many operands are left that have an axis.
    let mut counts: Vec<usize> = (0..labels.len())
        .map(|axis| operands.iter().filter(|&&operand| builder.shape(operand)[axis] != 1).count())
        .collect();
    let mut rest = operands.into_iter();
    let mut result = rest.next().expect("at least one operand");
    let mut is_product = false;
    for operand in rest {
        let mut pair = [result, operand];
        let mut alone = [Vec::new(), Vec::new()];
        let mut shared = Vec::new();
        for (axis, count) in counts.iter_mut().enumerate().skip(kept) {
            let wide = pair.map(|operand| builder.shape(operand)[axis] != 1);
            match wide {
                [true, true] => {
                    *count -= 1;
                    if *count == 1 {
                        shared.push(axis);
                        *count = 0;
                    }
                }
                [false, false] => {}
                _ if *count == 1 => {
                    alone[usize::from(wide[1])].push(axis);
                    *count = 0;
                }
                _ => {}
            }
        }
        for (operand, axes) in pair.iter_mut().zip(alone) {
            if !axes.is_empty() {
                *operand = builder.push(node, Sum { axes, keep_dims: true }, &[*operand]);
            }
        }
        result = sum_of_products(builder, node, pair, &shared);
        is_product = true;
    }
    if kept < labels.len() {
        let shape = builder.shape(result)[..kept].to_vec();
        result = match is_product {
            true => builder.push(node, View { shape }, &[result]),
            false => builder.push(node, Sum { axes: (kept..labels.len()).collect(), keep_dims: false }, &[result]),
        };
    }
    Some(vec![result])
}

/// An operand with an axis for each label, in this order.
fn aligned(builder: &mut Builder<'_>, node: &Node, operand: ValueId, own: &[u8], labels: &[u8]) -> ValueId {
    let (mut value, mut own) = (operand, own.to_vec());
    for label in labels {
        if !own.contains(label) {
            own.push(*label);
            let shape = [builder.shape(value), &[1]].concat();
            value = builder.push_as("aten.unsqueeze.default", node, View { shape }, &[value]);
        }
    }
    let perm = labels.iter().map(|label| own.iter().position(|other| other == label).expect("just added")).collect();
    builder.push(node, Permute { perm }, &[value])
}

/// The product of two tensors of one rank, summed over some axes, which stay with size 1.
fn sum_of_products(builder: &mut Builder<'_>, node: &Node, pair: [ValueId; 2], summed: &[usize]) -> ValueId {
    if summed.is_empty() {
        return builder.push(node, Binary::Mul, &pair);
    }
    let shapes = pair.map(|operand| builder.shape(operand).to_vec());
    let rest = (0..shapes[0].len()).filter(|axis| !summed.contains(axis));
    let (mut both, mut left, mut right) = (Vec::new(), Vec::new(), Vec::new());
    for axis in rest {
        match [shapes[0][axis] != 1, shapes[1][axis] != 1] {
            [true, true] => both.push(axis),
            [true, false] => left.push(axis),
            [false, _] => right.push(axis),
        }
    }
    let size = |axes: &[usize], of: usize| axes.iter().map(|&axis| shapes[of][axis]).product::<usize>();
    let inner = size(summed, 0);
    let mut matrix = |operand, order: [&[usize]; 4], shape: [usize; 3]| {
        let permuted = builder.push(node, Permute { perm: order.concat() }, &[operand]);
        builder.push(node, View { shape: shape.to_vec() }, &[permuted])
    };
    let first = matrix(pair[0], [&both, &left, summed, &right], [size(&both, 0), size(&left, 0), inner]);
    let second = matrix(pair[1], [&both, summed, &right, &left], [size(&both, 0), inner, size(&right, 1)]);
    let product = builder.push(node, MatMul::Bmm, &[first, second]);
    let sizes = |axes: &[usize], of: usize| axes.iter().map(|&axis| shapes[of][axis]).collect::<Vec<_>>();
    let shape = [sizes(&both, 0), sizes(&left, 0), vec![1; summed.len()], sizes(&right, 1)].concat();
    let product = builder.push(node, View { shape }, &[product]);
    let order = [&both, &left, summed, &right].concat();
    let place = |axis| order.iter().position(|&other| other == axis).expect("each axis is somewhere");
    builder.push(node, Permute { perm: (0..order.len()).map(place).collect() }, &[product])
}
