//! Functions that neither core nor libm have, in double precision.

/// `scale · x` above zero, `scale · alpha · (e^(input_scale · x) - 1)` elsewhere.
pub(super) fn elu(x: f64, alpha: f64, scale: f64, input_scale: f64) -> f64 {
    if x > 0.0 { scale * x } else { scale * alpha * libm::expm1(input_scale * x) }
}

/// `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`.
pub(super) fn gelu_tanh(x: f64) -> f64 {
    let inner = core::f64::consts::FRAC_2_SQRT_PI * core::f64::consts::FRAC_1_SQRT_2 * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + libm::tanh(inner))
}

/// The remainder with the divisor's sign.
pub(super) fn remainder(x: f64, divisor: f64) -> f64 {
    let rest = libm::fmod(x, divisor);
    if rest != 0.0 && (rest < 0.0) != (divisor < 0.0) { rest + divisor } else { rest }
}

/// `log(1 + e^x)` without overflow.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-libm::fabs(x)))
}

/// The `y` with `erf(y) = x`; infinite at ±1, not a number beyond.
///
/// Newton's method from an approximation within 2e-3 (S. Winitzki): four steps reach the precision of `erf`.
pub(super) fn erfinv(x: f64) -> f64 {
    const A: f64 = 0.147;
    let rest = 1.0 - x * x;
    if rest <= 0.0 {
        return if rest == 0.0 { f64::INFINITY.copysign(x) } else { f64::NAN };
    }
    let half = 1.0 / (core::f64::consts::FRAC_PI_2 * A) + 0.5 * libm::log(rest);
    let squared = libm::sqrt(half * half - libm::log(rest) / A) - half;
    let mut y = libm::sqrt(squared.max(0.0)).copysign(x);
    for _ in 0..4 {
        let slope = core::f64::consts::FRAC_2_SQRT_PI * libm::exp(-y * y);
        y -= (libm::erf(y) - x) / slope;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erfinv_inverts_erf() {
        for step in -30..=30 {
            let y = f64::from(step) / 10.0;
            let error = (erfinv(libm::erf(y)) - y).abs();
            // Where erf is flat its own rounding decides.
            let rounding = f64::EPSILON * libm::exp(y * y);
            assert!(error <= 4.0 * rounding, "{y}: off by {error:e}");
        }
        assert_eq!([erfinv(1.0), erfinv(-1.0)], [f64::INFINITY, f64::NEG_INFINITY]);
        assert!(erfinv(1.5).is_nan());
    }

    #[test]
    fn a_remainder_has_the_sign_of_its_divisor() {
        let cases = [(5.5, 2.0, 1.5), (-5.5, 2.0, 0.5), (5.5, -2.0, -0.5), (-5.5, -2.0, -1.5), (-4.0, 2.0, 0.0)];
        for (x, divisor, rest) in cases {
            assert_eq!(remainder(x, divisor), rest, "{x} and {divisor}");
        }
    }

    #[test]
    fn softplus_is_linear_far_out() {
        assert_eq!(softplus(1000.0), 1000.0);
        assert_eq!(softplus(-1000.0), 0.0);
        assert_eq!(softplus(0.0), core::f64::consts::LN_2);
    }
}
