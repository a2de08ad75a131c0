//! Which results can be written over an operand, and how far from it they must start.

use super::fuse::Selected;
use super::place::ALIGNMENT;
use super::{Convolution, Epilogue, Kernel, Window};
use quantize_runtime::in_place::Windows;
use quantize_runtime::{Rescale, Shape};

/// In which parts a kernel is called for a result over an operand: see [`quantize_runtime::in_place::InPlace`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parts {
    /// Elements of the only operand.
    Elements,
    /// Elements of two operands.
    Pairs,
    /// Rows of the result.
    Rows(Windows),
    /// Channels, by a kernel that knows where both are; of each one rows.
    Channels(Windows),
    /// All at once, by a kernel that has one tensor for both.
    Whole,
}

/// The parts in which a kernel is called whose operand and result start so many bytes from each other.
pub(super) fn parts_at(kernel: &Kernel<'_>, distance: usize) -> Option<Parts> {
    let parts = parts(kernel)?;
    let Parts::Rows(windows) = parts else { return Some(parts) };
    let is_by_channel = matches!(
        kernel,
        Kernel::Convolution(Convolution { window: Window::DepthwiseConv2d { .. }, epilogue: Epilogue::Rescale(_), .. })
    );
    Some(if is_by_channel && windows.keep_channels(distance) { Parts::Channels(windows) } else { parts })
}

/// The parts in which a kernel can be called; `None` where it cannot be, or only as a whole.
pub(super) fn parts(kernel: &Kernel<'_>) -> Option<Parts> {
    let is_uniform = |rescale: &Rescale<'_>| rescale.multiplier.len() == 1;
    let pool =
        |input, output, kernel, stride, pad| Parts::Rows(Windows::new(input, output, kernel, stride, [1, 1], pad));
    match kernel {
        Kernel::Convolution(Convolution { window, input, output, .. }) => match *window {
            Window::Conv2d { kernel, stride, dilation, pad }
            | Window::DepthwiseConv2d { kernel, stride, dilation, pad } => {
                Some(Parts::Rows(Windows::new(*input, *output, kernel, stride, dilation, pad)))
            }
            Window::Conv3d { .. } | Window::TransposeConv2d { .. } => None,
        },
        Kernel::AvgPool2d(step) => Some(pool(step.input, step.output, step.kernel, step.stride, step.pad)),
        Kernel::MaxPool2d(step) | Kernel::MaxPool2dNumber(step) => {
            Some(pool(step.input, step.output, step.kernel, step.stride, step.pad))
        }
        Kernel::Rescale(rescale) => is_uniform(rescale).then_some(Parts::Elements),
        Kernel::GeneralRescale(rescale) => (rescale.shift.len() == 1).then_some(Parts::Elements),
        Kernel::Clamp(_)
        | Kernel::ClampI16(_)
        | Kernel::ClampF32(_)
        | Kernel::ClampNumber(_)
        | Kernel::Table(_)
        | Kernel::TableI16(_)
        | Kernel::Unary(_)
        | Kernel::UnaryF32(_)
        | Kernel::Cast
        | Kernel::Quantize(_)
        | Kernel::Dequantize(_) => Some(Parts::Elements),
        Kernel::Binary(_) | Kernel::BinaryF32(_) | Kernel::CompareF32(_) => Some(Parts::Pairs),
        Kernel::RescaledBinary(step) => {
            let is_uniform = step.input_rescales.iter().chain([&step.rescale]).all(is_uniform);
            is_uniform.then_some(Parts::Pairs)
        }
        Kernel::Transpose(step) => step.swapped().map(|_| Parts::Whole),
        Kernel::MatMul(_)
        | Kernel::ArgMax(_)
        | Kernel::ArgMaxNumber(_)
        | Kernel::ResizeNearest(_)
        | Kernel::ResizeBilinear(_)
        | Kernel::Gather(_)
        | Kernel::Scatter(_)
        | Kernel::Fft2d { .. }
        | Kernel::Rfft2d { .. }
        | Kernel::Reverse(_)
        | Kernel::Tile(_)
        | Kernel::Select(_)
        | Kernel::Reduce(_)
        | Kernel::ReduceF32(_)
        | Kernel::RescaledSum(_)
        | Kernel::Concat(_)
        | Kernel::Pad(_)
        | Kernel::Slice(_)
        | Kernel::Copy => None,
    }
}

/// Bytes by which the result of a step must start before an operand's start, or behind it, to be written over it, for
/// tensors of so many bytes; `None` where it cannot be.
pub(super) fn gaps(step: &Selected<'_>, operand: usize, [input, output]: [usize; 2]) -> Option<[usize; 2]> {
    let in_order = [output.saturating_sub(input), input];
    let gaps = match parts(&step.kernel)? {
        Parts::Rows(windows) | Parts::Channels(windows) => windows.gaps([input, output]),
        Parts::Elements => in_order,
        // Found before there are places: both are one buffer.
        Parts::Whole => return None,
        Parts::Pairs => {
            let (of_operand, of_other) = (&step.inputs[operand].1, &step.inputs[1 - operand].1);
            let result = &step.outputs[0].1;
            (of_operand == result && repeats(of_other, result)).then_some(in_order)?
        }
    };
    Some(gaps.map(|gap| gap.next_multiple_of(ALIGNMENT)))
}

/// Whether a tensor that is broadcast to a shape is read from its first element to its last again and again.
fn repeats(tensor: &Shape, result: &Shape) -> bool {
    let outer = tensor.dims().iter().take_while(|&&dim| dim == 1).count();
    tensor.dims()[outer..] == result.dims()[outer..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operand_repeats_that_is_broadcast_along_outer_axes() {
        let shape = |dims: &[u32]| Shape::new(dims).unwrap();
        let result = shape(&[1, 4, 4, 8]);
        for (dims, expected) in [
            ([1, 4, 4, 8], true),
            ([1, 1, 1, 8], true),
            ([1, 1, 1, 1], true),
            ([1, 4, 4, 1], false),
            ([1, 4, 1, 8], false),
        ] {
            assert_eq!(repeats(&shape(&dims), &result), expected, "{dims:?}");
        }
    }
}
