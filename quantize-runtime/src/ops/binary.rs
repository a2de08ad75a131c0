//! The operators of two tensors and nothing else: each pair of elements on its own, with broadcasting.

use super::{Visit, elementwise};
use crate::Shape;
use crate::float;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// Makes a room of a formula and of the function for each operand type, with its result type; `None` means that TOSA
/// leaves the result open.
macro_rules! binary {
    ($($name:literal $Room:ident $formula:literal { $($Element:ident => $Result:ident: $function:expr,)* })*) => {$(
        #[doc = concat!("`output = ", $formula, "`; the operands have one type and broadcast.")]
        #[doc = ""]
        #[doc = concat!("Types:" $(, " ", stringify!($Element), " → ", stringify!($Result))*, ".")]
        #[doc = ""]
        #[doc = concat!("Source: TOSA 1.0, ", $name, ".")]
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct $Room {
            /// First operand.
            pub input1: ValueId,
            /// Second operand.
            pub input2: ValueId,
        }

        impl $Room {
            pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
                visitor.tensor(&mut self.input1)?;
                visitor.tensor(&mut self.input2)
            }

            pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
                let types = [$((ElementType::$Element, ElementType::$Result)),*];
                elementwise::infer(graph, &types, [self.input1, self.input2], element)
            }

            pub(super) fn evaluate(
                &self,
                environment: &Environment<'_>,
                result: &Value<'_>,
            ) -> Result<Tensor, Unpredictable> {
                let inputs = [self.input1, self.input2];
                match environment.tensor(self.input1).element() {
                    $(ElementType::$Element => {
                        elementwise::binary(environment, inputs, &result.shape, $function)
                    })*
                    _ => unreachable!("a valid graph has one of the types above"),
                }
            }
        }
    )*};
}

binary! {
    "ADD" Add "input1 + input2, which must fit" {
        I32 => I32: i32::checked_add,
        F32 => F32: |a: f32, b: f32| Some(a + b),
    }
    "BITWISE_AND" BitwiseAnd "input1 & input2" {
        I8 => I8: |a: i8, b: i8| Some(a & b),
        I16 => I16: |a: i16, b: i16| Some(a & b),
        I32 => I32: |a: i32, b: i32| Some(a & b),
    }
    "BITWISE_OR" BitwiseOr "input1 | input2" {
        I8 => I8: |a: i8, b: i8| Some(a | b),
        I16 => I16: |a: i16, b: i16| Some(a | b),
        I32 => I32: |a: i32, b: i32| Some(a | b),
    }
    "BITWISE_XOR" BitwiseXor "input1 ^ input2" {
        I8 => I8: |a: i8, b: i8| Some(a ^ b),
        I16 => I16: |a: i16, b: i16| Some(a ^ b),
        I32 => I32: |a: i32, b: i32| Some(a ^ b),
    }
    "EQUAL" Equal "input1 = input2" {
        I32 => Bool: |a: i32, b: i32| Some(a == b),
        F32 => Bool: |a: f32, b: f32| Some(a == b),
    }
    "GREATER" Greater "input1 > input2" {
        I32 => Bool: |a: i32, b: i32| Some(a > b),
        F32 => Bool: |a: f32, b: f32| Some(a > b),
    }
    "GREATER_EQUAL" GreaterEqual "input1 ≥ input2" {
        I32 => Bool: |a: i32, b: i32| Some(a >= b),
        F32 => Bool: |a: f32, b: f32| Some(a >= b),
    }
    "INTDIV" IntDiv "input1 / input2 towards 0, which must exist and fit" {
        I32 => I32: i32::checked_div,
    }
    "LOGICAL_AND" LogicalAnd "input1 and input2" {
        Bool => Bool: |a: bool, b: bool| Some(a && b),
    }
    "LOGICAL_LEFT_SHIFT" LogicalLeftShift "the low bits of input1 · 2^input2, which is less than the width" {
        I8 => I8: |a: i8, b: i8| a.checked_shl(u32::try_from(b).ok()?),
        I16 => I16: |a: i16, b: i16| a.checked_shl(u32::try_from(b).ok()?),
        I32 => I32: |a: i32, b: i32| a.checked_shl(u32::try_from(b).ok()?),
    }
    "LOGICAL_OR" LogicalOr "input1 or input2" {
        Bool => Bool: |a: bool, b: bool| Some(a || b),
    }
    "LOGICAL_RIGHT_SHIFT" LogicalRightShift "⌊unsigned input1 / 2^input2⌋, which is less than the width" {
        I8 => I8: |a: i8, b: i8| Some(a.cast_unsigned().checked_shr(u32::try_from(b).ok()?)?.cast_signed()),
        I16 => I16: |a: i16, b: i16| Some(a.cast_unsigned().checked_shr(u32::try_from(b).ok()?)?.cast_signed()),
        I32 => I32: |a: i32, b: i32| Some(a.cast_unsigned().checked_shr(u32::try_from(b).ok()?)?.cast_signed()),
    }
    "LOGICAL_XOR" LogicalXor "either input1 or input2" {
        Bool => Bool: |a: bool, b: bool| Some(a != b),
    }
    "POW" Pow "input1^input2" {
        F32 => F32: |a, b| Some(float::pow(a, b)),
    }
    "SUB" Sub "input1 − input2, which must fit" {
        I32 => I32: i32::checked_sub,
        F32 => F32: |a: f32, b: f32| Some(a - b),
    }
}
