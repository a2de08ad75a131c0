//! Every kernel against the reference kernels of its operators, byte for byte, on generated steps.

use proptest::collection::vec;
use proptest::prelude::*;
use quantize_runtime::epilogue::{Bias, Epilogue, ToF32, ToI32, ToI48, Weight};
use quantize_runtime::graph::{Constant, ElementType, Graph, Node, Port, Value, ValueId};
use quantize_runtime::interpreter::{Error, Interpreter, Tensor};
use quantize_runtime::operators::any::BinaryI32;
use quantize_runtime::ops::{self, AccumulatorType, NanMode, Op, ResizeMode};
use quantize_runtime::{Rescale, Shape, fourier, kernels, operators, steps};

/// An i16 as kernels see it.
type Half = [u8; 2];
/// An i32 as kernels see it.
type Word = [u8; 4];
/// An i48 as kernels see it.
type Long = [u8; 8];

/// Most dimensions of a tensor.
const MAX_RANK: usize = 6;

/// An element of a kernel's slices.
trait Element: Copy {
    const TYPE: ElementType;
    const ZERO: Self;
    fn tensor(elements: &[Self]) -> Tensor;
    fn bytes(elements: &[Self]) -> Vec<u8>;
}

impl Element for i8 {
    const TYPE: ElementType = ElementType::I8;
    const ZERO: Self = 0;
    fn tensor(elements: &[Self]) -> Tensor {
        Tensor::I8(elements.to_vec())
    }
    fn bytes(elements: &[Self]) -> Vec<u8> {
        elements.iter().map(|element| element.cast_unsigned()).collect()
    }
}

impl Element for Half {
    const TYPE: ElementType = ElementType::I16;
    const ZERO: Self = [0; 2];
    fn tensor(elements: &[Self]) -> Tensor {
        Tensor::from_le_bytes(Self::TYPE, elements.as_flattened())
    }
    fn bytes(elements: &[Self]) -> Vec<u8> {
        elements.as_flattened().to_vec()
    }
}

impl Element for Long {
    const TYPE: ElementType = ElementType::I48;
    const ZERO: Self = [0; 8];
    fn tensor(elements: &[Self]) -> Tensor {
        Tensor::from_le_bytes(Self::TYPE, elements.as_flattened())
    }
    fn bytes(elements: &[Self]) -> Vec<u8> {
        elements.as_flattened().to_vec()
    }
}

/// An f32, which kernels see as a word.
#[derive(Clone, Copy, Debug)]
struct Real(Word);

impl Element for Real {
    const TYPE: ElementType = ElementType::F32;
    const ZERO: Self = Self([0; 4]);
    fn tensor(elements: &[Self]) -> Tensor {
        Tensor::from_le_bytes(Self::TYPE, reals(elements).as_flattened())
    }
    fn bytes(elements: &[Self]) -> Vec<u8> {
        reals(elements).as_flattened().to_vec()
    }
}

fn reals(elements: &[Real]) -> Vec<Word> {
    elements.iter().map(|real| real.0).collect()
}

impl Element for Word {
    const TYPE: ElementType = ElementType::I32;
    const ZERO: Self = [0; 4];
    fn tensor(elements: &[Self]) -> Tensor {
        Tensor::I32(elements.iter().map(|word| i32::from_le_bytes(*word)).collect())
    }
    fn bytes(elements: &[Self]) -> Vec<u8> {
        elements.as_flattened().to_vec()
    }
}

/// A graph in the making and what its inputs are run on.
#[derive(Default)]
struct Chain {
    graph: Graph<'static>,
    inputs: Vec<Tensor>,
}

impl Chain {
    fn value(&mut self, element: ElementType, shape: Shape, data: Option<Vec<u8>>) -> ValueId {
        let constant = data.map(|data| Constant { data: data.into(), range: None });
        self.graph.values.push(Value { element, shape, constant });
        ValueId(self.graph.values.len() as u32 - 1)
    }

    fn input<T: Element>(&mut self, shape: Shape, elements: &[T]) -> ValueId {
        let value = self.value(T::TYPE, shape, None);
        self.graph.inputs.push(Port { name: format!("input_{}", value.0), value, unsigned: false });
        self.inputs.push(T::tensor(elements));
        value
    }

    fn constant<T: Element>(&mut self, dims: &[usize], elements: &[T]) -> ValueId {
        self.value(T::TYPE, shape(dims), Some(T::bytes(elements)))
    }

    /// Adds an operator with a result of type `T` and the shape that it infers.
    fn push<T: Element>(&mut self, op: impl Into<Op>) -> ValueId {
        let op = op.into();
        let shape = op.infer(&self.graph, T::TYPE).unwrap_or_else(|rule| panic!("{op:?}: {rule}"));
        let output = self.value(T::TYPE, shape, None);
        self.graph.nodes.push(Node { op, outputs: vec![output] });
        output
    }

    /// Adds a Fourier transform and gives its results as the interpreter computes them, as words.
    fn transform(mut self, op: impl Into<Op>) -> [Vec<Word>; 2] {
        let op = op.into();
        let shape = op.infer(&self.graph, ElementType::F32).unwrap_or_else(|rule| panic!("{op:?}: {rule}"));
        let outputs = [(); 2].map(|()| self.value(ElementType::F32, shape, None));
        let port = |value: ValueId| Port { name: format!("output_{}", value.0), value, unsigned: false };
        self.graph.outputs = outputs.map(port).to_vec();
        self.graph.nodes.push(Node { op, outputs: outputs.to_vec() });
        let outputs = Interpreter::new(&self.graph).expect("a valid graph").run(&self.inputs).expect("defined for all");
        [0, 1].map(|part| outputs[part].to_le_bytes().as_chunks().0.to_vec())
    }

    fn rescale<T: Element>(&mut self, input: ValueId, factors: &Factors, zero_points: [i8; 2]) -> ValueId {
        let channels = [factors.multiplier.len()];
        let op = ops::Rescale {
            scale32: true,
            per_channel: factors.per_channel,
            input,
            multiplier: self.constant(&channels, &factors.multiplier),
            shift: self.constant(&channels, &factors.shift),
            input_zero_point: zero_points[0].into(),
            output_zero_point: zero_points[1].into(),
            ..Default::default()
        };
        self.push::<T>(op)
    }

    fn shape(&self, value: ValueId) -> Shape {
        self.graph.values[value.0 as usize].shape
    }

    /// [`check`](Self::check) for a kernel that stores f32.
    fn check_f32(self, output: ValueId, kernel: impl FnOnce(&mut [Word])) -> Result<(), TestCaseError> {
        self.check(output, |output: &mut [Real]| {
            let mut stored = reals(output);
            kernel(&mut stored);
            for (output, stored) in output.iter_mut().zip(stored) {
                *output = Real(stored);
            }
        })
    }

    /// Compares what the kernel stores with `output` of the graph, unless TOSA leaves that open.
    fn check<T: Element>(mut self, output: ValueId, kernel: impl FnOnce(&mut [T])) -> Result<(), TestCaseError> {
        let mut stored = vec![T::ZERO; self.shape(output).len()];
        kernel(&mut stored);
        self.graph.outputs.push(Port { name: "output".into(), value: output, unsigned: false });
        match Interpreter::new(&self.graph).expect("a valid graph").run(&self.inputs) {
            Ok(outputs) => prop_assert_eq!(&[T::tensor(&stored)], &outputs[..]),
            Err(error) => prop_assert!(matches!(error, Error::Unpredictable { .. }), "{error}"),
        }
        Ok(())
    }
}

fn shape(dims: &[usize]) -> Shape {
    Shape::new(&dims.iter().map(|&dim| dim as u32).collect::<Vec<_>>()).expect("a shape")
}

fn words(values: &[i32]) -> Vec<Word> {
    values.iter().map(|value| value.to_le_bytes()).collect()
}

/// The multipliers and shifts of a RESCALE.
#[derive(Clone, Debug)]
struct Factors {
    per_channel: bool,
    multiplier: Vec<Word>,
    shift: Vec<i8>,
}

impl Factors {
    fn step(&self, [input_zero_point, output_zero_point]: [i8; 2]) -> Rescale<'_> {
        Rescale { multiplier: &self.multiplier, shift: &self.shift, input_zero_point, output_zero_point }
    }
}

/// Factors for all channels or for each; a small shift leaves most results open.
fn factors(channels: usize) -> impl Strategy<Value = Factors> {
    any::<bool>().prop_flat_map(move |per_channel| {
        let count = if per_channel { channels } else { 1 };
        let shift = prop_oneof![8 => 24_i8..=48, 1 => 2_i8..=62];
        (vec(0..=i32::MAX, count), vec(shift, count)).prop_map(move |(multiplier, shift)| Factors {
            per_channel,
            multiplier: words(&multiplier),
            shift,
        })
    })
}

fn i8s(len: usize) -> impl Strategy<Value = Vec<i8>> {
    vec(any::<i8>(), len)
}

/// Values near zero, whose sums and products fit, and any others.
fn i32s(len: usize) -> impl Strategy<Value = Vec<Word>> {
    let wide = prop_oneof![9 => Just(false), 1 => Just(true)];
    wide.prop_flat_map(move |wide| {
        let limit = if wide { i32::MAX } else { 40_000 };
        vec(-limit..=limit, len).prop_map(|values| words(&values))
    })
}

fn dims(ranks: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<usize>> {
    vec(1_usize..=4, ranks)
}

/// A window on one axis; the input's size follows, so that the stride divides it exactly.
#[derive(Clone, Copy, Debug)]
struct Axis {
    kernel: usize,
    stride: usize,
    dilation: usize,
    output: usize,
    pad: [usize; 2],
}

impl Axis {
    fn input(&self) -> usize {
        self.last() + 1 - self.pad[0] - self.pad[1]
    }

    /// Size of the padded input, less one.
    fn last(&self) -> usize {
        (self.output - 1) * self.stride + (self.kernel - 1) * self.dilation
    }
}

/// Windows of a convolution, of which some lie in the padding altogether.
fn axis() -> impl Strategy<Value = Axis> {
    (1_usize..=4, 1_usize..=3, 1_usize..=3, 1_usize..=4, [0_usize..=5, 0_usize..=5]).prop_map(
        |(kernel, stride, dilation, output, pad)| {
            let mut axis = Axis { kernel, stride, dilation, output, pad };
            axis.pad[0] = pad[0].min(axis.last());
            axis.pad[1] = pad[1].min(axis.last() - axis.pad[0]);
            axis
        },
    )
}

/// Windows of a pool: without dilation, and each pad smaller than the kernel.
fn pool_axis() -> impl Strategy<Value = Axis> {
    axis().prop_map(|axis| {
        let mut axis = Axis { dilation: 1, ..axis };
        axis.pad[0] = axis.pad[0].min(axis.kernel - 1).min(axis.last());
        axis.pad[1] = axis.pad[1].min(axis.kernel - 1).min(axis.last() - axis.pad[0]);
        axis
    })
}

/// Two axes as the attributes of an operator or a step.
fn both<N: TryFrom<usize, Error: std::fmt::Debug>>(axes: [Axis; 2], of: impl Fn(Axis) -> usize) -> [N; 2] {
    axes.map(|axis| of(axis).try_into().expect("a small number"))
}

fn pads<N: TryFrom<usize, Error: std::fmt::Debug>>([y, x]: [Axis; 2]) -> [N; 4] {
    [y.pad[0], y.pad[1], x.pad[0], x.pad[1]].map(|pad| pad.try_into().expect("a small number"))
}

/// A convolution and the RESCALE after it. Weights are `[OC, KH, KW, IC]` or, depthwise, `[KH, KW, C, M]`.
#[derive(Clone, Debug)]
struct Convolution {
    axes: [Axis; 2],
    input: Shape,
    output: Shape,
    weight_dims: [usize; 4],
    activation: Vec<i8>,
    weights: Vec<i8>,
    bias: Vec<Word>,
    zero_points: [i8; 2],
    factors: Factors,
}

/// `channels` is IC and OC, or depthwise C and M.
fn convolution(depthwise: bool) -> impl Strategy<Value = Convolution> {
    let channels = if depthwise { [1_usize..=19, 1_usize..=3] } else { [1_usize..=9, 1_usize..=5] };
    let sizes = ([axis(), axis()], 1_usize..=2, channels, any::<bool>());
    sizes.prop_flat_map(move |(axes, n, [ic, other], one_bias)| {
        let [y, x] = axes;
        let oc = if depthwise { ic * other } else { other };
        let (kh, kw) = (y.kernel, x.kernel);
        let weight_dims = if depthwise { [kh, kw, ic, other] } else { [oc, kh, kw, ic] };
        let input = shape(&[n, y.input(), x.input(), ic]);
        let data = (
            i8s(input.len()),
            i8s(weight_dims.iter().product()),
            vec(-1_000_000..1_000_000, if one_bias { 1 } else { oc }),
            any::<[i8; 2]>(),
            factors(oc),
        );
        data.prop_map(move |(activation, weights, bias, zero_points, factors)| Convolution {
            axes,
            input,
            output: shape(&[n, y.output, x.output, oc]),
            weight_dims,
            activation,
            weights,
            bias: words(&bias),
            zero_points,
            factors,
        })
    })
}

impl Convolution {
    fn conv2d(&self, chain: &mut Chain) -> ops::Conv2d {
        ops::Conv2d {
            pad: pads(self.axes),
            stride: both(self.axes, |axis| axis.stride),
            dilation: both(self.axes, |axis| axis.dilation),
            input: chain.input(self.input, &self.activation),
            weight: chain.constant(&self.weight_dims, &self.weights),
            bias: chain.constant(&[self.bias.len()], &self.bias),
            input_zero_point: self.zero_points[0].into(),
            ..Default::default()
        }
    }

    fn rescale(&self) -> Rescale<'_> {
        self.factors.step([0, self.zero_points[1]])
    }

    fn conv2d_step<'a, E: Epilogue>(
        &self,
        weights: &'a [Weight<E>],
        bias: &'a [Bias<E>],
        epilogue: E,
    ) -> steps::Conv2d<'a, E> {
        steps::Conv2d {
            input: self.input,
            output: self.output,
            kernel: both(self.axes, |axis| axis.kernel),
            stride: both(self.axes, |axis| axis.stride),
            dilation: both(self.axes, |axis| axis.dilation),
            pad: pads(self.axes),
            input_zero_point: self.zero_points[0],
            weights,
            bias,
            epilogue,
        }
    }

    fn depthwise_conv2d_step<'a, E: Epilogue>(
        &self,
        weights: &'a [Weight<E>],
        bias: &'a [Bias<E>],
        epilogue: E,
    ) -> steps::DepthwiseConv2d<'a, E> {
        let steps::Conv2d { input, output, kernel, stride, dilation, pad, input_zero_point, weights, bias, epilogue } =
            self.conv2d_step(weights, bias, epilogue);
        steps::DepthwiseConv2d {
            input,
            output,
            kernel,
            stride,
            dilation,
            pad,
            input_zero_point,
            weights,
            bias,
            epilogue,
        }
    }

    /// The same convolution of i16, whose zero point is 0: its activation, bias and operator.
    fn of_i16(&self, chain: &mut Chain) -> (Vec<Half>, Vec<Long>, ops::Conv2d) {
        let activation: Vec<Half> = self.activation.iter().map(|&x| (i16::from(x) * 255 + 3).to_le_bytes()).collect();
        let bias: Vec<Long> =
            self.bias.iter().map(|&word| (i64::from(i32::from_le_bytes(word)) << 9).to_le_bytes()).collect();
        let op = ops::Conv2d {
            accumulator: AccumulatorType::Int48,
            input: chain.input(self.input, &activation),
            bias: chain.constant(&[bias.len()], &bias),
            input_zero_point: 0,
            ..self.conv2d(&mut Chain::default())
        };
        let op = ops::Conv2d { weight: chain.constant(&self.weight_dims, &self.weights), ..op };
        (activation, bias, op)
    }

    /// The same convolution of f32: its activation, weights, bias and operator.
    fn of_f32(&self, chain: &mut Chain) -> ([Vec<Real>; 3], ops::Conv2d) {
        let reals = |codes: &[i8]| codes.iter().map(|&x| Real((f32::from(x) * 0.37).to_le_bytes())).collect::<Vec<_>>();
        let (activation, weights) = (reals(&self.activation), reals(&self.weights));
        let bias: Vec<Real> =
            self.bias.iter().map(|&word| Real((i32::from_le_bytes(word) as f32 * 1e-3).to_le_bytes())).collect();
        let op = ops::Conv2d {
            accumulator: AccumulatorType::Fp32,
            input: chain.input(self.input, &activation),
            weight: chain.constant(&self.weight_dims, &weights),
            bias: chain.constant(&[bias.len()], &bias),
            input_zero_point: 0,
            ..self.conv2d(&mut Chain::default())
        };
        ([activation, weights, bias], op)
    }
}

fn depthwise(op: ops::Conv2d) -> ops::DepthwiseConv2d {
    let ops::Conv2d { pad, stride, dilation, accumulator, local_bound, input, weight, bias, .. } = op;
    let (input_zero_point, weight_zero_point) = (op.input_zero_point, op.weight_zero_point);
    ops::DepthwiseConv2d {
        pad,
        stride,
        dilation,
        accumulator,
        local_bound,
        input,
        weight,
        bias,
        input_zero_point,
        weight_zero_point,
    }
}

proptest! {
    #[test]
    fn conv2d(case in convolution(false)) {
        let mut chain = Chain::default();
        let op = case.conv2d(&mut chain);
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &case.factors, [0, case.zero_points[1]]);
        let step = case.conv2d_step(&case.weights, &case.bias, case.rescale());
        chain.check(output, |output| kernels::conv2d(&step, &case.activation, output))?;
    }

    #[test]
    fn conv2d_i32(case in convolution(false)) {
        let mut chain = Chain::default();
        let op = case.conv2d(&mut chain);
        let output = chain.push::<Word>(op);
        let step = case.conv2d_step(&case.weights, &case.bias, ToI32);
        chain.check(output, |output| kernels::conv2d(&step, &case.activation, output))?;
    }

    #[test]
    fn conv2d_i48(case in convolution(false)) {
        let mut chain = Chain::default();
        let (activation, bias, op) = case.of_i16(&mut chain);
        let output = chain.push::<Long>(op);
        let step = case.conv2d_step(&case.weights, &bias, ToI48);
        chain.check(output, |output| kernels::conv2d(&step, &activation, output))?;
    }

    #[test]
    fn conv2d_f32(case in convolution(false)) {
        let mut chain = Chain::default();
        let ([activation, weights, bias], op) = case.of_f32(&mut chain);
        let output = chain.push::<Real>(op);
        let (weights, bias) = (reals(&weights), reals(&bias));
        let step = case.conv2d_step(&weights, &bias, ToF32);
        chain.check_f32(output, |output| kernels::conv2d(&step, &reals(&activation), output))?;
    }

    #[test]
    fn depthwise_conv2d(case in convolution(true)) {
        let mut chain = Chain::default();
        let op = depthwise(case.conv2d(&mut chain));
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &case.factors, [0, case.zero_points[1]]);
        let step = case.depthwise_conv2d_step(&case.weights, &case.bias, case.rescale());
        chain.check(output, |output| kernels::depthwise_conv2d(&step, &case.activation, output))?;
    }

    #[test]
    fn depthwise_conv2d_i32(case in convolution(true)) {
        let mut chain = Chain::default();
        let op = depthwise(case.conv2d(&mut chain));
        let output = chain.push::<Word>(op);
        let step = case.depthwise_conv2d_step(&case.weights, &case.bias, ToI32);
        chain.check(output, |output| kernels::depthwise_conv2d(&step, &case.activation, output))?;
    }

    #[test]
    fn depthwise_conv2d_i48(case in convolution(true)) {
        let mut chain = Chain::default();
        let (activation, bias, op) = case.of_i16(&mut chain);
        let output = chain.push::<Long>(depthwise(op));
        let step = case.depthwise_conv2d_step(&case.weights, &bias, ToI48);
        chain.check(output, |output| kernels::depthwise_conv2d(&step, &activation, output))?;
    }

    #[test]
    fn depthwise_conv2d_f32(case in convolution(true)) {
        let mut chain = Chain::default();
        let ([activation, weights, bias], op) = case.of_f32(&mut chain);
        let output = chain.push::<Real>(depthwise(op));
        let (weights, bias) = (reals(&weights), reals(&bias));
        let step = case.depthwise_conv2d_step(&weights, &bias, ToF32);
        chain.check_f32(output, |output| kernels::depthwise_conv2d(&step, &reals(&activation), output))?;
    }

    #[test]
    fn conv3d(
        case in convolution(false),
        depth in axis(),
        elements in i8s(4096),
    ) {
        // The depth of the case is 1; the elements of a deeper one come from a list that starts over.
        let many = |len: usize| elements.iter().copied().cycle().take(len).collect::<Vec<_>>();
        let [n, ih, iw, ic] = case.input.sizes();
        let [oc, kh, kw, _] = case.weight_dims;
        let input = shape(&[n, depth.input(), ih, iw, ic]);
        let weight_dims = [oc, depth.kernel, kh, kw, ic];
        let (activation, weights) = (many(input.len()), many(weight_dims.iter().product()));
        let [_, oh, ow, _] = case.output.sizes();
        let [y, x] = case.axes;
        let axes = [depth, y, x];
        let mut chain = Chain::default();
        let op = ops::Conv3d {
            pad: std::array::from_fn(|side| axes[side / 2].pad[side % 2] as i32),
            stride: axes.map(|axis| axis.stride as i32),
            dilation: axes.map(|axis| axis.dilation as i32),
            input: chain.input(input, &activation),
            weight: chain.constant(&weight_dims, &weights),
            bias: chain.constant(&[case.bias.len()], &case.bias),
            input_zero_point: case.zero_points[0].into(),
            ..Default::default()
        };
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &case.factors, [0, case.zero_points[1]]);
        let step = steps::Conv3d {
            input,
            output: shape(&[n, depth.output, oh, ow, oc]),
            kernel: axes.map(|axis| axis.kernel as u16),
            stride: axes.map(|axis| axis.stride as u16),
            dilation: axes.map(|axis| axis.dilation as u16),
            pad: std::array::from_fn(|side| axes[side / 2].pad[side % 2] as u16),
            input_zero_point: case.zero_points[0],
            weights: &weights,
            bias: &case.bias,
            epilogue: case.rescale(),
        };
        chain.check(output, |output| kernels::conv3d(&step, &activation, output))?;
    }

    #[test]
    fn transpose_conv2d(case in convolution(false), pads in any::<[i8; 4]>()) {
        let [n, ih, iw, _] = case.input.sizes();
        let [oc, kh, kw, _] = case.weight_dims;
        let stride: [i32; 2] = both(case.axes, |axis| axis.stride);
        // Above the negative kernel size, and at most 3.
        let pad = |side: usize| {
            let kernel = [kh, kw][side / 2] as i32;
            i32::from(pads[side]).rem_euclid(kernel + 3) - kernel + 1
        };
        let out_pad: [i32; 4] = std::array::from_fn(pad);
        let size = |axis: usize, input: usize, kernel: usize| {
            (input as i32 - 1) * stride[axis] + out_pad[2 * axis] + out_pad[2 * axis + 1] + kernel as i32
        };
        let sizes = [size(0, ih, kh), size(1, iw, kw)];
        prop_assume!(sizes.iter().all(|&size| size > 0));
        let mut chain = Chain::default();
        let op = ops::TransposeConv2d {
            out_pad,
            stride,
            input: chain.input(case.input, &case.activation),
            weight: chain.constant(&case.weight_dims, &case.weights),
            bias: chain.constant(&[case.bias.len()], &case.bias),
            input_zero_point: case.zero_points[0].into(),
            ..Default::default()
        };
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &case.factors, [0, case.zero_points[1]]);
        let step = steps::TransposeConv2d {
            input: case.input,
            output: shape(&[n, sizes[0] as usize, sizes[1] as usize, oc]),
            kernel: [kh, kw].map(|side| side as u16),
            stride: stride.map(|stride| stride as u16),
            out_pad: out_pad.map(|pad| pad as i16),
            input_zero_point: case.zero_points[0],
            weights: &case.weights,
            bias: &case.bias,
            epilogue: case.rescale(),
        };
        chain.check(output, |output| kernels::transpose_conv2d(&step, &case.activation, output))?;
    }

    #[test]
    fn matmul(
        ([n, h, c, w], factors) in [1_usize..=3, 1_usize..=4, 1_usize..=9, 1_usize..=19]
            .prop_flat_map(|sizes| (Just(sizes), factors(sizes[3]))),
        elements in [i8s(MANY), i8s(3 * 9 * 19)],
        zero_points in any::<[i8; 3]>(),
    ) {
        let shapes = [shape(&[n, h, c]), shape(&[n, c, w])];
        let [a, b] = [0, 1].map(|side| &elements[side][..shapes[side].len()]);
        let [zero_a, zero_b, zero_point] = zero_points;
        let mut chain = Chain::default();
        let op = ops::MatMul {
            a: chain.input(shapes[0], a),
            b: chain.input(shapes[1], b),
            a_zero_point: zero_a.into(),
            b_zero_point: zero_b.into(),
        };
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &factors, [0, zero_point]);
        let epilogue = factors.step([0, zero_point]);
        let step = steps::MatMul { a: shapes[0], b: shapes[1], zero_points: [zero_a, zero_b], epilogue };
        chain.check(output, |output| kernels::matmul(&step, a, b, output))?;
    }
}

/// Axes, input and its elements.
fn pool() -> impl Strategy<Value = ([Axis; 2], Shape, Vec<i8>)> {
    ([pool_axis(), pool_axis()], 1_usize..=2, 1_usize..=19).prop_flat_map(|(axes, n, c)| {
        let input = shape(&[n, axes[0].input(), axes[1].input(), c]);
        i8s(input.len()).prop_map(move |activation| (axes, input, activation))
    })
}

proptest! {
    #[test]
    fn avg_pool2d((axes, input, activation) in pool(), zero_points in any::<[i8; 2]>()) {
        let mut chain = Chain::default();
        let op = ops::AvgPool2d {
            kernel: both(axes, |axis| axis.kernel),
            stride: both(axes, |axis| axis.stride),
            pad: pads(axes),
            input: chain.input(input, &activation),
            input_zero_point: zero_points[0].into(),
            output_zero_point: zero_points[1].into(),
            ..Default::default()
        };
        let output = chain.push::<i8>(op);
        let step = steps::AvgPool2d {
            input,
            output: chain.shape(output),
            kernel: both(axes, |axis| axis.kernel),
            stride: both(axes, |axis| axis.stride),
            pad: pads(axes),
            input_zero_point: zero_points[0],
            output_zero_point: zero_points[1],
        };
        chain.check(output, |output| kernels::avg_pool2d(&step, &activation, output))?;
    }

    #[test]
    fn max_pool2d((axes, input, activation) in pool()) {
        let mut chain = Chain::default();
        let op = ops::MaxPool2d {
            kernel: both(axes, |axis| axis.kernel),
            stride: both(axes, |axis| axis.stride),
            pad: pads(axes),
            input: chain.input(input, &activation),
            ..Default::default()
        };
        let output = chain.push::<i8>(op);
        let step = steps::MaxPool2d {
            input,
            output: chain.shape(output),
            kernel: both(axes, |axis| axis.kernel),
            stride: both(axes, |axis| axis.stride),
            pad: pads(axes),
        };
        chain.check(output, |output| kernels::max_pool2d(&step, &activation, output))?;
    }

    #[test]
    fn pools_of_other_types((axes, input, activation) in pool()) {
        let (kernel, stride, pad): ([i32; 2], [i32; 2], [i32; 4]) =
            (both(axes, |axis| axis.kernel), both(axes, |axis| axis.stride), pads(axes));
        let halves: Vec<Half> = activation.iter().map(|&x| (i16::from(x) * 255 + 3).to_le_bytes()).collect();
        let real: Vec<Real> = activation.iter().map(|&x| Real((f32::from(x) * 0.37).to_le_bytes())).collect();
        let sides = |side: fn(Axis) -> usize| both(axes, side);
        let (step_kernel, step_stride) = (sides(|axis| axis.kernel), sides(|axis| axis.stride));
        let output = shape(&[input.dims()[0] as usize, axes[0].output, axes[1].output, channels(&input)]);
        let mean = steps::AvgPool2d {
            input,
            output,
            kernel: step_kernel,
            stride: step_stride,
            pad: pads(axes),
            input_zero_point: 0,
            output_zero_point: 0,
        };
        let maximum = steps::MaxPool2d { input, output, kernel: step_kernel, stride: step_stride, pad: pads(axes) };

        let mut chain = Chain::default();
        let value = chain.input(input, &halves);
        let result = chain.push::<Half>(ops::AvgPool2d { kernel, stride, pad, input: value, ..Default::default() });
        chain.check(result, |output| kernels::avg_pool2d(&mean, &halves, output))?;
        let mut chain = Chain::default();
        let value = chain.input(input, &halves);
        let result = chain.push::<Half>(ops::MaxPool2d { kernel, stride, pad, input: value, ..Default::default() });
        chain.check(result, |output| kernels::max_pool2d_i16(&maximum, &halves, output))?;

        let mut chain = Chain::default();
        let value = chain.input(input, &real);
        let accumulator = AccumulatorType::Fp32;
        let op = ops::AvgPool2d { kernel, stride, pad, accumulator, input: value, ..Default::default() };
        let result = chain.push::<Real>(op);
        chain.check_f32(result, |output| kernels::avg_pool2d(&mean, &reals(&real), output))?;
        let mut chain = Chain::default();
        let value = chain.input(input, &real);
        let result = chain.push::<Real>(ops::MaxPool2d { kernel, stride, pad, input: value, ..Default::default() });
        chain.check_f32(result, |output| kernels::max_pool2d_f32(&maximum, &reals(&real), output))?;
    }

    #[test]
    fn resize(
        (sizes, scale, offset) in ([1_usize..=2, 1..=4, 1..=4, 1..=3], [1_i32..=6, 1..=6, 1..=6, 1..=6])
            .prop_flat_map(|(sizes, scale)| (Just(sizes), Just(scale), [-scale[0]..scale[0], -scale[2]..scale[2]])),
        elements in i8s(96),
    ) {
        let input = shape(&sizes);
        let elements = &elements[..input.len()];
        // The largest border with which the scale divides exactly.
        let border = |axis: usize| {
            let [n, d] = [scale[2 * axis], scale[2 * axis + 1]];
            let span = (sizes[1 + axis] as i32 - 1) * n - offset[axis];
            (-16 * n..n).rev().find(|border| span + border >= 0 && (span + border) % d == 0)
        };
        let (Some(border_y), Some(border_x)) = (border(0), border(1)) else { return Ok(()) };
        let border = [border_y, border_x];
        let step = |chain: &Chain, output| steps::Resize {
            input,
            output: chain.shape(output),
            scale: scale.map(|number| number as i16),
            offset: offset.map(|number| number as i16),
        };
        let op = |mode, value| ops::Resize { mode, input: value, scale, offset, border };

        let mut chain = Chain::default();
        let value = chain.input(input, elements);
        let result = chain.push::<i8>(op(ResizeMode::NearestNeighbor, value));
        let nearest = step(&chain, result);
        chain.check(result, |output| kernels::resize_nearest(&nearest, elements, output))?;
        let mut chain = Chain::default();
        let value = chain.input(input, elements);
        let result = chain.push::<Word>(op(ResizeMode::Bilinear, value));
        let bilinear = step(&chain, result);
        chain.check(result, |output| kernels::resize_bilinear(&bilinear, elements, output))?;

        let halves: Vec<Half> = elements.iter().map(|&x| (i16::from(x) * 255 + 3).to_le_bytes()).collect();
        let mut chain = Chain::default();
        let value = chain.input(input, &halves);
        let result = chain.push::<Long>(op(ResizeMode::Bilinear, value));
        chain.check(result, |output| kernels::resize_bilinear(&bilinear, &halves, output))?;
        let real: Vec<Real> = elements.iter().map(|&x| Real((f32::from(x) * 0.37).to_le_bytes())).collect();
        let mut chain = Chain::default();
        let value = chain.input(input, &real);
        let result = chain.push::<Real>(op(ResizeMode::Bilinear, value));
        chain.check_f32(result, |output| kernels::resize_bilinear(&bilinear, &reals(&real), output))?;
    }

    #[test]
    fn arg_max(dims in dims(2..=4), axis in any::<prop::sample::Index>(), elements in vec(-3_i8..=3, MANY)) {
        let (input, axis) = (shape(&dims), axis.index(dims.len()));
        let elements = &elements[..input.len()];
        let step = steps::ArgMax { input, axis: axis as u8 };
        let mut chain = Chain::default();
        let op = ops::ArgMax { axis: axis as u32, input: chain.input(input, elements), ..Default::default() };
        let result = chain.push::<Word>(op);
        chain.check(result, |output| kernels::arg_max(&step, elements, output))?;

        // A NaN for each 3: the first wins, or all lose.
        let real = |&x: &i8| Real((if x == 3 { f32::NAN } else { x.into() }).to_le_bytes());
        let real: Vec<Real> = elements.iter().map(real).collect();
        for nan_mode in [NanMode::Propagate, NanMode::Ignore] {
            let mut chain = Chain::default();
            let op = ops::ArgMax { axis: axis as u32, nan_mode, input: chain.input(input, &real) };
            let result = chain.push::<Word>(op);
            chain.check(result, |output| match nan_mode {
                NanMode::Propagate => kernels::arg_max(&step, &reals(&real), output),
                NanMode::Ignore => kernels::arg_max_number(&step, &reals(&real), output),
            })?;
        }
    }

    #[test]
    fn gather_and_scatter(
        ([n, k, c], indices) in [1_usize..=3, 1_usize..=5, 1_usize..=4]
            .prop_flat_map(|sizes| (Just(sizes), vec(Just((0..sizes[1] as i32).collect::<Vec<_>>()).prop_shuffle(), sizes[0]))),
        w in 1_usize..=5,
        elements in i8s(2 * 60),
    ) {
        // Each row at most once, in any order.
        let w = w.min(k);
        let indices = words(&indices.iter().flat_map(|row| row[..w].iter().copied()).collect::<Vec<_>>());
        let (values, index_shape, rows) = (shape(&[n, k, c]), shape(&[n, w]), shape(&[n, w, c]));
        let (elements, new) = (&elements[..values.len()], &elements[60..60 + rows.len()]);

        let mut chain = Chain::default();
        let op = ops::Gather { values: chain.input(values, elements), indices: chain.input(index_shape, &indices) };
        let result = chain.push::<i8>(op);
        let step = steps::Gather { values, indices: index_shape };
        chain.check(result, |output| kernels::gather(&step, elements, &indices, output))?;
        let mut chain = Chain::default();
        let op = ops::Scatter {
            values: chain.input(values, elements),
            indices: chain.input(index_shape, &indices),
            input: chain.input(rows, new),
        };
        let result = chain.push::<i8>(op);
        let step = steps::Scatter { values, indices: index_shape };
        chain.check(result, |output| kernels::scatter(&step, elements, &indices, new, output))?;
    }

    #[test]
    fn reverse(dims in dims(1..=4), axis in any::<prop::sample::Index>(), elements in i8s(MANY)) {
        let (input, axis) = (shape(&dims), axis.index(dims.len()));
        let elements = &elements[..input.len()];
        let mut chain = Chain::default();
        let op = ops::Reverse { axis: axis as u32, input: chain.input(input, elements) };
        let result = chain.push::<i8>(op);
        let step = steps::Reverse { input, axis: axis as u8 };
        chain.check(result, |output| kernels::reverse(&step, elements, output))?;
    }

    #[test]
    fn tile(axes in vec((1_usize..=4, 1_usize..=3), 1..=4), elements in i8s(MANY)) {
        let input = shape(&axes.iter().map(|(dim, _)| *dim).collect::<Vec<_>>());
        let elements = &elements[..input.len()];
        let mut chain = Chain::default();
        let multiples = axes.iter().map(|(_, multiple)| *multiple as i32).collect();
        let op = ops::Tile { input: chain.input(input, elements), multiples };
        let result = chain.push::<i8>(op);
        let step = steps::Tile { input, output: chain.shape(result) };
        chain.check(result, |output| kernels::tile(&step, elements, output))?;
    }

    #[test]
    fn clamp(input in i8s(37), bounds in any::<[i8; 2]>()) {
        let [min, max] = [bounds[0].min(bounds[1]), bounds[0].max(bounds[1])];
        let [lower, upper] = [min, max].map(|bound| i32::from(bound).into());
        let mut chain = Chain::default();
        let value = chain.input(shape(&[37]), &input);
        let output = chain.push::<i8>(ops::Clamp { min: lower, max: upper, input: value, ..Default::default() });
        chain.check(output, |output| kernels::clamp(&steps::Clamp { min, max }, &input, output))?;
    }

    #[test]
    fn table(input in i8s(37), entries in i8s(256)) {
        let mut chain = Chain::default();
        let op = ops::Table { input: chain.input(shape(&[37]), &input), table: chain.constant(&[256], &entries) };
        let output = chain.push::<i8>(op);
        let step = steps::Table { table: entries.first_chunk().expect("256 entries") };
        chain.check(output, |output| kernels::table(&step, &input, output))?;
    }
}

/// A tensor to be rescaled: dimensions, factors of its last axis.
fn rescaled() -> impl Strategy<Value = (Vec<usize>, Factors)> {
    dims(1..=3).prop_flat_map(|dims| {
        let channels = *dims.last().expect("a rank of at least 1");
        (Just(dims), factors(channels))
    })
}

/// Elements, of which a tensor takes as many as it needs.
const MANY: usize = 256;

fn check_rescale<I: Element, O: Element>(
    (dims, factors): (Vec<usize>, Factors),
    input: &[I],
    zero_points: [i8; 2],
    kernel: impl FnOnce(&Rescale<'_>, &[I], &mut [O]),
) -> Result<(), TestCaseError> {
    let shape = shape(&dims);
    let input = &input[..shape.len()];
    let mut chain = Chain::default();
    let value = chain.input(shape, input);
    let output = chain.rescale::<O>(value, &factors, zero_points);
    chain.check(output, |output| kernel(&factors.step(zero_points), input, output))
}

proptest! {
    #[test]
    fn rescale_i8(case in rescaled(), input in i8s(MANY), zero_points in any::<[i8; 2]>()) {
        check_rescale(case, &input, zero_points, kernels::rescale_i8)?;
    }

    #[test]
    fn rescale_i8_to_i32(case in rescaled(), input in i8s(MANY), zero_point in any::<i8>()) {
        check_rescale(case, &input, [zero_point, 0], kernels::rescale_i8_to_i32)?;
    }

    #[test]
    fn rescale_i32_to_i8(case in rescaled(), input in i32s(MANY), zero_point in any::<i8>()) {
        check_rescale(case, &input, [0, zero_point], kernels::rescale_i32_to_i8)?;
    }

    #[test]
    fn rescale_i32(case in rescaled(), input in i32s(MANY)) {
        check_rescale(case, &input, [0, 0], kernels::rescale_i32)?;
    }
}

fn operator() -> impl Strategy<Value = BinaryI32> {
    prop_oneof![
        Just(BinaryI32::Add(operators::Add)),
        Just(BinaryI32::Sub(operators::Sub)),
        Just(BinaryI32::Mul(operators::Mul)),
        (1..=63_u8).prop_map(|shift| BinaryI32::MulShift(operators::MulShift { shift })),
        Just(BinaryI32::Maximum(operators::Maximum)),
        Just(BinaryI32::Minimum(operators::Minimum)),
    ]
}

/// The operator of a step on two values of the graph.
fn operation(operator: BinaryI32, input1: ValueId, input2: ValueId) -> Op {
    let nan_mode = ops::NanMode::default();
    match operator {
        BinaryI32::Add(_) => ops::Add { input1, input2 }.into(),
        BinaryI32::Sub(_) => ops::Sub { input1, input2 }.into(),
        BinaryI32::Mul(_) => ops::Mul { input1, input2, shift: 0 }.into(),
        BinaryI32::MulShift(operator) => ops::Mul { input1, input2, shift: operator.shift.into() }.into(),
        BinaryI32::Maximum(_) => ops::Maximum { nan_mode, input1, input2 }.into(),
        BinaryI32::Minimum(_) => ops::Minimum { nan_mode, input1, input2 }.into(),
        other => unreachable!("{other:?} is not among the strategy's"),
    }
}

/// Two shapes that broadcast, and the result.
fn broadcast() -> impl Strategy<Value = steps::Binary<BinaryI32>> {
    (operator(), vec((1_usize..=4, any::<[bool; 2]>()), 0..=4)).prop_map(|(operator, axes)| {
        let side = |side: usize| axes.iter().map(|(size, keep)| if keep[side] { *size } else { 1 }).collect::<Vec<_>>();
        let inputs = [shape(&side(0)), shape(&side(1))];
        steps::Binary { operator, inputs, output: inputs[0].broadcast(&inputs[1]).expect("broadcastable") }
    })
}

fn channels(shape: &Shape) -> usize {
    shape.dims().last().map_or(1, |&channels| channels as usize)
}

proptest! {
    #[test]
    fn binary((step, inputs) in broadcast().prop_flat_map(|step| {
        let inputs = step.inputs.map(|shape| i32s(shape.len()));
        (Just(step), inputs)
    })) {
        let mut chain = Chain::default();
        let [a, b] = [0, 1].map(|side| chain.input(step.inputs[side], &inputs[side]));
        let output = chain.push::<Word>(operation(step.operator, a, b));
        chain.check(output, |output: &mut [Word]| kernels::binary(&step, &inputs[0], &inputs[1], output))?;
    }

    #[test]
    fn rescaled_binary(
        (binary, inputs, input_factors, output_factors) in broadcast().prop_flat_map(|step| {
            let inputs = step.inputs.map(|shape| i8s(shape.len()));
            // A tensor of rank 0 has no channels, and RESCALE is not per channel there.
            let of = |shape: &Shape| {
                let rank = shape.rank();
                factors(channels(shape)).prop_map(move |factors| Factors { per_channel: factors.per_channel && rank > 0, ..factors })
            };
            (Just(step), inputs, step.inputs.each_ref().map(of), of(&step.output))
        }),
        zero_points in any::<[i8; 3]>(),
    ) {
        let [zero_point_a, zero_point_b, zero_point] = zero_points;
        let mut chain = Chain::default();
        let [a, b] = [0, 1].map(|side| {
            let input = chain.input(binary.inputs[side], &inputs[side]);
            chain.rescale::<Word>(input, &input_factors[side], [zero_points[side], 0])
        });
        let result = chain.push::<Word>(operation(binary.operator, a, b));
        let output = chain.rescale::<i8>(result, &output_factors, [0, zero_point]);
        let step = steps::RescaledBinary {
            binary,
            input_rescales: [input_factors[0].step([zero_point_a, 0]), input_factors[1].step([zero_point_b, 0])],
            rescale: output_factors.step([0, zero_point]),
        };
        chain.check(output, |output| kernels::rescaled_binary(&step, &inputs[0], &inputs[1], output))?;
    }

    #[test]
    fn reduce_sum(dims in dims(1..=4), axis in any::<prop::sample::Index>(), input in i32s(MANY)) {
        let (input_shape, axis) = (shape(&dims), axis.index(dims.len()));
        let input = &input[..input_shape.len()];
        let mut chain = Chain::default();
        let value = chain.input(input_shape, input);
        let output = chain.push::<Word>(ops::ReduceSum { axis: axis as u32, input: value });
        let step = steps::Reduce { operator: operators::Add, input: input_shape, axis: axis as u8 };
        chain.check(output, |output| kernels::reduce(&step, input, output))?;
    }

    #[test]
    fn rescaled_sum(
        ((dims, axes, input_factors), output_factors) in (dims(1..=4), any::<[bool; MAX_RANK]>())
            .prop_flat_map(|(dims, axes)| {
                let last = dims.len() - 1;
                let sums = if axes[last] { 1 } else { dims[last] };
                ((Just(dims.clone()), Just(axes), factors(dims[last])), factors(sums))
            }),
        input in i8s(MANY),
        zero_points in any::<[i8; 2]>(),
    ) {
        let input_shape = shape(&dims);
        let input = &input[..input_shape.len()];
        let mut chain = Chain::default();
        let value = chain.input(input_shape, input);
        let mut sum = chain.rescale::<Word>(value, &input_factors, [zero_points[0], 0]);
        for axis in (0..dims.len()).filter(|&axis| axes[axis]) {
            sum = chain.push::<Word>(ops::ReduceSum { axis: axis as u32, input: sum });
        }
        let output = chain.rescale::<i8>(sum, &output_factors, [0, zero_points[1]]);
        let step = steps::RescaledSum {
            input: input_shape,
            axes: std::array::from_fn(|axis| axes[axis] && axis < dims.len()),
            input_rescale: input_factors.step([zero_points[0], 0]),
            rescale: output_factors.step([0, zero_points[1]]),
        };
        chain.check(output, |output| kernels::rescaled_sum(&step, input, output))?;
    }
}

/// The array of a step: values of the axes, `otherwise` beyond the rank.
fn per_axis<T: Copy>(values: impl IntoIterator<Item = T>, otherwise: [T; MAX_RANK]) -> [T; MAX_RANK] {
    let mut axes = otherwise;
    for (axis, value) in axes.iter_mut().zip(values) {
        *axis = value;
    }
    axes
}

fn check_transpose<T: Element>(dims: &[usize], perms: &[usize], input: &[T]) -> Result<(), TestCaseError> {
    let input_shape = shape(dims);
    let input = &input[..input_shape.len()];
    let mut chain = Chain::default();
    let value = chain.input(input_shape, input);
    let output =
        chain.push::<T>(ops::Transpose { perms: perms.iter().map(|&axis| axis as i32).collect(), input: value });
    let perms = per_axis(perms.iter().map(|&axis| axis as u8), [0, 1, 2, 3, 4, 5]);
    chain.check(output, |output| kernels::transpose(&steps::Transpose { input: input_shape, perms }, input, output))
}

fn check_pad<T: Element>(
    axes: &[(usize, [u32; 2])],
    pad_const: i32,
    value: T,
    input: &[T],
) -> Result<(), TestCaseError> {
    let input_shape = shape(&axes.iter().map(|(size, _)| *size).collect::<Vec<_>>());
    let input = &input[..input_shape.len()];
    let mut chain = Chain::default();
    let op = ops::Pad {
        input: chain.input(input_shape, input),
        padding: axes.iter().flat_map(|(_, pad)| pad.map(|amount| amount as i32)).collect(),
        pad_const: pad_const.into(),
    };
    let output = chain.push::<T>(op);
    let before = per_axis(axes.iter().map(|(_, pad)| pad[0]), [0; MAX_RANK]);
    let step = steps::Pad { input: input_shape, output: chain.shape(output), before, value };
    chain.check(output, |output| kernels::pad(&step, input, output))
}

fn check_concat<T: Element>(dims: &[usize], axis: usize, sizes: &[usize], elements: &[T]) -> Result<(), TestCaseError> {
    let shapes: Vec<Shape> = sizes
        .iter()
        .map(|&size| {
            let mut dims = dims.to_vec();
            dims[axis] = size;
            shape(&dims)
        })
        .collect();
    let mut chain = Chain::default();
    let inputs = shapes.iter().map(|shape| chain.input(*shape, &elements[..shape.len()])).collect();
    let output = chain.push::<T>(ops::Concat { axis: axis as u32, inputs });
    let output_shape = chain.shape(output);
    chain.check(output, |output| {
        let mut start = 0;
        for input in shapes {
            let step = steps::Concat { input, output: output_shape, axis: axis as u8, start };
            kernels::concat(&step, &elements[..input.len()], output);
            start += input.dims()[axis];
        }
    })
}

fn check_slice<T: Element>(axes: &[(usize, usize, usize)], input: &[T]) -> Result<(), TestCaseError> {
    let input_shape = shape(&axes.iter().map(|(start, size, after)| start + size + after).collect::<Vec<_>>());
    let input = &input[..input_shape.len()];
    let mut chain = Chain::default();
    let op = ops::Slice {
        input: chain.input(input_shape, input),
        start: axes.iter().map(|(start, ..)| *start as i32).collect(),
        size: axes.iter().map(|(_, size, _)| *size as i32).collect(),
    };
    let output = chain.push::<T>(op);
    let start = per_axis(axes.iter().map(|(start, ..)| *start as u32), [0; MAX_RANK]);
    let step = steps::Slice { input: input_shape, output: chain.shape(output), start };
    chain.check(output, |output| kernels::slice(&step, input, output))
}

/// The shape of complex numbers that are transformed, and the exponents of their height and width.
fn planes() -> impl Strategy<Value = [u32; 3]> {
    [1_u32..=3, 0_u32..=5, 0_u32..=6].prop_map(|[n, h, w]| [n, 1 << h, 1 << w])
}

/// f32 that are no NaN, whose bits are not defined.
fn numbers(len: usize) -> impl Strategy<Value = Vec<Real>> {
    vec((-1000.0_f32..=1000.0).prop_map(|number| Real(number.to_le_bytes())), len)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn fft2d(dims in planes(), inverse in any::<bool>(), parts in [numbers(6144), numbers(6144)]) {
        let shape = Shape::new(&dims).expect("not empty");
        let [real, imaginary] = parts.each_ref().map(|part| &part[..shape.len()]);
        let mut chain = Chain::default();
        let [input_real, input_imaginary] = [real, imaginary].map(|part| chain.input(shape, part));
        let expected = chain.transform(ops::Fft2d { inverse, input_real, input_imaginary, ..Default::default() });
        let cosines = fourier::cosines(dims[1].max(dims[2]) as usize);
        let step = steps::Fft2d { shape, cosines: &cosines, inverse };
        let mut stored = [vec![[0; 4]; shape.len()], vec![[0; 4]; shape.len()]];
        let [output_real, output_imaginary] = &mut stored;
        kernels::fft2d(&step, &reals(real), &reals(imaginary), output_real, output_imaginary);
        prop_assert_eq!(stored, expected);
    }

    #[test]
    fn rfft2d(dims in planes(), numbers in numbers(6144)) {
        let input = Shape::new(&dims).expect("not empty");
        let numbers = &numbers[..input.len()];
        let mut chain = Chain::default();
        let operand = chain.input(input, numbers);
        let expected = chain.transform(ops::Rfft2d { input: operand, ..Default::default() });
        let cosines = fourier::cosines(dims[1].max(dims[2]) as usize);
        let step = steps::Rfft2d { input, cosines: &cosines };
        let mut stored = [(); 2].map(|()| vec![[0; 4]; expected[0].len()]);
        let [real, imaginary] = &mut stored;
        kernels::rfft2d(&step, &reals(numbers), real, imaginary);
        prop_assert_eq!(stored, expected);
    }
}

/// Dimensions and an order of the axes.
fn permuted() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    vec(1_usize..=3, 1..=MAX_RANK).prop_flat_map(|dims| {
        let axes: Vec<usize> = (0..dims.len()).collect();
        (Just(dims), Just(axes).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn transpose((dims, perms) in permuted(), input in i8s(729), word_input in i32s(729)) {
        check_transpose(&dims, &perms, &input)?;
        check_transpose(&dims, &perms, &word_input)?;
    }

    #[test]
    fn pad(
        axes in vec((1_usize..=4, [0_u32..=3, 0_u32..=3]), 1..=4),
        value in any::<i8>(),
        word in any::<i32>(),
        input in i8s(MANY),
        word_input in i32s(MANY),
    ) {
        check_pad(&axes, value.into(), value, &input)?;
        check_pad(&axes, word, word.to_le_bytes(), &word_input)?;
    }

    #[test]
    fn concat(
        dims in dims(1..=4),
        axis in any::<prop::sample::Index>(),
        sizes in vec(1_usize..=4, 1..=4),
        input in i8s(MANY),
        word_input in i32s(MANY),
    ) {
        let axis = axis.index(dims.len());
        check_concat(&dims, axis, &sizes, &input)?;
        check_concat(&dims, axis, &sizes, &word_input)?;
    }

    #[test]
    fn slice(
        axes in vec((0_usize..=2, 1_usize..=3, 0_usize..=1), 1..=4),
        input in i8s(1296),
        word_input in i32s(1296),
    ) {
        check_slice(&axes, &input)?;
        check_slice(&axes, &word_input)?;
    }

    #[test]
    fn copy(dims in dims(1..=4), input in i8s(MANY)) {
        let shape = shape(&dims);
        let input = &input[..shape.len()];
        let mut chain = Chain::default();
        let op = ops::Reshape { input: chain.input(shape, input), shape: vec![shape.len() as i32] };
        let output = chain.push::<i8>(op);
        chain.check(output, |output| kernels::copy(input, output))?;
    }
}
