//! Three-dimensional convolution.

use super::{Pattern, Room, window_output};
use crate::graph::{Node, Tensor};
use crate::lower::layer::LayerWeights;
use crate::lower::{Lowering, Operand};
use quantize_float::Convolution3d;
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops;

/// From the exporter's layout of volumes to TOSA's, and back again.
const NCDHW_TO_NDHWC: &[usize] = &[0, 2, 3, 4, 1];
const NDHWC_TO_NCDHW: &[usize] = &[0, 4, 1, 2, 3];

/// Convolution of `[N, C, D, H, W]` with weights `[O, C/groups, KD, KH, KW]` and an optional bias `[O]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv3d {
    /// Along depth, height and width.
    pub stride: [usize; 3],
    /// Zeros added in front and behind, above and below, left and right.
    pub pad: [[usize; 2]; 3],
    /// Distance between taps along depth, height and width.
    pub dilation: [usize; 3],
    /// Number of independent channel groups.
    pub groups: usize,
}

impl Room for Conv3d {
    const NAME: &'static str = "conv3d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (&[n, c, d, h, w], &[o, ic, kd, kh, kw]) = (inputs[0], inputs[1]) else {
            return Err(format!("a 3-D convolution of {:?} with weights {:?}", inputs[0], inputs[1]));
        };
        if ic * self.groups != c || o % self.groups != 0 {
            return Err(format!("weights {:?} in {} groups do not fit the input {:?}", inputs[1], self.groups, inputs[0]));
        }
        if inputs.get(2).is_some_and(|bias| *bias != [o]) {
            return Err(format!("bias {:?} for {o} output channels", inputs[2]));
        }
        let side = |axis: usize, input, kernel| {
            window_output(input, kernel, self.stride[axis], self.dilation[axis], self.pad[axis])
                .ok_or_else(|| format!("a kernel of {kd}×{kh}×{kw} does not fit the padded input {d}×{h}×{w}"))
        };
        Ok(vec![n, o, side(0, d, kd)?, side(1, h, kh)?, side(2, w, kw)?])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&inputs.iter().map(|x| x.shape()).collect::<Vec<_>>()).expect("checked at import");
        let Self { stride, pad, dilation, groups } = *self;
        let conv = Convolution3d { stride, pad, dilation, groups };
        quantize_float::conv3d(inputs[0], inputs[1], inputs.get(2).copied(), conv, &shape)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs[1][1..].iter().product()
    }

    fn target(&self) -> &'static str {
        "aten.conv3d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Weighted
    }

    /// CONV3D per group, and a RESCALE of integers.
    ///
    /// Source: oracle of the lowering, section 4.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let weights = lowering.weights(node)?;
        let input = lowering.transposed(&input, NCDHW_TO_NDHWC)?;
        let (input, pad) = self.fitted(lowering, input, &weights.shape[2..])?;
        let (per_in, per_out) = (weights.shape[1], weights.shape[0] / self.groups);
        let parts = (0..self.groups)
            .map(|group| {
                let part = lowering.channels(&input, group * per_in, per_in)?;
                let outputs = group * per_out..(group + 1) * per_out;
                self.lower_group(lowering, node, &part, &weights.part(outputs.clone(), outputs), pad)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let result = lowering.concat(&parts, 4)?;
        let result = lowering.transpose(result, NDHWC_TO_NCDHW)?;
        lowering.finish_fused(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl Conv3d {
    /// The input and its padding, so that windows end exactly at the border, as TOSA demands.
    fn fitted(
        &self,
        lowering: &mut Lowering<'_>,
        input: Operand,
        kernel: &[usize],
    ) -> Result<(Operand, [[usize; 2]; 3]), String> {
        let (mut shape, mut pad) = (input.shape, self.pad);
        for axis in 0..3 {
            let [before, after] = pad[axis];
            let reach = self.dilation[axis] * (kernel[axis] - 1) + 1;
            let rest = (shape[1 + axis] + before + after - reach) % self.stride[axis];
            pad[axis][1] = after.saturating_sub(rest);
            shape[1 + axis] -= rest.saturating_sub(after);
        }
        let id = lowering.slice(input.id, &[0; 5], &shape)?;
        Ok((Operand { id, shape, params: input.params }, pad))
    }

    fn lower_group(
        &self,
        lowering: &mut Lowering<'_>,
        node: &Node,
        input: &Operand,
        weights: &LayerWeights<'_>,
        pad: [[usize; 2]; 3],
    ) -> Result<ValueId, String> {
        let [o, ic, kd, kh, kw] = weights.shape[..] else { unreachable!("rank 5, checked at import") };
        let side = |axis: usize, kernel| {
            window_output(input.shape[1 + axis], kernel, self.stride[axis], self.dilation[axis], pad[axis])
                .expect("checked at import")
        };
        let output = [input.shape[0], side(0, kd), side(1, kh), side(2, kw), o];
        let (element, accumulator) = input.accumulator();
        let [front, rows, columns] = pad.map(|pad| pad.map(|pad| pad as i32));
        let op = ops::Conv3d {
            pad: [front[0], front[1], rows[0], rows[1], columns[0], columns[1]],
            stride: self.stride.map(|stride| stride as i32),
            dilation: self.dilation.map(|dilation| dilation as i32),
            accumulator,
            input: input.id,
            weight: lowering.weight(weights, &[o, kd, kh, kw, ic], &[0, 2, 3, 4, 1])?,
            bias: lowering.bias(weights, input)?,
            input_zero_point: input.zero_point(),
            ..Default::default()
        };
        let sums = lowering.push(ops::Op::Conv3d(op), element, &output)?;
        lowering.narrow_layer(node, sums, input, weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv2d::Conv2d;
    use ndarray::Axis;

    fn numbers(shape: &[usize]) -> Tensor {
        let mut count = 0_u8;
        Tensor::from_shape_simple_fn(shape, || {
            count = count.wrapping_mul(29).wrapping_add(17);
            f32::from(count % 16) - 7.0
        })
    }

    /// With a kernel that is flat along one axis, each plane across it is a two-dimensional convolution.
    #[test]
    fn planes_are_those_of_a_flat_kernel() {
        let (stride, pad, dilation) = ([2, 1], [[1, 0], [1, 2]], [1, 2]);
        for groups in [1, 2] {
            let plane = Conv2d { stride, pad, dilation, groups };
            let bias = numbers(&[4]);
            for axis in 0..3 {
                let (mut stride3, mut pad3, mut dilation3) = ([1; 3], [[0, 0]; 3], [1; 3]);
                for (index, other) in (0..3).filter(|other| *other != axis).enumerate() {
                    (stride3[other], pad3[other], dilation3[other]) = (stride[index], pad[index], dilation[index]);
                }
                let conv = Conv3d { stride: stride3, pad: pad3, dilation: dilation3, groups };
                let (x, w) = (numbers(&[2, 4, 5, 6, 7]), numbers(&[4, 4 / groups, 2, 3]));
                let kernel = w.clone().insert_axis(Axis(2 + axis));
                let result = conv.evaluate(&[&x, &kernel.as_standard_layout().into_owned(), &bias]);
                for at in 0..x.shape()[2 + axis] {
                    let image = x.index_axis(Axis(2 + axis), at).as_standard_layout().into_owned();
                    let expected = plane.evaluate(&[&image, &w, &bias]);
                    assert_eq!(result.index_axis(Axis(2 + axis), at), expected, "{conv:?}");
                }
            }
        }
    }
}
