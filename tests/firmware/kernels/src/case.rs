//! A random convolution and the memory for its tensors.

use crate::naive;
use crate::random::Random;
use quantize_runtime::in_place::InPlace;
use quantize_runtime::steps::{Conv2d, DepthwiseConv2d};
use quantize_runtime::{Aligned, Rescale, Shape, bytes, kernels};

/// Most elements of a tensor.
const ELEMENTS: usize = 6144;
/// Most channels of a result.
const CHANNELS: usize = 80;
/// Elements before and after a tensor, which tell whether a kernel writes beyond it.
const MARGIN: usize = 16;

/// Attributes of a convolution.
#[derive(Debug)]
pub struct Case {
    depthwise: bool,
    input: [usize; 4],
    output: [usize; 4],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    /// Before and after, on each axis.
    pad: [[usize; 2]; 2],
    one_bias: bool,
    one_factor: bool,
    large_scale: bool,
    /// What tensors start at, in elements after a multiple of 16.
    misaligned: [usize; 3],
    zero_points: [i8; 2],
}

impl Case {
    /// A case whose tensors fit the buffers.
    pub fn new(random: &mut Random, depthwise: bool) -> Self {
        loop {
            let case = Self::any(random, depthwise);
            let weights = case.weights();
            if [case.input.iter().product(), case.output.iter().product(), weights].iter().all(|&len| len <= ELEMENTS) {
                return case;
            }
        }
    }

    fn any(random: &mut Random, depthwise: bool) -> Self {
        let pointwise = random.range(0, 2) == 0;
        let is_rare = |random: &mut Random| random.range(0, 3) == 0;
        let [mut kernel, mut stride, mut dilation] = [[1; 2]; 3];
        let mut pad = [[0; 2]; 2];
        let [mut input, mut output] = [[random.range(1, 2), 1, 1, random.range(1, CHANNELS)]; 2];
        for axis in 0..2 {
            if !pointwise {
                kernel[axis] = random.range(1, 4);
                stride[axis] = random.range(1, 2);
                dilation[axis] = if is_rare(random) { random.range(1, 3) } else { 1 };
            }
            output[1 + axis] = random.range(1, 6);
            let size = (output[1 + axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1;
            if !pointwise && size > 1 {
                let before = random.range(0, (size - 1).min(kernel[axis]));
                pad[axis] = [before, random.range(0, (size - 1 - before).min(kernel[axis]))];
            }
            input[1 + axis] = size - pad[axis][0] - pad[axis][1];
        }
        if depthwise {
            let multiplier = if is_rare(random) { random.range(1, 3) } else { 1 };
            input[3] = random.range(1, CHANNELS / multiplier);
            output[3] = input[3] * multiplier;
        } else {
            output[3] = random.range(1, 24);
            if is_rare(random) {
                // Windows that are larger than what kernels copy.
                (input[3], output[3]) = (random.range(100, 400), random.range(1, 9));
            }
        }
        let misaligned = if is_rare(random) { [0; 3].map(|_| random.range(0, 15)) } else { [0; 3] };
        let zero_points = [0; 2].map(|_| {
            if is_rare(random) { if random.range(0, 1) == 0 { 0 } else { -128 } } else { random.next() as i8 }
        });
        let [one_bias, one_factor, large_scale] = [(); 3].map(|()| is_rare(random));
        Self {
            depthwise,
            input,
            output,
            kernel,
            stride,
            dilation,
            pad,
            one_bias,
            one_factor,
            large_scale,
            misaligned,
            zero_points,
        }
    }

    fn weights(&self) -> usize {
        let inputs = if self.depthwise { 1 } else { self.input[3] };
        self.kernel[0] * self.kernel[1] * inputs * self.output[3]
    }
}

/// The tensors.
pub struct Buffers {
    input: Aligned<[i8; ELEMENTS + MARGIN]>,
    weights: Aligned<[i8; ELEMENTS + MARGIN]>,
    bias: Aligned<[[u8; 4]; CHANNELS]>,
    multiplier: Aligned<[[u8; 4]; CHANNELS]>,
    shift: Aligned<[i8; CHANNELS]>,
    outputs: [Aligned<[i8; ELEMENTS + 2 * MARGIN]>; 2],
    packed: Aligned<[i8; ELEMENTS + MARGIN]>,
    /// An activation and the result over it.
    both: Aligned<[u8; 2 * ELEMENTS]>,
}

impl Buffers {
    pub const fn new() -> Self {
        Self {
            input: Aligned([0; ELEMENTS + MARGIN]),
            weights: Aligned([0; ELEMENTS + MARGIN]),
            bias: Aligned([[0; 4]; CHANNELS]),
            multiplier: Aligned([[0; 4]; CHANNELS]),
            shift: Aligned([0; CHANNELS]),
            outputs: [Aligned([0; ELEMENTS + 2 * MARGIN]), Aligned([0; ELEMENTS + 2 * MARGIN])],
            packed: Aligned([0; ELEMENTS + MARGIN]),
            both: Aligned([0; 2 * ELEMENTS]),
        }
    }

    /// Random constants and activations.
    pub fn fill(&mut self, random: &mut Random, case: &Case) {
        random.fill(&mut self.input.0);
        random.fill(&mut self.weights.0);
        for output in &mut self.outputs {
            output.0.fill(0x55);
        }
        for channel in 0..CHANNELS {
            self.bias.0[channel] = (random.next() as i32 >> 14).to_le_bytes();
            self.multiplier.0[channel] = (random.next() >> 1 | 1 << 30).to_le_bytes();
            let shift = if case.large_scale { random.range(24, 34) } else { random.range(33, 46) };
            self.shift.0[channel] = shift as i8;
        }
    }

    /// The first element at which the kernels differ.
    pub fn difference(&mut self, case: &Case) -> Option<usize> {
        let [input, weights, result] = case.misaligned;
        let input = &self.input.0[input..][..case.input.iter().product()];
        let step = Conv2d {
            input: shape(case.input),
            output: shape(case.output),
            kernel: case.kernel.map(|size| size as u16),
            stride: case.stride.map(|size| size as u16),
            dilation: case.dilation.map(|size| size as u16),
            pad: [case.pad[0][0], case.pad[0][1], case.pad[1][0], case.pad[1][1]].map(|size| size as u16),
            input_zero_point: case.zero_points[0],
            weights: &self.weights.0[weights..][..case.weights()],
            bias: &self.bias.0[..if case.one_bias { 1 } else { case.output[3] }],
            epilogue: Rescale {
                multiplier: &self.multiplier.0[..if case.one_factor { 1 } else { case.output[3] }],
                shift: &self.shift.0[..if case.one_factor { 1 } else { case.output[3] }],
                input_zero_point: 0,
                output_zero_point: case.zero_points[1],
            },
        };
        let len = case.output.iter().product();
        let [fast, specified] = self.outputs.each_mut().map(|output| &mut output.0[result..]);
        if case.depthwise {
            let step = depthwise(&step);
            kernels::depthwise_conv2d(&step, input, &mut fast[..len]);
            naive::depthwise_conv2d(&step, input, &mut specified[..len]);
            if step.windows().keep_channels(0) {
                let [.., channels] = case.output;
                let gaps = step.windows().gaps([input.len(), len]).map(|gap| gap.next_multiple_of(channels));
                let place = difference_over(input, &mut self.both.0, &specified[..len], gaps, |memory| {
                    kernels::depthwise_conv2d_i8_in_place(step.way(), &step.upright(), memory);
                });
                if place.is_some() {
                    return place;
                }
            }
        } else {
            kernels::conv2d(&step, input, &mut fast[..len]);
            naive::conv2d(&step, input, &mut specified[..len]);
            // Rows by the way of the whole, as generated code computes them.
            let [below, above] = step.windows().gaps([input.len(), len]);
            let place = difference_over(input, &mut self.both.0, &specified[..len], [below, above], |memory| {
                memory.by_rows(&step, |row, input, output| {
                    kernels::conv2d_i8(step.way(), row, bytes::as_i8s(input), bytes::as_i8s_mut(output));
                });
            });
            let packed = &mut self.packed.0[weights..][..step.weights.len()];
            step.pack(packed);
            let packed_step = Conv2d { weights: packed, ..step };
            let place = place.or_else(|| {
                fast[..len].fill(0x55);
                kernels::conv2d_i8(step.packed_way(), &packed_step, input, &mut fast[..len]);
                fast[..len].iter().zip(&specified[..len]).position(|(fast, specified)| fast != specified)
            });
            if place.is_some() {
                return place;
            }
        }
        let [fast, specified] = &self.outputs;
        fast.0.iter().zip(&specified.0).position(|(fast, specified)| fast != specified)
    }
}

/// The first element at which a result over the activation differs, so far before the activation's start or behind it; of those
/// that have room.
fn difference_over(
    input: &[i8],
    both: &mut [u8],
    specified: &[i8],
    [below, above]: [usize; 2],
    kernel: impl Fn(InPlace<'_>),
) -> Option<usize> {
    [[below, 0], [0, above]].into_iter().find_map(|[from, to]| {
        let both = both.get_mut(..(from + input.len()).max(to + specified.len()))?;
        for (byte, activation) in both[from..].iter_mut().zip(input) {
            *byte = activation.cast_unsigned();
        }
        kernel(InPlace::new(both, from..from + input.len(), to..to + specified.len()));
        both[to..].iter().zip(specified).position(|(fast, specified)| *fast != specified.cast_unsigned())
    })
}

fn shape(sizes: [usize; 4]) -> Shape {
    let [n, h, w, c] = sizes.map(|size| size as u32);
    Shape::new(&[n, h, w, c]).expect("sizes are small")
}

fn depthwise<'a>(step: &Conv2d<'a, Rescale<'a>>) -> DepthwiseConv2d<'a> {
    let Conv2d { input, output, kernel, stride, dilation, pad, input_zero_point, weights, bias, epilogue } = *step;
    DepthwiseConv2d { input, output, kernel, stride, dilation, pad, input_zero_point, weights, bias, epilogue }
}
