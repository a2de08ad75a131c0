//! One-dimensional convolution: that of an image of one row.

use super::conv2d::Conv2d;
use super::row::{as_row, from_row, to_row, without_row};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};

/// Convolution of `[N, C, L]` with weights `[O, C/groups, K]` and an optional bias `[O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv1d {
    /// The convolution of `[N, C, 1, L]` with weights `[O, C/groups, 1, K]`.
    pub conv: Conv2d,
    /// Whether the padding was given by its name, `"same"` or `"valid"`: upstream's quantizer does not know that overload.
    pub named_pad: bool,
}

impl Room for Conv1d {
    const NAME: &'static str = "conv1d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (input, weight) = (as_row(inputs[0])?, as_row(inputs[1])?);
        let operands: Vec<&[usize]> = [&input[..], &weight].into_iter().chain(inputs.get(2).copied()).collect();
        self.conv.infer(&operands).map(without_row)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let [input, weight] = [inputs[0], inputs[1]].map(to_row);
        let operands: Vec<&Tensor> = [&input, &weight].into_iter().chain(inputs.get(2).copied()).collect();
        from_row(self.conv.evaluate(&operands))
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs[1][1..].iter().product()
    }

    fn target(&self) -> &'static str {
        if self.named_pad { "aten.conv1d.padding" } else { "aten.conv1d.default" }
    }

    fn pattern(&self) -> Pattern {
        if self.named_pad { Pattern::ForgottenLayer } else { Pattern::Weighted }
    }

    /// TRANSPOSE, RESHAPE to one row, what [`Conv2d`] is, and back.
    ///
    /// Source: oracle of the lowering, section 4.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let input = lowering.transposed(&input, &[0, 2, 1])?;
        let shape = vec![input.shape[0], 1, input.shape[1], input.shape[2]];
        let input = Operand { id: lowering.reshape(input.id, &shape)?, shape, ..input };
        let mut weights = lowering.weights(node)?;
        weights.shape.insert(2, 1);
        let result = self.conv.convolved(lowering, node, &input, &weights)?;
        let [n, o, l] = lowering.graph().value(node.output()).shape[..] else { unreachable!("rank 3, as inferred") };
        let result = lowering.reshape(result, &[n, l, o])?;
        let result = lowering.transpose(result, &[0, 2, 1])?;
        lowering.finish_fused(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_over_the_only_axis() {
        let conv = Conv2d { stride: [1, 2], pad: [[0, 0], [1, 0]], dilation: [1, 2], groups: 1 };
        let conv = Conv1d { conv, named_pad: false };
        let x = Tensor::from_shape_vec(vec![1, 2, 5], vec![1., 2., 3., 4., 5., 10., 20., 30., 40., 50.]).unwrap();
        let w = Tensor::from_shape_vec(vec![1, 2, 2], vec![1., 2., 3., 4.]).unwrap();
        let bias = Tensor::from_elem(vec![1], 0.5);
        // Taps at -1 and 1, then at 1 and 3.
        let expected = [2. * 2. + 4. * 20. + 0.5, 2. + 2. * 4. + 3. * 20. + 4. * 40. + 0.5];
        let result = conv.evaluate(&[&x, &w, &bias]);
        assert_eq!((result.shape(), result.as_slice().unwrap()), (&[1, 1, 2][..], &expected[..]));
    }
}
