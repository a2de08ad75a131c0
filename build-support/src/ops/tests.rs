//! What each operator is lowered to, rewritten and planned, against its float arithmetic.

use super::abs::Abs;
use super::adaptive_avg_pool1d::AdaptiveAvgPool1d;
use super::adaptive_max_pool2d::AdaptiveMaxPool2d;
use super::amax::Amax;
use super::as_strided::AsStrided;
use super::avg_pool1d::AvgPool1d;
use super::avg_pool2d::AvgPool2d;
use super::choose::Choose;
use super::conv_transpose2d::ConvTranspose2d;
use super::conv1d::Conv1d;
use super::conv2d::Conv2d;
use super::conv3d::Conv3d;
use super::cumsum::Cumsum;
use super::dft::Dft;
use super::expand::Expand;
use super::flip::Flip;
use super::gather::Gather;
use super::identity::Identity;
use super::index::Index;
use super::index_put::IndexPut;
use super::index_select::IndexSelect;
use super::matmul::MatMul;
use super::max_all::MaxAll;
use super::max_pool1d::MaxPool1d;
use super::max_pool2d::MaxPool2d;
use super::neg::Neg;
use super::pixel_shuffle::PixelShuffle;
use super::repeat::Repeat;
use super::repeat_interleave::RepeatInterleave;
use super::select::Select;
use super::stack::Stack;
use super::strided_slice::StridedSlice;
use super::unary::Unary;
use super::upsample::{Interpolation, Upsample};
use super::{Op, Pattern};
use crate::config::{Config, Dtype, Profile};
use crate::graph::{Data, Element, Graph, Node, Output, Tensor};
use crate::lower::lower;
use crate::plan::{execute::execute, plan};
use crate::quantize::{QuantGraph, QuantParams, QuantWeights};
use crate::tosa;
use ndarray::ArrayD;
use quantize_runtime::interpreter::{Interpreter, Tensor as Elements};

/// Real numbers between −2 and 2.
fn real(shape: &[usize]) -> Data {
    let mut state = 17_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as f32 / 16_384.0 - 2.0
    };
    Tensor::from_shape_simple_fn(shape, next).into()
}

fn integers(shape: &[usize], elements: &[i64]) -> Data {
    ArrayD::from_shape_vec(shape, elements.to_vec()).expect("as many elements as the shape says").into()
}

/// A network of one operator whose real operands are inputs, but for the weights of a layer.
fn network(op: Op, operands: &[Data], integers_are_inputs: bool) -> (Graph, Vec<Data>) {
    let mut graph = Graph::default();
    let mut inputs = Vec::new();
    let mut ids = Vec::new();
    for (index, data) in operands.iter().enumerate() {
        let is_input = match data.element() {
            Element::F32 => index == 0 || !op.pattern().is_layer(),
            Element::I64 | Element::Bool => integers_are_inputs,
        };
        let name = format!("operand_{index}");
        let id = if is_input { graph.add_value(name, data.kind()) } else { graph.add_constant(name, data.clone()) };
        if is_input {
            graph.inputs.push(id);
            inputs.push(data.clone());
        }
        ids.push(id);
    }
    let kinds = op.infer(&graph.kinds(&ids)).expect("valid operands");
    let outputs: Vec<_> = kinds.into_iter().map(|kind| graph.add_value("result", kind)).collect();
    graph.outputs.push(Output { name: "result".to_owned(), value: outputs[0] });
    let (name, target) = (op.name().to_owned(), op.target().to_owned());
    graph.nodes.push(Node { op, inputs: ids, outputs, name, target, scopes: Vec::new() });
    (graph, inputs)
}

/// Parameters for the range of these numbers and zero.
fn params<'a>(data: impl IntoIterator<Item = &'a f32>) -> QuantParams {
    let (min, max) = data.into_iter().fold((0.0_f32, 0.0_f32), |(min, max), &x| (min.min(x), max.max(x)));
    let scale = ((max - min) / 255.0).max(f32::EPSILON);
    QuantParams { dtype: Dtype::Int8, scale, zero_point: (-128.0 - min / scale).round() as i32, qmin: -128, qmax: 127 }
}

fn on_grid(data: &Data, params: QuantParams) -> Data {
    match data {
        Data::F32(reals) => reals.mapv(|real| params.dequantize(params.quantize(real))).into(),
        other => other.clone(),
    }
}

/// Quantizes the operator, runs its integer form and checks that results are `quanta` from those of its float form on the
/// same, quantized, operands.
#[track_caller]
fn check(op: impl Into<Op>, operands: &[Data], quanta: f32) {
    let op = op.into();
    for integers_are_inputs in [false, true] {
        check_with(op.clone(), operands, None, quanta, integers_are_inputs);
    }
}

/// `result`: the result's parameters, if its observer watches more than the result.
#[track_caller]
fn check_with(op: Op, operands: &[Data], result: Option<QuantParams>, quanta: f32, integers_are_inputs: bool) {
    let (graph, inputs) = network(op.clone(), operands, integers_are_inputs);
    let node = &graph.nodes[0];
    let shares = matches!(op.pattern(), Pattern::Shared | Pattern::SharesInput);
    let exact = op.evaluate(&operands.iter().collect::<Vec<_>>()).remove(0);
    let exact = exact.real().expect("a real result");
    let reals = |index: usize| operands[index].real().into_iter().flatten();
    let of_all = params((0..operands.len()).flat_map(reals));
    let of_operand = |index: usize| if shares { of_all } else { params(reals(index)) };
    let result = result.unwrap_or_else(|| if shares { of_all } else { params(exact) });

    let is_layer = op.pattern().is_layer();
    let read: Vec<_> = (0..operands.len())
        .map(|index| {
            let observed = operands[index].element() == Element::F32 && (index == 0 || !is_layer);
            observed.then(|| of_operand(index))
        })
        .collect();
    let mut stored = vec![None; graph.value_count()];
    for (&id, params) in node.inputs.iter().zip(&read) {
        stored[id.index()] = *params;
    }
    stored[node.output().index()] = Some(result);
    let first = graph.node_ids().next().expect("one node");
    let weights = is_layer.then(|| {
        let scheme = Config::PER_CHANNEL.weights;
        QuantWeights::new(&graph, first, scheme, of_operand(0).scale)
    });
    let quantized = QuantGraph {
        stored,
        read: vec![read.clone()],
        returned: vec![Some(result)],
        weights: vec![weights],
        fused: vec![None],
        float: vec![false],
        graph,
    };
    let lowered = lower(&quantized, Profile::Int).expect("an integer form");
    let codes: Vec<Elements> = inputs
        .iter()
        .zip(&quantized.graph.inputs)
        .map(|(data, id)| match data {
            Data::F32(reals) => {
                let params = quantized.stored(*id);
                Elements::I8(reals.iter().map(|&real| params.quantize(real) as i8).collect())
            }
            Data::I64(integers) => Elements::I32(integers.iter().map(|&integer| integer as i32).collect()),
            Data::Bool(truths) => Elements::Bool(truths.iter().copied().collect()),
        })
        .collect();
    let run = |lowered: tosa::Lowered| {
        let valid = tosa::validate(lowered).unwrap_or_else(|errors| panic!("{op:?}: {errors:?}"));
        let outputs = Interpreter::new(valid.graph()).expect("a valid graph").run(&codes).expect("values in range");
        let plan = plan(valid.graph()).unwrap_or_else(|error| panic!("{op:?}: {error}"));
        let bytes: Vec<_> = outputs.iter().map(Elements::to_le_bytes).collect();
        assert_eq!(execute(&plan, &codes), bytes, "{op:?}");
        outputs
    };
    let rewritten = tosa::rewrite(&lowered);
    let found = run(lowered);
    assert_eq!(run(rewritten), found, "{op:?}");
    let [Elements::I8(found)] = &found[..] else { panic!("one result of int8") };

    let rounded: Vec<Data> = operands
        .iter()
        .zip(&read)
        .map(|(data, params)| params.map_or_else(|| data.clone(), |params| on_grid(data, params)))
        .collect();
    let expected = op.evaluate(&rounded.iter().collect::<Vec<_>>()).remove(0);
    let expected = expected.real().expect("a real result");
    assert_eq!(found.len(), expected.len(), "{op:?}");
    for (&found, &expected) in found.iter().zip(expected) {
        let found = result.dequantize(found.into());
        let expected = expected.clamp(result.dequantize(result.qmin), result.dequantize(result.qmax));
        let difference = (found - expected).abs() / result.scale;
        assert!(difference <= quanta, "{op:?}: {found} instead of {expected}, {difference} quanta of {}", result.scale);
    }
}

/// Runs the float form of an operator and checks that results are close to those of calibration's arithmetic.
#[track_caller]
fn check_float(op: impl Into<Op>, operand: &Data) {
    let op = op.into();
    let (graph, inputs) = network(op.clone(), std::slice::from_ref(operand), true);
    let expected = op.evaluate(&[operand]).remove(0);
    let network = QuantGraph {
        stored: vec![None; graph.value_count()],
        read: vec![vec![None]],
        returned: vec![None],
        weights: vec![None],
        fused: vec![None],
        float: vec![true],
        graph,
    };
    let lowered = lower(&network, Profile::Full).expect("a float form");
    let elements: Vec<_> =
        inputs.iter().map(|data| Elements::F32(data.real().into_iter().flatten().copied().collect())).collect();
    for lowered in [tosa::rewrite(&lowered), lowered] {
        let valid = tosa::validate(lowered).unwrap_or_else(|errors| panic!("{op:?}: {errors:?}"));
        let outputs = Interpreter::new(valid.graph()).expect("a valid graph").run(&elements).expect("defined");
        let plan = plan(valid.graph()).unwrap_or_else(|error| panic!("{op:?}: {error}"));
        assert_eq!(execute(&plan, &elements), outputs.iter().map(Elements::to_le_bytes).collect::<Vec<_>>(), "{op:?}");
        let [Elements::F32(found)] = &outputs[..] else { panic!("one real result") };
        let expected = expected.real().expect("a real result");
        assert_eq!(found.len(), expected.len(), "{op:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-4, "{op:?} of {:?}: {found}, not {expected}", operand.shape());
        }
    }
}

/// Codes that only move.
const MOVED: f32 = 0.0;
/// A result that is rounded once.
const ROUNDED: f32 = 0.51;
/// A result that is rounded with parameters up to three times as coarse, and once more.
const MEAN: f32 = 4.0 * ROUNDED;
/// A result that is rounded once, of weights that are rounded as well.
const LAYER: f32 = 3.0;

#[test]
fn products_of_matrices() {
    check(MatMul::Mm, &[real(&[3, 4]), real(&[4, 5])], ROUNDED);
    check(MatMul::Bmm, &[real(&[2, 3, 4]), real(&[2, 4, 5])], ROUNDED);
}

#[test]
fn convolutions_of_rows() {
    let conv = |stride, pad, dilation, groups| {
        let conv = Conv2d { stride: [1, stride], pad: [[0, 0], pad], dilation: [1, dilation], groups };
        Conv1d { conv, named_pad: false }
    };
    let operands = [real(&[2, 4, 9]), real(&[6, 4, 3]), real(&[6])];
    check(conv(1, [1, 1], 1, 1), &operands, LAYER);
    check(conv(2, [0, 2], 2, 1), &operands[..2], LAYER);
    check(conv(3, [1, 1], 1, 2), &[real(&[1, 4, 10]), real(&[6, 2, 3]), real(&[6])], LAYER);
    check(Conv1d { named_pad: true, ..conv(1, [0, 1], 1, 4) }, &[real(&[2, 4, 7]), real(&[8, 1, 2])], LAYER);
}

#[test]
fn pools_of_rows() {
    let row = [real(&[2, 3, 9])];
    let (kernel, stride, pad) = ([1, 3], [1, 2], [[0, 0], [1, 1]]);
    check(MaxPool1d(MaxPool2d { kernel, stride, pad, dilation: [1, 1] }), &row, ROUNDED);
    check(MaxPool1d(MaxPool2d { kernel, stride, pad, dilation: [1, 2] }), &row, ROUNDED);
    // The mean is rounded in the operand's parameters, then in the result's.
    for count_include_pad in [true, false] {
        let pool = AvgPool2d { pad, count_include_pad, ..AvgPool2d::unpadded(kernel, stride) };
        check(AvgPool1d(pool), &row, MEAN);
    }
    for output in [1, 3, 4] {
        check(AdaptiveAvgPool1d { output }, &row, MEAN);
    }
}

#[test]
fn convolutions_of_volumes() {
    let operands = [real(&[2, 4, 4, 5, 6]), real(&[6, 4, 2, 3, 3]), real(&[6])];
    let conv = Conv3d { stride: [1; 3], pad: [[0, 0]; 3], dilation: [1; 3], groups: 1 };
    check(conv, &operands, LAYER);
    let pad = [[1, 0], [1, 1], [0, 2]];
    check(Conv3d { stride: [2, 2, 1], pad, dilation: [2, 1, 1], ..conv }, &operands[..2], LAYER);
    check(Conv3d { groups: 2, ..conv }, &[real(&[1, 4, 3, 3, 3]), real(&[6, 2, 2, 2, 2]), real(&[6])], LAYER);
}

#[test]
fn maxima_of_regions() {
    for output in [[1, 1], [2, 3], [3, 4]] {
        check(AdaptiveMaxPool2d { output }, &[real(&[2, 3, 5, 6])], MEAN);
    }
    check(MaxAll { largest: true }, &[real(&[2, 3])], MEAN);
    check(MaxAll { largest: false }, &[real(&[2, 3, 1, 2, 2])], MEAN);
}

#[test]
fn memory_with_other_strides() {
    check(AsStrided { shape: vec![2, 3, 2], strides: vec![4, 1, 2], offset: 1 }, &[real(&[3, 4])], MOVED);
    check(AsStrided { shape: vec![2, 3], strides: vec![3, 1], offset: 4 }, &[real(&[3, 4])], MOVED);
}

#[test]
fn transposed_convolutions() {
    let conv = |stride, pad, output_pad| ConvTranspose2d { stride, pad, output_pad, dilation: [1, 1], groups: 1 };
    let operands = [real(&[2, 4, 3, 5]), real(&[4, 3, 3, 2]), real(&[3])];
    check(conv([1, 1], [[0, 0], [0, 0]], [0, 0]), &operands, LAYER);
    check(conv([2, 3], [[1, 1], [0, 1]], [1, 2]), &operands, LAYER);
    check(conv([2, 1], [[2, 2], [1, 0]], [0, 0]), &operands[..2], LAYER);
}

#[test]
fn repetitions() {
    check(Expand { shape: vec![2, 3, 4] }, &[real(&[3, 1])], MOVED);
    check(Repeat { repeats: vec![2, 1, 3] }, &[real(&[3, 2])], MOVED);
    check(RepeatInterleave { axis: 1, count: 3 }, &[real(&[2, 3, 2])], MOVED);
}

#[test]
fn mirror_images() {
    check(Flip { axes: vec![0, 2] }, &[real(&[2, 3, 4])], MOVED);
}

#[test]
fn selections_by_index() {
    check(IndexSelect { axis: 0 }, &[real(&[4, 3]), integers(&[3], &[3, 0, 3])], MOVED);
    check(IndexSelect { axis: 1 }, &[real(&[2, 4, 3]), integers(&[2], &[2, 1])], MOVED);
}

#[test]
fn selections_by_indices_of_several_axes() {
    check_with(Index { axis: 0 }.into(), &[real(&[4, 3]), integers(&[3], &[3, 0, -1])], None, MOVED, false);
    let operands = [real(&[2, 4, 3, 2]), integers(&[2, 1], &[3, 0]), integers(&[2], &[2, 1])];
    check(Index { axis: 1 }, &operands, MOVED);
}

#[test]
fn elements_with_an_index_each() {
    check(Gather { axis: 1 }, &[real(&[3, 4, 2]), integers(&[2, 3, 2], &[0, 1, 2, 3, 3, 2, 1, 0, 2, 2, 0, 3])], MOVED);
    check(Gather { axis: 0 }, &[real(&[3, 2]), integers(&[1, 2], &[2, 0])], MOVED);
}

#[test]
fn replacements() {
    check(IndexPut, &[real(&[4, 3]), integers(&[2], &[2, 0]), real(&[2, 3])], MOVED);
    let operands = [real(&[4, 3, 2]), integers(&[2, 1], &[2, 0]), integers(&[2], &[1, 2]), real(&[2])];
    check(IndexPut, &operands, MOVED);
}

#[test]
fn stacks() {
    for axis in 0..=2 {
        check(Stack { axis }, &[real(&[2, 3]), real(&[2, 3])], MOVED);
    }
}

#[test]
fn every_so_many_elements() {
    for (start, end, step) in [(0, 8, 2), (1, 8, 3), (1, 7, 3), (0, 7, 4), (2, 3, 5), (7, 8, 2)] {
        check(StridedSlice { axis: 1, start, end, step }, &[real(&[2, 8, 3])], MOVED);
    }
}

#[test]
fn channels_as_pixels() {
    check(PixelShuffle::Shuffle(2), &[real(&[2, 8, 3, 2])], MOVED);
    check(PixelShuffle::Unshuffle(2), &[real(&[2, 3, 4, 6])], MOVED);
}

#[test]
fn larger_and_smaller_images() {
    let image = [real(&[2, 3, 4, 6])];
    let sizes = [[8, 12], [4, 9], [7, 5], [1, 1], [2, 3]];
    for output in sizes {
        check(Upsample { output, factors: None, mode: Interpolation::Nearest }, &image, MOVED);
        check(Upsample { output, factors: None, mode: Interpolation::Bilinear }, &image, ROUNDED);
        check(Upsample { output, factors: None, mode: Interpolation::BilinearAlignedCorners }, &image, ROUNDED);
    }
    let factors = Some([1.5, 1.6]);
    check(Upsample { output: [6, 9], factors, mode: Interpolation::Nearest }, &image, MOVED);
    check(Upsample { output: [6, 9], factors, mode: Interpolation::Bilinear }, &image, ROUNDED);
}

#[test]
fn maxima_of_windows() {
    let image = [real(&[2, 3, 7, 6])];
    let pool = MaxPool2d { kernel: [2, 3], stride: [1, 1], pad: [[0, 0], [0, 0]], dilation: [1, 1] };
    check(MaxPool2d { stride: [2, 3], pad: [[1, 0], [0, 2]], ..pool }, &image, MOVED);
    check(MaxPool2d { dilation: [2, 2], ..pool }, &image, MOVED);
    check(MaxPool2d { dilation: [3, 2], stride: [2, 3], pad: [[1, 2], [4, 0]], ..pool }, &image, MOVED);
}

#[test]
fn means_of_windows() {
    let image = [real(&[2, 3, 7, 6])];
    let [kernel, stride] = [[2, 3], [2, 2]];
    let (pad, ceil) = ([[1, 0], [0, 1]], [0, 1]);
    check(AvgPool2d { kernel, stride, pad, count_include_pad: false, ceil, divisor: None }, &image, ROUNDED);
}

#[test]
fn magnitudes_and_opposites() {
    check(Abs, &[real(&[3, 5])], ROUNDED);
    // Zero points of mirrored ranges are rounded apart.
    check(Neg, &[real(&[3, 5])], 1.0);
}

#[test]
fn opposites_of_another_scale() {
    check_with(Neg.into(), &[real(&[2, 3, 4])], Some(QuantParams::int8(0.05, 7)), 0.51, false);
}

#[test]
fn extremes_of_codes_are_those_of_reals() {
    for (largest, keep_dims) in [(true, false), (false, true)] {
        check(Amax { largest, axes: vec![0, 2], keep_dims }, &[real(&[2, 3, 4])], MOVED);
    }
}

#[test]
fn elements_are_chosen_as_they_are() {
    let condition = ArrayD::from_shape_fn(vec![3, 1], |at| at[0] != 1);
    check(Choose, &[condition.into(), real(&[4]), real(&[3, 4])], MOVED);
    check(Select { axis: 1, index: 2 }, &[real(&[2, 3, 4])], MOVED);
    check(Identity, &[real(&[2, 3])], MOVED);
}

#[test]
fn running_sums() {
    check(Cumsum { axis: 1 }, &[real(&[2, 5, 3])], ROUNDED);
    check(Cumsum { axis: 0 }, &[real(&[4])], ROUNDED);
}

#[test]
fn fourier_transforms_of_any_size() {
    for size in [1, 2, 4, 7, 12, 16] {
        for inverse in [false, true] {
            for parts in [1, 2] {
                let dft = |axis| Dft { axis, inverse, onesided: false };
                check_float(dft(1), &real(&[2, size, parts]));
                check_float(dft(0), &real(&[size, 3, 2, parts]));
            }
        }
        check_float(Dft { axis: 1, inverse: false, onesided: true }, &real(&[2, size, 3, 1]));
    }
}

/// The transform of a cosine of two periods with a sine of one, worked out by hand.
#[test]
fn transforms_tell_frequencies_apart() {
    let signal = Tensor::from_shape_fn(vec![8, 1], |at| {
        let angle = at[0] as f32 * std::f32::consts::FRAC_PI_4;
        (2.0 * angle).cos() + angle.sin()
    });
    let spectrum = Op::from(Dft { axis: 0, inverse: false, onesided: true }).evaluate(&[&signal.into()]).remove(0);
    let expected = [[0.0, 0.0], [0.0, -4.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0]];
    for (found, expected) in spectrum.real().expect("a real result").iter().zip(expected.as_flattened()) {
        assert!((found - expected).abs() < 1e-5, "{spectrum:?}");
    }
}

#[test]
fn tables_hold_every_function() {
    for function in [
        Unary::Atan,
        Unary::Erf,
        Unary::Expm1,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::HardShrink { lambda: 0.5 },
        Unary::LeakyRelu { slope: 0.2 },
        Unary::LogSigmoid,
        Unary::Remainder { divisor: 0.75 },
        Unary::SELU,
        Unary::Silu,
        Unary::Sinh,
        Unary::SoftShrink { lambda: 0.5 },
        Unary::Threshold { threshold: 0.25, value: -1.0 },
    ] {
        check(function, &[real(&[4, 9])], ROUNDED);
    }
}
