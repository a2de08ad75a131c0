//! Fully connected layer.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::ops;

/// `x · Wᵀ + b` over the last dimension: `[…, I]` with weights `[O, I]` and an optional bias `[O]` gives `[…, O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Linear;

/// Partial sums of a float dot product: a fixed number, so that the order of additions is the same on every host.
const LANES: usize = 8;

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
        let shape = self.infer(&inputs.iter().map(|x| x.shape()).collect::<Vec<_>>()).expect("checked at import");
        let (o, i) = (inputs[1].shape()[0], inputs[1].shape()[1]);
        let x = inputs[0].as_slice().expect("standard layout");
        let weights = inputs[1].as_slice().expect("standard layout");
        let bias = inputs.get(2).map(|bias| bias.as_slice().expect("standard layout"));
        let mut output = Vec::with_capacity(x.len() / i * o);
        for row in x.chunks_exact(i) {
            for (channel, weights) in weights.chunks_exact(i).enumerate() {
                output.push(dot(row, weights) + bias.map_or(0.0, |bias| bias[channel]));
            }
        }
        Tensor::from_shape_vec(shape, output).expect("as many elements as the shape says")
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

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    lanes.iter().sum()
}
