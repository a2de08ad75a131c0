//! Elementwise functions written with TOSA's float operators.

use super::Unary;
use crate::lower::Lowering;
use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, FRAC_PI_2, FRAC_PI_4, LN_2, LN_10, SQRT_2};
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// Largest exponent that is written as multiplications: POW takes no negative bases.
const LARGEST_PRODUCT: f64 = 16.0;
/// From here on every f32 is a whole number.
const WHOLE: f64 = 8_388_608.0;

/// Writes a function of a float tensor.
pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    function: Unary,
    x: ValueId,
    shape: &[usize],
) -> Result<ValueId, String> {
    Writer { lowering, shape }.function(function, x)
}

/// Writes operators over tensors of one shape.
struct Writer<'w, 'l> {
    lowering: &'w mut Lowering<'l>,
    shape: &'w [usize],
}

type Written = Result<ValueId, String>;

impl Writer<'_, '_> {
    fn function(&mut self, function: Unary, x: ValueId) -> Written {
        match function {
            Unary::Acos => {
                // 2 · atan(√((1 - x) / (1 + x)))
                let (less, more) = (self.less_from(1.0, x)?, self.plus(x, 1.0)?);
                let root = self.power(less, 0.5)?;
                let reciprocal = self.push(ops::Op::Rsqrt(ops::Rsqrt { input: more }))?;
                let tangent = self.mul(root, reciprocal)?;
                let half = self.atan(tangent)?;
                self.times(half, 2.0)
            }
            Unary::Acosh => {
                // log(x + √((x - 1)(x + 1)))
                let (less, more) = (self.plus(x, -1.0)?, self.plus(x, 1.0)?);
                let product = self.mul(less, more)?;
                let root = self.power(product, 0.5)?;
                let sum = self.add(x, root)?;
                self.log(sum)
            }
            Unary::Asin => {
                // atan(x / √((1 - x)(1 + x)))
                let (less, more) = (self.less_from(1.0, x)?, self.plus(x, 1.0)?);
                let product = self.mul(less, more)?;
                let reciprocal = self.push(ops::Op::Rsqrt(ops::Rsqrt { input: product }))?;
                let tangent = self.mul(x, reciprocal)?;
                self.atan(tangent)
            }
            Unary::Asinh => {
                // sign(x) · log(|x| + √(x² + 1))
                let magnitude = self.abs(x)?;
                let square = self.mul(x, x)?;
                let square = self.plus(square, 1.0)?;
                let root = self.power(square, 0.5)?;
                let sum = self.add(magnitude, root)?;
                let log = self.log(sum)?;
                self.with_sign_of(x, log)
            }
            Unary::Atan => self.atan(x),
            Unary::Atanh => {
                let (less, more) = (self.less_from(1.0, x)?, self.plus(x, 1.0)?);
                let reciprocal = self.reciprocal(less)?;
                let quotient = self.mul(more, reciprocal)?;
                let log = self.log(quotient)?;
                self.times(log, 0.5)
            }
            Unary::Ceil => self.push(ops::Op::Ceil(ops::Ceil { input: x })),
            Unary::Celu { alpha } => self.elu(x, alpha, 1.0, 1.0 / alpha),
            Unary::Cos => self.push(ops::Op::Cos(ops::Cos { input: x })),
            Unary::Cosh => {
                let (up, down) = self.exponentials(x)?;
                let sum = self.add(up, down)?;
                self.times(sum, 0.5)
            }
            Unary::Elu { alpha, scale, input_scale } => self.elu(x, alpha, scale, input_scale),
            Unary::Erf => self.push(ops::Op::Erf(ops::Erf { input: x })),
            Unary::Erfinv => self.erfinv(x),
            Unary::Exp => self.exp(x),
            Unary::Expm1 => self.expm1(x),
            Unary::Floor => self.floor(x),
            Unary::Gelu => {
                let scaled = self.times(x, FRAC_1_SQRT_2)?;
                let erf = self.push(ops::Op::Erf(ops::Erf { input: scaled }))?;
                self.half_of_both(x, erf)
            }
            Unary::GeluTanh => {
                let square = self.mul(x, x)?;
                let cube = self.mul(square, x)?;
                let cube = self.times(cube, 0.044_715)?;
                let sum = self.add(x, cube)?;
                let inner = self.times(sum, FRAC_2_SQRT_PI * FRAC_1_SQRT_2)?;
                let tanh = self.push(ops::Op::Tanh(ops::Tanh { input: inner }))?;
                self.half_of_both(x, tanh)
            }
            Unary::HardShrink { lambda } => {
                let (magnitude, zero, bound) = (self.abs(x)?, self.number(0.0)?, self.number(lambda)?);
                let is_larger = self.greater(magnitude, bound)?;
                self.select(is_larger, x, zero)
            }
            Unary::HardSigmoid => {
                let gate = self.gate(x)?;
                self.times(gate, 1.0 / 6.0)
            }
            Unary::HardSwish => {
                let gate = self.gate(x)?;
                let product = self.mul(x, gate)?;
                self.times(product, 1.0 / 6.0)
            }
            Unary::LeakyRelu { slope } => {
                let (positive, negative) =
                    (self.clamp(x, 0.0, f32::MAX)?, self.clamp(x, f32::MIN, 0.0)?);
                let scaled = self.times(negative, slope)?;
                self.add(positive, scaled)
            }
            Unary::Log => self.log(x),
            Unary::Logit { eps } => {
                let x = match eps {
                    Some(eps) => self.clamp(x, eps as f32, (1.0 - eps) as f32)?,
                    None => x,
                };
                let rest = self.less_from(1.0, x)?;
                let reciprocal = self.reciprocal(rest)?;
                let odds = self.mul(x, reciprocal)?;
                self.log(odds)
            }
            Unary::Log10 => {
                let log = self.log(x)?;
                self.times(log, 1.0 / LN_10)
            }
            Unary::Log1p => self.log1p(x),
            Unary::Log2 => {
                let log = self.log(x)?;
                self.times(log, 1.0 / LN_2)
            }
            Unary::LogSigmoid => {
                let opposite = self.times(x, -1.0)?;
                let softplus = self.softplus(opposite)?;
                self.times(softplus, -1.0)
            }
            Unary::Mish => {
                let softplus = self.softplus(x)?;
                let tanh = self.push(ops::Op::Tanh(ops::Tanh { input: softplus }))?;
                self.mul(x, tanh)
            }
            Unary::Pow { exponent } => self.pow(x, exponent),
            Unary::Reciprocal => self.reciprocal(x),
            Unary::Remainder { divisor } => {
                let quotient = self.times(x, 1.0 / divisor)?;
                let whole = self.floor(quotient)?;
                let product = self.times(whole, divisor)?;
                self.sub(x, product)
            }
            Unary::Round => {
                // CAST rounds ties to even.
                let op = ops::Op::Cast(ops::Cast { input: x });
                let whole = self.lowering.push(op, ElementType::I32, self.shape)?;
                let rounded = self.push(ops::Op::Cast(ops::Cast { input: whole }))?;
                let magnitude = self.abs(x)?;
                let bound = self.number(WHOLE)?;
                let has_fraction = self.greater(bound, magnitude)?;
                self.select(has_fraction, rounded, x)
            }
            Unary::Rsqrt => self.push(ops::Op::Rsqrt(ops::Rsqrt { input: x })),
            Unary::Selu => self.function(Unary::SELU, x),
            Unary::Sigmoid => self.sigmoid(x),
            Unary::Sign => {
                let (zero, one, opposite) = (self.number(0.0)?, self.number(1.0)?, self.number(-1.0)?);
                let (is_positive, is_negative) = (self.greater(x, zero)?, self.greater(zero, x)?);
                let rest = self.select(is_negative, opposite, zero)?;
                self.select(is_positive, one, rest)
            }
            Unary::Silu => {
                let sigmoid = self.sigmoid(x)?;
                self.mul(x, sigmoid)
            }
            Unary::Sin => self.push(ops::Op::Sin(ops::Sin { input: x })),
            Unary::Sinh => {
                let (up, down) = self.exponentials(x)?;
                let difference = self.sub(up, down)?;
                self.times(difference, 0.5)
            }
            Unary::SoftShrink { lambda } => {
                let kept = self.clamp(x, -lambda as f32, lambda as f32)?;
                self.sub(x, kept)
            }
            // Where PyTorch takes it for linear it is, to the last bit.
            Unary::Softplus { beta, .. } => {
                let scaled = self.times(x, beta)?;
                let softplus = self.softplus(scaled)?;
                self.times(softplus, 1.0 / beta)
            }
            Unary::Sqrt => self.power(x, 0.5),
            Unary::Square => self.mul(x, x),
            Unary::Tan => {
                let sin = self.push(ops::Op::Sin(ops::Sin { input: x }))?;
                let cos = self.push(ops::Op::Cos(ops::Cos { input: x }))?;
                let reciprocal = self.reciprocal(cos)?;
                self.mul(sin, reciprocal)
            }
            Unary::Tanh => self.push(ops::Op::Tanh(ops::Tanh { input: x })),
            Unary::Threshold { threshold, value } => {
                let (bound, otherwise) = (self.number(threshold)?, self.number(value)?);
                let is_above = self.greater(x, bound)?;
                self.select(is_above, x, otherwise)
            }
        }
    }

    /// Source of the reduction and the coefficients: S. L. Moshier, Cephes, `atanf`.
    fn atan(&mut self, x: ValueId) -> Written {
        let magnitude = self.abs(x)?;
        let one = self.number(1.0)?;
        let is_large = self.greater(magnitude, one)?;
        let inverse = self.reciprocal(magnitude)?;
        let unit = self.select(is_large, inverse, magnitude)?;
        // From tan(π/8) on an eighth of a turn is taken off.
        let bound = self.number(SQRT_2 - 1.0)?;
        let is_steep = self.greater(unit, bound)?;
        let (less, more) = (self.plus(unit, -1.0)?, self.plus(unit, 1.0)?);
        let reciprocal = self.reciprocal(more)?;
        let turned = self.mul(less, reciprocal)?;
        let t = self.select(is_steep, turned, unit)?;
        let z = self.mul(t, t)?;
        let series =
            self.polynomial(z, &[8.053_744_495_38e-2, -1.387_768_560_32e-1, 1.997_771_064_78e-1, -3.333_294_915_39e-1])?;
        let series = self.mul(series, z)?;
        let series = self.mul(series, t)?;
        let angle = self.add(t, series)?;
        let steeper = self.plus(angle, FRAC_PI_4)?;
        let angle = self.select(is_steep, steeper, angle)?;
        let complement = self.less_from(FRAC_PI_2, angle)?;
        let angle = self.select(is_large, complement, angle)?;
        self.with_sign_of(x, angle)
    }

    /// Source: M. Giles, Approximating the erfinv function (single precision).
    fn erfinv(&mut self, x: ValueId) -> Written {
        let (less, more) = (self.less_from(1.0, x)?, self.plus(x, 1.0)?);
        let product = self.mul(less, more)?;
        let log = self.log(product)?;
        let w = self.times(log, -1.0)?;
        let center = self.plus(w, -2.5)?;
        let center = self.polynomial(
            center,
            &[
                2.810_226_36e-8,
                3.432_739_39e-7,
                -3.523_387_7e-6,
                -4.391_506_54e-6,
                2.185_808_7e-4,
                -1.253_725_03e-3,
                -4.177_681_64e-3,
                2.466_407_27e-1,
                1.501_409_41,
            ],
        )?;
        let tail = self.power(w, 0.5)?;
        let tail = self.plus(tail, -3.0)?;
        let tail = self.polynomial(
            tail,
            &[
                -2.002_142_57e-4,
                1.009_505_58e-4,
                1.349_343_22e-3,
                -3.673_428_44e-3,
                5.739_507_73e-3,
                -7.622_461_3e-3,
                9.438_870_47e-3,
                1.001_674_06,
                2.832_976_82,
            ],
        )?;
        let bound = self.number(5.0)?;
        let is_central = self.greater(bound, w)?;
        let factor = self.select(is_central, center, tail)?;
        self.mul(factor, x)
    }

    /// `u - 1` with `u = e^x`, corrected by what rounding took from `u`.
    ///
    /// Source: N. Higham, Accuracy and Stability of Numerical Algorithms, 1.14.1.
    fn expm1(&mut self, x: ValueId) -> Written {
        let u = self.exp(x)?;
        let difference = self.plus(u, -1.0)?;
        let log = self.log(u)?;
        self.corrected(x, difference, [difference, log])
    }

    /// `log(u)` with `u = 1 + x`, corrected by what rounding took from `u`.
    ///
    /// Source: N. Higham, Accuracy and Stability of Numerical Algorithms, problem 1.5.
    fn log1p(&mut self, x: ValueId) -> Written {
        let u = self.plus(x, 1.0)?;
        let log = self.log(u)?;
        let difference = self.plus(u, -1.0)?;
        self.corrected(x, difference, [log, difference])
    }

    /// `rough · x / divisor` near zero: `x` itself where `difference` is 0, as the quotient is 0 / 0 there, and `rough` far
    /// out, where there is nothing to correct and the divisor may be infinite.
    fn corrected(&mut self, x: ValueId, difference: ValueId, [rough, divisor]: [ValueId; 2]) -> Written {
        let reciprocal = self.reciprocal(divisor)?;
        let ratio = self.mul(x, reciprocal)?;
        let corrected = self.mul(rough, ratio)?;
        let (zero, bound) = (self.number(0.0)?, self.number(0.5)?);
        let op = ops::Op::Equal(ops::Equal { input1: difference, input2: zero });
        let is_tiny = self.lowering.push(op, ElementType::Bool, self.shape)?;
        let corrected = self.select(is_tiny, x, corrected)?;
        let magnitude = self.abs(x)?;
        let is_far = self.greater(magnitude, bound)?;
        self.select(is_far, rough, corrected)
    }

    /// `max(x, 0) + log(1 + e^-|x|)`
    fn softplus(&mut self, x: ValueId) -> Written {
        let magnitude = self.abs(x)?;
        let opposite = self.times(magnitude, -1.0)?;
        let exponential = self.exp(opposite)?;
        let rest = self.log1p(exponential)?;
        let positive = self.clamp(x, 0.0, f32::MAX)?;
        self.add(positive, rest)
    }

    fn elu(&mut self, x: ValueId, alpha: f64, scale: f64, input_scale: f64) -> Written {
        let inner = self.times(x, input_scale)?;
        let exponential = self.expm1(inner)?;
        let negative = self.times(exponential, alpha * scale)?;
        let positive = self.times(x, scale)?;
        let zero = self.number(0.0)?;
        let is_positive = self.greater(x, zero)?;
        self.select(is_positive, positive, negative)
    }

    fn pow(&mut self, x: ValueId, exponent: f64) -> Written {
        if libm::trunc(exponent) != exponent || libm::fabs(exponent) > LARGEST_PRODUCT || exponent == 0.0 {
            return self.power(x, exponent);
        }
        let times = libm::fabs(exponent) as usize; // at most 16
        let mut product = x;
        for _ in 1..times {
            product = self.mul(product, x)?;
        }
        if exponent < 0.0 { self.reciprocal(product) } else { Ok(product) }
    }

    /// `x / 2 · (1 + y)`
    fn half_of_both(&mut self, x: ValueId, y: ValueId) -> Written {
        let sum = self.plus(y, 1.0)?;
        let half = self.times(sum, 0.5)?;
        self.mul(x, half)
    }

    /// `min(max(x + 3, 0), 6)`
    fn gate(&mut self, x: ValueId) -> Written {
        let sum = self.plus(x, 3.0)?;
        self.clamp(sum, 0.0, 6.0)
    }

    /// `e^x` and `e^-x`
    fn exponentials(&mut self, x: ValueId) -> Result<(ValueId, ValueId), String> {
        let opposite = self.times(x, -1.0)?;
        Ok((self.exp(x)?, self.exp(opposite)?))
    }

    fn with_sign_of(&mut self, x: ValueId, magnitude: ValueId) -> Written {
        let zero = self.number(0.0)?;
        let is_negative = self.greater(zero, x)?;
        let opposite = self.times(magnitude, -1.0)?;
        self.select(is_negative, opposite, magnitude)
    }

    /// A polynomial by its coefficients, that of the highest power first.
    fn polynomial(&mut self, x: ValueId, coefficients: &[f64]) -> Written {
        let mut sum = self.times(x, coefficients[0])?;
        for &coefficient in &coefficients[1..coefficients.len() - 1] {
            let next = self.plus(sum, coefficient)?;
            sum = self.mul(next, x)?;
        }
        self.plus(sum, coefficients[coefficients.len() - 1])
    }

    fn push(&mut self, op: ops::Op) -> Written {
        self.lowering.push(op, ElementType::F32, self.shape)
    }

    fn number(&mut self, value: f64) -> Written {
        self.lowering.constant_f32(&vec![1; self.shape.len()], vec![value as f32])
    }

    fn add(&mut self, input1: ValueId, input2: ValueId) -> Written {
        self.push(ops::Op::Add(ops::Add { input1, input2 }))
    }

    fn sub(&mut self, input1: ValueId, input2: ValueId) -> Written {
        self.push(ops::Op::Sub(ops::Sub { input1, input2 }))
    }

    fn mul(&mut self, input1: ValueId, input2: ValueId) -> Written {
        self.push(ops::Op::Mul(ops::Mul { input1, input2, shift: 0 }))
    }

    fn plus(&mut self, x: ValueId, number: f64) -> Written {
        let number = self.number(number)?;
        self.add(x, number)
    }

    fn times(&mut self, x: ValueId, number: f64) -> Written {
        let number = self.number(number)?;
        self.mul(x, number)
    }

    /// `number - x`
    fn less_from(&mut self, number: f64, x: ValueId) -> Written {
        let number = self.number(number)?;
        self.sub(number, x)
    }

    fn power(&mut self, x: ValueId, exponent: f64) -> Written {
        let exponent = self.number(exponent)?;
        self.push(ops::Op::Pow(ops::Pow { input1: x, input2: exponent }))
    }

    fn clamp(&mut self, input: ValueId, min: f32, max: f32) -> Written {
        self.push(ops::Op::Clamp(ops::Clamp { min: min.into(), max: max.into(), input, ..Default::default() }))
    }

    fn greater(&mut self, input1: ValueId, input2: ValueId) -> Written {
        self.lowering.push(ops::Op::Greater(ops::Greater { input1, input2 }), ElementType::Bool, self.shape)
    }

    fn select(&mut self, condition: ValueId, if_true: ValueId, if_false: ValueId) -> Written {
        self.push(ops::Op::Select(ops::Select { condition, if_true, if_false }))
    }

    fn abs(&mut self, input: ValueId) -> Written {
        self.push(ops::Op::Abs(ops::Abs { input }))
    }

    fn exp(&mut self, input: ValueId) -> Written {
        self.push(ops::Op::Exp(ops::Exp { input }))
    }

    fn floor(&mut self, input: ValueId) -> Written {
        self.push(ops::Op::Floor(ops::Floor { input }))
    }

    fn log(&mut self, input: ValueId) -> Written {
        self.push(ops::Op::Log(ops::Log { input }))
    }

    fn reciprocal(&mut self, input: ValueId) -> Written {
        self.push(ops::Op::Reciprocal(ops::Reciprocal { input }))
    }

    fn sigmoid(&mut self, input: ValueId) -> Written {
        self.push(ops::Op::Sigmoid(ops::Sigmoid { input }))
    }
}
