//! The kernels of elementwise operators, casts and reductions of every type against the reference kernels, bit for bit.

use proptest::collection::vec;
use proptest::prelude::*;
use quantize_runtime::graph::ElementType::{self, Bool, F32, I8, I16, I32};
use quantize_runtime::graph::{Graph, Node, Port, Scalar, Value, ValueId};
use quantize_runtime::interpreter::{Error, Interpreter, Tensor};
use quantize_runtime::operators::{self, ArithmeticRightShift, LogicalRightShift, NegateCode};
use quantize_runtime::ops::{self, NanMode, Op};
use quantize_runtime::{Shape, bytes, kernels, steps};

const A: ValueId = ValueId(0);
const B: ValueId = ValueId(1);
const C: ValueId = ValueId(2);

/// A tensor: shape and elements.
type Operand = (Shape, Tensor);

/// Compares the bytes that a kernel makes of those of the operands with the result of an operator on values 0, 1 and so
/// on, unless TOSA leaves that open. NaN is one value.
fn check(
    op: impl Into<Op>,
    operands: &[Operand],
    element: ElementType,
    kernel: impl FnOnce(&[Vec<u8>], &mut [u8]),
) -> Result<(), TestCaseError> {
    let value = |(shape, tensor): &Operand| Value { element: tensor.element(), shape: *shape, constant: None };
    let port = |id: usize| Port { name: format!("value_{id}"), value: ValueId(id as u32), unsigned: false };
    let mut graph = Graph { values: operands.iter().map(value).collect(), ..Graph::default() };
    graph.inputs = (0..operands.len()).map(port).collect();
    let op = op.into();
    let shape = op.infer(&graph, element).unwrap_or_else(|rule| panic!("{op:?}: {rule}"));
    graph.values.push(Value { element, shape, constant: None });
    graph.nodes.push(Node { op, outputs: vec![ValueId(operands.len() as u32)] });
    graph.outputs.push(port(operands.len()));
    let inputs: Vec<Tensor> = operands.iter().map(|(_, tensor)| tensor.clone()).collect();
    let mut output = vec![0xA5; shape.len() * element.size()];
    kernel(&inputs.iter().map(Tensor::to_le_bytes).collect::<Vec<_>>(), &mut output);
    match Interpreter::new(&graph).expect("a valid graph").run(&inputs) {
        Ok(expected) => prop_assert_eq!(bits(&Tensor::from_le_bytes(element, &output)), bits(&expected[0])),
        Err(error) => prop_assert!(matches!(error, Error::Unpredictable { .. }), "{error}"),
    }
    Ok(())
}

/// The bytes of a tensor, with one NaN for all.
fn bits(tensor: &Tensor) -> Vec<u8> {
    match tensor {
        Tensor::F32(elements) => {
            let canonical = elements.iter().map(|element| if element.is_nan() { f32::NAN } else { *element });
            Tensor::F32(canonical.collect()).to_le_bytes()
        }
        tensor => tensor.to_le_bytes(),
    }
}

/// A tensor of this type; every bit pattern is among its elements, small numbers more often.
fn tensor(element: ElementType, shape: Shape) -> impl Strategy<Value = Operand> {
    let word = prop_oneof![
        any::<u32>(),
        (-9_i32..9).prop_map(move |small| match element {
            F32 => (small as f32 / 2.0).to_bits(),
            _ => small.cast_unsigned(),
        })
    ];
    vec(word, shape.len()).prop_map(move |words| {
        let bytes = words.iter().flat_map(|word| match element {
            Bool => vec![(word & 1) as u8],
            _ => word.to_le_bytes()[..element.size()].to_vec(),
        });
        (shape, Tensor::from_le_bytes(element, &bytes.collect::<Vec<_>>()))
    })
}

fn shape(dims: &[usize]) -> Shape {
    Shape::new(&dims.iter().map(|&dim| dim as u32).collect::<Vec<_>>()).expect("a shape")
}

/// `N` shapes that broadcast.
fn shapes<const N: usize>() -> impl Strategy<Value = [Shape; N]> {
    vec((1_usize..=3, any::<[bool; 3]>()), 0..=4).prop_map(|axes| {
        std::array::from_fn(|i| {
            shape(&axes.iter().map(|(size, keep)| if keep[i] { *size } else { 1 }).collect::<Vec<_>>())
        })
    })
}

fn single(element: ElementType) -> impl Strategy<Value = Operand> {
    shapes::<1>().prop_flat_map(move |[shape]| tensor(element, shape))
}

fn pair(element: ElementType) -> impl Strategy<Value = [Operand; 2]> {
    shapes::<2>().prop_flat_map(move |shapes| shapes.map(|shape| tensor(element, shape)))
}

fn binary<P>(operator: P, operands: &[Operand; 2]) -> steps::Binary<P> {
    let inputs = operands.each_ref().map(|(shape, _)| *shape);
    steps::Binary { operator, inputs, output: inputs[0].broadcast(&inputs[1]).expect("broadcastable") }
}

/// A kernel on bytes as elements of types.
macro_rules! on {
    ($kernel:expr, $view:ident -> $view_mut:ident) => {
        |inputs: &[Vec<u8>], output: &mut [u8]| $kernel(bytes::$view(&inputs[0]), bytes::$view_mut(output))
    };
    ($kernel:expr, $view:ident, $view2:ident -> $view_mut:ident) => {
        |inputs: &[Vec<u8>], output: &mut [u8]| {
            $kernel(bytes::$view(&inputs[0]), bytes::$view2(&inputs[1]), bytes::$view_mut(output))
        }
    };
}

/// Checks operators without attributes on one f32.
macro_rules! unary_f32 {
    ($operand:expr, $($Operator:ident),*) => {$(
        let kernel = on!(|x: &_, y: &mut _| kernels::unary_f32(&operators::$Operator, x, y), as_words -> as_words_mut);
        check(ops::$Operator { input: A }, std::slice::from_ref(&$operand), F32, kernel)?;
    )*};
}

/// Checks operators without attributes on two f32.
macro_rules! binary_f32 {
    ($operands:expr, $($Operator:ident),*) => {$(
        let step = binary(operators::$Operator, $operands);
        let kernel = on!(|a: &_, b: &_, y: &mut _| kernels::binary_f32(&step, a, b, y), as_words, as_words -> as_words_mut);
        check(ops::$Operator { input1: A, input2: B }, $operands, F32, kernel)?;
    )*};
}

/// Checks operators without attributes on two integers of one width.
macro_rules! binary_i32 {
    ($operands:expr, $element:expr, $view:ident -> $view_mut:ident, $($Operator:ident),*) => {$(
        let step = binary(operators::$Operator, $operands);
        let kernel = on!(|a: &_, b: &_, y: &mut _| kernels::binary(&step, a, b, y), $view, $view -> $view_mut);
        check(ops::$Operator { input1: A, input2: B }, $operands, $element, kernel)?;
    )*};
}

/// Checks the operators that shift integers of one width.
macro_rules! shifts {
    ($operands:expr, $element:expr, $view:ident -> $view_mut:ident) => {
        binary_i32!($operands, $element, $view -> $view_mut, BitwiseAnd, BitwiseOr, BitwiseXor, LogicalLeftShift);
        for round in [false, true] {
            let step = binary(ArithmeticRightShift { round }, $operands);
            let kernel = on!(|a: &_, b: &_, y: &mut _| kernels::binary(&step, a, b, y), $view, $view -> $view_mut);
            check(ops::ArithmeticRightShift { round, input1: A, input2: B }, $operands, $element, kernel)?;
        }
        let step = binary(LogicalRightShift { bits: 8 * $element.size() as u8 }, $operands);
        let kernel = on!(|a: &_, b: &_, y: &mut _| kernels::binary(&step, a, b, y), $view, $view -> $view_mut);
        check(ops::LogicalRightShift { input1: A, input2: B }, $operands, $element, kernel)?;
    };
}

/// Checks CAST between two types.
macro_rules! cast {
    ($operand:expr, $element:expr, $kernel:ident, $view:ident -> $view_mut:ident) => {
        check(ops::Cast { input: A }, std::slice::from_ref(&$operand), $element, on!(kernels::$kernel, $view -> $view_mut))?;
    };
}

/// The bytes themselves, which truth values are.
mod truth {
    pub(super) fn as_bytes(bytes: &[u8]) -> &[u8] {
        bytes
    }
}

proptest! {
    #[test]
    fn operators_on_one_f32(operand in single(F32)) {
        unary_f32!(operand, Abs, Ceil, Cos, Erf, Exp, Floor, Log, Reciprocal, Rsqrt, Sigmoid, Sin, Tanh);
        let kernel = on!(|x: &_, y: &mut _| kernels::unary_f32(&operators::Negate, x, y), as_words -> as_words_mut);
        check(ops::Negate { input: A, ..Default::default() }, &[operand], F32, kernel)?;
    }

    #[test]
    fn operators_on_one_integer(narrow in single(I8), half in single(I16), wide in single(I32), zero_points in any::<[i8; 2]>()) {
        let [input_zero_point, output_zero_point] = zero_points;
        let operator = NegateCode { input_zero_point, output_zero_point };
        let [input_zero_point, output_zero_point] = zero_points.map(i32::from);
        let op = ops::Negate { input: A, input_zero_point, output_zero_point };
        let kernel = on!(|x: &_, y: &mut _| kernels::unary(&operator, x, y), as_i8s -> as_i8s_mut);
        check(op, std::slice::from_ref(&narrow), I8, kernel)?;
        let kernel = on!(|x: &_, y: &mut _| kernels::unary(&operators::Negate, x, y), as_halves -> as_halves_mut);
        check(ops::Negate { input: A, ..Default::default() }, std::slice::from_ref(&half), I16, kernel)?;
        let kernel = on!(|x: &_, y: &mut _| kernels::unary(&operators::BitwiseNot, x, y), as_i8s -> as_i8s_mut);
        check(ops::BitwiseNot { input: A }, &[narrow], I8, kernel)?;
        let kernel = on!(|x: &_, y: &mut _| kernels::unary(&operators::Abs, x, y), as_words -> as_words_mut);
        check(ops::Abs { input: A }, std::slice::from_ref(&wide), I32, kernel)?;
        let kernel = on!(|x: &_, y: &mut _| kernels::unary(&operators::Clz, x, y), as_words -> as_words_mut);
        check(ops::Clz { input: A }, &[wide], I32, kernel)?;
    }

    #[test]
    fn operators_on_two_f32(operands in pair(F32)) {
        binary_f32!(&operands, Add, Pow, Sub);
        let step = binary(operators::MinimumNumber, &operands);
        let kernel = on!(|a: &_, b: &_, y: &mut _| kernels::binary_f32(&step, a, b, y), as_words, as_words -> as_words_mut);
        let op = ops::Minimum { nan_mode: NanMode::Ignore, input1: A, input2: B };
        check(op, &operands, F32, kernel)?;
        let step = binary(operators::GreaterEqual, &operands);
        check(ops::GreaterEqual { input1: A, input2: B }, &operands, Bool, |inputs, output| {
            kernels::compare_f32(&step, bytes::as_words(&inputs[0]), bytes::as_words(&inputs[1]), output);
        })?;
    }

    #[test]
    fn operators_on_two_integers(narrow in pair(I8), half in pair(I16), wide in pair(I32), truth in pair(Bool)) {
        shifts!(&narrow, I8, as_i8s -> as_i8s_mut);
        shifts!(&half, I16, as_halves -> as_halves_mut);
        shifts!(&wide, I32, as_words -> as_words_mut);
        binary_i32!(&wide, I32, as_words -> as_words_mut, Add, IntDiv, Sub);
        let step = binary(operators::Mul, &half);
        let kernel = on!(|a: &_, b: &_, y: &mut _| kernels::binary(&step, a, b, y), as_halves, as_halves -> as_words_mut);
        check(ops::Mul { input1: A, input2: B, shift: 0 }, &half, I32, kernel)?;
        let step = binary(operators::Greater, &wide);
        check(ops::Greater { input1: A, input2: B }, &wide, Bool, |inputs, output| {
            kernels::binary(&step, bytes::as_words(&inputs[0]), bytes::as_words(&inputs[1]), output);
        })?;
        let step = binary(operators::BitwiseXor, &truth);
        check(ops::LogicalXor { input1: A, input2: B }, &truth, Bool, |inputs, output| {
            kernels::binary(&step, truth::as_bytes(&inputs[0]), &inputs[1], output);
        })?;
    }

    #[test]
    fn casts(truth in single(Bool), narrow in single(I8), half in single(I16), wide in single(I32), real in single(F32)) {
        cast!(narrow, I16, cast, as_i8s -> as_halves_mut);
        cast!(half, I8, cast, as_halves -> as_i8s_mut);
        cast!(wide, I16, cast, as_words -> as_halves_mut);
        cast!(wide, F32, cast_to_f32, as_words -> as_words_mut);
        cast!(half, F32, cast_to_f32, as_halves -> as_words_mut);
        cast!(real, I8, cast_from_f32, as_words -> as_i8s_mut);
        cast!(real, I16, cast_from_f32, as_words -> as_halves_mut);
        cast!(real, I32, cast_from_f32, as_words -> as_words_mut);
        check(ops::Cast { input: A }, &[truth], I32, |inputs, output| {
            kernels::cast(truth::as_bytes(&inputs[0]), bytes::as_words_mut(output));
        })?;
        check(ops::Cast { input: A }, &[wide], Bool, |inputs, output| {
            kernels::cast(bytes::as_words(&inputs[0]), output);
        })?;
    }

    #[test]
    fn selections((condition, if_true, if_false) in shapes::<3>().prop_flat_map(|[c, a, b]| {
        (tensor(Bool, c), tensor(I16, a), tensor(I16, b))
    })) {
        let operands = [condition, if_true, if_false];
        let inputs = operands.each_ref().map(|(shape, _)| *shape);
        let output = inputs[0].broadcast(&inputs[1]).and_then(|shape| shape.broadcast(&inputs[2])).expect("broadcastable");
        let step = steps::Select { inputs, output };
        check(ops::Select { condition: A, if_true: B, if_false: C }, &operands, I16, |inputs, output| {
            let [a, b] = [1, 2].map(|i| bytes::as_halves(&inputs[i]));
            kernels::select(&step, &inputs[0], a, b, bytes::as_halves_mut(output));
        })?;
    }

    #[test]
    fn reductions(
        (real, half, axis) in vec(1_usize..=4, 1..=4).prop_flat_map(|dims| {
            let rank = dims.len();
            (tensor(F32, shape(&dims)), tensor(I16, shape(&dims)), 0..rank)
        }),
    ) {
        let step = steps::Reduce { operator: operators::Add, input: real.0, axis: axis as u8 };
        let kernel = on!(|x: &_, y: &mut _| kernels::reduce_f32(&step, x, y), as_words -> as_words_mut);
        check(ops::ReduceSum { axis: axis as u32, input: A }, std::slice::from_ref(&real), F32, kernel)?;
        let step = steps::Reduce { operator: operators::MaximumNumber, input: real.0, axis: axis as u8 };
        let kernel = on!(|x: &_, y: &mut _| kernels::reduce_f32(&step, x, y), as_words -> as_words_mut);
        check(ops::ReduceMax { axis: axis as u32, nan_mode: NanMode::Ignore, input: A }, &[real], F32, kernel)?;
        let step = steps::Reduce { operator: operators::Minimum, input: half.0, axis: axis as u8 };
        let kernel = on!(|x: &_, y: &mut _| kernels::reduce(&step, x, y), as_halves -> as_halves_mut);
        let op = ops::ReduceMin { axis: axis as u32, nan_mode: NanMode::Propagate, input: A };
        check(op, &[half], I16, kernel)?;
    }

    #[test]
    fn clamps(half in single(I16), real in single(F32), halves in any::<[i16; 2]>(), reals in any::<[f32; 2]>()) {
        let (min, max) = (halves[0].min(halves[1]), halves[0].max(halves[1]));
        let bounds = |min: Scalar, max: Scalar, nan_mode| ops::Clamp { min, max, nan_mode, input: A };
        let step = steps::Clamp { min, max };
        let kernel = on!(|x: &_, y: &mut _| kernels::clamp_i16(&step, x, y), as_halves -> as_halves_mut);
        let op = bounds(i32::from(min).into(), i32::from(max).into(), NanMode::Propagate);
        check(op, &[half], I16, kernel)?;
        let (min, max) = (reals[0].min(reals[1]), reals[0].max(reals[1]));
        let step = steps::Clamp { min, max };
        let kernel = on!(|x: &_, y: &mut _| kernels::clamp_f32(&step, x, y), as_words -> as_words_mut);
        check(bounds(min.into(), max.into(), NanMode::Propagate), std::slice::from_ref(&real), F32, kernel)?;
        let kernel = on!(|x: &_, y: &mut _| kernels::clamp_number(&step, x, y), as_words -> as_words_mut);
        check(bounds(min.into(), max.into(), NanMode::Ignore), &[real], F32, kernel)?;
    }
}
