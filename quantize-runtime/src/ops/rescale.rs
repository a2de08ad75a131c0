//! RESCALE: brings a tensor to another scale, zero point and element type.

use super::{Like, RoundingMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::{apply_scale_16, apply_scale_32, apply_scale_32_double};
use crate::tensor::{Element, with_type};

/// `output = saturate(round((input − input_zero_point) · multiplier / 2^shift) + output_zero_point)`.
///
/// Input and result are i8, i16 or i32, of one shape; the input can be i48, too. Multiplier (i32 or i16) and shift (i8)
/// are constants of one element, or of one per index of the last axis.
///
/// Source: TOSA 1.0, RESCALE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rescale {
    /// Whether multipliers have 32 bits; with 16 the input can be i48.
    pub scale32: bool,
    /// How to round.
    pub rounding_mode: RoundingMode,
    /// One multiplier and shift per index of the last axis.
    pub per_channel: bool,
    /// The bits of the i8 or i16 input are unsigned numbers.
    pub input_unsigned: bool,
    /// The bits of the i8 or i16 result are unsigned numbers.
    pub output_unsigned: bool,
    /// Tensor, i8, i16, i32 or i48.
    pub input: ValueId,
    /// Constant, i32 or i16, each at least 0.
    pub multiplier: ValueId,
    /// Constant, i8, each 2 to 62.
    pub shift: ValueId,
    /// Quantized zero of the input: of i8 any, as the signed number with these bits where the input is unsigned; of unsigned
    /// i16 0 or −32768, which stands for 32768; otherwise 0.
    pub input_zero_point: i32,
    /// Quantized zero of the result, likewise.
    pub output_zero_point: i32,
}

impl Rescale {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.flag(&mut self.scale32)?;
        visitor.enumeration(&mut self.rounding_mode)?;
        visitor.flag(&mut self.per_channel)?;
        visitor.flag(&mut self.input_unsigned)?;
        visitor.flag(&mut self.output_unsigned)?;
        visitor.tensor(&mut self.input)?;
        visitor.tensor(&mut self.multiplier)?;
        visitor.tensor(&mut self.shift)?;
        visitor.whole(Like::Operand(self.input), &mut self.input_zero_point)?;
        visitor.whole(Like::Result, &mut self.output_zero_point)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.value(self.input)?;
        let is_integer = |element| !matches!(element, ElementType::Bool | ElementType::F32);
        require(is_integer(input.element) && is_integer(element), "only integers can be rescaled")?;
        require(element != ElementType::I48, "nothing is rescaled to i48")?;
        require(self.scale32 || self.rounding_mode != RoundingMode::Double, "double rounding needs scale32")?;
        require(!self.scale32 || input.element != ElementType::I48, "an i48 input needs scale32 false")?;
        require(!(self.input_unsigned && self.output_unsigned), "input and output are both unsigned")?;
        let narrow = |element| matches!(element, ElementType::I8 | ElementType::I16);
        require(
            narrow(input.element) && narrow(element) || !(self.input_unsigned || self.output_unsigned),
            "an unsigned tensor is rescaled from or to more than 16 bits",
        )?;
        check_zero_point(input.element, self.input_zero_point, self.input_unsigned)?;
        check_zero_point(element, self.output_zero_point, self.output_unsigned)?;
        let channels = match (self.per_channel, input.shape.dims().last()) {
            (false, _) => 1,
            (true, Some(&channels)) => channels,
            (true, None) => return Err("per_channel with rank 0"),
        };
        let multiplier = if self.scale32 { ElementType::I32 } else { ElementType::I16 };
        require(graph.operand(self.multiplier, multiplier)?.axes() == Ok([channels]), "wrong number of multipliers")?;
        require(graph.operand(self.shift, ElementType::I8)?.axes() == Ok([channels]), "wrong number of shifts")?;
        let signs = graph.constant(self.multiplier)?.chunks_exact(multiplier.size()).filter_map(|word| word.last());
        let shifts = graph.constant(self.shift)?;
        require(signs.copied().all(|byte| byte < 0x80), "a multiplier is negative")?;
        require(shifts.iter().all(|shift| (2..=62).contains(shift)), "a shift is outside 2 to 62")?;
        Ok(input.shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let (input, element) = (environment.integers(self.input), environment.tensor(self.input).element());
        let (multiplier, shifts) = (environment.integers(self.multiplier), environment.elements::<i8>(self.shift));
        let input_zero_point = widen(self.input_zero_point.into(), element, self.input_unsigned);
        let output_zero_point = widen(self.output_zero_point.into(), result.element, self.output_unsigned);
        let bits = 8 * result.element.size();
        let (min, max) = match self.output_unsigned {
            true => (0, (1 << bits) - 1),
            false => (-1 << (bits - 1), (1 << (bits - 1)) - 1),
        };
        let rescaled = (0..result.shape.len()).map(|i| {
            let channel = i % shifts.len();
            let value = widen(input(i), element, self.input_unsigned) - input_zero_point;
            let scaled = self.scale(value, multiplier(channel), shifts[channel] as u32)?; // 2 to 62
            let shifted = i64::from(i32::try_from(scaled + output_zero_point).map_err(|_| Unpredictable)?);
            Ok(shifted.clamp(min, max))
        });
        with_type!(result.element, T => {
            // An unsigned result is stored as its low bytes.
            let elements = rescaled.map(|value| Ok(T::from_word(value?.cast_unsigned())));
            Ok(T::tensor(elements.collect::<Result<_, _>>()?))
        })
    }

    /// `round(value · multiplier / 2^shift)`.
    fn scale(&self, value: i64, multiplier: i64, shift: u32) -> Result<i64, Unpredictable> {
        if !self.scale32 {
            return i32::try_from(apply_scale_16(value, multiplier, shift)).map(i64::from).map_err(|_| Unpredictable);
        }
        // Within −2^(shift−1) to 2^(shift−1) − 1.
        if value >> (shift - 1) != value >> 63 {
            return Err(Unpredictable);
        }
        let (value, multiplier) = (value as i32, multiplier as i32); // neither is wider with scale32
        Ok(i64::from(match self.rounding_mode {
            RoundingMode::Double => apply_scale_32_double(value, multiplier, shift),
            RoundingMode::Single | RoundingMode::Inexact => apply_scale_32(value, multiplier, shift),
        }))
    }
}

/// A number of this element type; an unsigned one is stored with its bits.
fn widen(value: i64, element: ElementType, unsigned: bool) -> i64 {
    if unsigned { value & ((1 << (8 * element.size())) - 1) } else { value }
}

fn check_zero_point(element: ElementType, zero_point: i32, unsigned: bool) -> Result<(), Rule> {
    let middle = zero_point == i32::from(i16::MIN);
    if element == ElementType::I16 && unsigned && middle { Ok(()) } else { element.check_zero_point(zero_point) }
}
