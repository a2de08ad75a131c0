//! Selects the steps of a graph: from its outputs backwards, each operator together with those before it that one
//! kernel computes as well.

use super::boundary::Producers;
use super::convolution::{self, Convolution, Epilogue, MatMul, Weights, Window};
use super::{Kernel, operator};
use quantize_runtime::graph::{ElementType, Graph, Scalar, ValueId};
use quantize_runtime::ops::{self, NanMode, Op, ResizeMode, RoundingMode};
use quantize_runtime::rescale::{GeneralRescale, Rescale};
use quantize_runtime::shape::MAX_RANK;
use quantize_runtime::{Shape, bytes, steps};

/// A step whose tensors are still values of the graph, each with the shape that the kernel sees.
#[derive(Clone)]
pub(super) struct Selected<'a> {
    pub(super) kernel: Kernel<'a>,
    pub(super) inputs: Vec<(ValueId, Shape)>,
    pub(super) outputs: Vec<(ValueId, Shape)>,
    pub(super) node: usize,
    pub(super) macs: u64,
}

/// The steps that compute the outputs, in execution order; RESHAPEs need none.
pub(super) fn select<'a>(graph: &'a Graph<'a>) -> Result<Vec<Selected<'a>>, String> {
    let mut selector = Selector { graph, producers: vec![None; graph.values.len()], uses: vec![0; graph.values.len()] };
    let mut needed = vec![false; graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        for output in &node.outputs {
            selector.producers[output.0 as usize] = Some(index);
        }
        for input in node.op.inputs() {
            selector.uses[input.0 as usize] += 1;
        }
    }
    for output in &graph.outputs {
        selector.uses[output.value.0 as usize] += 1;
        needed[output.value.0 as usize] = true;
    }

    let mut steps = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if !node.outputs.iter().any(|output| needed[output.0 as usize]) {
            continue;
        }
        if let Op::Reshape(op) = &node.op {
            needed[op.input.0 as usize] = true;
            continue;
        }
        let selected =
            selector.node(index).map_err(|reason| format!("operator {index} ({}): {reason}", node.op.name()))?;
        for step in selected.into_iter().rev() {
            for &(input, _) in &step.inputs {
                needed[input.0 as usize] = true;
            }
            steps.push(step);
        }
    }
    steps.reverse();
    Ok(steps)
}

struct Selector<'a> {
    graph: &'a Graph<'a>,
    /// By value: the node that makes it.
    producers: Vec<Option<usize>>,
    /// By value: how many operands and outputs it is.
    uses: Vec<u32>,
}

impl<'a> Selector<'a> {
    /// The steps for a node and those fused into it; several only for CONCAT.
    fn node(&self, index: usize) -> Result<Vec<Selected<'a>>, String> {
        let node = &self.graph.nodes[index];
        let output = (node.output(), self.shape(node.output()));
        let with = |value| (value, self.shape(value));
        let (kernel, inputs) = match &node.op {
            Op::Rescale(op) => {
                if let Some(step) = self.rescaled(op, node.output())? {
                    return Ok(vec![step]);
                }
                let kernel = match self.is_plain(op, node.output())? {
                    true => Kernel::Rescale(self.rescale(op)?),
                    false => Kernel::GeneralRescale(self.general_rescale(op, self.element(node.output()))?),
                };
                (kernel, vec![with(op.input)])
            }
            Op::Conv2d(_) | Op::Conv3d(_) | Op::DepthwiseConv2d(_) | Op::MatMul(_) | Op::TransposeConv2d(_) => {
                let epilogue = match self.element(node.output()) {
                    ElementType::F32 => Epilogue::ToF32,
                    ElementType::I48 => Epilogue::ToI48,
                    _ => Epilogue::ToI32,
                };
                return Ok(self.sums(index, output, epilogue)?.into_iter().collect());
            }
            Op::AvgPool2d(op) => {
                let frame = Frame { kernel: sizes(op.kernel), stride: sizes(op.stride), dilation: [1, 1] };
                let (input, pad) = self.framed(op.input, sizes(op.pad), frame, &output.1, None);
                let step = steps::AvgPool2d {
                    input: self.shape(input),
                    output: output.1,
                    kernel: frame.kernel,
                    stride: frame.stride,
                    pad,
                    input_zero_point: code(op.input_zero_point),
                    output_zero_point: code(op.output_zero_point),
                };
                (Kernel::AvgPool2d(step), vec![with(input)])
            }
            Op::MaxPool2d(op) => {
                let frame = Frame { kernel: sizes(op.kernel), stride: sizes(op.stride), dilation: [1, 1] };
                let least = match self.element(op.input) {
                    ElementType::I8 => Some(i8::MIN.into()),
                    ElementType::I16 => Some(i16::MIN.into()),
                    _ => None,
                };
                let (input, pad) = self.framed(op.input, sizes(op.pad), frame, &output.1, least);
                let Frame { kernel, stride, .. } = frame;
                let step = steps::MaxPool2d { input: self.shape(input), output: output.1, kernel, stride, pad };
                let is_number = op.nan_mode == NanMode::Ignore && self.element(op.input) == ElementType::F32;
                (if is_number { Kernel::MaxPool2dNumber(step) } else { Kernel::MaxPool2d(step) }, vec![with(input)])
            }
            Op::ArgMax(op) => {
                let step = steps::ArgMax { input: self.shape(op.input), axis: axis(op.axis) };
                let is_number = op.nan_mode == NanMode::Ignore && self.element(op.input) == ElementType::F32;
                (if is_number { Kernel::ArgMaxNumber(step) } else { Kernel::ArgMax(step) }, vec![with(op.input)])
            }
            Op::Resize(op) => {
                // Numerators are at most 2048, offsets and denominators below 16 times that in a valid graph.
                let (scale, offset) = (op.scale.map(|number| number as i16), op.offset.map(|number| number as i16));
                let step = steps::Resize { input: self.shape(op.input), output: output.1, scale, offset };
                let kernel = match op.mode {
                    ResizeMode::NearestNeighbor => Kernel::ResizeNearest(step),
                    ResizeMode::Bilinear => Kernel::ResizeBilinear(step),
                };
                (kernel, vec![with(op.input)])
            }
            Op::Gather(op) => {
                let step = steps::Gather { values: self.shape(op.values), indices: self.shape(op.indices) };
                (Kernel::Gather(step), vec![with(op.values), with(op.indices)])
            }
            Op::Scatter(op) => {
                let step = steps::Scatter { values: self.shape(op.values), indices: self.shape(op.indices) };
                (Kernel::Scatter(step), vec![with(op.values), with(op.indices), with(op.input)])
            }
            Op::Fft2d(op) => {
                let kernel = Kernel::Fft2d { shape: output.1, inverse: op.inverse };
                (kernel, vec![with(op.input_real), with(op.input_imaginary)])
            }
            Op::Rfft2d(op) => (Kernel::Rfft2d { input: self.shape(op.input) }, vec![with(op.input)]),
            Op::Reverse(op) => {
                let step = steps::Reverse { input: self.shape(op.input), axis: axis(op.axis) };
                (Kernel::Reverse(step), vec![with(op.input)])
            }
            Op::Tile(op) => {
                let step = steps::Tile { input: self.shape(op.input), output: output.1 };
                (Kernel::Tile(step), vec![with(op.input)])
            }
            Op::Clamp(op) => (clamp(op, self.element(op.input)), vec![with(op.input)]),
            Op::Table(op) if self.element(op.input) == ElementType::I8 => {
                let table = self.i8s(op.table)?.try_into().expect("a valid table has 256 entries");
                (Kernel::Table(steps::Table { table }), vec![with(op.input)])
            }
            Op::Table(op) => {
                let table = bytes::as_halves(self.constant(op.table)?);
                (Kernel::TableI16(steps::TableI16 { table }), vec![with(op.input)])
            }
            Op::Cast(op) => match self.boundary().quantized(op, self.element(node.output())) {
                Some((step, input)) => (Kernel::Quantize(step), vec![with(input)]),
                None => (Kernel::Cast, vec![with(op.input)]),
            },
            Op::Select(op) => {
                let inputs = [op.condition, op.if_true, op.if_false].map(with);
                let step = steps::Select { inputs: inputs.map(|(_, shape)| shape), output: output.1 };
                (Kernel::Select(step), inputs.to_vec())
            }
            Op::Concat(op) => {
                let mut start = 0;
                let parts = op.inputs.iter().map(|&value| {
                    let input = self.shape(value);
                    let step = steps::Concat { input, output: output.1, axis: axis(op.axis), start };
                    start += input.dims()[op.axis as usize];
                    Selected {
                        kernel: Kernel::Concat(step),
                        inputs: vec![with(value)],
                        outputs: vec![output],
                        node: index,
                        macs: 0,
                    }
                });
                return Ok(parts.collect());
            }
            Op::Pad(op) => {
                let (input, mut before) = (self.shape(op.input), [0; MAX_RANK]);
                for (before, padding) in before.iter_mut().zip(op.padding.chunks_exact(2)) {
                    *before = padding[0].cast_unsigned(); // not negative in a valid graph
                }
                let step = steps::Pad { input, output: output.1, before, value: op.pad_const };
                (Kernel::Pad(step), vec![with(op.input)])
            }
            Op::Slice(op) => {
                let mut start = [0; MAX_RANK];
                for (start, index) in start.iter_mut().zip(&op.start) {
                    *start = index.cast_unsigned(); // not negative in a valid graph
                }
                let step = steps::Slice { input: self.shape(op.input), output: output.1, start };
                (Kernel::Slice(step), vec![with(op.input)])
            }
            Op::Transpose(op) => {
                let mut perms = std::array::from_fn(|i| i as u8); // below MAX_RANK
                for (perm, axis) in perms.iter_mut().zip(&op.perms) {
                    *perm = *axis as u8; // below the rank in a valid graph
                }
                let step = steps::Transpose { input: self.shape(op.input), perms };
                (Kernel::Transpose(step), vec![with(op.input)])
            }
            Op::Reshape(_) => unreachable!("a RESHAPE needs no step"),
            op => {
                if let Op::Mul(mul) = op
                    && let Some((step, input)) = self.boundary().dequantized(mul)
                {
                    (Kernel::Dequantize(step), vec![with(input)])
                } else {
                    let kernel = self.elementwise(op, output.1).or_else(|| self.reduction(op));
                    let unknown = || "generated code does not have this operator; the interpreter does".to_owned();
                    (kernel.ok_or_else(unknown)?, op.inputs().into_iter().map(with).collect())
                }
            }
        };
        let outputs = node.outputs.iter().map(|&output| with(output)).collect();
        Ok(vec![Selected { kernel, inputs, outputs, node: index, macs: 0 }])
    }

    /// The kernel of an elementwise operator.
    fn elementwise(&self, op: &Op, output: Shape) -> Option<Kernel<'a>> {
        let inputs = op.inputs();
        let element = self.element(*inputs.first()?);
        let is_float = element == ElementType::F32;
        if let [_] = inputs[..] {
            return match is_float {
                true => operator::unary_f32(op).map(Kernel::UnaryF32),
                false => operator::unary_i32(op).map(Kernel::Unary),
            };
        }
        let inputs = <[ValueId; 2]>::try_from(inputs).ok()?.map(|input| self.shape(input));
        if !is_float {
            let operator = operator::binary_i32(op, element.size())?;
            return Some(Kernel::Binary(steps::Binary { operator, inputs, output }));
        }
        let arithmetic = operator::binary_f32(op);
        let arithmetic = arithmetic.map(|operator| Kernel::BinaryF32(steps::Binary { operator, inputs, output }));
        arithmetic.or_else(|| {
            let operator = operator::compare_f32(op)?;
            Some(Kernel::CompareF32(steps::Binary { operator, inputs, output }))
        })
    }

    /// The kernel of a reduction.
    fn reduction(&self, op: &Op) -> Option<Kernel<'a>> {
        let (input, along) = operator::reduced(op)?;
        let (shape, axis) = (self.shape(input), axis(along));
        match self.element(input) {
            ElementType::F32 => {
                let operator = operator::reduction_f32(op)?;
                Some(Kernel::ReduceF32(steps::Reduce { operator, input: shape, axis }))
            }
            _ => {
                let operator = operator::reduction_i32(op)?;
                Some(Kernel::Reduce(steps::Reduce { operator, input: shape, axis }))
            }
        }
    }

    fn boundary(&self) -> Producers<'_> {
        Producers { graph: self.graph, producers: &self.producers }
    }

    /// The step for a RESCALE to i8 and the i32 arithmetic before it, where one kernel does both.
    fn rescaled(&self, op: &ops::Rescale, output: ValueId) -> Result<Option<Selected<'a>>, String> {
        let types = (self.element(op.input), self.element(output));
        let Some(index) = self.sole_producer(op.input) else { return Ok(None) };
        let node = &self.graph.nodes[index];
        // Parameters per channel belong to the last axis, which a RESHAPE in between may have changed.
        if op.per_channel && node.output() != op.input {
            return Ok(None);
        }
        let result = self.shape(node.output());
        if types == (ElementType::I48, ElementType::I16) {
            let rescale = self.general_rescale(op, ElementType::I16)?;
            return self.sums(index, (output, result), Epilogue::GeneralRescale(rescale));
        }
        if types != (ElementType::I32, ElementType::I8) || !self.is_plain(op, output)? {
            return Ok(None);
        }
        let rescale = self.rescale(op)?;
        if let Some(step) = self.sums(index, (output, result), Epilogue::Rescale(rescale))? {
            return Ok(Some(step));
        }
        Ok(match &node.op {
            Op::ReduceSum(_) if !op.per_channel => self.rescaled_sum(index, rescale, output)?,
            other if !op.per_channel => match operator::binary_i32(other, ElementType::I32.size()) {
                Some(operator) => {
                    let inputs = <[ValueId; 2]>::try_from(other.inputs()).expect("two operands");
                    let [Some(first), Some(second)] = inputs.map(|input| self.widened(input)) else { return Ok(None) };
                    let step = steps::RescaledBinary {
                        binary: steps::Binary {
                            operator,
                            inputs: inputs.map(|input| self.shape(input)),
                            output: result,
                        },
                        input_rescales: [self.rescale(first)?, self.rescale(second)?],
                        rescale,
                    };
                    let operands = [first.input, second.input].into_iter().zip(step.binary.inputs).collect();
                    Some(Selected {
                        kernel: Kernel::RescaledBinary(step),
                        inputs: operands,
                        outputs: vec![(output, result)],
                        node: index,
                        macs: 0,
                    })
                }
                None => None,
            },
            _ => None,
        })
    }

    /// The step for a chain of REDUCE_SUMs that ends at node `last`, if it starts with a RESCALE of i8.
    fn rescaled_sum(&self, last: usize, rescale: Rescale<'a>, output: ValueId) -> Result<Option<Selected<'a>>, String> {
        let (mut axes, mut input) = ([false; MAX_RANK], self.graph.nodes[last].output());
        while let Some(index) = self.producers[input.0 as usize]
            && let Op::ReduceSum(op) = &self.graph.nodes[index].op
            && (index == last || self.uses[input.0 as usize] == 1)
        {
            axes[op.axis as usize] = true;
            input = op.input;
        }
        let Some(widened) = self.widened(input) else { return Ok(None) };
        let shape = self.shape(input);
        let step = steps::RescaledSum { input: shape, axes, input_rescale: self.rescale(widened)?, rescale };
        Ok(Some(Selected {
            kernel: Kernel::RescaledSum(step),
            inputs: vec![(widened.input, shape)],
            outputs: vec![(output, self.shape(self.graph.nodes[last].output()))],
            node: last,
            macs: 0,
        }))
    }

    /// The node that makes a value which nothing else reads; RESHAPEs are looked through.
    fn sole_producer(&self, value: ValueId) -> Option<usize> {
        let index = self.producers[value.0 as usize].filter(|_| self.uses[value.0 as usize] == 1)?;
        match &self.graph.nodes[index].op {
            Op::Reshape(op) => self.sole_producer(op.input),
            _ => Some(index),
        }
    }

    /// The RESCALE from i8 that makes this i32 value, if it has one factor for all channels; RESHAPEs are looked through.
    ///
    /// Others may read the value too: rescaling again is cheaper than storing i32.
    fn widened(&self, value: ValueId) -> Option<&'a ops::Rescale> {
        match &self.graph.nodes[self.producers[value.0 as usize]?].op {
            Op::Reshape(op) => self.widened(op.input),
            Op::Rescale(op) => {
                let types = (self.element(op.input), self.element(value));
                let is_plain = self.is_plain(op, value).is_ok_and(|is_plain| is_plain);
                (types == (ElementType::I8, ElementType::I32) && !op.per_channel && is_plain).then_some(op)
            }
            _ => None,
        }
    }

    /// The step for the convolution or matrix product at a node, which stores what the epilogue makes of its sums; `None` for
    /// another operator.
    fn sums(
        &self,
        node: usize,
        output: (ValueId, Shape),
        epilogue: Epilogue<'a>,
    ) -> Result<Option<Selected<'a>>, String> {
        let with = |value| (value, self.shape(value));
        let op = &self.graph.nodes[node].op;
        if let Op::MatMul(op) = op {
            let zero_points = [op.a_zero_point, op.b_zero_point].map(code);
            let kernel = MatMul { a: self.shape(op.a), b: self.shape(op.b), zero_points, epilogue };
            let columns = *kernel.b.dims().last().expect("rank 3");
            let macs = kernel.a.len() as u64 * u64::from(columns);
            let inputs = vec![with(op.a), with(op.b)];
            return Ok(Some(Selected { kernel: Kernel::MatMul(kernel), inputs, outputs: vec![output], node, macs }));
        }
        let Some(mut layer) = convolution::layer(op, |value| self.shape(value)) else { return Ok(None) };
        if layer.weight_zero_point != 0 {
            return Err(format!("a weight zero point of {} is not supported", layer.weight_zero_point));
        }
        if let Window::Conv2d { kernel, stride, dilation, pad }
        | Window::DepthwiseConv2d { kernel, stride, dilation, pad } = &mut layer.window
        {
            // A tap on the border adds nothing, in integers.
            let zero = (self.element(layer.input) != ElementType::F32).then_some(layer.input_zero_point);
            let frame = Frame { kernel: *kernel, stride: *stride, dilation: *dilation };
            (layer.input, *pad) = self.framed(layer.input, *pad, frame, &output.1, zero);
        }
        let (input, stored) = (self.shape(layer.input), self.constant(layer.weight)?);
        // The kernel of CONV2D reads an activation once for several results.
        let dense = layer.window.of_one_channel();
        let dense = dense.filter(|_| input.dims().last() == Some(&1) && matches!(epilogue, Epilogue::Rescale(_)));
        let (window, weights) = match dense {
            Some(window) => {
                let [.., channels] = output.1.sizes::<4>();
                (window, Weights::ByChannel { stored, channels })
            }
            None => (layer.window, Weights::Stored(stored)),
        };
        let kernel = Convolution {
            window,
            input,
            output: output.1,
            input_zero_point: code(layer.input_zero_point),
            weights,
            bias: self.constant(layer.bias)?,
            epilogue,
        };
        let macs = kernel.window.macs(self.shape(layer.weight).len(), &kernel.input, &kernel.output);
        let inputs = vec![with(layer.input)];
        Ok(Some(Selected { kernel: Kernel::Convolution(kernel), inputs, outputs: vec![output], node, macs }))
    }

    /// The input and pads of a window that does itself what PAD and SLICE do for it: a border of integers that count as
    /// nothing, and rows and columns at the end which no window reaches.
    fn framed(
        &self,
        mut input: ValueId,
        mut pad: [u16; 4],
        frame: Frame,
        output: &Shape,
        border: Option<i32>,
    ) -> (ValueId, [u16; 4]) {
        while self.uses[input.0 as usize] == 1
            && let Some(index) = self.producers[input.0 as usize]
        {
            match &self.graph.nodes[index].op {
                Op::Pad(op) => {
                    let &[0, 0, top, bottom, left, right, 0, 0] = &op.padding[..] else { break };
                    let value = match self.element(input) {
                        ElementType::I8 => i32::from(op.pad_const.to_bits() as i8),
                        _ => i32::from(op.pad_const.to_bits() as i16), // of a valid graph, 8 or 16 bits
                    };
                    let sums = pad.iter().zip([top, bottom, left, right]).map(|(&pad, more)| i32::from(pad) + more);
                    let sums: Option<Vec<u16>> = sums.map(|sum| u16::try_from(sum).ok()).collect();
                    let Some(sums) = sums.filter(|_| border == Some(value)) else { break };
                    (input, pad) = (op.input, std::array::from_fn(|side| sums[side]));
                }
                Op::Slice(op) => {
                    let (whole, part) = (self.shape(op.input), self.shape(input));
                    let ([n, _, _, c], [_, oh, ow, _]) = (whole.sizes::<4>(), output.sizes::<4>());
                    let [part_n, ih, iw, part_c] = part.sizes();
                    let is_inside = |axis: usize, results: usize, size: usize| {
                        let taps = usize::from(frame.kernel[axis] - 1) * usize::from(frame.dilation[axis]) + 1;
                        (results - 1) * usize::from(frame.stride[axis]) + taps <= size + usize::from(pad[2 * axis])
                    };
                    let keeps_rest = op.start.iter().all(|&start| start == 0) && [n, c] == [part_n, part_c];
                    if !keeps_rest || !is_inside(0, oh, ih) || !is_inside(1, ow, iw) {
                        break;
                    }
                    (input, pad) = (op.input, [pad[0], 0, pad[2], 0]);
                }
                _ => break,
            }
        }
        (input, pad)
    }

    /// Whether a RESCALE is between signed i8 and i32, with single rounding.
    fn is_plain(&self, op: &ops::Rescale, output: ValueId) -> Result<bool, String> {
        let known = |value| matches!(self.element(value), ElementType::I8 | ElementType::I32);
        let signed = !(op.input_unsigned || op.output_unsigned);
        Ok(op.scale32 && signed && known(op.input) && known(output) && !self.rounds_twice(op)?)
    }

    fn rounds_twice(&self, op: &ops::Rescale) -> Result<bool, String> {
        // Up to 31 both ways of rounding are the same.
        Ok(op.rounding_mode == RoundingMode::Double && self.i8s(op.shift)?.iter().any(|&shift| shift > 31))
    }

    fn general_rescale(&self, op: &ops::Rescale, result: ElementType) -> Result<GeneralRescale<'a>, String> {
        let size = |element: ElementType| 1_i64 << (8 * element.size());
        let wrap = |element, unsigned| if unsigned { size(element) } else { 0 };
        // An unsigned zero point is stored with its bits.
        let zero_point = |zero_point: i32, wrap: i64| {
            let zero_point = i64::from(zero_point);
            if zero_point < 0 { zero_point + wrap } else { zero_point }
        };
        let (input_wrap, output_wrap) =
            (wrap(self.element(op.input), op.input_unsigned), wrap(result, op.output_unsigned));
        let (min, max) = match op.output_unsigned {
            true => (0, output_wrap - 1),
            false => (-size(result) / 2, size(result) / 2 - 1),
        };
        let numbers = [
            input_wrap,
            zero_point(op.input_zero_point, input_wrap),
            zero_point(op.output_zero_point, output_wrap),
            min,
            max,
        ];
        // Only tensors of up to 16 bits are unsigned, and the result has up to 32.
        let [input_wrap, input_zero_point, output_zero_point, min, max] = numbers.map(|number| number as i32);
        Ok(GeneralRescale {
            multiplier: self.constant(op.multiplier)?,
            shift: self.i8s(op.shift)?,
            scale32: op.scale32,
            double_round: self.rounds_twice(op)?,
            input_wrap,
            input_zero_point,
            output_zero_point,
            min,
            max,
        })
    }

    /// A RESCALE that is plain.
    fn rescale(&self, op: &ops::Rescale) -> Result<Rescale<'a>, String> {
        Ok(Rescale {
            multiplier: self.words(op.multiplier)?,
            shift: self.i8s(op.shift)?,
            input_zero_point: code(op.input_zero_point),
            output_zero_point: code(op.output_zero_point),
        })
    }

    fn i8s(&self, value: ValueId) -> Result<&'a [i8], String> {
        self.constant(value).map(bytes::as_i8s)
    }

    fn words(&self, value: ValueId) -> Result<&'a [[u8; 4]], String> {
        self.constant(value).map(|bytes| bytes.as_chunks().0)
    }

    fn constant(&self, value: ValueId) -> Result<&'a [u8], String> {
        match &self.graph.values[value.0 as usize].constant {
            Some(constant) => Ok(&constant.data),
            None => Err("weights, biases and tables that are computed at run time are not supported".to_owned()),
        }
    }

    fn shape(&self, value: ValueId) -> Shape {
        self.graph.values[value.0 as usize].shape
    }

    fn element(&self, value: ValueId) -> ElementType {
        self.graph.values[value.0 as usize].element
    }
}

/// How a window moves: y, x.
#[derive(Clone, Copy)]
struct Frame {
    kernel: [u16; 2],
    stride: [u16; 2],
    dilation: [u16; 2],
}

/// The kernel of a CLAMP of this element type.
fn clamp(op: &ops::Clamp, element: ElementType) -> Kernel<'static> {
    // The bounds of a valid graph are of the element type.
    match (op.min, op.max) {
        (Scalar::F32(min), Scalar::F32(max)) => match op.nan_mode {
            NanMode::Propagate => Kernel::ClampF32(steps::Clamp { min, max }),
            NanMode::Ignore => Kernel::ClampNumber(steps::Clamp { min, max }),
        },
        (min, max) if element == ElementType::I16 => {
            let [min, max] = [min, max].map(|bound| bound.to_bits() as i16);
            Kernel::ClampI16(steps::Clamp { min, max })
        }
        (min, max) => {
            let [min, max] = [min, max].map(|bound| bound.to_bits() as i8);
            Kernel::Clamp(steps::Clamp { min, max })
        }
    }
}

fn sizes<const N: usize>(values: [i32; N]) -> [u16; N] {
    values.map(|value| value as u16) // 0 to 8192 in a valid graph
}

fn code(value: i32) -> i8 {
    value as i8 // an i8 in a valid graph
}

fn axis(axis: u32) -> u8 {
    axis as u8 // below the rank, so below MAX_RANK
}
