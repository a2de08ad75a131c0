//! Products of matrices, both of which are computed.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};
use quantize_float::Scalar;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// `a · b`, batch by batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MatMul {
    /// `[N, K]` times `[K, M]`.
    Mm,
    /// `[B, N, K]` times `[B, K, M]`.
    Bmm,
    /// `[…, N, K]` times `[…, K, M]`, where leading dimensions broadcast and an operand of rank 1 is a row on the left and a
    /// column on the right; decomposed before annotation.
    Any,
}

/// An operand's dimensions: those before the matrix, rows and columns.
type Matrices<'a> = (&'a [usize], [usize; 2]);

fn left(shape: &[usize]) -> Option<Matrices<'_>> {
    match shape {
        [k] => Some((&[], [1, *k])),
        [batch @ .., n, k] => Some((batch, [*n, *k])),
        [] => None,
    }
}

fn right(shape: &[usize]) -> Option<Matrices<'_>> {
    match shape {
        [k] => Some((&[], [*k, 1])),
        [batch @ .., k, m] => Some((batch, [*k, *m])),
        [] => None,
    }
}

impl Room for MatMul {
    const NAME: &'static str = "matmul";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (a, b) = (inputs[0], inputs[1]);
        let do_not_fit = || format!("shapes {a:?} and {b:?} are not those of a product of matrices");
        let ((batch_a, [n, k]), (batch_b, [b_k, m])) = left(a).zip(right(b)).ok_or_else(do_not_fit)?;
        let ranks_fit = match self {
            Self::Mm => a.len() == 2 && b.len() == 2,
            Self::Bmm => a.len() == 3 && b.len() == 3 && batch_a == batch_b,
            Self::Any => true,
        };
        let batch = broadcast_shape(batch_a, batch_b).filter(|_| ranks_fit && k == b_k).ok_or_else(do_not_fit)?;
        let rows = (a.len() > 1).then_some(n);
        let columns = (b.len() > 1).then_some(m);
        Ok(batch.into_iter().chain(rows).chain(columns).collect())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape(), inputs[1].shape()]).expect("checked at import");
        let ((batch_a, [n, k]), (batch_b, [_, m])) =
            left(inputs[0].shape()).zip(right(inputs[1].shape())).expect("checked at import");
        let batch = broadcast_shape(batch_a, batch_b).expect("checked at import");
        let matrices = |operand: usize, batch_of: &[usize], size: [usize; 2]| {
            let shape: Vec<usize> = batch_of.iter().chain(&size).copied().collect();
            let all: Vec<usize> = batch.iter().chain(&size).copied().collect();
            let data = inputs[operand].view().into_shape_with_order(shape).expect("as many elements");
            f32::standard(data.broadcast(all).expect("checked at import")).into_raw_vec_and_offset().0
        };
        let (a, b) = (matrices(0, batch_a, [n, k]), matrices(1, batch_b, [k, m]));
        let product = quantize_float::matmul(&a, &b, [n, k, m]);
        Tensor::from_shape_vec(shape, product).expect("as many elements as the shape says")
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs.concat().into_iter().max().unwrap_or(1)
    }

    fn target(&self) -> &'static str {
        match self {
            Self::Mm => "aten.mm.default",
            Self::Bmm => "aten.bmm.default",
            Self::Any => "aten.matmul.default",
        }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Arithmetic
    }

    /// MATMUL of rank 3 and RESCALE.
    ///
    /// Source: oracle of the lowering, section 4.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        if *self == Self::Any {
            return Err(lowering.not_decomposed(node));
        }
        let (a, b) = (lowering.operand(node, 0)?, lowering.operand(node, 1)?);
        let output = lowering.result_params(node);
        let zero_points = [a.params().zero_point, b.params().zero_point];
        let product = product(lowering, [&a, &b], zero_points, a.accumulator().0)?;
        let factor = f64::from(a.params().scale) * f64::from(b.params().scale) / f64::from(output.scale);
        let result = lowering.narrow(product, &[factor], output)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        if *self == Self::Any {
            return Err(lowering.not_decomposed(node));
        }
        let (a, b) = (lowering.operand(node, 0)?, lowering.operand(node, 1)?);
        let result = product(lowering, [&a, &b], [0, 0], ElementType::F32)?;
        lowering.finish(node, result)
    }
}

/// MATMUL of two operands as tensors of rank 3.
fn product(
    lowering: &mut Lowering<'_>,
    [a, b]: [&Operand; 2],
    [a_zero_point, b_zero_point]: [i32; 2],
    element: ElementType,
) -> Result<quantize_runtime::graph::ValueId, String> {
    let rank3 = |operand: &Operand| match operand.shape[..] {
        [batch, rows, columns] => [batch, rows, columns],
        [rows, columns] => [1, rows, columns],
        _ => unreachable!("rank 2 or 3, checked at import"),
    };
    let (shape_a, shape_b) = (rank3(a), rank3(b));
    let op = ops::MatMul {
        a: lowering.reshape(a.id, &shape_a)?,
        b: lowering.reshape(b.id, &shape_b)?,
        a_zero_point,
        b_zero_point,
    };
    lowering.push(ops::Op::MatMul(op), element, &[shape_a[0], shape_a[1], shape_b[2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize], elements: &[u8]) -> Tensor {
        let elements = elements.iter().map(|&x| f32::from(x)).collect();
        Tensor::from_shape_vec(shape.to_vec(), elements).expect("as many elements as the shape says")
    }

    #[test]
    fn batches_broadcast() {
        let (a, b) = (tensor(&[2, 1, 1, 2], &[1, 2, 3, 4]), tensor(&[2, 2, 1], &[1, 10, 2, 20]));
        let product = MatMul::Any.evaluate(&[&a, &b]);
        assert_eq!(product, tensor(&[2, 2, 1, 1], &[21, 42, 43, 86]));
    }

    #[test]
    fn vectors_are_rows_on_the_left_and_columns_on_the_right() {
        let (vector, matrix) = (tensor(&[2], &[1, 2]), tensor(&[2, 2], &[1, 2, 3, 4]));
        assert_eq!(MatMul::Any.evaluate(&[&vector, &matrix]), tensor(&[2], &[7, 10]));
        assert_eq!(MatMul::Any.evaluate(&[&matrix, &vector]), tensor(&[2], &[5, 11]));
        assert_eq!(MatMul::Any.evaluate(&[&vector, &vector]), tensor(&[], &[5]));
        assert!(MatMul::Mm.infer(&[&[2], &[2, 2]]).is_err());
    }
}
