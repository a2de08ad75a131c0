//! The elementwise operators and reductions of a graph as operators of kernels.

use quantize_runtime::graph::ValueId;
use quantize_runtime::operators::any::{BinaryF32, BinaryI32, CompareF32, UnaryF32, UnaryI32};
use quantize_runtime::operators::{self, ArithmeticRightShift, LogicalRightShift, MulShift, NegateCode};
use quantize_runtime::ops::{self, NanMode, Op};

/// The members of an enumeration for operators without attributes.
macro_rules! same_name {
    ($Any:ident, $op:expr, [$($Operator:ident),*]) => {
        match $op {
            $(Op::$Operator(_) => Some($Any::$Operator(operators::$Operator)),)*
            _ => None,
        }
    };
}

/// An operator on one integer or truth value.
pub(super) fn unary_i32(op: &Op) -> Option<UnaryI32> {
    match op {
        Op::Negate(ops::Negate { input_zero_point: 0, output_zero_point: 0, .. }) => {
            Some(UnaryI32::Negate(operators::Negate))
        }
        Op::Negate(op) => {
            let [input_zero_point, output_zero_point] =
                [op.input_zero_point, op.output_zero_point].map(|zero| zero as i8);
            Some(UnaryI32::NegateCode(NegateCode { input_zero_point, output_zero_point })) // i8 in a valid graph
        }
        op => same_name!(UnaryI32, op, [Abs, BitwiseNot, Clz, LogicalNot]),
    }
}

/// An operator on one f32.
pub(super) fn unary_f32(op: &Op) -> Option<UnaryF32> {
    same_name!(UnaryF32, op, [Abs, Ceil, Cos, Erf, Exp, Floor, Log, Negate, Reciprocal, Rsqrt, Sigmoid, Sin, Tanh])
}

/// An operator on two integers or truth values of so many bytes; a comparison gives a truth value.
pub(super) fn binary_i32(op: &Op, bytes: usize) -> Option<BinaryI32> {
    match op {
        Op::ArithmeticRightShift(op) => Some(BinaryI32::ArithmeticRightShift(ArithmeticRightShift { round: op.round })),
        Op::LogicalRightShift(_) => {
            Some(BinaryI32::LogicalRightShift(LogicalRightShift { bits: 8 * bytes as u8 })) // at most 4 bytes
        }
        Op::Mul(op) if op.shift > 0 => Some(BinaryI32::MulShift(MulShift { shift: op.shift as u8 })), // at most 63
        // Truth values are 0 and 1.
        Op::LogicalAnd(_) => Some(BinaryI32::BitwiseAnd(operators::BitwiseAnd)),
        Op::LogicalOr(_) => Some(BinaryI32::BitwiseOr(operators::BitwiseOr)),
        Op::LogicalXor(_) => Some(BinaryI32::BitwiseXor(operators::BitwiseXor)),
        op => same_name!(
            BinaryI32,
            op,
            [
                Add,
                BitwiseAnd,
                BitwiseOr,
                BitwiseXor,
                Equal,
                Greater,
                GreaterEqual,
                IntDiv,
                LogicalLeftShift,
                Maximum,
                Minimum,
                Mul,
                Sub
            ]
        ),
    }
}

/// An operator on two f32.
pub(super) fn binary_f32(op: &Op) -> Option<BinaryF32> {
    match op {
        Op::Maximum(ops::Maximum { nan_mode, .. }) => Some(maximum(*nan_mode)),
        Op::Minimum(ops::Minimum { nan_mode, .. }) => Some(minimum(*nan_mode)),
        op => same_name!(BinaryF32, op, [Add, Mul, Pow, Sub]),
    }
}

/// A comparison of two f32.
pub(super) fn compare_f32(op: &Op) -> Option<CompareF32> {
    same_name!(CompareF32, op, [Equal, Greater, GreaterEqual])
}

/// Input and axis of a reduction.
pub(super) fn reduced(op: &Op) -> Option<(ValueId, u32)> {
    match op {
        Op::ReduceAll(op) => Some((op.input, op.axis)),
        Op::ReduceAny(op) => Some((op.input, op.axis)),
        Op::ReduceMax(op) => Some((op.input, op.axis)),
        Op::ReduceMin(op) => Some((op.input, op.axis)),
        Op::ReduceProduct(op) => Some((op.input, op.axis)),
        Op::ReduceSum(op) => Some((op.input, op.axis)),
        _ => None,
    }
}

/// What a reduction of integers or truth values takes in one more element with.
pub(super) fn reduction_i32(op: &Op) -> Option<BinaryI32> {
    match op {
        Op::ReduceAll(_) => Some(BinaryI32::BitwiseAnd(operators::BitwiseAnd)),
        Op::ReduceAny(_) => Some(BinaryI32::BitwiseOr(operators::BitwiseOr)),
        Op::ReduceMax(_) => Some(BinaryI32::Maximum(operators::Maximum)),
        Op::ReduceMin(_) => Some(BinaryI32::Minimum(operators::Minimum)),
        Op::ReduceSum(_) => Some(BinaryI32::Add(operators::Add)),
        _ => None,
    }
}

/// What a reduction of f32 takes in one more element with.
pub(super) fn reduction_f32(op: &Op) -> Option<BinaryF32> {
    match op {
        Op::ReduceMax(op) => Some(maximum(op.nan_mode)),
        Op::ReduceMin(op) => Some(minimum(op.nan_mode)),
        Op::ReduceProduct(_) => Some(BinaryF32::Mul(operators::Mul)),
        Op::ReduceSum(_) => Some(BinaryF32::Add(operators::Add)),
        _ => None,
    }
}

fn maximum(nan_mode: NanMode) -> BinaryF32 {
    match nan_mode {
        NanMode::Propagate => BinaryF32::Maximum(operators::Maximum),
        NanMode::Ignore => BinaryF32::MaximumNumber(operators::MaximumNumber),
    }
}

fn minimum(nan_mode: NanMode) -> BinaryF32 {
    match nan_mode {
        NanMode::Propagate => BinaryF32::Minimum(operators::Minimum),
        NanMode::Ignore => BinaryF32::MinimumNumber(operators::MinimumNumber),
    }
}
