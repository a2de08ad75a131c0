//! Recognizes the operators between int8 and float regions: each sequence is one step.

use quantize_runtime::graph::ElementType::{F32, I8, I16, I32};
use quantize_runtime::graph::{ElementType, Graph, Scalar, ValueId};
use quantize_runtime::ops::{Cast, Clamp, Mul, NanMode, Op};
use quantize_runtime::steps::{Dequantize, Quantize};

/// A graph, and by value the node that makes it.
#[derive(Clone, Copy)]
pub(super) struct Producers<'a> {
    pub(super) graph: &'a Graph<'a>,
    pub(super) producers: &'a [Option<usize>],
}

impl<'a> Producers<'a> {
    /// The tensor that is quantized, where a CAST ends
    /// `CAST(CLAMP(ADD(SELECT(v ≥ 0, FLOOR(v + 0.5), CEIL(v − 0.5)), zero_point)))` with `v = MUL(x, factor)`.
    pub(super) fn quantized(self, cast: &Cast, result: ElementType) -> Option<(Quantize, ValueId)> {
        let Op::Clamp(Clamp { min: Scalar::F32(min), max: Scalar::F32(max), nan_mode: NanMode::Propagate, input }) =
            *self.op(cast.input)?
        else {
            return None;
        };
        let Op::Add(shifted) = self.op(input)? else { return None };
        let (rounded, zero_point) = self.with_f32([shifted.input1, shifted.input2])?;
        let Op::Select(select) = self.op(rounded)? else { return None };
        let Op::GreaterEqual(is_positive) = self.op(select.condition)? else { return None };
        let (Op::Floor(floor), Op::Ceil(ceil)) = (self.op(select.if_true)?, self.op(select.if_false)?) else {
            return None;
        };
        let (Op::Add(up), Op::Sub(down)) = (self.op(floor.input)?, self.op(ceil.input)?) else { return None };
        let scaled = is_positive.input1;
        let half_up = self.with_f32([up.input1, up.input2])?;
        let is_rounding = half_up == (scaled, 0.5)
            && down.input1 == scaled
            && self.f32(down.input2) == Some(0.5)
            && self.f32(is_positive.input2) == Some(0.0);
        let Op::Mul(Mul { input1, input2, .. }) = self.op(scaled)? else { return None };
        let (input, factor) = self.with_f32([*input1, *input2])?;
        let fits = is_rounding && matches!(result, I8 | I16) && self.has_shape_of(cast.input, input);
        fits.then_some((Quantize { factor, zero_point, min, max }, input))
    }

    /// The tensor that is dequantized, where a MUL of f32 ends `MUL(CAST(SUB(CAST(x), zero_point)), scale)`.
    pub(super) fn dequantized(self, mul: &Mul) -> Option<(Dequantize, ValueId)> {
        let (real, scale) = self.with_f32([mul.input1, mul.input2])?;
        let Op::Cast(to_real) = self.op(real)? else { return None };
        let Op::Sub(shifted) = self.op(to_real.input)? else { return None };
        let Op::Cast(widened) = self.op(shifted.input1)? else { return None };
        let zero_point = i32::from_le_bytes(self.single(shifted.input2, I32)?);
        let narrow = matches!(self.element(widened.input), I8 | I16) && self.element(shifted.input1) == I32;
        let fits = narrow && self.has_shape_of(real, widened.input);
        fits.then_some((Dequantize { zero_point, scale }, widened.input))
    }

    fn op(self, value: ValueId) -> Option<&'a Op> {
        self.producers[value.0 as usize].map(|node| &self.graph.nodes[node].op)
    }

    fn element(self, value: ValueId) -> ElementType {
        self.graph.values[value.0 as usize].element
    }

    /// Broadcasting changes no shape where the constants have one element, but for its rank.
    fn has_shape_of(self, result: ValueId, input: ValueId) -> bool {
        self.graph.values[result.0 as usize].shape == self.graph.values[input.0 as usize].shape
    }

    /// Of two operands that which is no constant, and the other as a constant of one element.
    fn with_f32(self, operands: [ValueId; 2]) -> Option<(ValueId, f32)> {
        let [a, b] = operands;
        self.f32(b).map(|constant| (a, constant)).or_else(|| self.f32(a).map(|constant| (b, constant)))
    }

    /// The number in a constant of one f32.
    fn f32(self, value: ValueId) -> Option<f32> {
        self.single(value, F32).map(f32::from_le_bytes)
    }

    fn single(self, value: ValueId, element: ElementType) -> Option<[u8; 4]> {
        let constant = self.graph.values[value.0 as usize].constant.as_ref()?;
        constant.data[..].try_into().ok().filter(|_| self.element(value) == element)
    }
}
