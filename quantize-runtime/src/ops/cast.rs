//! CAST: the same numbers in another element type.

use super::Visit;
use crate::Shape;
use crate::float::round_ties_even;
use crate::graph::ElementType::{self, Bool, F32, I8, I16, I32, I48};
use crate::graph::{Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::{Element, with_type};
use alloc::vec::Vec;

/// `output = input` as another of bool, i8, i16, i32 and f32; bool and f32 are not cast to each other.
///
/// * to bool: whether the number is not 0; from bool: 1 or 0
/// * between integers: the low bits
/// * from integer to f32: the nearest, ties to even
/// * from f32 to integer: the nearest, ties to even, saturated; 0 for NaN, where TOSA leaves the result open
///
/// Source: TOSA 1.0, CAST.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cast {
    /// Tensor.
    pub input: ValueId,
}

impl Cast {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.value(self.input)?;
        let exists = match (input.element, element) {
            (I48, _) | (_, I48) | (Bool, F32) | (F32, Bool) => false,
            (from, to) => from != to,
        };
        require(exists, "the operator does not take these element types")?;
        Ok(input.shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        Ok(match environment.tensor(self.input) {
            Tensor::Bool(elements) => from_integers(elements.iter().map(|&element| element.into()), result.element),
            Tensor::I8(elements) => from_integers(elements.iter().map(|&element| element.into()), result.element),
            Tensor::I16(elements) => from_integers(elements.iter().map(|&element| element.into()), result.element),
            Tensor::I32(elements) => from_integers(elements.iter().copied(), result.element),
            // `as` saturates.
            Tensor::F32(elements) => {
                let whole = elements.iter().map(|&element| round_ties_even(element));
                match result.element {
                    I8 => Tensor::I8(whole.map(|element| element as i8).collect()),
                    I16 => Tensor::I16(whole.map(|element| element as i16).collect()),
                    _ => Tensor::I32(whole.map(|element| element as i32).collect()),
                }
            }
            Tensor::I48(_) => unreachable!("a valid graph does not cast i48"),
        })
    }
}

fn from_integers(elements: impl Iterator<Item = i32>, to: ElementType) -> Tensor {
    match to {
        Bool => Tensor::Bool(elements.map(|element| element != 0).collect()),
        F32 => Tensor::F32(elements.map(|element| element as f32).collect()), // rounds
        // The low bits stay.
        I8 | I16 | I32 | I48 => with_type!(to, T => {
            T::tensor(elements.map(|element| T::from_word(i64::from(element).cast_unsigned())).collect::<Vec<_>>())
        }),
    }
}
