//! Real numbers in the graph being written: steps from codes and back, and formulas on whole tensors.

use super::{Lowering, Side};
use crate::config::Dtype;
use crate::quantize::QuantParams;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops::{self, Op};

impl<'a> Lowering<'a> {
    /// Codes to real numbers: `(code - zero_point) · scale`.
    ///
    /// Source: oracle of the lowering, section 1.
    pub(super) fn dequantize(&mut self, codes: ValueId, params: QuantParams) -> Result<ValueId, String> {
        if let Some(signed) = signed(params) {
            let codes = self.rescale(codes, Side::of(params), &[1.0], Side::of(signed))?;
            return self.dequantize(codes, signed);
        }
        let shape = self.shape_of(codes);
        let ones = vec![1; shape.len()];
        let wide = self.push(Op::Cast(ops::Cast { input: codes }), ElementType::I32, &shape)?;
        let zero_point = self.constant_i32(&ones, vec![params.zero_point])?;
        let shifted = Op::Sub(ops::Sub { input1: wide, input2: zero_point });
        let shifted = self.push(shifted, ElementType::I32, &shape)?;
        let whole = self.push(Op::Cast(ops::Cast { input: shifted }), ElementType::F32, &shape)?;
        self.formula(&shape).mul(whole, params.scale)
    }

    /// Real numbers to codes: `clamp(round(real · (1 / scale)) + zero_point)`, ties away from zero.
    ///
    /// Source: oracle of the lowering, section 1.
    pub(super) fn quantize(&mut self, real: ValueId, params: QuantParams) -> Result<ValueId, String> {
        if let Some(signed) = signed(params) {
            let codes = self.quantize(real, signed)?;
            return self.rescale(codes, Side::of(signed), &[1.0], Side::of(params));
        }
        let shape = self.shape_of(real);
        let mut formula = self.formula(&shape);
        let scaled = formula.mul(real, 1.0 / params.scale)?;
        let whole = formula.round(scaled)?;
        let shifted = formula.add(whole, params.zero_point as f32)?;
        let clamped = formula.clamp(shifted, params.qmin as f32, params.qmax as f32)?;
        self.push(Op::Cast(ops::Cast { input: clamped }), params.dtype.element(), &shape)
    }

    /// Writes formulas over tensors of this shape.
    pub(crate) fn formula(&mut self, shape: &[usize]) -> Formula<'_, 'a> {
        Formula { shape: shape.to_vec(), lowering: self }
    }
}

/// For unsigned codes, which CAST takes for signed ones: int8 codes of the same real numbers.
fn signed(params: QuantParams) -> Option<QuantParams> {
    let int8 = QuantParams::int8(params.scale, params.zero_point + i32::from(i8::MIN));
    (params.dtype == Dtype::Uint8).then_some(int8)
}

/// Writes formulas element by element; every result has the same shape.
pub(crate) struct Formula<'l, 'a> {
    lowering: &'l mut Lowering<'a>,
    shape: Vec<usize>,
}

/// An operand of a formula.
#[derive(Clone, Copy)]
pub(crate) enum Term {
    /// A tensor.
    Tensor(ValueId),
    /// The same number for every element.
    Number(f32),
}

impl From<ValueId> for Term {
    fn from(tensor: ValueId) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<f32> for Term {
    fn from(number: f32) -> Self {
        Self::Number(number)
    }
}

type Written = Result<ValueId, String>;

impl Formula<'_, '_> {
    fn value(&mut self, term: Term) -> Written {
        match term {
            Term::Tensor(tensor) => Ok(tensor),
            Term::Number(number) => self.lowering.constant_f32(&vec![1; self.shape.len()], vec![number]),
        }
    }

    fn pair(&mut self, a: impl Into<Term>, b: impl Into<Term>) -> Result<(ValueId, ValueId), String> {
        Ok((self.value(a.into())?, self.value(b.into())?))
    }

    /// An operator whose result is a real number.
    pub(crate) fn real(&mut self, op: Op) -> Written {
        self.lowering.push(op, ElementType::F32, &self.shape)
    }

    fn truth(&mut self, op: Op) -> Written {
        self.lowering.push(op, ElementType::Bool, &self.shape)
    }

    pub(crate) fn add(&mut self, a: impl Into<Term>, b: impl Into<Term>) -> Written {
        let (input1, input2) = self.pair(a, b)?;
        self.real(Op::Add(ops::Add { input1, input2 }))
    }

    pub(crate) fn sub(&mut self, a: impl Into<Term>, b: impl Into<Term>) -> Written {
        let (input1, input2) = self.pair(a, b)?;
        self.real(Op::Sub(ops::Sub { input1, input2 }))
    }

    pub(crate) fn mul(&mut self, a: impl Into<Term>, b: impl Into<Term>) -> Written {
        let (input1, input2) = self.pair(a, b)?;
        self.real(Op::Mul(ops::Mul { input1, input2, shift: 0 }))
    }

    pub(crate) fn greater_equal(&mut self, a: impl Into<Term>, b: impl Into<Term>) -> Written {
        let (input1, input2) = self.pair(a, b)?;
        self.truth(Op::GreaterEqual(ops::GreaterEqual { input1, input2 }))
    }

    /// `if_true` where the condition holds, `if_false` elsewhere.
    pub(crate) fn select(
        &mut self,
        condition: ValueId,
        if_true: impl Into<Term>,
        if_false: impl Into<Term>,
    ) -> Written {
        let (if_true, if_false) = self.pair(if_true, if_false)?;
        self.real(Op::Select(ops::Select { condition, if_true, if_false }))
    }

    pub(crate) fn clamp(&mut self, input: ValueId, min: f32, max: f32) -> Written {
        self.real(Op::Clamp(ops::Clamp { min: min.into(), max: max.into(), input, ..Default::default() }))
    }

    /// To whole numbers, ties away from zero.
    pub(crate) fn round(&mut self, input: ValueId) -> Written {
        let positive = self.greater_equal(input, 0.0)?;
        let (above, below) = (self.add(input, 0.5)?, self.sub(input, 0.5)?);
        let floor = self.real(Op::Floor(ops::Floor { input: above }))?;
        let ceil = self.real(Op::Ceil(ops::Ceil { input: below }))?;
        self.select(positive, floor, ceil)
    }
}
