//! Mean over sliding windows.

use super::max_pool2d::pool_shape;
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW, Operand};
use quantize_float::Window;
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops::{self, AccumulatorType};

/// Mean of each window of `[N, C, H, W]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AvgPool2d {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical, horizontal.
    pub stride: [usize; 2],
    /// Above and below, left and right.
    pub pad: [[usize; 2]; 2],
    /// Whether padding counts as zeros (PyTorch's default) or not at all. Where it counts, the pass
    /// [`crate::passes::pad_avg_pool`] has made it explicit before calibration.
    pub count_include_pad: bool,
    /// What rounding the size up adds behind the padding, below and on the right; it never counts.
    pub ceil: [usize; 2],
    /// What the sum is divided by instead of the number of elements that count.
    pub divisor: Option<usize>,
}

impl AvgPool2d {
    /// A pool that reads nothing but its input.
    pub(crate) fn unpadded(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, pad: [[0, 0]; 2], count_include_pad: false, ceil: [0, 0], divisor: None }
    }

    /// Padding and what rounding up adds.
    fn reach(&self) -> [[usize; 2]; 2] {
        [0, 1].map(|axis| [self.pad[axis][0], self.pad[axis][1] + self.ceil[axis]])
    }

    /// How many elements of a window count along one axis: those of the input, and of its padding where that counts.
    fn counted(&self, axis: usize, input: usize, at: usize) -> usize {
        let (start, [before, after]) = (at * self.stride[axis], self.pad[axis]);
        let counted = if self.count_include_pad { 0..before + input + after } else { before..before + input };
        (start + self.kernel[axis]).min(counted.end) - start.max(counted.start)
    }
}

impl Room for AvgPool2d {
    const NAME: &'static str = "avg_pool2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if self.divisor == Some(0) {
            return Err("a pool divided by 0".to_owned());
        }
        pool_shape(inputs[0], self.kernel, self.stride, [1, 1], self.reach())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        let window = Window {
            kernel: self.kernel,
            stride: self.stride,
            dilation: [1, 1],
            pad: self.pad.map(|[before, _]| before),
            output: [shape[2], shape[3]],
        };
        let counts = [0, 1].map(|axis| {
            let counted = |at| self.counted(axis, inputs[0].shape()[2 + axis], at);
            (0..shape[2 + axis]).map(counted).collect::<Vec<usize>>()
        });
        let mut means = quantize_float::sum_pool2d(inputs[0], window);
        for plane in means.as_slice_mut().expect("standard layout").chunks_exact_mut(shape[2] * shape[3]) {
            for (row, count) in plane.chunks_exact_mut(shape[3]).zip(&counts[0]) {
                for (x, columns) in row.iter_mut().zip(&counts[1]) {
                    *x /= self.divisor.unwrap_or(count * columns) as f32;
                }
            }
        }
        means
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.avg_pool2d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::SharesInput
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let result = self.pooled(lowering, &input)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl AvgPool2d {
    /// The pool of an operand `[N, C, H, W]` whose parameters the result has.
    pub(super) fn pooled(&self, lowering: &mut Lowering<'_>, input: &Operand) -> Result<ValueId, String> {
        let &[n, c, h, w] = self.infer(&[&input.shape])?.as_slice() else { unreachable!("rank 4, as inferred") };
        let input = lowering.transposed(input, NCHW_TO_NHWC)?;
        let (input, pad) = lowering.fit_windows(&input, &self.kernel, self.stride, [1, 1], self.reach())?;
        // Both zero points are equal and cancel, but for the direction in which ties round: the quantized zero point,
        // as upstream has it, gives upstream's bytes.
        let zero_point = input.params.map_or(0, |params| params.quantize(params.zero_point as f32));
        let op = ops::AvgPool2d {
            kernel: self.kernel.map(|k| k as i32),
            stride: self.stride.map(|s| s as i32),
            pad,
            input: input.id,
            input_zero_point: zero_point,
            output_zero_point: zero_point,
            accumulator: if input.params.is_some() { AccumulatorType::Int32 } else { AccumulatorType::Fp32 },
        };
        let result = lowering.push(ops::Op::AvgPool2d(op), input.element(), &[n, h, w, c])?;
        lowering.transpose(result, NHWC_TO_NCHW)
    }
}
