//! Operators at the edges of their definitions, against results worked out from the TOSA text.

use quantize_runtime::Shape;
use quantize_runtime::graph::{Constant, ElementType, Graph, Node, Port, Value, ValueId};
use quantize_runtime::interpreter::{Error, Interpreter, Tensor};
use quantize_runtime::ops::{self, NanMode, Op, RoundingMode};
use std::borrow::Cow;

/// The result of an operator whose operands are values 0, 1 and so on, each a tensor of rank 1; `None` where TOSA leaves
/// it open.
fn run(op: impl Into<Op>, operands: &[Tensor], constants: &[Tensor], element: ElementType) -> Option<Tensor> {
    let value = |tensor: &Tensor, is_constant: bool| {
        let data = tensor.to_le_bytes();
        let shape = Shape::new(&[(data.len() / tensor.element().size()) as u32]).expect("not empty");
        let constant = is_constant.then_some(Constant { data: Cow::Owned(data), range: None });
        Value { element: tensor.element(), shape, constant }
    };
    let mut graph = Graph::default();
    graph.values.extend(operands.iter().map(|tensor| value(tensor, false)));
    graph.values.extend(constants.iter().map(|tensor| value(tensor, true)));
    let port = |id: usize| Port { name: format!("value_{id}"), value: ValueId(id as u32), unsigned: false };
    graph.inputs = (0..operands.len()).map(port).collect();
    let op = op.into();
    let shape = op.infer(&graph, element).unwrap_or_else(|rule| panic!("{op:?}: {rule}"));
    graph.values.push(Value { element, shape, constant: None });
    let output = graph.values.len() - 1;
    graph.nodes.push(Node { op, outputs: vec![ValueId(output as u32)] });
    graph.outputs.push(port(output));
    match Interpreter::new(&graph).expect("a valid graph").run(operands) {
        Ok(mut outputs) => outputs.pop(),
        Err(Error::Unpredictable { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

fn unary(op: impl Into<Op>, operand: Tensor, element: ElementType) -> Option<Tensor> {
    run(op, &[operand], &[], element)
}

/// `op` on values 0 and 1.
fn binary(op: impl Into<Op>, operands: [Tensor; 2], element: ElementType) -> Option<Tensor> {
    run(op, &operands, &[], element)
}

const INPUT: ValueId = ValueId(0);
const INPUTS: [ValueId; 2] = [ValueId(0), ValueId(1)];

/// A binary operator without attributes on values 0 and 1.
macro_rules! of_two {
    ($Room:ident) => {
        ops::$Room { input1: INPUTS[0], input2: INPUTS[1] }
    };
}

#[test]
fn shifts_keep_the_width() {
    use ElementType::{I8, I16};
    let left = |a, b| binary(of_two!(LogicalLeftShift), [Tensor::I8(vec![a]), Tensor::I8(vec![b])], I8);
    assert_eq!(left(0x41, 1), Some(Tensor::I8(vec![-126])));
    assert_eq!(left(1, 8), None);
    assert_eq!(left(1, -1), None);
    let right = |a, b| binary(of_two!(LogicalRightShift), [Tensor::I16(vec![a]), Tensor::I16(vec![b])], I16);
    assert_eq!(right(-1, 12), Some(Tensor::I16(vec![15])));
    assert_eq!(right(-1, 16), None);
    let arithmetic = |round, a, b| {
        let op = ops::ArithmeticRightShift { round, input1: INPUTS[0], input2: INPUTS[1] };
        binary(op, [Tensor::I8(vec![a]), Tensor::I8(vec![b])], I8)
    };
    assert_eq!(arithmetic(false, -3, 1), Some(Tensor::I8(vec![-2])));
    assert_eq!(arithmetic(true, -3, 1), Some(Tensor::I8(vec![-1])));
    assert_eq!(arithmetic(true, 127, 0), Some(Tensor::I8(vec![127])));
    assert_eq!(arithmetic(true, 127, 8), None);
}

#[test]
fn quotients_go_towards_zero() {
    let divide = |a, b| binary(of_two!(IntDiv), [Tensor::I32(vec![a]), Tensor::I32(vec![b])], ElementType::I32);
    assert_eq!(divide(-7, 2), Some(Tensor::I32(vec![-3])));
    assert_eq!(divide(1, 0), None);
    assert_eq!(divide(i32::MIN, -1), None);
}

#[test]
fn sums_products_and_signs_must_fit_or_saturate() {
    use ElementType::{I8, I16, I32};
    assert_eq!(binary(of_two!(Add), [Tensor::I32(vec![i32::MAX]), Tensor::I32(vec![1])], I32), None);
    let square = ops::Mul { input1: INPUTS[0], input2: INPUTS[1], shift: 0 };
    let lowest = || Tensor::I16(vec![i16::MIN]);
    assert_eq!(binary(square, [lowest(), lowest()], I32), Some(Tensor::I32(vec![1 << 30])));
    assert_eq!(unary(ops::Abs { input: INPUT }, Tensor::I32(vec![i32::MIN]), I32), None);
    let negate = ops::Negate { input: INPUT, input_zero_point: 3, output_zero_point: -5 };
    let negated = unary(negate, Tensor::I8(vec![-128, -120, 0, 127]), I8);
    assert_eq!(negated, Some(Tensor::I8(vec![126, 118, -2, -128])));
    let negate = ops::Negate { input: INPUT, ..Default::default() };
    assert_eq!(unary(negate, Tensor::I16(vec![i16::MIN, 5]), I16), Some(Tensor::I16(vec![i16::MAX, -5])));
}

#[test]
fn casts_round_to_even_and_saturate_or_keep_low_bits() {
    use ElementType::{Bool, F32, I8, I16};
    let cast = ops::Cast { input: INPUT };
    let real = Tensor::F32(vec![0.5, 1.5, 2.5, -0.5, -1.5, 127.5, -1e9, f32::INFINITY, f32::NAN]);
    assert_eq!(unary(cast.clone(), real, I8), Some(Tensor::I8(vec![0, 2, 2, 0, -2, 127, -128, 127, 0])));
    assert_eq!(unary(cast.clone(), Tensor::I32(vec![0x1_8001]), I16), Some(Tensor::I16(vec![-32_767])));
    assert_eq!(unary(cast.clone(), Tensor::I32(vec![16_777_217]), F32), Some(Tensor::F32(vec![16_777_216.0])));
    assert_eq!(unary(cast.clone(), Tensor::I16(vec![256, 0]), Bool), Some(Tensor::Bool(vec![true, false])));
    assert_eq!(unary(cast, Tensor::Bool(vec![true]), I8), Some(Tensor::I8(vec![1])));
}

#[test]
fn comparisons_with_nan_do_not_hold() {
    let nan = || [Tensor::F32(vec![f32::NAN, 1.0, -0.0]), Tensor::F32(vec![f32::NAN, f32::NAN, 0.0])];
    let expected = Some(Tensor::Bool(vec![false, false, true]));
    assert_eq!(binary(of_two!(Equal), nan(), ElementType::Bool), expected);
    assert_eq!(binary(of_two!(GreaterEqual), nan(), ElementType::Bool), expected);
    assert_eq!(binary(of_two!(Greater), nan(), ElementType::Bool), Some(Tensor::Bool(vec![false; 3])));
}

#[test]
fn nan_modes_decide_what_becomes_of_nan() {
    let largest = |nan_mode| {
        let op = ops::ReduceMax { axis: 0, nan_mode, input: INPUT };
        match unary(op, Tensor::F32(vec![1.0, f32::NAN, 3.0]), ElementType::F32) {
            Some(Tensor::F32(largest)) => largest[0],
            other => panic!("{other:?}"),
        }
    };
    assert!(largest(NanMode::Propagate).is_nan());
    assert_eq!(largest(NanMode::Ignore), 3.0);
    let clamp = ops::Clamp { min: (-1.0).into(), max: 1.0.into(), nan_mode: NanMode::Ignore, input: INPUT };
    let clamped = unary(clamp, Tensor::F32(vec![f32::NAN, 2.0, -0.5]), ElementType::F32);
    assert_eq!(clamped, Some(Tensor::F32(vec![-1.0, 1.0, -0.5])));
}

#[test]
fn tables_of_i16_interpolate() {
    let mut points = vec![0_i16; 513];
    points[256] = 100;
    points[257] = -28;
    points[511] = i16::MAX;
    points[512] = -2;
    let table = ops::Table { input: INPUT, table: ValueId(1) };
    let look_up =
        |value| run(table.clone(), &[Tensor::I16(vec![value])], &[Tensor::I16(points.clone())], ElementType::I32);
    assert_eq!(look_up(0), Some(Tensor::I32(vec![12_800])));
    assert_eq!(look_up(1), Some(Tensor::I32(vec![12_672])));
    assert_eq!(look_up(127), Some(Tensor::I32(vec![-3_456])));
    // The slope of the last line does not fit i16.
    assert_eq!(look_up(i16::MAX), None);
}

#[test]
fn rescales_of_every_width() {
    use ElementType::{I8, I16, I32};
    let rescale = |input: Tensor, scale32, op: ops::Rescale, element| {
        let multiplier = if scale32 { Tensor::I32(vec![1 << 30]) } else { Tensor::I16(vec![1 << 14]) };
        let shift = Tensor::I8(vec![if scale32 { 30 } else { 14 }]);
        let op = ops::Rescale { scale32, input: INPUT, multiplier: ValueId(1), shift: ValueId(2), ..op };
        run(op, &[input], &[multiplier, shift], element)
    };
    let plain = ops::Rescale::default;
    assert_eq!(rescale(Tensor::I48(vec![-(1 << 46)]), false, plain(), I32), None);
    assert_eq!(rescale(Tensor::I48(vec![1 << 20, -5]), false, plain(), I16), Some(Tensor::I16(vec![32_767, -5])));
    // 200 of 0 to 255, less 128.
    let unsigned = ops::Rescale { input_unsigned: true, input_zero_point: -128, ..plain() };
    assert_eq!(rescale(Tensor::I8(vec![-56]), true, unsigned, I8), Some(Tensor::I8(vec![72])));
    let unsigned = ops::Rescale { output_unsigned: true, output_zero_point: i16::MIN.into(), ..plain() };
    assert_eq!(rescale(Tensor::I16(vec![1, -32_768]), true, unsigned, I16), Some(Tensor::I16(vec![-32_767, 0])));
    // Halves by a shift above 31, where the first rounding makes a tie of 0.5 − 2^-9.
    let double = |rounding_mode| {
        let op = ops::Rescale {
            scale32: true,
            rounding_mode,
            input: INPUT,
            multiplier: ValueId(1),
            shift: ValueId(2),
            ..Default::default()
        };
        run(op, &[Tensor::I32(vec![255])], &[Tensor::I32(vec![1 << 30]), Tensor::I8(vec![39])], I32)
    };
    assert_eq!(double(RoundingMode::Single), Some(Tensor::I32(vec![0])));
    assert_eq!(double(RoundingMode::Double), Some(Tensor::I32(vec![1])));
}
