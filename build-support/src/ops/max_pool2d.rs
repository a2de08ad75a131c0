//! Maximum over sliding windows.

use super::strided_slice::StridedSlice;
use super::{Pattern, Room, window_output};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, NCHW_TO_NHWC, NHWC_TO_NCHW, Operand};
use quantize_float::Window;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// Maximum of each window of `[N, C, H, W]`; padding never wins.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxPool2d {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Vertical, horizontal.
    pub stride: [usize; 2],
    /// Above and below, left and right; behind the padding also what rounding the size up adds.
    pub pad: [[usize; 2]; 2],
    /// Distance between taps, vertical and horizontal.
    pub dilation: [usize; 2],
}

impl Room for MaxPool2d {
    const NAME: &'static str = "max_pool2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        pool_shape(inputs[0], self.kernel, self.stride, self.dilation, self.pad)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        let window = Window {
            kernel: self.kernel,
            stride: self.stride,
            dilation: self.dilation,
            pad: self.pad.map(|[before, _]| before),
            output: [shape[2], shape[3]],
        };
        quantize_float::max_pool2d(inputs[0], window)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.max_pool2d.default"
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

impl MaxPool2d {
    /// The pool of an operand `[N, C, H, W]` whose parameters the result has.
    pub(super) fn pooled(&self, lowering: &mut Lowering<'_>, input: &Operand) -> Result<ValueId, String> {
        if self.dilation != [1, 1] {
            return self.lower_dilated(lowering, input);
        }
        let &[n, c, h, w] = self.infer(&[&input.shape])?.as_slice() else { unreachable!("rank 4, as inferred") };
        let input = lowering.transposed(input, NCHW_TO_NHWC)?;
        let (input, pad) = lowering.fit_windows(&input, &self.kernel, self.stride, [1, 1], self.pad)?;
        let op = ops::MaxPool2d {
            kernel: self.kernel.map(|k| k as i32),
            stride: self.stride.map(|s| s as i32),
            pad,
            input: input.id,
            ..Default::default()
        };
        let result = lowering.push(ops::Op::MaxPool2d(op), input.element(), &[n, h, w, c])?;
        lowering.transpose(result, NHWC_TO_NCHW)
    }

    /// The taps of a window are neighbours among every so many elements: RESHAPE and TRANSPOSE of a padded input to batches of
    /// such elements, MAX_POOL2D of these, and back; then the windows that the stride leaves.
    fn lower_dilated(&self, lowering: &mut Lowering<'_>, input: &Operand) -> Result<ValueId, String> {
        let &[n, c, h, w] = input.shape.as_slice() else { unreachable!("rank 4, checked at import") };
        let [dh, dw] = self.dilation;
        let padded = [0, 1].map(|axis| [h, w][axis] + self.pad[axis][0] + self.pad[axis][1]);
        let [bh, bw] = [0, 1].map(|axis| padded[axis].div_ceil(self.dilation[axis]));
        let (after_h, after_w) = (bh * dh - h - self.pad[0][0], bw * dw - w - self.pad[1][0]);
        let element = lowering.element_of(input.id);
        let op = ops::Pad {
            input: input.id,
            padding: [0, 0, 0, 0, self.pad[0][0], after_h, self.pad[1][0], after_w].map(|pad| pad as i32).to_vec(),
            // Never wins.
            pad_const: match element {
                ElementType::F32 => f32::NEG_INFINITY.into(),
                ElementType::I16 => i32::from(i16::MIN).into(),
                _ => i32::from(i8::MIN).into(),
            },
        };
        let value = lowering.push(ops::Op::Pad(op), element, &[n, c, bh * dh, bw * dw])?;
        let value = lowering.reshape(value, &[n, c, bh, dh, bw, dw])?;
        let value = lowering.transpose(value, &[3, 5, 0, 2, 4, 1])?;
        let value = lowering.reshape(value, &[dh * dw * n, bh, bw, c])?;
        let [oh, ow] = [bh - (self.kernel[0] - 1), bw - (self.kernel[1] - 1)];
        let kernel = self.kernel.map(|k| k as i32);
        let op = ops::MaxPool2d { kernel, stride: [1, 1], input: value, ..Default::default() };
        let value = lowering.push(ops::Op::MaxPool2d(op), element, &[dh * dw * n, oh, ow, c])?;
        let value = lowering.reshape(value, &[dh, dw, n, oh, ow, c])?;
        let value = lowering.transpose(value, &[2, 5, 3, 0, 4, 1])?;
        let mut shape = vec![n, c, oh * dh, ow * dw];
        let mut value = lowering.reshape(value, &shape)?;
        for (axis, padded) in padded.into_iter().enumerate() {
            let end = padded - self.dilation[axis] * (self.kernel[axis] - 1);
            let slice = StridedSlice { axis: 2 + axis, start: 0, end, step: self.stride[axis] };
            value = slice.apply(lowering, value, &shape)?;
            shape = slice.infer(&[&shape])?;
        }
        Ok(value)
    }
}

/// What rounding a size up adds behind the padding of an axis: as far as the last window reaches, which begins before that
/// padding. `None` where no window fits.
pub(crate) fn ceil_pad(
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: [usize; 2],
) -> Option<usize> {
    let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
    let padded = input.checked_add(pad[0])?.checked_add(pad[1])?;
    let mut last = padded.checked_sub(reach)?.checked_next_multiple_of(stride)?;
    if last >= input + pad[0] {
        last -= stride;
    }
    Some((last + reach).saturating_sub(padded))
}

/// Shape of a pooled `[N, C, H, W]`.
pub(super) fn pool_shape(
    input: &[usize],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pad: [[usize; 2]; 2],
) -> Result<Vec<usize>, String> {
    let &[n, c, h, w] = input else {
        return Err(format!("a 2-D pool of {input:?}; expected [N, C, H, W]"));
    };
    if (0..2).any(|axis| pad[axis].iter().any(|&pad| pad > dilation[axis] * kernel[axis].saturating_sub(1))) {
        return Err(format!("padding {pad:?} as large as the window {kernel:?}"));
    }
    let side = |axis: usize, input| {
        window_output(input, kernel[axis], stride[axis], dilation[axis], pad[axis])
            .ok_or_else(|| format!("a window of {kernel:?} does not fit the padded input {h}×{w}"))
    };
    Ok(vec![n, c, side(0, h)?, side(1, w)?])
}

#[cfg(test)]
mod tests {
    use super::ceil_pad;

    #[test]
    fn rounding_up_adds_a_window_that_begins_inside() {
        assert_eq!(ceil_pad(5, 2, 2, 1, [0, 0]), Some(1));
        assert_eq!(ceil_pad(6, 2, 2, 1, [0, 0]), Some(0));
        // The next window would begin behind the input and its padding before.
        assert_eq!(ceil_pad(4, 1, 3, 1, [0, 0]), Some(0));
        assert_eq!(ceil_pad(4, 2, 3, 1, [0, 1]), Some(0));
        assert_eq!(ceil_pad(6, 2, 3, 2, [1, 1]), Some(1));
    }
}
