//! Elementwise operators as types: a kernel is compiled for each operator that a network has, and for no other.
//!
//! Integer operators work on any width of integer after sign extension, and what is stored is the low bits. Where TOSA
//! leaves an integer result open, they give some number.

use crate::float;
use crate::rescale::multiply;

/// An operator on one number.
#[diagnostic::on_unimplemented(
    message = "the operator `{Self}` of this network needs the feature `libm` of quantize-runtime",
    label = "computed by the crate libm",
    note = "write `quantize-runtime = {{ version = \"0.1\", features = [\"libm\"] }}` under `[dependencies]` in Cargo.toml"
)]
pub trait Unary<T> {
    /// The result for `x`.
    fn apply(&self, x: T) -> T;
}

/// An operator on two numbers.
#[diagnostic::on_unimplemented(
    message = "the operator `{Self}` of this network needs the feature `libm` of quantize-runtime",
    label = "computed by the crate libm",
    note = "write `quantize-runtime = {{ version = \"0.1\", features = [\"libm\"] }}` under `[dependencies]` in Cargo.toml"
)]
pub trait Binary<T, O = T> {
    /// The result for `a` and `b`.
    fn apply(&self, a: T, b: T) -> O;
}

/// Makes the types of operators without attributes.
macro_rules! types {
    ($($Operator:ident $meaning:literal,)*) => {$(
        #[doc = concat!($meaning, ".")]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $Operator;
    )*};
}

types! {
    Abs "|x|",
    Add "a + b",
    BitwiseAnd "a & b; of truth values whether both hold",
    BitwiseNot "!x",
    BitwiseOr "a | b; of truth values whether one holds",
    BitwiseXor "a ^ b; of truth values whether just one holds",
    Ceil "The smallest whole number not below x",
    Clz "The number of leading zero bits of 32",
    Cos "cos(x)",
    Equal "Whether a = b: 1 or 0",
    Erf "erf(x)",
    Exp "e^x",
    Floor "The largest whole number not above x",
    Greater "Whether a > b: 1 or 0",
    GreaterEqual "Whether a ≥ b: 1 or 0",
    IntDiv "a / b, towards 0",
    Log "ln(x)",
    LogicalLeftShift "a · 2^b",
    LogicalNot "Whether x does not hold",
    Maximum "The larger number, or NaN if one is NaN",
    MaximumNumber "The larger number, or NaN if both are NaN",
    Minimum "The smaller number, or NaN if one is NaN",
    MinimumNumber "The smaller number, or NaN if both are NaN",
    Mul "a · b",
    Negate "−x",
    Pow "a^b",
    Reciprocal "1 / x",
    Rsqrt "1 / √x",
    Sigmoid "1 / (1 + e^(−x))",
    Sin "sin(x)",
    Sub "a − b",
    Tanh "tanh(x)",
}

/// ⌊a / 2^b⌋.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArithmeticRightShift {
    /// To the nearest instead, ties up.
    pub round: bool,
}

/// ⌊a / 2^b⌋ of the unsigned number with the bits of `a`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogicalRightShift {
    /// Width of `a`: 8, 16 or 32.
    pub bits: u8,
}

/// a · b, shifted right with rounding; 0 where that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MulShift {
    /// Bits dropped, 1 to 63.
    pub shift: u8,
}

/// −(x − input_zero_point) + output_zero_point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NegateCode {
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// Quantized zero of the result.
    pub output_zero_point: i8,
}

/// Implements operators without attributes, each by its formula.
macro_rules! formulas {
    (Unary<$T:ty>: $($Operator:ident |$x:ident| $result:expr;)*) => {$(
        impl Unary<$T> for $Operator {
            #[inline]
            fn apply(&self, $x: $T) -> $T {
                $result
            }
        }
    )*};
    (Binary<$T:ty, $O:ty>: $($Operator:ident |$a:ident, $b:ident| $result:expr;)*) => {$(
        impl Binary<$T, $O> for $Operator {
            #[inline]
            fn apply(&self, $a: $T, $b: $T) -> $O {
                $result
            }
        }
    )*};
}

formulas! { Unary<i32>:
    Abs |x| x.wrapping_abs();
    BitwiseNot |x| !x;
    Clz |x| x.leading_zeros() as i32; // at most 32
    LogicalNot |x| i32::from(x == 0);
    Negate |x| x.wrapping_neg();
}

formulas! { Unary<f32>:
    Abs |x| x.abs();
    Ceil |x| float::ceil(x);
    Floor |x| float::floor(x);
    Negate |x| -x;
    Reciprocal |x| 1.0 / x;
}

#[cfg(feature = "libm")]
formulas! { Unary<f32>:
    Cos |x| float::cos(x);
    Erf |x| float::erf(x);
    Exp |x| float::exp(x);
    Log |x| float::log(x);
    Rsqrt |x| float::rsqrt(x);
    Sigmoid |x| float::sigmoid(x);
    Sin |x| float::sin(x);
    Tanh |x| float::tanh(x);
}

formulas! { Binary<i32, i32>:
    Add |a, b| a.wrapping_add(b);
    BitwiseAnd |a, b| a & b;
    BitwiseOr |a, b| a | b;
    BitwiseXor |a, b| a ^ b;
    Equal |a, b| i32::from(a == b);
    Greater |a, b| i32::from(a > b);
    GreaterEqual |a, b| i32::from(a >= b);
    IntDiv |a, b| a.checked_div(b).unwrap_or_default();
    LogicalLeftShift |a, b| a.wrapping_shl(b.cast_unsigned());
    Maximum |a, b| a.max(b);
    Minimum |a, b| a.min(b);
    Mul |a, b| a.wrapping_mul(b);
    Sub |a, b| a.wrapping_sub(b);
}

formulas! { Binary<f32, f32>:
    Add |a, b| a + b;
    Maximum |a, b| float::maximum(a, b);
    MaximumNumber |a, b| float::maximum_number(a, b);
    Minimum |a, b| float::minimum(a, b);
    MinimumNumber |a, b| float::minimum_number(a, b);
    Mul |a, b| a * b;
    Sub |a, b| a - b;
}

#[cfg(feature = "libm")]
formulas! { Binary<f32, f32>:
    Pow |a, b| float::pow(a, b);
}

formulas! { Binary<f32, bool>:
    Equal |a, b| a == b;
    Greater |a, b| a > b;
    GreaterEqual |a, b| a >= b;
}

impl Unary<i32> for NegateCode {
    #[inline]
    fn apply(&self, x: i32) -> i32 {
        i32::from(self.input_zero_point).wrapping_sub(x).wrapping_add(self.output_zero_point.into())
    }
}

impl Binary<i32> for ArithmeticRightShift {
    #[inline]
    fn apply(&self, a: i32, b: i32) -> i32 {
        let bits = b.cast_unsigned();
        let lost = if self.round && b > 0 { a.wrapping_shr(bits - 1) & 1 } else { 0 };
        a.wrapping_shr(bits).wrapping_add(lost)
    }
}

impl Binary<i32> for LogicalRightShift {
    #[inline]
    fn apply(&self, a: i32, b: i32) -> i32 {
        let unused = 32_u32.saturating_sub(self.bits.into());
        let unsigned = a.cast_unsigned().wrapping_shl(unused).wrapping_shr(unused);
        unsigned.wrapping_shr(b.cast_unsigned()).cast_signed()
    }
}

impl Binary<i32> for MulShift {
    #[inline]
    fn apply(&self, a: i32, b: i32) -> i32 {
        multiply(a, b, self.shift.min(63).into()).unwrap_or_default()
    }
}

/// Operators that are known at run time only, as enumerations: what a plan has.
#[cfg(feature = "alloc")]
pub mod any {
    use super::*;
    use core::fmt;

    /// Makes an enumeration of operators that prints as its member does.
    macro_rules! any {
        ($(#[$doc:meta])* $Any:ident { $($Operator:ident,)* }) => {
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq)]
            #[allow(missing_docs)] // named as the types
            pub enum $Any {
                $($Operator($Operator),)*
            }

            impl fmt::Debug for $Any {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    match self {
                        $(Self::$Operator(operator) => operator.fmt(f),)*
                    }
                }
            }
        };
        ($(#[$doc:meta])* $Any:ident: Unary<$T:ty> { $($Operator:ident,)* }) => {
            any! { $(#[$doc])* $Any { $($Operator,)* } }

            impl Unary<$T> for $Any {
                fn apply(&self, x: $T) -> $T {
                    match self {
                        $(Self::$Operator(operator) => operator.apply(x),)*
                    }
                }
            }
        };
        ($(#[$doc:meta])* $Any:ident: Binary<$T:ty, $O:ty> { $($Operator:ident,)* }) => {
            any! { $(#[$doc])* $Any { $($Operator,)* } }

            impl Binary<$T, $O> for $Any {
                fn apply(&self, a: $T, b: $T) -> $O {
                    match self {
                        $(Self::$Operator(operator) => operator.apply(a, b),)*
                    }
                }
            }
        };
    }

    any! {
        /// One integer.
        UnaryI32: Unary<i32> { Abs, BitwiseNot, Clz, LogicalNot, Negate, NegateCode, }
    }

    any! {
        /// One f32.
        UnaryF32: Unary<f32> {
            Abs, Ceil, Cos, Erf, Exp, Floor, Log, Negate, Reciprocal, Rsqrt, Sigmoid, Sin, Tanh,
        }
    }

    any! {
        /// Two integers.
        BinaryI32: Binary<i32, i32> {
            Add, ArithmeticRightShift, BitwiseAnd, BitwiseOr, BitwiseXor, Equal, Greater, GreaterEqual, IntDiv,
            LogicalLeftShift, LogicalRightShift, Maximum, Minimum, Mul, MulShift, Sub,
        }
    }

    any! {
        /// Two f32.
        BinaryF32: Binary<f32, f32> {
            Add, Maximum, MaximumNumber, Minimum, MinimumNumber, Mul, Pow, Sub,
        }
    }

    any! {
        /// A comparison of two f32.
        CompareF32: Binary<f32, bool> { Equal, Greater, GreaterEqual, }
    }
}
