//! Selects the steps of a graph: from its outputs backwards, each operator together with those before it that one
//! kernel computes as well.

use super::Kernel;
use quantize_runtime::graph::{ElementType, Graph, Node, ValueId};
use quantize_runtime::ops::{self, Op, RoundingMode};
use quantize_runtime::shape::MAX_RANK;
use quantize_runtime::steps::{self, BinaryOperator};
use quantize_runtime::{Rescale, Shape, bytes};

/// A step whose tensors are still values of the graph, each with the shape that the kernel sees.
pub(super) struct Selected<'a> {
    pub(super) kernel: Kernel<'a>,
    pub(super) inputs: Vec<(ValueId, Shape)>,
    pub(super) output: (ValueId, Shape),
    pub(super) node: usize,
    pub(super) macs: u64,
}

/// The steps that compute the outputs, in execution order; RESHAPEs need none.
pub(super) fn select<'a>(graph: &'a Graph<'a>) -> Result<Vec<Selected<'a>>, String> {
    let mut selector = Selector { graph, producers: vec![None; graph.values.len()], uses: vec![0; graph.values.len()] };
    let mut needed = vec![false; graph.values.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        selector.producers[node.output.0 as usize] = Some(index);
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
        if !needed[node.output.0 as usize] {
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
        self.check_elements(node)?;
        let output = (node.output, self.shape(node.output));
        let with = |value| (value, self.shape(value));
        let (kernel, inputs) = match &node.op {
            Op::Rescale(op) => {
                if let Some(step) = self.rescaled(op, node.output)? {
                    return Ok(vec![step]);
                }
                (Kernel::Rescale(self.rescale(op)?), vec![with(op.input)])
            }
            Op::Conv2d(op) => {
                let kernel = Kernel::Conv2dI32(self.conv2d(op, output.1, ())?);
                return Ok(vec![self.convolution(kernel, op.input, op.weight, output, index)]);
            }
            Op::DepthwiseConv2d(op) => {
                let kernel = Kernel::DepthwiseConv2dI32(self.depthwise_conv2d(op, output.1, ())?);
                return Ok(vec![self.convolution(kernel, op.input, op.weight, output, index)]);
            }
            Op::AvgPool2d(op) => {
                let step = steps::AvgPool2d {
                    input: self.shape(op.input),
                    output: output.1,
                    kernel: sizes(op.kernel),
                    stride: sizes(op.stride),
                    pad: sizes(op.pad),
                    input_zero_point: code(op.input_zero_point),
                    output_zero_point: code(op.output_zero_point),
                };
                (Kernel::AvgPool2d(step), vec![with(op.input)])
            }
            Op::MaxPool2d(op) => {
                let step = steps::MaxPool2d {
                    input: self.shape(op.input),
                    output: output.1,
                    kernel: sizes(op.kernel),
                    stride: sizes(op.stride),
                    pad: sizes(op.pad),
                };
                (Kernel::MaxPool2d(step), vec![with(op.input)])
            }
            Op::Clamp(op) => {
                let [min, max] = [op.min, op.max].map(|bound| bound.to_bits() as i8); // i8 in a valid graph
                let step = steps::Clamp { min, max };
                (Kernel::Clamp(step), vec![with(op.input)])
            }
            Op::Table(op) => {
                let table = self.i8s(op.table)?.try_into().expect("a valid table has 256 entries");
                (Kernel::Table(steps::Table { table }), vec![with(op.input)])
            }
            Op::Add(_) | Op::Sub(_) | Op::Mul(_) | Op::Maximum(_) | Op::Minimum(_) => {
                let (operator, inputs) = binary(&node.op).expect("one of the five");
                if inputs.iter().any(|&input| self.element(input) != ElementType::I32) {
                    return Err("a product of i8 tensors is not supported; rescale them to i32 first".to_owned());
                }
                let step = steps::Binary { operator, inputs: inputs.map(|input| self.shape(input)), output: output.1 };
                (Kernel::Binary(step), inputs.map(with).to_vec())
            }
            Op::ReduceSum(op) => {
                let step = steps::ReduceSum { input: self.shape(op.input), axis: axis(op.axis) };
                (Kernel::ReduceSum(step), vec![with(op.input)])
            }
            Op::Concat(op) => {
                let mut start = 0;
                let parts = op.inputs.iter().map(|&value| {
                    let input = self.shape(value);
                    let step = steps::Concat { input, output: output.1, axis: axis(op.axis), start };
                    start += input.dims()[op.axis as usize];
                    Selected { kernel: Kernel::Concat(step), inputs: vec![with(value)], output, node: index, macs: 0 }
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
            Op::ArgMax(_)
            | Op::Conv3d(_)
            | Op::Gather(_)
            | Op::MatMul(_)
            | Op::Resize(_)
            | Op::Reverse(_)
            | Op::Scatter(_)
            | Op::Tile(_)
            | Op::TransposeConv2d(_) => return Err("is not supported in generated code".to_owned()),
            Op::Reshape(_) => unreachable!("a RESHAPE needs no step"),
            _ => return Err("generated code does not have this operator; the interpreter does".to_owned()),
        };
        Ok(vec![Selected { kernel, inputs, output, node: index, macs: 0 }])
    }

    /// Checks that the kernels of this operator know the element types of its tensors.
    fn check_elements(&self, node: &Node) -> Result<(), String> {
        let moves = matches!(node.op, Op::Concat(_) | Op::Pad(_) | Op::Slice(_) | Op::Transpose(_));
        let mut elements = node.op.inputs().into_iter().chain([node.output]).map(|value| self.element(value));
        match elements.find(|element| !matches!(element, ElementType::I8 | ElementType::I32)) {
            Some(element) if !moves => Err(format!("{} tensors are not supported", element.name())),
            _ => Ok(()),
        }
    }

    /// The step for a RESCALE to i8 and the i32 arithmetic before it, where one kernel does both.
    fn rescaled(&self, op: &ops::Rescale, output: ValueId) -> Result<Option<Selected<'a>>, String> {
        let types = (self.element(op.input), self.element(output));
        let Some(index) = self.sole_producer(op.input) else { return Ok(None) };
        if types != (ElementType::I32, ElementType::I8) {
            return Ok(None);
        }
        let node = &self.graph.nodes[index];
        // Parameters per channel belong to the last axis, which a RESHAPE in between may have changed.
        if op.per_channel && node.output != op.input {
            return Ok(None);
        }
        let (rescale, result) = (self.rescale(op)?, self.shape(node.output));
        Ok(match &node.op {
            Op::Conv2d(op) => {
                let kernel = Kernel::Conv2d(self.conv2d(op, result, rescale)?);
                Some(self.convolution(kernel, op.input, op.weight, (output, result), index))
            }
            Op::DepthwiseConv2d(op) => {
                let kernel = Kernel::DepthwiseConv2d(self.depthwise_conv2d(op, result, rescale)?);
                Some(self.convolution(kernel, op.input, op.weight, (output, result), index))
            }
            Op::ReduceSum(_) if !op.per_channel => self.rescaled_sum(index, rescale, output)?,
            other if !op.per_channel => match binary(other) {
                Some((operator, inputs)) => {
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
                        output: (output, result),
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
        let (mut axes, mut input) = ([false; MAX_RANK], self.graph.nodes[last].output);
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
            output: (output, self.shape(self.graph.nodes[last].output)),
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
            Op::Rescale(op) => (self.element(op.input) == ElementType::I8 && !op.per_channel).then_some(op),
            _ => None,
        }
    }

    fn convolution(
        &self,
        kernel: Kernel<'a>,
        input: ValueId,
        weight: ValueId,
        output: (ValueId, Shape),
        node: usize,
    ) -> Selected<'a> {
        // Each weight meets each output position once, in depthwise convolutions too.
        let [n, oh, ow, _] = output.1.sizes();
        let macs = (n * oh * ow) as u64 * self.shape(weight).len() as u64;
        Selected { kernel, inputs: vec![(input, self.shape(input))], output, node, macs }
    }

    fn conv2d<R>(&self, op: &ops::Conv2d, output: Shape, rescale: R) -> Result<steps::Conv2d<'a, R>, String> {
        let [_, kh, kw, _] = self.shape(op.weight).sizes();
        Ok(steps::Conv2d {
            input: self.shape(op.input),
            output,
            kernel: [kh, kw].map(|side| side as u16), // at most 8192 in a valid graph
            stride: sizes(op.stride),
            dilation: sizes(op.dilation),
            pad: sizes(op.pad),
            input_zero_point: code(op.input_zero_point),
            weights: self.weights(op.weight, op.weight_zero_point)?,
            bias: self.words(op.bias)?,
            rescale,
        })
    }

    fn depthwise_conv2d<R>(
        &self,
        op: &ops::DepthwiseConv2d,
        output: Shape,
        rescale: R,
    ) -> Result<steps::DepthwiseConv2d<'a, R>, String> {
        let [kh, kw] = self.shape(op.weight).sizes();
        Ok(steps::DepthwiseConv2d {
            input: self.shape(op.input),
            output,
            kernel: [kh, kw].map(|side| side as u16), // at most 8192 in a valid graph
            stride: sizes(op.stride),
            dilation: sizes(op.dilation),
            pad: sizes(op.pad),
            input_zero_point: code(op.input_zero_point),
            weights: self.weights(op.weight, op.weight_zero_point)?,
            bias: self.words(op.bias)?,
            rescale,
        })
    }

    fn rescale(&self, op: &ops::Rescale) -> Result<Rescale<'a>, String> {
        if op.input_unsigned || op.output_unsigned {
            return Err("unsigned tensors are not supported".to_owned());
        }
        let shift = self.i8s(op.shift)?;
        // Up to 31 both ways of rounding are the same.
        if op.rounding_mode == RoundingMode::Double && shift.iter().any(|&shift| shift > 31) {
            return Err("double rounding is not supported".to_owned());
        }
        Ok(Rescale {
            multiplier: self.words(op.multiplier)?,
            shift,
            input_zero_point: code(op.input_zero_point),
            output_zero_point: code(op.output_zero_point),
        })
    }

    fn weights(&self, value: ValueId, zero_point: i32) -> Result<&'a [i8], String> {
        if zero_point == 0 {
            self.i8s(value)
        } else {
            Err(format!("a weight zero point of {zero_point} is not supported"))
        }
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

/// A binary operator and its operands.
fn binary(op: &Op) -> Option<(BinaryOperator, [ValueId; 2])> {
    match op {
        Op::Add(op) => Some((BinaryOperator::Add, [op.input1, op.input2])),
        Op::Sub(op) => Some((BinaryOperator::Sub, [op.input1, op.input2])),
        Op::Mul(op) => Some((BinaryOperator::Mul { shift: op.shift as u8 }, [op.input1, op.input2])), // at most 63
        Op::Maximum(op) => Some((BinaryOperator::Maximum, [op.input1, op.input2])),
        Op::Minimum(op) => Some((BinaryOperator::Minimum, [op.input1, op.input2])),
        _ => None,
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
