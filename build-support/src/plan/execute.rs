//! Runs a plan on the host with the kernels that generated code calls; for tests.

use super::{Kernel, Operand, Plan, Source};
use quantize_runtime::graph::ElementType::{self, I8, I32};
use quantize_runtime::graph::Scalar;
use quantize_runtime::interpreter::Tensor;
use quantize_runtime::{bytes, kernels, steps};

/// The outputs of a plan for these inputs.
pub(crate) fn execute(plan: &Plan<'_>, inputs: &[Tensor]) -> Vec<Vec<u8>> {
    // Not zero, so that memory which a step forgets to write shows.
    let mut arena = vec![0xA5_u8; plan.arena_bytes];
    for (id, tensor) in plan.inputs.iter().zip(inputs) {
        arena[plan.places[id.0 as usize].clone()].copy_from_slice(&tensor.to_le_bytes());
    }
    for step in &plan.steps {
        let read = |operand: &Operand<'_>| match operand.source {
            Source::Buffer(id) => arena[plan.places[id.0 as usize].clone()].to_vec(),
            Source::Constant(bytes) => bytes.to_vec(),
        };
        let inputs: Vec<Vec<u8>> = step.inputs.iter().map(read).collect();
        let elements = [step.inputs[0].element, step.output.element];
        let Source::Buffer(id) = step.output.source else { unreachable!("steps write to the arena") };
        let mut output = arena[plan.places[id.0 as usize].clone()].to_vec();
        run(&step.kernel, elements, &inputs, &mut output);
        arena[plan.places[id.0 as usize].clone()].copy_from_slice(&output);
    }
    plan.outputs.iter().map(|id| arena[plan.places[id.0 as usize].clone()].to_vec()).collect()
}

/// Calls a kernel that moves elements of this type.
macro_rules! moved {
    (kernels::$kernel:ident($step:expr, $input:expr, $output:expr), $element:expr) => {
        match $element.size() {
            1 => kernels::$kernel($step, &$input, $output),
            2 => kernels::$kernel($step, bytes::as_halves(&$input), bytes::as_halves_mut($output)),
            _ => kernels::$kernel($step, bytes::as_words(&$input), bytes::as_words_mut($output)),
        }
    };
}

fn with_value<T>(step: &steps::Pad<Scalar>, value: T) -> steps::Pad<T> {
    steps::Pad { input: step.input, output: step.output, before: step.before, value }
}

fn run(kernel: &Kernel<'_>, elements: [ElementType; 2], inputs: &[Vec<u8>], output: &mut [u8]) {
    let i8s = |i: usize| bytes::as_i8s(&inputs[i]);
    let words = |i: usize| bytes::as_words(&inputs[i]);
    match kernel {
        Kernel::Conv2d(step) => kernels::conv2d(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::Conv2dI32(step) => kernels::conv2d_i32(step, i8s(0), bytes::as_words_mut(output)),
        Kernel::DepthwiseConv2d(step) => kernels::depthwise_conv2d(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::DepthwiseConv2dI32(step) => kernels::depthwise_conv2d_i32(step, i8s(0), bytes::as_words_mut(output)),
        Kernel::AvgPool2d(step) => kernels::avg_pool2d(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::MaxPool2d(step) => kernels::max_pool2d(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::Clamp(step) => kernels::clamp(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::Table(step) => kernels::table(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::Rescale(step) => match elements {
            [I8, I8] => kernels::rescale_i8(step, i8s(0), bytes::as_i8s_mut(output)),
            [I8, I32] => kernels::rescale_i8_to_i32(step, i8s(0), bytes::as_words_mut(output)),
            [I32, I8] => kernels::rescale_i32_to_i8(step, words(0), bytes::as_i8s_mut(output)),
            [I32, I32] => kernels::rescale_i32(step, words(0), bytes::as_words_mut(output)),
            _ => unreachable!("other element types are not planned"),
        },
        Kernel::Binary(step) => kernels::binary(step, words(0), words(1), bytes::as_words_mut(output)),
        Kernel::RescaledBinary(step) => kernels::rescaled_binary(step, i8s(0), i8s(1), bytes::as_i8s_mut(output)),
        Kernel::ReduceSum(step) => kernels::reduce_sum(step, words(0), bytes::as_words_mut(output)),
        Kernel::RescaledSum(step) => kernels::rescaled_sum(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::Concat(step) => moved!(kernels::concat(step, inputs[0], output), elements[0]),
        Kernel::Pad(step) => {
            let (input, value) = (&inputs[0], step.value.to_bits().to_le_bytes());
            match elements[0].size() {
                1 => kernels::pad(&with_value(step, value[0]), input, output),
                2 => {
                    let step = with_value(step, [value[0], value[1]]);
                    kernels::pad(&step, bytes::as_halves(input), bytes::as_halves_mut(output));
                }
                _ => {
                    let step = with_value(step, [value[0], value[1], value[2], value[3]]);
                    kernels::pad(&step, bytes::as_words(input), bytes::as_words_mut(output));
                }
            }
        }
        Kernel::Slice(step) => moved!(kernels::slice(step, inputs[0], output), elements[0]),
        Kernel::Transpose(step) => moved!(kernels::transpose(step, inputs[0], output), elements[0]),
        Kernel::Copy => kernels::copy(&inputs[0], output),
    }
}
