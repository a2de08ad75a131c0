//! Runs a plan on the host with the kernels that generated code calls; for tests.

use super::{
    Convolution, Epilogue, Kernel, MatMul, Operand, Parts, Plan, Source, Step, Strip, Weights, Window, cosines,
};
use quantize_runtime::epilogue::{ToF32, ToI32, ToI48};
use quantize_runtime::graph::ElementType::{self, Bool, F32, I8, I16, I32, I48};
use quantize_runtime::graph::Scalar;
use quantize_runtime::in_place::{ByRows, InPlace};
use quantize_runtime::interpreter::Tensor;
use quantize_runtime::strips::{Strips, Turns};
use quantize_runtime::{bytes, kernels, steps};

/// The outputs of a plan for these inputs.
pub(crate) fn execute(plan: &Plan<'_>, inputs: &[Tensor]) -> Vec<Vec<u8>> {
    // Not zero, so that memory which a step forgets to write shows.
    let mut arena = vec![0xA5_u8; plan.arena_bytes];
    for (id, tensor) in plan.inputs.iter().zip(inputs) {
        arena[plan.places[id.0 as usize].clone()].copy_from_slice(&tensor.to_le_bytes());
    }
    for (index, step) in plan.steps.iter().enumerate() {
        if let Some(strip) = plan.strips.iter().find(|strip| strip.steps.contains(&index)) {
            if index == strip.steps.start {
                in_turn(&plan.steps[strip.steps.clone()], strip, &mut arena);
            }
            continue;
        }
        if let Some((operand, parts)) = step.in_place {
            in_place(plan, step, operand, parts, &mut arena);
            continue;
        }
        check_apart(plan, step);
        let read = |operand: &Operand<'_>| match operand.source {
            Source::Buffer(id) => arena[plan.places[id.0 as usize].clone()].to_vec(),
            Source::Constant(bytes) => bytes.to_vec(),
        };
        let inputs: Vec<Vec<u8>> = step.inputs.iter().map(read).collect();
        let mut outputs: Vec<Vec<u8>> = step.outputs.iter().map(read).collect();
        match &mut outputs[..] {
            [output] => run(&step.kernel, [step.inputs[0].element, step.output().element], &inputs, output),
            parts => transform(&step.kernel, &inputs, parts),
        }
        for (operand, output) in step.outputs.iter().zip(outputs) {
            let Source::Buffer(id) = operand.source else { unreachable!("steps write to the arena") };
            arena[plan.places[id.0 as usize].clone()].copy_from_slice(&output);
        }
    }
    plan.outputs.iter().map(|id| arena[plan.places[id.0 as usize].clone()].to_vec()).collect()
}

/// Calls the kernels of steps that are computed in turn.
fn in_turn(steps: &[Step<'_>], strip: &Strip, arena: &mut [u8]) {
    let strips = Strips { tensors: &strip.tensors, layers: &strip.layers };
    let mut turns = Turns::new(&strips);
    while let Some(turn) = turns.next(arena) {
        let step = &steps[turn.layer];
        let elements = [step.inputs[0].element, step.output().element];
        let inputs = step.inputs.iter().zip(turn.reads).map(|(operand, read)| match operand.source {
            Source::Buffer(_) => read.to_vec(),
            Source::Constant(bytes) => bytes.to_vec(),
        });
        let inputs: Vec<Vec<u8>> = inputs.collect();
        match &step.kernel {
            Kernel::AvgPool2d(step) => run(&Kernel::AvgPool2d(step.row(turn.at)), elements, &inputs, turn.output),
            Kernel::MaxPool2d(step) => run(&Kernel::MaxPool2d(step.row(turn.at)), elements, &inputs, turn.output),
            Kernel::MaxPool2dNumber(step) => {
                run(&Kernel::MaxPool2dNumber(step.row(turn.at)), elements, &inputs, turn.output);
            }
            Kernel::Convolution(step) => convolution(step, Activations::Row(turn.at, &inputs[0], turn.output)),
            kernel => run(kernel, elements, &inputs, turn.output),
        }
    }
}

/// A kernel borrows what it reads and what it writes, so that generated code in which they overlap does not compile.
fn check_apart(plan: &Plan<'_>, step: &Step<'_>) {
    let place = |operand: &Operand<'_>| match operand.source {
        Source::Buffer(id) => plan.places[id.0 as usize].clone(),
        Source::Constant(_) => 0..0,
    };
    for (read, written) in step.inputs.iter().flat_map(|read| step.outputs.iter().map(move |written| (read, written))) {
        let (read, written) = (place(read), place(written));
        assert!(read.end <= written.start || written.end <= read.start, "{:?} reads what it writes", step.kernel);
    }
}

/// Calls the kernel of a step whose result lies over an operand.
fn in_place(plan: &Plan<'_>, step: &Step<'_>, operand: usize, parts: Parts, arena: &mut [u8]) {
    let place = |operand: &Operand<'_>| match operand.source {
        Source::Buffer(id) => plan.places[id.0 as usize].clone(),
        Source::Constant(_) => unreachable!("no result is written over a constant"),
    };
    let others = step.inputs.iter().enumerate().filter(|&(index, _)| index != operand);
    let mut other = others.map(|(_, operand)| match operand.source {
        Source::Buffer(_) => arena[place(operand)].to_vec(),
        Source::Constant(bytes) => bytes.to_vec(),
    });
    let other = other.next_back().unwrap_or_default();
    let (input, output) = (place(&step.inputs[operand]), place(step.output()));
    if let (Parts::Whole, Kernel::Transpose(transpose)) = (parts, &step.kernel) {
        let sizes = transpose.swapped().expect("no other one is done in place");
        return kernels::transpose_in_place(sizes, step.output().element.size(), &mut arena[output]);
    }
    let memory = InPlace::new(arena, input, output);
    let elements = [step.inputs[operand].element, step.output().element];
    let sizes = elements.map(ElementType::size);
    /// For the parts of a step of this kernel.
    macro_rules! pairs {
        ($Kernel:ident, $step:expr) => {
            memory.by_pairs($step, sizes, operand, &other, |step, x, y, output| {
                run(&Kernel::$Kernel(*step), elements, &[x.to_vec(), y.to_vec()], output);
            })
        };
    }
    macro_rules! rows {
        ($Kernel:ident, $step:expr) => {
            memory.by_rows($step, |step, x, output| run(&Kernel::$Kernel(*step), elements, &[x.to_vec()], output))
        };
    }
    match (parts, &step.kernel) {
        (Parts::Elements, kernel) => {
            memory.by_elements(sizes, |x, output| run(kernel, elements, &[x.to_vec()], output))
        }
        (_, Kernel::Binary(step)) => pairs!(Binary, step),
        (_, Kernel::BinaryF32(step)) => pairs!(BinaryF32, step),
        (_, Kernel::CompareF32(step)) => pairs!(CompareF32, step),
        (_, Kernel::RescaledBinary(step)) => pairs!(RescaledBinary, step),
        (_, Kernel::AvgPool2d(step)) => rows!(AvgPool2d, step),
        (_, Kernel::MaxPool2d(step)) => rows!(MaxPool2d, step),
        (_, Kernel::MaxPool2dNumber(step)) => rows!(MaxPool2dNumber, step),
        (Parts::Channels(_), Kernel::Convolution(step)) => over_by_channel(step, memory),
        (_, Kernel::Convolution(step)) => convolution(step, Activations::Over(memory)),
        (_, kernel) => unreachable!("{kernel:?} has no parts"),
    }
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

/// Evaluates an expression on the output as integers or truth values of this type.
macro_rules! with_output {
    ($element:expr, $bytes:expr, $output:ident => $call:expr) => {
        match $element {
            Bool => {
                let $output: &mut [u8] = $bytes;
                $call
            }
            I8 => {
                let $output = bytes::as_i8s_mut($bytes);
                $call
            }
            I16 => {
                let $output = bytes::as_halves_mut($bytes);
                $call
            }
            _ => {
                let $output = bytes::as_words_mut($bytes);
                $call
            }
        }
    };
}

fn cast([from, to]: [ElementType; 2], input: &[u8], output: &mut [u8]) {
    if to == F32 {
        let output = bytes::as_words_mut(output);
        return match from {
            I8 => kernels::cast_to_f32(bytes::as_i8s(input), output),
            I16 => kernels::cast_to_f32(bytes::as_halves(input), output),
            _ => kernels::cast_to_f32(bytes::as_words(input), output),
        };
    }
    with_output!(to, output, output => match from {
        F32 => kernels::cast_from_f32(bytes::as_words(input), output),
        Bool => kernels::cast(input, output),
        I8 => kernels::cast(bytes::as_i8s(input), output),
        I16 => kernels::cast(bytes::as_halves(input), output),
        _ => kernels::cast(bytes::as_words(input), output),
    });
}

/// Memory of a convolution's input and result.
enum Activations<'a> {
    Apart(&'a [u8], &'a mut [u8]),
    Over(InPlace<'a>),
    /// Those of one row.
    Row(usize, &'a [u8], &'a mut [u8]),
}

impl Activations<'_> {
    fn whole(self, kernel: impl FnOnce(&[u8], &mut [u8])) {
        match self {
            Self::Apart(input, output) => kernel(input, output),
            Self::Over(_) | Self::Row(..) => unreachable!("such a convolution has no parts"),
        }
    }

    fn rows<S: ByRows>(self, step: &S, mut kernel: impl FnMut(&S, &[u8], &mut [u8])) {
        match self {
            Self::Apart(input, output) => kernel(step, input, output),
            Self::Over(memory) => memory.by_rows(step, kernel),
            Self::Row(at, input, output) => kernel(&step.row(at), input, output),
        }
    }
}

/// The step of a convolution with the fields that all have and those of its window.
macro_rules! step {
    ($Step:ident { $($field:ident),* }, $layer:expr) => {{
        let (&Convolution { input, output, input_zero_point, .. }, weights, bias, epilogue) = $layer;
        steps::$Step { input, output, $($field,)* input_zero_point, weights, bias, epilogue }
    }};
}

/// Calls the kernel of a convolution: the step with its weights, bias and epilogue as the kernel takes them, its memory, and
/// the views of that as elements.
macro_rules! convolve {
    ($layer:expr, $activations:expr, $view:path, $view_mut:path) => {
        match $layer.0.window {
            Window::Conv2d { kernel, stride, dilation, pad } => {
                let step = step!(Conv2d { kernel, stride, dilation, pad }, $layer);
                $activations.rows(&step, |step, x, output| kernels::conv2d(step, $view(x), $view_mut(output)));
            }
            Window::DepthwiseConv2d { kernel, stride, dilation, pad } => {
                let step = step!(DepthwiseConv2d { kernel, stride, dilation, pad }, $layer);
                $activations
                    .rows(&step, |step, x, output| kernels::depthwise_conv2d(step, $view(x), $view_mut(output)));
            }
            Window::Conv3d { kernel, stride, dilation, pad } => {
                let step = step!(Conv3d { kernel, stride, dilation, pad }, $layer);
                $activations.whole(|x, output| kernels::conv3d(&step, $view(x), $view_mut(output)));
            }
            Window::TransposeConv2d { kernel, stride, out_pad } => {
                let step = step!(TransposeConv2d { kernel, stride, out_pad }, $layer);
                $activations.whole(|x, output| kernels::transpose_conv2d(&step, $view(x), $view_mut(output)));
            }
        }
    };
}

fn convolution(step: &Convolution<'_>, activations: Activations<'_>) {
    let by_channel: Vec<u8>;
    let weights = match step.weights {
        Weights::Stored(stored) => stored,
        Weights::ByChannel { stored, channels } => {
            let channel = |channel| stored.iter().skip(channel).step_by(channels).copied();
            by_channel = (0..channels).flat_map(channel).collect();
            &by_channel
        }
    };
    let bias = step.bias;
    match step.epilogue {
        Epilogue::Rescale(epilogue) => {
            let layer = (step, bytes::as_i8s(weights), bytes::as_words(bias), epilogue);
            convolve!(layer, activations, bytes::as_i8s, bytes::as_i8s_mut);
        }
        Epilogue::GeneralRescale(epilogue) => {
            let layer = (step, bytes::as_i8s(weights), bytes::as_longs(bias), epilogue);
            convolve!(layer, activations, bytes::as_halves, bytes::as_halves_mut);
        }
        Epilogue::ToI32 => {
            let layer = (step, bytes::as_i8s(weights), bytes::as_words(bias), ToI32);
            convolve!(layer, activations, bytes::as_i8s, bytes::as_words_mut);
        }
        Epilogue::ToI48 => {
            let layer = (step, bytes::as_i8s(weights), bytes::as_longs(bias), ToI48);
            convolve!(layer, activations, bytes::as_halves, bytes::as_longs_mut);
        }
        Epilogue::ToF32 => {
            let layer = (step, bytes::as_words(weights), bytes::as_words(bias), ToF32);
            convolve!(layer, activations, bytes::as_words, bytes::as_words_mut);
        }
    }
}

/// Calls the kernel of a convolution of channels whose result lies over the activation.
fn over_by_channel(layer: &Convolution<'_>, memory: InPlace<'_>) {
    let Convolution {
        window: Window::DepthwiseConv2d { kernel, stride, dilation, pad },
        weights: Weights::Stored(weights),
        epilogue: Epilogue::Rescale(epilogue),
        ..
    } = *layer
    else {
        unreachable!("channels are computed one after another by a depthwise convolution to i8");
    };
    let layer = (layer, bytes::as_i8s(weights), bytes::as_words(layer.bias), epilogue);
    let step = step!(DepthwiseConv2d { kernel, stride, dilation, pad }, layer);
    kernels::depthwise_conv2d_i8_in_place(step.way(), &step.upright(), memory);
}

/// Calls the kernel of a Fourier transform.
fn transform(kernel: &Kernel<'_>, inputs: &[Vec<u8>], parts: &mut [Vec<u8>]) {
    let words = |i: usize| bytes::as_words(&inputs[i]);
    let [real, imaginary] = parts else { unreachable!("a transform has two parts") };
    let (real, imaginary) = (bytes::as_words_mut(real), bytes::as_words_mut(imaginary));
    match *kernel {
        Kernel::Fft2d { shape, inverse } => {
            let step = steps::Fft2d { shape, cosines: &cosines(&shape), inverse };
            kernels::fft2d(&step, words(0), words(1), real, imaginary);
        }
        Kernel::Rfft2d { input } => {
            let step = steps::Rfft2d { input, cosines: &cosines(&input) };
            kernels::rfft2d(&step, words(0), real, imaginary);
        }
        _ => unreachable!("other steps have one output"),
    }
}

fn with_value<T>(step: &steps::Pad<Scalar>, value: T) -> steps::Pad<T> {
    steps::Pad { input: step.input, output: step.output, before: step.before, value }
}

fn run(kernel: &Kernel<'_>, elements: [ElementType; 2], inputs: &[Vec<u8>], output: &mut [u8]) {
    let i8s = |i: usize| bytes::as_i8s(&inputs[i]);
    let halves = |i: usize| bytes::as_halves(&inputs[i]);
    let words = |i: usize| bytes::as_words(&inputs[i]);
    match kernel {
        Kernel::Convolution(step) => convolution(step, Activations::Apart(&inputs[0], output)),
        Kernel::MatMul(step) => {
            let &MatMul { a, b, zero_points, epilogue } = step;
            match epilogue {
                Epilogue::Rescale(epilogue) => {
                    let step = steps::MatMul { a, b, zero_points, epilogue };
                    kernels::matmul(&step, i8s(0), i8s(1), bytes::as_i8s_mut(output));
                }
                Epilogue::GeneralRescale(epilogue) => {
                    let step = steps::MatMul { a, b, zero_points, epilogue };
                    kernels::matmul(&step, halves(0), halves(1), bytes::as_halves_mut(output));
                }
                Epilogue::ToI32 => {
                    let step = steps::MatMul { a, b, zero_points, epilogue: ToI32 };
                    kernels::matmul(&step, i8s(0), i8s(1), bytes::as_words_mut(output));
                }
                Epilogue::ToI48 => {
                    let step = steps::MatMul { a, b, zero_points, epilogue: ToI48 };
                    kernels::matmul(&step, halves(0), halves(1), bytes::as_longs_mut(output));
                }
                Epilogue::ToF32 => {
                    let step = steps::MatMul { a, b, zero_points, epilogue: ToF32 };
                    kernels::matmul(&step, words(0), words(1), bytes::as_words_mut(output));
                }
            }
        }
        Kernel::AvgPool2d(step) => match elements[0] {
            I8 => kernels::avg_pool2d(step, i8s(0), bytes::as_i8s_mut(output)),
            I16 => kernels::avg_pool2d(step, halves(0), bytes::as_halves_mut(output)),
            _ => kernels::avg_pool2d(step, words(0), bytes::as_words_mut(output)),
        },
        Kernel::MaxPool2d(step) => match elements[0] {
            I8 => kernels::max_pool2d(step, i8s(0), bytes::as_i8s_mut(output)),
            I16 => kernels::max_pool2d_i16(step, halves(0), bytes::as_halves_mut(output)),
            _ => kernels::max_pool2d_f32(step, words(0), bytes::as_words_mut(output)),
        },
        Kernel::MaxPool2dNumber(step) => kernels::max_pool2d_number(step, words(0), bytes::as_words_mut(output)),
        Kernel::ArgMax(step) => {
            let output = bytes::as_words_mut(output);
            match elements[0] {
                I8 => kernels::arg_max(step, i8s(0), output),
                I16 => kernels::arg_max(step, halves(0), output),
                _ => kernels::arg_max(step, words(0), output),
            }
        }
        Kernel::ArgMaxNumber(step) => kernels::arg_max_number(step, words(0), bytes::as_words_mut(output)),
        Kernel::ResizeNearest(step) => moved!(kernels::resize_nearest(step, inputs[0], output), elements[0]),
        Kernel::ResizeBilinear(step) => match elements[0] {
            I8 => kernels::resize_bilinear(step, i8s(0), bytes::as_words_mut(output)),
            I16 => kernels::resize_bilinear(step, halves(0), bytes::as_longs_mut(output)),
            _ => kernels::resize_bilinear(step, words(0), bytes::as_words_mut(output)),
        },
        Kernel::Gather(step) => match elements[0].size() {
            1 => kernels::gather(step, &inputs[0], words(1), output),
            2 => kernels::gather(step, halves(0), words(1), bytes::as_halves_mut(output)),
            _ => kernels::gather(step, words(0), words(1), bytes::as_words_mut(output)),
        },
        Kernel::Scatter(step) => match elements[0].size() {
            1 => kernels::scatter(step, &inputs[0], words(1), &inputs[2], output),
            2 => kernels::scatter(step, halves(0), words(1), halves(2), bytes::as_halves_mut(output)),
            _ => kernels::scatter(step, words(0), words(1), words(2), bytes::as_words_mut(output)),
        },
        Kernel::Reverse(step) => moved!(kernels::reverse(step, inputs[0], output), elements[0]),
        Kernel::Tile(step) => moved!(kernels::tile(step, inputs[0], output), elements[0]),
        Kernel::Clamp(step) => kernels::clamp(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::ClampI16(step) => kernels::clamp_i16(step, halves(0), bytes::as_halves_mut(output)),
        Kernel::ClampF32(step) => kernels::clamp_f32(step, words(0), bytes::as_words_mut(output)),
        Kernel::ClampNumber(step) => kernels::clamp_number(step, words(0), bytes::as_words_mut(output)),
        Kernel::Table(step) => kernels::table(step, i8s(0), bytes::as_i8s_mut(output)),
        Kernel::TableI16(step) => kernels::table_i16(step, halves(0), bytes::as_words_mut(output)),
        Kernel::Rescale(step) => match elements {
            [I8, I8] => kernels::rescale_i8(step, i8s(0), bytes::as_i8s_mut(output)),
            [I8, I32] => kernels::rescale_i8_to_i32(step, i8s(0), bytes::as_words_mut(output)),
            [I32, I8] => kernels::rescale_i32_to_i8(step, words(0), bytes::as_i8s_mut(output)),
            [I32, I32] => kernels::rescale_i32(step, words(0), bytes::as_words_mut(output)),
            _ => unreachable!("other element types are general"),
        },
        Kernel::GeneralRescale(step) => with_output!(elements[1], output, output => match elements[0] {
            I8 => kernels::rescale(step, i8s(0), output),
            I16 => kernels::rescale(step, halves(0), output),
            I48 => kernels::rescale(step, bytes::as_longs(&inputs[0]), output),
            _ => kernels::rescale(step, words(0), output),
        }),
        Kernel::Unary(operator) => match elements[0] {
            Bool => kernels::unary(operator, &inputs[0], output),
            I8 => kernels::unary(operator, i8s(0), bytes::as_i8s_mut(output)),
            I16 => kernels::unary(operator, halves(0), bytes::as_halves_mut(output)),
            _ => kernels::unary(operator, words(0), bytes::as_words_mut(output)),
        },
        Kernel::UnaryF32(operator) => kernels::unary_f32(operator, words(0), bytes::as_words_mut(output)),
        Kernel::Binary(step) => with_output!(elements[1], output, output => match elements[0] {
            Bool => kernels::binary(step, &inputs[0], &inputs[1], output),
            I8 => kernels::binary(step, i8s(0), i8s(1), output),
            I16 => kernels::binary(step, halves(0), halves(1), output),
            _ => kernels::binary(step, words(0), words(1), output),
        }),
        Kernel::BinaryF32(step) => kernels::binary_f32(step, words(0), words(1), bytes::as_words_mut(output)),
        Kernel::CompareF32(step) => kernels::compare_f32(step, words(0), words(1), output),
        Kernel::RescaledBinary(step) => kernels::rescaled_binary(step, i8s(0), i8s(1), bytes::as_i8s_mut(output)),
        Kernel::Select(step) => match elements[1].size() {
            1 => kernels::select(step, &inputs[0], &inputs[1], &inputs[2], output),
            2 => kernels::select(step, &inputs[0], halves(1), halves(2), bytes::as_halves_mut(output)),
            _ => kernels::select(step, &inputs[0], words(1), words(2), bytes::as_words_mut(output)),
        },
        Kernel::Cast => cast(elements, &inputs[0], output),
        Kernel::Quantize(step) if elements[1] == I8 => kernels::quantize(step, words(0), bytes::as_i8s_mut(output)),
        Kernel::Quantize(step) => kernels::quantize(step, words(0), bytes::as_halves_mut(output)),
        Kernel::Dequantize(step) if elements[0] == I8 => {
            kernels::dequantize(step, i8s(0), bytes::as_words_mut(output));
        }
        Kernel::Dequantize(step) => kernels::dequantize(step, halves(0), bytes::as_words_mut(output)),
        Kernel::Reduce(step) => match elements[0] {
            Bool => kernels::reduce(step, &inputs[0], output),
            I8 => kernels::reduce(step, i8s(0), bytes::as_i8s_mut(output)),
            I16 => kernels::reduce(step, halves(0), bytes::as_halves_mut(output)),
            _ => kernels::reduce(step, words(0), bytes::as_words_mut(output)),
        },
        Kernel::ReduceF32(step) => kernels::reduce_f32(step, words(0), bytes::as_words_mut(output)),
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
        Kernel::Fft2d { .. } | Kernel::Rfft2d { .. } => unreachable!("a transform has two outputs"),
    }
}
