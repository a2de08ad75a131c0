//! RESCALE: brings a tensor to another scale, zero point and element type.

use super::{Like, RoundingMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::{apply_scale_32, apply_scale_32_double};

/// `output = saturate(round((input − input_zero_point) · multiplier / 2^shift) + output_zero_point)`.
///
/// Input and result are i8 or i32, of one shape. Multiplier (i32) and shift (i8) are constants of one element, or of one
/// per index of the last axis.
///
/// Source: TOSA 1.0, RESCALE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Rescale {
    /// 32-bit multipliers; 16-bit ones, for 48-bit accumulators, are not supported.
    pub scale32: bool,
    /// How to round.
    pub rounding_mode: RoundingMode,
    /// One multiplier and shift per index of the last axis.
    pub per_channel: bool,
    /// The input's bytes are 0 to 255.
    pub input_unsigned: bool,
    /// The result's bytes are 0 to 255.
    pub output_unsigned: bool,
    /// Tensor, i8 or i32.
    pub input: ValueId,
    /// Constant, i32, each at least 0.
    pub multiplier: ValueId,
    /// Constant, i8, each 2 to 62.
    pub shift: ValueId,
    /// Quantized zero of the input, 0 for i32; as the i8 bit pattern also when the input is unsigned.
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
        visitor.single(Like::Operand(self.input), &mut self.input_zero_point)?;
        visitor.single(Like::Result, &mut self.output_zero_point)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.value(self.input)?;
        require(self.scale32 || self.rounding_mode != RoundingMode::Double, "double rounding needs scale32")?;
        require(self.scale32, "16-bit multipliers (scale32 false) are not supported")?;
        require(!(self.input_unsigned && self.output_unsigned), "input and output are both unsigned")?;
        let both_i8 = input.element == ElementType::I8 && element == ElementType::I8;
        require(
            both_i8 || !(self.input_unsigned || self.output_unsigned),
            "an unsigned i8 is rescaled from or to i32",
        )?;
        for (element, zero_point) in [(input.element, self.input_zero_point), (element, self.output_zero_point)] {
            require(zero_point == 0 || element == ElementType::I8, "a zero point of an i32 tensor is not 0")?;
            element.check_range(zero_point)?;
        }
        let channels = match (self.per_channel, input.shape.dims().last()) {
            (false, _) => 1,
            (true, Some(&channels)) => channels,
            (true, None) => return Err("per_channel with rank 0"),
        };
        require(
            graph.operand(self.multiplier, ElementType::I32)?.axes() == Ok([channels]),
            "wrong number of multipliers",
        )?;
        require(graph.operand(self.shift, ElementType::I8)?.axes() == Ok([channels]), "wrong number of shifts")?;
        let multipliers = graph.constant(self.multiplier)?.as_chunks().0;
        let shifts = graph.constant(self.shift)?;
        require(multipliers.iter().all(|&word| i32::from_le_bytes(word) >= 0), "a multiplier is negative")?;
        require(shifts.iter().all(|shift| (2..=62).contains(shift)), "a shift is outside 2 to 62")?;
        Ok(input.shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let input = environment.integers(self.input);
        let (multipliers, shifts) = (environment.i32s(self.multiplier), environment.i8s(self.shift));
        // Unsigned bytes are stored as the i8 of the same bits.
        let read = |value: i32, unsigned: bool| if unsigned { value & 0xFF } else { value };
        let rescaled = (0..result.shape.len()).map(|i| {
            let channel = i % multipliers.len();
            let value = read(input(i), self.input_unsigned) - read(self.input_zero_point, self.input_unsigned);
            let shift = shifts[channel] as u32; // 2 to 62
            // Within −2^(shift−1) to 2^(shift−1) − 1.
            if i64::from(value) >> (shift - 1) != i64::from(value) >> 63 {
                return Err(Unpredictable);
            }
            let scaled = match self.rounding_mode {
                RoundingMode::Double => apply_scale_32_double(value, multipliers[channel], shift),
                RoundingMode::Single | RoundingMode::Inexact => apply_scale_32(value, multipliers[channel], shift),
            };
            Ok(i64::from(scaled) + i64::from(read(self.output_zero_point, self.output_unsigned)))
        });
        Ok(match (result.element, self.output_unsigned) {
            (ElementType::I8, false) => {
                Tensor::I8(rescaled.map(|value| Ok(value?.clamp(-128, 127) as i8)).collect::<Result<_, _>>()?)
            }
            (ElementType::I8, true) => {
                Tensor::I8(rescaled.map(|value| Ok(value?.clamp(0, 255) as u8 as i8)).collect::<Result<_, _>>()?)
            }
            (ElementType::I32, _) => Tensor::I32(
                rescaled.map(|value| i32::try_from(value?).map_err(|_| Unpredictable)).collect::<Result<_, _>>()?,
            ),
        })
    }
}
