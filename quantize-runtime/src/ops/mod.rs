//! The TOSA operators that this version supports, one room each.
//!
//! A room holds the attribute struct, the order of its operands in SPIR-V, the shape and validity rules and the
//! reference kernel. The list at the end makes the enum [`Op`] and the matches over it.

mod argmax;
mod arithmetic_right_shift;
mod avg_pool2d;
mod binary;
mod cast;
mod clamp;
mod concat;
mod conv2d;
mod conv3d;
mod convolution;
mod depthwise_conv2d;
mod elementwise;
mod enums;
mod fft2d;
mod fourier;
mod gather;
mod matmul;
mod max_pool2d;
mod maximum;
mod minimum;
mod mul;
mod negate;
mod pad;
mod reduce;
mod rescale;
mod reshape;
mod resize;
mod reverse;
mod rfft2d;
mod scatter;
mod select;
mod slice;
mod table;
mod tile;
mod transpose;
mod transpose_conv2d;
mod unary;
mod window;

pub use argmax::ArgMax;
pub use arithmetic_right_shift::ArithmeticRightShift;
pub use avg_pool2d::AvgPool2d;
pub use binary::{
    Add, BitwiseAnd, BitwiseOr, BitwiseXor, Equal, Greater, GreaterEqual, IntDiv, LogicalAnd, LogicalLeftShift,
    LogicalOr, LogicalRightShift, LogicalXor, Pow, Sub,
};
pub use cast::Cast;
pub use clamp::Clamp;
pub use concat::Concat;
pub use conv2d::Conv2d;
pub use conv3d::Conv3d;
pub use depthwise_conv2d::DepthwiseConv2d;
pub use enums::{AccumulatorType, Enumeration, NanMode, ResizeMode, RoundingMode};
pub use fft2d::Fft2d;
pub use gather::Gather;
pub use matmul::MatMul;
pub use max_pool2d::MaxPool2d;
pub use maximum::Maximum;
pub use minimum::Minimum;
pub use mul::Mul;
pub use negate::Negate;
pub use pad::Pad;
pub use reduce::{ReduceAll, ReduceAny, ReduceMax, ReduceMin, ReduceProduct, ReduceSum};
pub use rescale::Rescale;
pub use reshape::Reshape;
pub use resize::Resize;
pub use reverse::Reverse;
pub use rfft2d::Rfft2d;
pub use scatter::Scatter;
pub use select::Select;
pub use slice::Slice;
pub use table::Table;
pub use tile::Tile;
pub use transpose::Transpose;
pub use transpose_conv2d::TransposeConv2d;
pub use unary::{
    Abs, BitwiseNot, Ceil, Clz, Cos, Erf, Exp, Floor, Log, LogicalNot, Reciprocal, Rsqrt, Sigmoid, Sin, Tanh,
};

use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;

/// Order of the operands of an operator, for the reader (which fills them) and the writer (which reads them).
///
/// Source of the order: TOSA.001000.1, the extended instruction set.
pub trait Visit {
    /// What the visitor reports.
    type Error;
    /// A tensor of any origin.
    fn tensor(&mut self, id: &mut ValueId) -> Result<(), Self::Error>;
    /// All remaining operands as tensors.
    fn tensors(&mut self, ids: &mut Vec<ValueId>) -> Result<(), Self::Error>;
    /// A scalar u32 constant: an axis or an enumeration.
    fn word(&mut self, value: &mut u32) -> Result<(), Self::Error>;
    /// A boolean constant.
    fn flag(&mut self, value: &mut bool) -> Result<(), Self::Error>;
    /// A constant i32 tensor of fixed length: kernel, stride, pad, dilation.
    fn ints(&mut self, values: &mut [i32]) -> Result<(), Self::Error>;
    /// A constant i32 tensor whose length follows from a rank: shape, start, size, padding, perms.
    fn list(&mut self, values: &mut Vec<i32>) -> Result<(), Self::Error>;
    /// A scalar constant of the result's element type: CLAMP's bounds.
    fn bound(&mut self, value: &mut Scalar) -> Result<(), Self::Error>;
    /// A constant tensor of one element: PAD's value.
    fn single(&mut self, like: Like, value: &mut Scalar) -> Result<(), Self::Error>;
    /// A constant tensor of one whole number: zero points, MUL's shift; 0 where the tensor is f32.
    fn whole(&mut self, like: Like, value: &mut i32) -> Result<(), Self::Error>;

    /// A scalar u32 constant that names a member of an enumeration.
    ///
    /// The default shows the visitor the word; a visitor that changes words overrides it and refuses unknown ones.
    fn enumeration<E: Enumeration>(&mut self, value: &mut E) -> Result<(), Self::Error> {
        self.word(&mut value.to_word())
    }
}

/// Which element type a one-element constant has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Like {
    /// That of this tensor, an operand visited before.
    Operand(ValueId),
    /// That of the operator's result.
    Result,
    /// i8.
    I8,
}

/// Shows tensor operands to a function; the other operands are no tensors of the graph.
struct Tensors<F>(F);

impl<F: FnMut(&mut ValueId)> Visit for Tensors<F> {
    type Error = Infallible;

    fn tensor(&mut self, id: &mut ValueId) -> Result<(), Infallible> {
        (self.0)(id);
        Ok(())
    }
    fn tensors(&mut self, ids: &mut Vec<ValueId>) -> Result<(), Infallible> {
        ids.iter_mut().try_for_each(|id| self.tensor(id))
    }
    fn word(&mut self, _: &mut u32) -> Result<(), Infallible> {
        Ok(())
    }
    fn flag(&mut self, _: &mut bool) -> Result<(), Infallible> {
        Ok(())
    }
    fn ints(&mut self, _: &mut [i32]) -> Result<(), Infallible> {
        Ok(())
    }
    fn list(&mut self, _: &mut Vec<i32>) -> Result<(), Infallible> {
        Ok(())
    }
    fn bound(&mut self, _: &mut Scalar) -> Result<(), Infallible> {
        Ok(())
    }
    fn single(&mut self, _: Like, _: &mut Scalar) -> Result<(), Infallible> {
        Ok(())
    }
    fn whole(&mut self, _: Like, _: &mut i32) -> Result<(), Infallible> {
        Ok(())
    }
}

/// What a reference kernel makes.
trait Results {
    /// One tensor for each result of the operator.
    fn tensors(self) -> Vec<Tensor>;
}

impl Results for Tensor {
    fn tensors(self) -> Vec<Tensor> {
        vec![self]
    }
}

impl Results for [Tensor; 2] {
    fn tensors(self) -> Vec<Tensor> {
        self.into()
    }
}

/// Makes [`Op`] of a list of rooms: opcode, struct, name in the TOSA text.
macro_rules! operators {
    ($($opcode:literal $Room:ident $name:literal,)*) => {
        /// A TOSA operator with its attributes and operands.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Op {
            $(#[doc = concat!($name, ", instruction ", $opcode, ".")] $Room($Room),)*
        }

        impl Op {
            /// Number of the instruction in TOSA.001000.1.
            pub fn opcode(&self) -> u32 {
                match self {
                    $(Self::$Room(_) => $opcode,)*
                }
            }

            /// The operator with this instruction number, with default attributes and operands, for a visitor to fill.
            pub fn from_opcode(opcode: u32) -> Option<Self> {
                match opcode {
                    $($opcode => Some(Self::$Room($Room::default())),)*
                    _ => None,
                }
            }

            /// Name in the TOSA text, such as "CONV2D".
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Room(_) => $name,)*
                }
            }

            /// Shows every operand to `visitor`, in the order of the SPIR-V instruction.
            ///
            /// # Errors
            /// What the visitor reports.
            pub fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
                match self {
                    $(Self::$Room(op) => op.visit(visitor),)*
                }
            }

            /// Checks the operator and gives the shape of its result, or that of each of its results.
            ///
            /// `element` is the element type the result is declared with; CAST and RESCALE have the choice, every other
            /// operator allows one.
            ///
            /// # Errors
            /// The TOSA rule that the attributes, the operands in `graph` or `element` break.
            pub fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
                match self {
                    $(Self::$Room(op) => op.infer(graph, element),)*
                }
            }

            /// Runs the reference kernel; `result` is the first of the results.
            pub(crate) fn evaluate(
                &self,
                environment: &Environment<'_>,
                result: &Value<'_>,
            ) -> Result<Vec<Tensor>, Unpredictable> {
                match self {
                    $(Self::$Room(op) => op.evaluate(environment, result).map(Results::tensors),)*
                }
            }
        }

        $(impl From<$Room> for Op {
            fn from(op: $Room) -> Self {
                Self::$Room(op)
            }
        })*
    };
}

operators! {
    0 ArgMax "ARGMAX",
    1 AvgPool2d "AVG_POOL2D",
    2 Conv2d "CONV2D",
    3 Conv3d "CONV3D",
    4 DepthwiseConv2d "DEPTHWISE_CONV2D",
    5 Fft2d "FFT2D",
    6 MatMul "MATMUL",
    7 MaxPool2d "MAX_POOL2D",
    8 Rfft2d "RFFT2D",
    9 TransposeConv2d "TRANSPOSE_CONV2D",
    10 Clamp "CLAMP",
    11 Erf "ERF",
    12 Sigmoid "SIGMOID",
    13 Tanh "TANH",
    14 Add "ADD",
    15 ArithmeticRightShift "ARITHMETIC_RIGHT_SHIFT",
    16 BitwiseAnd "BITWISE_AND",
    17 BitwiseOr "BITWISE_OR",
    18 BitwiseXor "BITWISE_XOR",
    19 IntDiv "INTDIV",
    20 LogicalAnd "LOGICAL_AND",
    21 LogicalLeftShift "LOGICAL_LEFT_SHIFT",
    22 LogicalRightShift "LOGICAL_RIGHT_SHIFT",
    23 LogicalOr "LOGICAL_OR",
    24 LogicalXor "LOGICAL_XOR",
    25 Maximum "MAXIMUM",
    26 Minimum "MINIMUM",
    27 Mul "MUL",
    28 Pow "POW",
    29 Sub "SUB",
    30 Table "TABLE",
    31 Abs "ABS",
    32 BitwiseNot "BITWISE_NOT",
    33 Ceil "CEIL",
    34 Clz "CLZ",
    35 Cos "COS",
    36 Exp "EXP",
    37 Floor "FLOOR",
    38 Log "LOG",
    39 LogicalNot "LOGICAL_NOT",
    40 Negate "NEGATE",
    41 Reciprocal "RECIPROCAL",
    42 Rsqrt "RSQRT",
    43 Sin "SIN",
    44 Select "SELECT",
    45 Equal "EQUAL",
    46 Greater "GREATER",
    47 GreaterEqual "GREATER_EQUAL",
    48 ReduceAll "REDUCE_ALL",
    49 ReduceAny "REDUCE_ANY",
    50 ReduceMax "REDUCE_MAX",
    51 ReduceMin "REDUCE_MIN",
    52 ReduceProduct "REDUCE_PRODUCT",
    53 ReduceSum "REDUCE_SUM",
    54 Concat "CONCAT",
    55 Pad "PAD",
    56 Reshape "RESHAPE",
    57 Reverse "REVERSE",
    58 Slice "SLICE",
    59 Tile "TILE",
    60 Transpose "TRANSPOSE",
    61 Gather "GATHER",
    62 Scatter "SCATTER",
    63 Resize "RESIZE",
    64 Cast "CAST",
    65 Rescale "RESCALE",
}

impl Op {
    /// The number of results: the Fourier transforms have real and imaginary parts.
    pub fn results(&self) -> usize {
        if matches!(self, Self::Fft2d(_) | Self::Rfft2d(_)) { 2 } else { 1 }
    }

    /// Every tensor operand, in order; one that is used twice appears twice.
    pub fn inputs(&self) -> Vec<ValueId> {
        let mut inputs = Vec::new();
        self.clone().for_each_tensor(|id| inputs.push(*id));
        inputs
    }

    /// Shows every tensor operand to `tensor`, which may replace it, in order.
    pub fn for_each_tensor(&mut self, tensor: impl FnMut(&mut ValueId)) {
        let Ok(()) = self.visit(&mut Tensors(tensor));
    }
}
