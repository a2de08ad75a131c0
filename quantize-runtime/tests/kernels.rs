//! Every kernel against the reference kernels of its operators, byte for byte, on generated steps.

use proptest::collection::vec;
use proptest::prelude::*;
use quantize_runtime::graph::{Constant, ElementType, Graph, Node, Port, Value, ValueId};
use quantize_runtime::interpreter::{Error, Interpreter, Tensor};
use quantize_runtime::operators::any::BinaryI32;
use quantize_runtime::ops::{self, Op};
use quantize_runtime::{Rescale, Shape, kernels, operators, steps};

/// An i32 as kernels see it.
type Word = [u8; 4];

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
        self.graph.nodes.push(Node { op, output });
        output
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

    fn depthwise_conv2d(&self, chain: &mut Chain) -> ops::DepthwiseConv2d {
        let ops::Conv2d { pad, stride, dilation, input, weight, bias, input_zero_point, .. } = self.conv2d(chain);
        ops::DepthwiseConv2d { pad, stride, dilation, input, weight, bias, input_zero_point, ..Default::default() }
    }

    fn rescale(&self) -> Rescale<'_> {
        self.factors.step([0, self.zero_points[1]])
    }

    fn conv2d_step<R>(&self, rescale: R) -> steps::Conv2d<'_, R> {
        steps::Conv2d {
            input: self.input,
            output: self.output,
            kernel: both(self.axes, |axis| axis.kernel),
            stride: both(self.axes, |axis| axis.stride),
            dilation: both(self.axes, |axis| axis.dilation),
            pad: pads(self.axes),
            input_zero_point: self.zero_points[0],
            weights: &self.weights,
            bias: &self.bias,
            rescale,
        }
    }

    fn depthwise_conv2d_step<R>(&self, rescale: R) -> steps::DepthwiseConv2d<'_, R> {
        let steps::Conv2d { input, output, kernel, stride, dilation, pad, input_zero_point, weights, bias, rescale } =
            self.conv2d_step(rescale);
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
            rescale,
        }
    }
}

proptest! {
    #[test]
    fn conv2d(case in convolution(false)) {
        let mut chain = Chain::default();
        let op = case.conv2d(&mut chain);
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &case.factors, [0, case.zero_points[1]]);
        chain.check(output, |output| kernels::conv2d(&case.conv2d_step(case.rescale()), &case.activation, output))?;
    }

    #[test]
    fn conv2d_i32(case in convolution(false)) {
        let mut chain = Chain::default();
        let op = case.conv2d(&mut chain);
        let output = chain.push::<Word>(op);
        chain.check(output, |output| kernels::conv2d_i32(&case.conv2d_step(()), &case.activation, output))?;
    }

    #[test]
    fn depthwise_conv2d(case in convolution(true)) {
        let mut chain = Chain::default();
        let op = case.depthwise_conv2d(&mut chain);
        let sums = chain.push::<Word>(op);
        let output = chain.rescale::<i8>(sums, &case.factors, [0, case.zero_points[1]]);
        let step = case.depthwise_conv2d_step(case.rescale());
        chain.check(output, |output| kernels::depthwise_conv2d(&step, &case.activation, output))?;
    }

    #[test]
    fn depthwise_conv2d_i32(case in convolution(true)) {
        let mut chain = Chain::default();
        let op = case.depthwise_conv2d(&mut chain);
        let output = chain.push::<Word>(op);
        let step = case.depthwise_conv2d_step(());
        chain.check(output, |output| kernels::depthwise_conv2d_i32(&step, &case.activation, output))?;
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
