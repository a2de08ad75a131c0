//! Running sums along an axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// The sum of all elements of an axis up to each one.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cumsum {
    /// The axis.
    pub axis: usize,
}

impl Room for Cumsum {
    const NAME: &'static str = "cumsum";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if self.axis < inputs[0].len() {
            Ok(inputs[0].to_vec())
        } else {
            Err(format!("axis {} of {:?}", self.axis, inputs[0]))
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        for mut lane in output.lanes_mut(ndarray::Axis(self.axis)) {
            let mut sum = 0.0;
            lane.mapv_inplace(|x| {
                sum += f64::from(x);
                sum as f32
            });
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.cumsum.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Own
    }

    /// DEPTHWISE_CONV2D of the axis with a kernel of ones behind a padding of one element less, RESCALE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let output = lowering.result_params(node);
        let size = input.shape[self.axis];
        let shape = self.image(&input.shape);
        let (element, accumulator) = input.accumulator();
        let op = ops::DepthwiseConv2d {
            accumulator,
            input: lowering.reshape(input.id, &shape)?,
            weight: lowering.constant_i8(&[size, 1, 1, 1], vec![1; size])?,
            bias: lowering.integers(element, &[1], &[0])?,
            input_zero_point: input.params().zero_point,
            ..Self::convolution(size)
        };
        let sums = lowering.push(ops::Op::DepthwiseConv2d(op), element, &shape)?;
        let factor = f64::from(input.params().scale) / f64::from(output.scale);
        let result = lowering.narrow(sums, &[factor], output)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let size = input.shape[self.axis];
        let shape = self.image(&input.shape);
        let (_, accumulator) = input.accumulator();
        let op = ops::DepthwiseConv2d {
            accumulator,
            input: lowering.reshape(input.id, &shape)?,
            weight: lowering.constant_f32(&[size, 1, 1, 1], vec![1.0; size])?,
            bias: lowering.constant_f32(&[1], vec![0.0])?,
            ..Self::convolution(size)
        };
        let sums = lowering.push(ops::Op::DepthwiseConv2d(op), ElementType::F32, &shape)?;
        lowering.finish(node, sums)
    }
}

impl Cumsum {
    /// The axis as the height of images, what is outside it as their number, what is inside as their width.
    fn image(self, shape: &[usize]) -> [usize; 4] {
        let (outer, inner) = (&shape[..self.axis], &shape[self.axis + 1..]);
        [outer.iter().product(), shape[self.axis], inner.iter().product(), 1]
    }

    fn convolution(size: usize) -> ops::DepthwiseConv2d {
        let pad = [size as i32 - 1, 0, 0, 0];
        ops::DepthwiseConv2d { pad, stride: [1, 1], dilation: [1, 1], ..Default::default() }
    }
}
