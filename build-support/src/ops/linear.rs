//! Fully connected layer.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::ops;

/// `x · Wᵀ + b` over the last dimension: `[…, I]` with weights `[O, I]` and an optional bias `[O]` gives `[…, O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Linear;

impl Room for Linear {
    const NAME: &'static str = "linear";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (Some((&last, outer)), &[o, i]) = (inputs[0].split_last(), inputs[1]) else {
            return Err(format!("a linear layer of {:?} with weights {:?}", inputs[0], inputs[1]));
        };
        if last != i || inputs.get(2).is_some_and(|bias| *bias != [o]) {
            return Err(format!("weights {:?} and bias {:?} do not fit {:?}", inputs[1], inputs.get(2), inputs[0]));
        }
        Ok(outer.iter().copied().chain([o]).collect())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        quantize_float::linear(inputs[0], inputs[1], inputs.get(2).copied())
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs[1][1..].iter().product()
    }

    fn target(&self) -> &'static str {
        "aten.linear.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Weighted
    }

    /// RESHAPE to `[N, 1, 1, I]`, CONV2D 1×1, RESCALE of integers, RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let weights = lowering.weights(node)?;
        let (o, i) = (weights.shape[0], weights.shape[1]);
        let rows = input.shape.iter().product::<usize>() / i;
        let (element, accumulator) = input.accumulator();
        let op = ops::Conv2d {
            stride: [1, 1],
            dilation: [1, 1],
            accumulator,
            input: lowering.reshape(input.id, &[rows, 1, 1, i])?,
            weight: lowering.weight(&weights, &[o, 1, 1, i], &[0, 1])?,
            bias: lowering.bias(&weights, &input)?,
            input_zero_point: input.zero_point(),
            ..Default::default()
        };
        let sums = lowering.push(ops::Op::Conv2d(op), element, &[rows, 1, 1, o])?;
        let result = lowering.narrow_layer(node, sums, &input, &weights)?;
        lowering.finish_fused(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
