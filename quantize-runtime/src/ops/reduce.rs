//! The reductions: one element of all those along an axis.

use super::{NanMode, Visit};
use crate::Shape;
use crate::float;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::Element;
use alloc::vec::Vec;

/// Makes a room of a meaning and of the function that takes in one more element; `None` means that TOSA leaves the
/// result open. `mode` is the attribute of those that compare.
macro_rules! reduction {
    ($(
        $name:literal $Room:ident $meaning:literal {
            $($Element:ident: |$a:ident: $Type:ty, $b:ident $(, $mode:ident)?| $result:expr,)*
        } $($nan_mode:ident)?;
    )*) => {$(
        #[doc = concat!($meaning, " the elements along `axis`, which stays with size 1, from the first to the last.")]
        #[doc = ""]
        #[doc = concat!("Types:" $(, " ", stringify!($Element))*, ".")]
        #[doc = ""]
        #[doc = concat!("Source: TOSA 1.0, ", $name, ".")]
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct $Room {
            /// Axis, below the rank.
            pub axis: u32,
            $(
                /// What becomes of NaN.
                pub $nan_mode: NanMode,
            )?
            /// Tensor.
            pub input: ValueId,
        }

        impl $Room {
            pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
                visitor.word(&mut self.axis)?;
                $(visitor.enumeration(&mut self.$nan_mode)?;)?
                visitor.tensor(&mut self.input)
            }

            pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
                let input = graph.operand(self.input, element)?;
                require(matches!(element, $(ElementType::$Element)|*), "the operator does not take this element type")?;
                input.with_axis(self.axis, 1).ok_or("the axis is not below the rank")
            }

            pub(super) fn evaluate(
                &self,
                environment: &Environment<'_>,
                result: &Value<'_>,
            ) -> Result<Tensor, Unpredictable> {
                match result.element {
                    $(ElementType::$Element => {
                        $(let $mode = self.nan_mode;)?
                        reduce(environment, self.input, self.axis, |$a: $Type, $b| $result)
                    })*
                    _ => unreachable!("a valid graph has one of the types above"),
                }
            }
        }
    )*};
}

reduction! {
    "REDUCE_ALL" ReduceAll "Whether all hold:" { Bool: |a: bool, b| Some(a && b), };
    "REDUCE_ANY" ReduceAny "Whether one holds:" { Bool: |a: bool, b| Some(a || b), };
    "REDUCE_MAX" ReduceMax "The largest of" {
        I8: |a: i8, b| Some(a.max(b)),
        I16: |a: i16, b| Some(a.max(b)),
        I32: |a: i32, b| Some(a.max(b)),
        F32: |a: f32, b, mode| Some(match mode {
            NanMode::Propagate => float::maximum(a, b),
            NanMode::Ignore => float::maximum_number(a, b),
        }),
    } nan_mode;
    "REDUCE_MIN" ReduceMin "The smallest of" {
        I8: |a: i8, b| Some(a.min(b)),
        I16: |a: i16, b| Some(a.min(b)),
        I32: |a: i32, b| Some(a.min(b)),
        F32: |a: f32, b, mode| Some(match mode {
            NanMode::Propagate => float::minimum(a, b),
            NanMode::Ignore => float::minimum_number(a, b),
        }),
    } nan_mode;
    "REDUCE_PRODUCT" ReduceProduct "The product of" { F32: |a: f32, b| Some(a * b), };
    "REDUCE_SUM" ReduceSum "The sum, every partial one of which must fit, of" {
        I32: |a: i32, b| i32::checked_add(a, b),
        F32: |a: f32, b| Some(a + b),
    };
}

/// Takes in the elements along an axis, one after the other.
fn reduce<T: Element>(
    environment: &Environment<'_>,
    input: ValueId,
    axis: u32,
    accumulate: impl Fn(T, T) -> Option<T>,
) -> Result<Tensor, Unpredictable> {
    let elements = environment.elements(input);
    let (outer, size, inner) = environment.shape(input).around(axis);
    let mut output = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for c in 0..inner {
            let mut result: T = elements[o * size * inner + c];
            for i in 1..size {
                result = accumulate(result, elements[(o * size + i) * inner + c]).ok_or(Unpredictable)?;
            }
            output.push(result);
        }
    }
    Ok(T::tensor(output))
}
