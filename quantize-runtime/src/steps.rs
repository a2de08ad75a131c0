//! The steps of generated code: operators fused with what follows them, as plain values of shapes and constants.
//!
//! A step names no memory: a function of [`kernels`](crate::kernels) takes it together with the slices it reads and
//! writes. Activations are NHWC, i32 tensors are little-endian words. A fused step gives the same bytes as its
//! operators one by one.

use crate::Shape;
use crate::rescale::Rescale;
use crate::shape::MAX_RANK;

/// CONV2D and the RESCALE of its result to i8; with `R = ()` CONV2D alone, whose result is i32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv2d<'a, R = Rescale<'a>> {
    /// `[N, IH, IW, IC]`.
    pub input: Shape,
    /// `[N, OH, OW, OC]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Step between taps: y, x.
    pub dilation: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// OHWI, with zero point 0.
    pub weights: &'a [i8],
    /// i32: one, or one per output channel.
    pub bias: &'a [[u8; 4]],
    /// Accumulator to i8; the input zero point is not used.
    pub rescale: R,
}

/// DEPTHWISE_CONV2D and the RESCALE of its result to i8; with `R = ()` the convolution alone, whose result is i32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DepthwiseConv2d<'a, R = Rescale<'a>> {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C·M]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Step between taps: y, x.
    pub dilation: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// `[KH, KW, C, M]`, with zero point 0.
    pub weights: &'a [i8],
    /// i32: one, or one per output channel.
    pub bias: &'a [[u8; 4]],
    /// Accumulator to i8; the input zero point is not used.
    pub rescale: R,
}

/// AVG_POOL2D.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AvgPool2d {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// Quantized zero of the result.
    pub output_zero_point: i8,
}

/// MAX_POOL2D.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxPool2d {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
}

/// CLAMP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clamp {
    /// Lower bound.
    pub min: i8,
    /// Upper bound, at least `min`.
    pub max: i8,
}

/// TABLE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table<'a> {
    /// The results for −128 to 127.
    pub table: &'a [i8; 256],
}

/// An operator on two i32 values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BinaryOperator {
    /// ADD.
    Add,
    /// SUB.
    Sub,
    /// MUL of i32.
    Mul {
        /// Bits dropped with rounding, 0 to 63.
        shift: u8,
    },
    /// MAXIMUM.
    Maximum,
    /// MINIMUM.
    Minimum,
}

/// A binary operator on i32, with broadcasting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binary {
    /// The operator.
    pub operator: BinaryOperator,
    /// Shapes of the operands, of equal rank.
    pub inputs: [Shape; 2],
    /// The broadcast shape.
    pub output: Shape,
}

/// A binary operator on i8: RESCALE of both operands to i32, the operator, RESCALE of the result to i8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RescaledBinary<'a> {
    /// Operator and shapes.
    pub binary: Binary,
    /// Operands to i32; the output zero points are not used.
    pub input_rescales: [Rescale<'a>; 2],
    /// Result to i8; the input zero point is not used.
    pub rescale: Rescale<'a>,
}

/// REDUCE_SUM of i32 along one axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReduceSum {
    /// Shape of the input.
    pub input: Shape,
    /// Axis, below the rank.
    pub axis: u8,
}

/// RESCALE of i8 to i32, REDUCE_SUM along some axes, RESCALE of the sum to i8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RescaledSum<'a> {
    /// Shape of the input.
    pub input: Shape,
    /// The axes that are summed up; they stay with size 1.
    pub axes: [bool; MAX_RANK],
    /// Input to i32; the output zero point is not used.
    pub input_rescale: Rescale<'a>,
    /// Sum to i8; the input zero point is not used.
    pub rescale: Rescale<'a>,
}

/// TRANSPOSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transpose {
    /// Shape of the input.
    pub input: Shape,
    /// Axis `i` of the result is axis `perms[i]` of the input; axes beyond the rank stay where they are.
    pub perms: [u8; MAX_RANK],
}

/// One input of CONCAT, copied to its place in the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Concat {
    /// Shape of this input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// Axis, below the rank.
    pub axis: u8,
    /// Where the input starts on that axis of the result.
    pub start: u32,
}

/// SLICE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// First index on each axis; 0 beyond the rank.
    pub start: [u32; MAX_RANK],
}

/// PAD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pad<T> {
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// Elements before the input on each axis; 0 beyond the rank.
    pub before: [u32; MAX_RANK],
    /// Value of the border: an i8, or an i32 as a little-endian word.
    pub value: T,
}
