//! The specification of the kernels: each result from its definition, element by element.

use quantize_runtime::rescale::{apply_scale_32, saturate_i8};
use quantize_runtime::steps::{Conv2d, DepthwiseConv2d};
use quantize_runtime::{Rescale, Shape};

/// CONV2D.
pub fn conv2d(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [_, _, _, ic] = step.input.sizes::<4>();
    let [kh, kw] = step.kernel.map(usize::from);
    each(step.output, output, |[n, oy, ox, oc]| {
        let mut sum = bias(step.bias, oc);
        for (ky, kx) in taps(step.kernel) {
            for c in 0..ic {
                let place = [place(oy, ky, 0, step), place(ox, kx, 1, step)];
                let Some(input) = at(step.input, input, n, place, c) else { continue };
                let weight = step.weights[((oc * kh + ky) * kw + kx) * ic + c];
                sum = sum.wrapping_add((i32::from(input) - i32::from(step.input_zero_point)) * i32::from(weight));
            }
        }
        rescale(&step.epilogue, sum, oc)
    });
}

/// DEPTHWISE_CONV2D.
pub fn depthwise_conv2d(step: &DepthwiseConv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [_, _, _, ic] = step.input.sizes::<4>();
    let [_, _, _, channels] = step.output.sizes::<4>();
    let window = Conv2d {
        input: step.input,
        output: step.output,
        kernel: step.kernel,
        stride: step.stride,
        dilation: step.dilation,
        pad: step.pad,
        input_zero_point: step.input_zero_point,
        weights: step.weights,
        bias: step.bias,
        epilogue: step.epilogue,
    };
    let kw = usize::from(step.kernel[1]);
    each(step.output, output, |[n, oy, ox, oc]| {
        let mut sum = bias(step.bias, oc);
        for (ky, kx) in taps(step.kernel) {
            let place = [place(oy, ky, 0, &window), place(ox, kx, 1, &window)];
            let Some(input) = at(step.input, input, n, place, oc / (channels / ic)) else { continue };
            let weight = step.weights[(ky * kw + kx) * channels + oc];
            sum = sum.wrapping_add((i32::from(input) - i32::from(step.input_zero_point)) * i32::from(weight));
        }
        rescale(&step.epilogue, sum, oc)
    });
}

/// Computes the element at each index.
fn each(shape: Shape, output: &mut [i8], element: impl Fn([usize; 4]) -> i8) {
    let [_, h, w, c] = shape.sizes::<4>();
    for (i, output) in output.iter_mut().enumerate() {
        *output = element([i / (h * w * c), i / (w * c) % h, i / c % w, i % c]);
    }
}

fn taps([kh, kw]: [u16; 2]) -> impl Iterator<Item = (usize, usize)> {
    (0..kh.into()).flat_map(move |ky| (0..kw.into()).map(move |kx| (ky, kx)))
}

/// The position in the input under a tap; negative, or beyond the input, in the padding.
fn place(out: usize, tap: usize, axis: usize, step: &Conv2d<'_, Rescale<'_>>) -> isize {
    let origin = out * usize::from(step.stride[axis]) + tap * usize::from(step.dilation[axis]);
    origin as isize - isize::from(step.pad[2 * axis] as i16)
}

/// An element of an NHWC tensor, if it is inside.
fn at(shape: Shape, data: &[i8], n: usize, [y, x]: [isize; 2], c: usize) -> Option<i8> {
    let [_, h, w, channels] = shape.sizes::<4>();
    let (y, x) = (usize::try_from(y).ok().filter(|&y| y < h)?, usize::try_from(x).ok().filter(|&x| x < w)?);
    Some(data[((n * h + y) * w + x) * channels + c])
}

fn bias(bias: &[[u8; 4]], channel: usize) -> i32 {
    i32::from_le_bytes(bias[if bias.len() == 1 { 0 } else { channel }])
}

fn rescale(rescale: &Rescale<'_>, sum: i32, channel: usize) -> i8 {
    let channel = if rescale.shift.len() == 1 { 0 } else { channel };
    let multiplier = i32::from_le_bytes(rescale.multiplier[channel]);
    let scaled = apply_scale_32(sum, multiplier, rescale.shift[channel] as u32);
    saturate_i8(scaled, rescale.output_zero_point.into())
}
