//! Two-dimensional transposed convolution.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::layer::LayerWeights;
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW, Operand};
use quantize_float::Convolution;
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops;

/// Each element of `[N, C, H, W]` spread over a window of weights `[C, O/groups, KH, KW]`, and an optional bias `[O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ConvTranspose2d {
    /// Distance between windows, vertical and horizontal.
    pub stride: [usize; 2],
    /// Taken from the result above and below, left and right.
    pub pad: [[usize; 2]; 2],
    /// Added to the result below and on the right; less than the stride.
    pub output_pad: [usize; 2],
    /// Distance between taps, vertical and horizontal.
    pub dilation: [usize; 2],
    /// Number of independent channel groups.
    pub groups: usize,
}

impl ConvTranspose2d {
    /// Size of the result along one axis.
    fn output(&self, axis: usize, input: usize, kernel: usize) -> Option<usize> {
        let reach = self.dilation[axis] * kernel.checked_sub(1)? + 1;
        let full = input.checked_sub(1)? * self.stride[axis] + reach + self.output_pad[axis];
        full.checked_sub(self.pad[axis][0] + self.pad[axis][1]).filter(|&size| size > 0)
    }
}

impl Room for ConvTranspose2d {
    const NAME: &'static str = "conv_transpose2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (&[n, c, h, w], &[weight_c, per_group, kh, kw]) = (inputs[0], inputs[1]) else {
            return Err(format!("a 2-D transposed convolution of {:?} with weights {:?}", inputs[0], inputs[1]));
        };
        let o = per_group * self.groups;
        if weight_c != c || self.groups == 0 || !c.is_multiple_of(self.groups) {
            return Err(format!("weights {:?} in {} groups do not fit the input {:?}", inputs[1], self.groups, inputs[0]));
        }
        if inputs.get(2).is_some_and(|bias| *bias != [o]) {
            return Err(format!("bias {:?} for {o} output channels", inputs[2]));
        }
        let side = |axis: usize, input, kernel| {
            self.output(axis, input, kernel).ok_or_else(|| format!("padding {:?} takes the whole result", self.pad))
        };
        Ok(vec![n, o, side(0, h, kh)?, side(1, w, kw)?])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&inputs.iter().map(|x| x.shape()).collect::<Vec<_>>()).expect("checked at import");
        let Self { stride, pad, dilation, groups, .. } = *self;
        let convolution = Convolution { stride, pad, dilation, groups };
        quantize_float::conv_transpose2d(inputs[0], inputs[1], inputs.get(2).copied(), convolution, &shape)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.conv_transpose2d.input"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Weighted
    }

    /// TRANSPOSE_CONV2D and a RESCALE per group.
    ///
    /// Source: oracle of the lowering, section 4.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        if self.dilation != [1, 1] {
            return Err(format!("a transposed convolution with dilation {:?} has no integer form", self.dilation));
        }
        let input = lowering.operand(node, 0)?;
        let weights = lowering.weights(node)?;
        if self.groups > 1 && weights.scales.len() > 1 {
            return Err("a transposed convolution in groups needs weights quantized per tensor: \
                        the quantizer's scales per channel are those of its input channels"
                .to_owned());
        }
        let input = lowering.transposed(&input, NCHW_TO_NHWC)?;
        let per_in = weights.shape[0] / self.groups;
        let parts = (0..self.groups)
            .map(|group| {
                let part = lowering.channels(&input, group * per_in, per_in)?;
                self.lower_group(lowering, node, &part, &self.group(&weights, group))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let result = lowering.concat(&parts, 3)?;
        let result = lowering.transpose(result, NHWC_TO_NCHW)?;
        lowering.finish_fused(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl ConvTranspose2d {
    /// The axis of the weights that per-channel scales belong to.
    ///
    /// Source: oracle of VgfQuantizer, section 2.
    pub(crate) fn channel_axis(&self) -> usize {
        usize::from(self.groups == 1)
    }

    /// The weights of one group.
    fn group<'a>(&self, weights: &LayerWeights<'a>, group: usize) -> LayerWeights<'a> {
        if self.groups == 1 {
            return weights.clone();
        }
        let (per_in, per_out) = (weights.shape[0] / self.groups, weights.shape[1]);
        weights.part(group * per_in..(group + 1) * per_in, group * per_out..(group + 1) * per_out)
    }

    fn lower_group(
        &self,
        lowering: &mut Lowering<'_>,
        node: &Node,
        input: &Operand,
        weights: &LayerWeights<'_>,
    ) -> Result<ValueId, String> {
        let [ic, o, kh, kw] = weights.shape[..] else { unreachable!("rank 4, checked at import") };
        let side = |axis: usize, kernel| self.output(axis, input.shape[1 + axis], kernel).expect("checked at import");
        let output = [input.shape[0], side(0, kh), side(1, kw), o];
        let out_pad = [0, 1].map(|axis| {
            let [before, after] = self.pad[axis].map(|pad| -(pad as i32));
            [before, after + self.output_pad[axis] as i32]
        });
        let (element, accumulator) = input.accumulator();
        let op = ops::TransposeConv2d {
            out_pad: [out_pad[0][0], out_pad[0][1], out_pad[1][0], out_pad[1][1]],
            stride: self.stride.map(|s| s as i32),
            accumulator,
            input: input.id,
            weight: lowering.weight(weights, &[o, kh, kw, ic], &[1, 2, 3, 0])?,
            bias: lowering.bias(weights, input)?,
            input_zero_point: input.zero_point(),
            ..Default::default()
        };
        let sums = lowering.push(ops::Op::TransposeConv2d(op), element, &output)?;
        lowering.narrow_layer(node, sums, input, weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv2d::Conv2d;

    /// A transposed convolution is the transpose of a convolution: ⟨conv(x), y⟩ = ⟨x, transposed(y)⟩, exactly for small
    /// integers.
    #[test]
    fn is_the_transpose_of_a_convolution() {
        for (stride, pad, output_pad, dilation, groups) in [
            ([1, 1], [[0, 0], [0, 0]], [0, 0], [1, 1], 1),
            ([2, 3], [[1, 1], [0, 0]], [1, 2], [1, 1], 2),
            ([2, 1], [[0, 0], [2, 1]], [0, 0], [1, 2], 1),
        ] {
            let count = core::cell::Cell::new(0_u8);
            let next = || {
                count.set(count.get().wrapping_mul(29).wrapping_add(17));
                f32::from(count.get() % 16) - 7.0
            };
            let transposed = ConvTranspose2d { stride, pad, output_pad, dilation, groups };
            let y = Tensor::from_shape_simple_fn(vec![2, 4, 3, 4], next);
            let w = Tensor::from_shape_simple_fn(vec![4, 6 / groups, 3, 2], next);
            let result = transposed.evaluate(&[&y, &w]);
            let x = Tensor::from_shape_simple_fn(result.shape(), next);
            let conv = Conv2d { stride, pad, dilation, groups }.evaluate(&[&x, &w]);
            assert_eq!(conv.shape(), y.shape(), "{transposed:?}");
            assert_eq!((&conv * &y).sum(), (&x * &result).sum(), "{transposed:?}");
        }
    }
}
