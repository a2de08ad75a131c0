//! Maximum over sliding windows.

use super::{Pattern, Room, window_output};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW};
use quantize_runtime::ops;

/// Maximum of each window of `[N, C, H, W]`; padding never wins.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxPool2d {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical, horizontal.
    pub stride: [usize; 2],
    /// Above and below, left and right.
    pub pad: [[usize; 2]; 2],
}

impl Room for MaxPool2d {
    const NAME: &'static str = "max_pool2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        pool_shape(inputs[0], self.kernel, self.stride, self.pad)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        let largest = |a: f32, b: f32| if b > a || b.is_nan() { b } else { a };
        Tensor::from_shape_fn(shape, |at| {
            window(inputs[0], [at[0], at[1], at[2], at[3]], self.kernel, self.stride, self.pad)
                .fold(f32::NEG_INFINITY, largest)
        })
    }

    fn target(&self) -> &'static str {
        "aten.max_pool2d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::SharesInput
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let input = lowering.transposed(&input, NCHW_TO_NHWC)?;
        let (input, pad) = lowering.fit_windows(&input, &self.kernel, self.stride, [1, 1], self.pad)?;
        let shape = &lowering.graph().value(node.output()).shape;
        let shape = [shape[0], shape[2], shape[3], shape[1]];
        let op = ops::MaxPool2d {
            kernel: self.kernel.map(|k| k as i32),
            stride: self.stride.map(|s| s as i32),
            pad,
            input: input.id,
            ..Default::default()
        };
        let result = lowering.push(ops::Op::MaxPool2d(op), input.element(), &shape)?;
        let result = lowering.transpose(result, NHWC_TO_NCHW)?;
        lowering.finish(node, result)
    }
}

/// Shape of a pooled `[N, C, H, W]`.
pub(super) fn pool_shape(
    input: &[usize],
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [[usize; 2]; 2],
) -> Result<Vec<usize>, String> {
    let &[n, c, h, w] = input else {
        return Err(format!("a 2-D pool of {input:?}; expected [N, C, H, W]"));
    };
    if (0..2).any(|axis| pad[axis].iter().any(|&pad| pad >= kernel[axis].max(1))) {
        return Err(format!("padding {pad:?} as large as the window {kernel:?}"));
    }
    let side = |axis: usize, input| {
        window_output(input, kernel[axis], stride[axis], 1, pad[axis])
            .ok_or_else(|| format!("a window of {kernel:?} does not fit the padded input {h}×{w}"))
    };
    Ok(vec![n, c, side(0, h)?, side(1, w)?])
}

/// The elements inside the input under the window of output `at`, row by row.
pub(super) fn window(
    input: &Tensor,
    at: [usize; 4],
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [[usize; 2]; 2],
) -> impl Iterator<Item = f32> {
    let (h, w) = (input.shape()[2], input.shape()[3]);
    let range = |output: usize, axis: usize, size: usize| {
        let start = output * stride[axis];
        let end = (start + kernel[axis]).saturating_sub(pad[axis][0]).min(size);
        start.saturating_sub(pad[axis][0]).min(end)..end
    };
    let columns = range(at[3], 1, w);
    range(at[2], 0, h).flat_map(move |y| columns.clone().map(move |x| input[[at[0], at[1], y, x]]))
}
