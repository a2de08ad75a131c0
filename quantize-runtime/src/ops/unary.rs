//! The operators of one tensor and nothing else: each element on its own.

use super::{Visit, elementwise};
use crate::Shape;
use crate::float;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// Makes a room of a formula and of the function for each element type; `None` means that TOSA leaves the result open.
macro_rules! unary {
    ($($name:literal $Room:ident $formula:literal { $($Element:ident: $function:expr,)* })*) => {$(
        #[doc = concat!("`output = ", $formula, "`, any shape; the result has the input's type.")]
        #[doc = ""]
        #[doc = concat!("Types:" $(, " ", stringify!($Element))*, ".")]
        #[doc = ""]
        #[doc = concat!("Source: TOSA 1.0, ", $name, ".")]
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct $Room {
            /// Tensor.
            pub input: ValueId,
        }

        impl $Room {
            pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
                visitor.tensor(&mut self.input)
            }

            pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
                let types = [$((ElementType::$Element, ElementType::$Element)),*];
                elementwise::infer(graph, &types, [self.input], element)
            }

            pub(super) fn evaluate(
                &self,
                environment: &Environment<'_>,
                result: &Value<'_>,
            ) -> Result<Tensor, Unpredictable> {
                match result.element {
                    $(ElementType::$Element => elementwise::unary(environment, self.input, $function),)*
                    _ => unreachable!("a valid graph has one of the types above"),
                }
            }
        }
    )*};
}

unary! {
    "ABS" Abs "|input|, which must fit" { I32: i32::checked_abs, F32: |x: f32| Some(x.abs()), }
    "BITWISE_NOT" BitwiseNot "!input" { I8: |x: i8| Some(!x), I16: |x: i16| Some(!x), I32: |x: i32| Some(!x), }
    "CEIL" Ceil "⌈input⌉" { F32: |x| Some(float::ceil(x)), }
    "CLZ" Clz "the number of leading zero bits of input" { I32: |x: i32| Some(x.leading_zeros() as i32), }
    "COS" Cos "cos(input)" { F32: |x| Some(float::cos(x)), }
    "ERF" Erf "erf(input)" { F32: |x| Some(float::erf(x)), }
    "EXP" Exp "e^input" { F32: |x| Some(float::exp(x)), }
    "FLOOR" Floor "⌊input⌋" { F32: |x| Some(float::floor(x)), }
    "LOG" Log "ln(input)" { F32: |x| Some(float::log(x)), }
    "LOGICAL_NOT" LogicalNot "not input" { Bool: |x: bool| Some(!x), }
    "RECIPROCAL" Reciprocal "1 / input" { F32: |x: f32| Some(1.0 / x), }
    "RSQRT" Rsqrt "1 / √input" { F32: |x| Some(float::rsqrt(x)), }
    "SIGMOID" Sigmoid "1 / (1 + e^(−input))" { F32: |x| Some(float::sigmoid(x)), }
    "SIN" Sin "sin(input)" { F32: |x| Some(float::sin(x)), }
    "TANH" Tanh "tanh(input)" { F32: |x| Some(float::tanh(x)), }
}
