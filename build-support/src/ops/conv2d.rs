//! Two-dimensional convolution, grouped and depthwise included.

use super::{Pattern, Room, window_output};
use crate::graph::{Node, Tensor};
use crate::lower::layer::LayerWeights;
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW, Operand};
use quantize_float::Convolution;
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops;

/// Convolution of `[N, C, H, W]` with weights `[O, C/groups, KH, KW]` and an optional bias `[O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv2d {
    /// Vertical, horizontal.
    pub stride: [usize; 2],
    /// Zeros added above and below, left and right.
    pub pad: [[usize; 2]; 2],
    /// Distance between taps, vertical and horizontal.
    pub dilation: [usize; 2],
    /// Number of independent channel groups.
    pub groups: usize,
}

impl Room for Conv2d {
    const NAME: &'static str = "conv2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (&[n, c, h, w], &[o, ic, kh, kw]) = (inputs[0], inputs[1]) else {
            return Err(format!("a 2-D convolution of {:?} with weights {:?}", inputs[0], inputs[1]));
        };
        if ic * self.groups != c || o % self.groups != 0 {
            return Err(format!("weights {:?} in {} groups do not fit the input {:?}", inputs[1], self.groups, inputs[0]));
        }
        if inputs.get(2).is_some_and(|bias| *bias != [o]) {
            return Err(format!("bias {:?} for {o} output channels", inputs[2]));
        }
        let side = |axis: usize, input, kernel| {
            window_output(input, kernel, self.stride[axis], self.dilation[axis], self.pad[axis])
                .ok_or_else(|| format!("a kernel of {kh}×{kw} does not fit the padded input {h}×{w}"))
        };
        Ok(vec![n, o, side(0, h, kh)?, side(1, w, kw)?])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let Self { stride, pad, dilation, groups } = *self;
        let convolution = Convolution { stride, pad, dilation, groups };
        let shape = self.infer(&inputs.iter().map(|x| x.shape()).collect::<Vec<_>>()).expect("checked at import");
        quantize_float::conv2d(inputs[0], inputs[1], inputs.get(2).copied(), convolution, &shape)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs[1][1..].iter().product()
    }

    fn target(&self) -> &'static str {
        "aten.conv2d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Weighted
    }

    /// CONV2D or DEPTHWISE_CONV2D per group, and a RESCALE of integers.
    ///
    /// Source: oracle of the lowering, section 4.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let input = lowering.transposed(&input, NCHW_TO_NHWC)?;
        let result = self.convolved(lowering, node, &input, &lowering.weights(node)?)?;
        let result = lowering.transpose(result, NHWC_TO_NCHW)?;
        lowering.finish_fused(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl Conv2d {
    /// The result `[N, OH, OW, O]` of an operand `[N, H, W, C]`, in the form of the node's result.
    pub(super) fn convolved(
        &self,
        lowering: &mut Lowering<'_>,
        node: &Node,
        input: &Operand,
        weights: &LayerWeights<'_>,
    ) -> Result<ValueId, String> {
        let (o, c) = (weights.shape[0], input.shape[3]);
        let (input, pad) = lowering.fit_windows(input, &weights.shape[2..], self.stride, self.dilation, self.pad)?;
        if self.groups == c && o % c == 0 {
            return self.lower_group(lowering, node, &input, weights, pad, true);
        }
        let parts = (0..self.groups)
            .map(|group| {
                let (per_in, per_out) = (c / self.groups, o / self.groups);
                let part = lowering.channels(&input, group * per_in, per_in)?;
                let outputs = group * per_out..(group + 1) * per_out;
                self.lower_group(lowering, node, &part, &weights.part(outputs.clone(), outputs), pad, false)
            })
            .collect::<Result<Vec<_>, _>>()?;
        lowering.concat(&parts, 3)
    }

    fn lower_group(
        &self,
        lowering: &mut Lowering<'_>,
        node: &Node,
        input: &Operand,
        weights: &LayerWeights<'_>,
        pad: [i32; 4],
        depthwise: bool,
    ) -> Result<ValueId, String> {
        let [o, ic, kh, kw] = weights.shape[..] else { unreachable!("rank 4, checked at import") };
        let c = *input.shape.last().expect("rank 4");
        // From OIHW to OHWI, and to HWCM with output channel c·M + m for depthwise.
        let (shape, order) = if depthwise {
            ([kh, kw, c, o / c], [2, 3, 0, 1])
        } else {
            ([o, kh, kw, ic], [0, 2, 3, 1])
        };
        let bias = lowering.bias(weights, input)?;
        let weight = lowering.weight(weights, &shape, &order)?;
        let side = |out: usize, index: usize| {
            (out + pad[2 * index] as usize + pad[2 * index + 1] as usize
                - self.dilation[index] * ([kh, kw][index] - 1)
                - 1)
                / self.stride[index]
                + 1
        };
        let output = [input.shape[0], side(input.shape[1], 0), side(input.shape[2], 1), o];
        let stride = self.stride.map(|s| s as i32);
        let dilation = self.dilation.map(|d| d as i32);
        let input_zero_point = input.zero_point();
        let (element, accumulator) = input.accumulator();
        let op = if depthwise {
            ops::Op::DepthwiseConv2d(ops::DepthwiseConv2d {
                pad,
                stride,
                dilation,
                accumulator,
                input: input.id,
                weight,
                bias,
                input_zero_point,
                ..Default::default()
            })
        } else {
            ops::Op::Conv2d(ops::Conv2d {
                pad,
                stride,
                dilation,
                accumulator,
                input: input.id,
                weight,
                bias,
                input_zero_point,
                ..Default::default()
            })
        };
        let sums = lowering.push(op, element, &output)?;
        lowering.narrow_layer(node, sums, input, weights)
    }
}
