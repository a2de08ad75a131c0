//! Batch normalization in inference mode; folded into the layer before it, or decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW};
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops::{self, AccumulatorType};

/// `(x - mean) / sqrt(var + eps) · gamma + beta` per channel (axis 1); operands: x, gamma, beta, mean, var.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f32,
}

impl Room for BatchNorm {
    const NAME: &'static str = "batch_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match inputs {
            [x, parameters @ ..] if x.len() >= 2 && parameters.iter().all(|shape| **shape == x[1..2]) => Ok(x.to_vec()),
            _ => Err(format!("batch normalization of {:?} with parameters {:?}", inputs[0], &inputs[1..])),
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let channel = |i: usize, c: usize| inputs[i].as_slice().expect("standard layout")[c];
        let mut output = inputs[0].clone();
        for (mut plane, c) in output.axis_iter_mut(ndarray::Axis(1)).zip(0..) {
            let factor = 1.0 / libm::sqrtf(channel(4, c) + self.eps);
            plane.mapv_inplace(|x| (x - channel(3, c)) * factor * channel(1, c) + channel(2, c));
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.batch_norm.default"
    }

    composite!();

    /// A depthwise convolution with one tap.
    ///
    /// Source: oracle of the lowering, section 6.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let parameter = |operand: usize| {
            let value = lowering.graph().value(node.inputs[operand]);
            value.real().and_then(|data| data.as_slice()).ok_or("its parameters are no constants")
        };
        let (gamma, beta, mean, variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
        let channels = gamma.len();
        let factors = gamma.iter().zip(variance).map(|(gamma, variance)| gamma / libm::sqrtf(variance + self.eps));
        let factors: Vec<f32> = factors.collect();
        let offsets = factors.iter().zip(beta).zip(mean).map(|((factor, beta), mean)| beta - mean * factor).collect();
        // Images of any rank have one row or more: what is behind the channels is rows and columns.
        let inner: usize = input.shape[2..].iter().product();
        let image = lowering.reshape(input.id, &[input.shape[0], channels, 1, inner])?;
        let image = lowering.transpose(image, NCHW_TO_NHWC)?;
        let op = ops::DepthwiseConv2d {
            stride: [1, 1],
            dilation: [1, 1],
            accumulator: AccumulatorType::Fp32,
            input: image,
            weight: lowering.constant_f32(&[1, 1, channels, 1], factors)?,
            bias: lowering.constant_f32(&[channels], offsets)?,
            ..Default::default()
        };
        let shape = [input.shape[0], 1, inner, channels];
        let result = lowering.push(ops::Op::DepthwiseConv2d(op), ElementType::F32, &shape)?;
        let result = lowering.transpose(result, NHWC_TO_NCHW)?;
        lowering.finish(node, result)
    }
}
