//! ARGMAX: where along an axis the largest element is.

use super::{NanMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::Element;

/// The index of the first largest element along `axis`, which the result does not have; i32.
///
/// Source: TOSA 1.0, ARGMAX.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ArgMax {
    /// Axis, below the rank.
    pub axis: u32,
    /// Whether the first NaN wins, or each loses.
    pub nan_mode: NanMode,
    /// Tensor, i8, i16 or f32.
    pub input: ValueId,
}

impl ArgMax {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.word(&mut self.axis)?;
        visitor.enumeration(&mut self.nan_mode)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.value(self.input)?;
        require(
            matches!(input.element, ElementType::I8 | ElementType::I16 | ElementType::F32),
            "an operand has the wrong element type",
        )?;
        require(element == ElementType::I32, "an index is i32")?;
        input.shape.without_axis(self.axis).ok_or("the axis is not below the rank")
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, _: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let beats = |value: f32, best: f32| match self.nan_mode {
            NanMode::Propagate => !best.is_nan() && (value > best || value.is_nan()),
            NanMode::Ignore => value > best || best.is_nan() && !value.is_nan(),
        };
        Ok(match environment.tensor(self.input).element() {
            ElementType::F32 => self.positions(environment, beats),
            ElementType::I16 => self.positions(environment, |value: i16, best| value > best),
            _ => self.positions(environment, |value: i8, best| value > best),
        })
    }

    fn positions<T: Element>(&self, environment: &Environment<'_>, beats: impl Fn(T, T) -> bool) -> Tensor {
        let input = environment.elements::<T>(self.input);
        let (outer, size, inner) = environment.shape(self.input).around(self.axis);
        let first_largest = |o: usize, c: usize| {
            let at = |i: usize| input[(o * size + i) * inner + c];
            (1..size).fold(0, |best, i| if beats(at(i), at(best)) { i } else { best })
        };
        let positions = (0..outer).flat_map(|o| (0..inner).map(move |c| (o, c)));
        Tensor::I32(positions.map(|(o, c)| first_largest(o, c) as i32).collect()) // below 2^31, as every dimension
    }
}
