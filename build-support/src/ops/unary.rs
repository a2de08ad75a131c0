//! Elementwise functions of one operand; in integers each is a table.

use super::{FixedRange, Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

mod function;
mod real;

/// `f(x)` for each element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Unary {
    /// Inverse cosine.
    Acos,
    /// Inverse hyperbolic cosine.
    Acosh,
    /// Inverse sine.
    Asin,
    /// Inverse hyperbolic sine.
    Asinh,
    /// Inverse tangent.
    Atan,
    /// Inverse hyperbolic tangent.
    Atanh,
    /// Smallest integer that is not below.
    Ceil,
    /// `elu` with `alpha`, scale 1 and input scale `1 / alpha`.
    Celu {
        /// What `-f(x)` tends to.
        alpha: f64,
    },
    /// Cosine.
    Cos,
    /// Hyperbolic cosine.
    Cosh,
    /// `scale · x` above zero, `scale · alpha · (e^(input_scale · x) - 1)` elsewhere.
    Elu {
        /// Factor of the exponential branch.
        alpha: f64,
        /// Factor of both branches.
        scale: f64,
        /// Factor of the exponent.
        input_scale: f64,
    },
    /// Error function.
    Erf,
    /// Inverse error function.
    Erfinv,
    /// `e^x`.
    Exp,
    /// `e^x - 1`.
    Expm1,
    /// Largest integer that is not above.
    Floor,
    /// `x · Φ(x)` with the normal distribution's Φ, which is `(1 + erf(x / √2)) / 2`.
    Gelu,
    /// `gelu` with `tanh` in the place of `erf`.
    GeluTanh,
    /// 0 where `|x| <= lambda`, else `x`; upstream's quantizer does not know it.
    HardShrink {
        /// What is too small to keep.
        lambda: f64,
    },
    /// `max(0, min(1, x/6 + 1/2))`.
    HardSigmoid,
    /// `x · max(0, min(6, x + 3)) / 6`.
    HardSwish,
    /// `x` above zero, `slope · x` elsewhere.
    LeakyRelu {
        /// Factor of negative operands.
        slope: f64,
    },
    /// Natural logarithm.
    Log,
    /// `log(x / (1 - x))`; decomposed before annotation.
    Logit {
        /// Distance from 0 and 1 that the operand is limited to.
        eps: Option<f64>,
    },
    /// Logarithm to base ten.
    Log10,
    /// `log(1 + x)`.
    Log1p,
    /// `log(1 / (1 + e^-x))`; upstream's quantizer does not know it.
    LogSigmoid,
    /// Logarithm to base two; upstream's quantizer does not know it.
    Log2,
    /// `x · tanh(log(1 + e^x))`; upstream's quantizer does not know it.
    Mish,
    /// `x^exponent`.
    Pow {
        /// The constant exponent.
        exponent: f64,
    },
    /// `1 / x`.
    Reciprocal,
    /// `x - floor(x / divisor) · divisor`.
    Remainder {
        /// The constant divisor, whose sign the result has.
        divisor: f64,
    },
    /// Nearest integer, ties to even.
    Round,
    /// `1 / √x`.
    Rsqrt,
    /// `elu` with the constants that keep mean and variance of a normal distribution.
    Selu,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x / (1 + e^-x)`.
    Silu,
    /// Sine.
    Sin,
    /// Hyperbolic sine.
    Sinh,
    /// `x` without `lambda` of its magnitude, and 0 where it has no more; upstream's quantizer does not know it.
    SoftShrink {
        /// What is taken.
        lambda: f64,
    },
    /// `log(1 + e^(beta · x)) / beta`, and `x` where `beta · x > threshold`; upstream's quantizer does not know it.
    Softplus {
        /// Sharpness of the bend.
        beta: f64,
        /// From where on it is linear.
        threshold: f64,
    },
    /// -1, 0 or 1; decomposed before annotation.
    Sign,
    /// Square root; becomes `pow(x, 0.5)` before annotation.
    Sqrt,
    /// `x · x`, the function; upstream's quantizer does not know it.
    Square,
    /// Tangent.
    Tan,
    /// Hyperbolic tangent.
    Tanh,
    /// `x` above `threshold`, else `value`; upstream's quantizer does not know it.
    Threshold {
        /// What `x` is compared with.
        threshold: f64,
        /// What is in the place of smaller numbers.
        value: f64,
    },
}

impl Unary {
    /// `elu` of PyTorch with its defaults for both scales.
    pub const fn elu(alpha: f64) -> Self {
        Self::Elu { alpha, scale: 1.0, input_scale: 1.0 }
    }

    /// `selu` as `elu`.
    ///
    /// Source of the constants: Klambauer et al., Self-Normalizing Neural Networks.
    pub(crate) const SELU: Self =
        Self::Elu { alpha: 1.673_263_242_354_377_2, scale: 1.050_700_987_355_480_5, input_scale: 1.0 };

    /// The function in double precision. A table entry is this rounded to f32: evaluating in f64 gives upstream's tables.
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Acos => libm::acos(x),
            Self::Acosh => libm::acosh(x),
            Self::Asin => libm::asin(x),
            Self::Asinh => libm::asinh(x),
            Self::Atan => libm::atan(x),
            Self::Atanh => libm::atanh(x),
            Self::Ceil => libm::ceil(x),
            Self::Celu { alpha } => function::elu(x, alpha, 1.0, 1.0 / alpha),
            Self::Cos => libm::cos(x),
            Self::Cosh => libm::cosh(x),
            Self::Elu { alpha, scale, input_scale } => function::elu(x, alpha, scale, input_scale),
            Self::Erf => libm::erf(x),
            Self::Erfinv => function::erfinv(x),
            Self::Exp => libm::exp(x),
            Self::Expm1 => libm::expm1(x),
            Self::Floor => libm::floor(x),
            Self::Gelu => 0.5 * x * (1.0 + libm::erf(x * core::f64::consts::FRAC_1_SQRT_2)),
            Self::GeluTanh => function::gelu_tanh(x),
            Self::HardShrink { lambda } => if x.abs() > lambda { x } else { 0.0 },
            Self::HardSigmoid => (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::LeakyRelu { slope } => if x > 0.0 { x } else { slope * x },
            Self::Log => libm::log(x),
            Self::Logit { eps } => {
                let x = eps.map_or(x, |eps| x.clamp(eps, 1.0 - eps));
                libm::log(x / (1.0 - x))
            }
            Self::Log10 => libm::log10(x),
            Self::Log1p => libm::log1p(x),
            Self::Log2 => libm::log2(x),
            Self::LogSigmoid => -function::softplus(-x),
            Self::Mish => x * libm::tanh(function::softplus(x)),
            Self::Pow { exponent } => libm::pow(x, exponent),
            Self::Reciprocal => 1.0 / x,
            Self::Remainder { divisor } => function::remainder(x, divisor),
            Self::Round => libm::rint(x),
            Self::Rsqrt => 1.0 / libm::sqrt(x),
            Self::Selu => Self::SELU.apply(x),
            Self::Sign if x == 0.0 => 0.0,
            Self::Sign => libm::copysign(1.0, x),
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Self::Silu => x / (1.0 + libm::exp(-x)),
            Self::Sin => libm::sin(x),
            Self::Sinh => libm::sinh(x),
            Self::SoftShrink { lambda } => libm::copysign((x.abs() - lambda).max(0.0), x),
            Self::Softplus { beta, threshold } if beta * x > threshold => x,
            Self::Softplus { beta, .. } => function::softplus(beta * x) / beta,
            Self::Sqrt => libm::sqrt(x),
            Self::Square => x * x,
            Self::Tan => libm::tan(x),
            Self::Tanh => libm::tanh(x),
            Self::Threshold { threshold, value } => if x > threshold { x } else { value },
        }
    }
}

impl Room for Unary {
    const NAME: &'static str = "unary function";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        quantize_float::map(inputs[0], &|x| self.apply(f64::from(x)) as f32)
    }

    fn target(&self) -> &'static str {
        match self {
            Self::Acos => "aten.acos.default",
            Self::Acosh => "aten.acosh.default",
            Self::Asin => "aten.asin.default",
            Self::Asinh => "aten.asinh.default",
            Self::Atan => "aten.atan.default",
            Self::Atanh => "aten.atanh.default",
            Self::Ceil => "aten.ceil.default",
            Self::Celu { .. } => "aten.celu.default",
            Self::Cos => "aten.cos.default",
            Self::Cosh => "aten.cosh.default",
            Self::Elu { .. } => "aten.elu.default",
            Self::Erf => "aten.erf.default",
            Self::Erfinv => "aten.erfinv.default",
            Self::Exp => "aten.exp.default",
            Self::Expm1 => "aten.expm1.default",
            Self::Floor => "aten.floor.default",
            Self::Gelu | Self::GeluTanh => "aten.gelu.default",
            Self::HardShrink { .. } => "aten.hardshrink.default",
            Self::HardSigmoid => "aten.hardsigmoid.default",
            Self::HardSwish => "aten.hardswish.default",
            Self::LeakyRelu { .. } => "aten.leaky_relu.default",
            Self::Log => "aten.log.default",
            Self::Logit { .. } => "aten.logit.default",
            Self::Log10 => "aten.log10.default",
            Self::Log1p => "aten.log1p.default",
            Self::Log2 => "aten.log2.default",
            Self::LogSigmoid => "aten.log_sigmoid.default",
            Self::Mish => "aten.mish.default",
            Self::Pow { .. } => "aten.pow.Tensor_Scalar",
            Self::Reciprocal => "aten.reciprocal.default",
            Self::Remainder { .. } => "aten.remainder.Scalar",
            Self::Round => "aten.round.default",
            Self::Rsqrt => "aten.rsqrt.default",
            Self::Selu => "aten.selu.default",
            Self::Sign => "aten.sign.default",
            Self::Sigmoid => "aten.sigmoid.default",
            Self::Silu => "aten.silu.default",
            Self::Sin => "aten.sin.default",
            Self::Sinh => "aten.sinh.default",
            Self::SoftShrink { .. } => "aten.softshrink.default",
            Self::Softplus { .. } => "aten.softplus.default",
            Self::Sqrt => "aten.sqrt.default",
            Self::Square => "aten.square.default",
            Self::Tan => "aten.tan.default",
            Self::Tanh => "aten.tanh.default",
            Self::Threshold { .. } => "aten.threshold.default",
        }
    }

    fn pattern(&self) -> Pattern {
        match self {
            Self::HardShrink { .. }
            | Self::Log2
            | Self::LogSigmoid
            | Self::Mish
            | Self::SoftShrink { .. }
            | Self::Softplus { .. }
            | Self::Square
            | Self::Threshold { .. } => Pattern::Forgotten,
            Self::Acos | Self::Asin => Pattern::FixedInput(FixedRange::Closed),
            Self::Atanh => Pattern::FixedInput(FixedRange::Open),
            _ => Pattern::Own,
        }
    }

    /// TABLE: entry for code `q` is `quantize(f(dequantize(q)))`.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let output = lowering.result_params(node);
        let result = lowering.table(&input, output, |real| self.apply(f64::from(real)) as f32)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let result = real::lower(lowering, *self, input.id, &input.shape)?;
        lowering.finish(node, result)
    }
}
