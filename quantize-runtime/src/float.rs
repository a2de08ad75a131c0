//! Functions of f32, with the same bits on every target: interpreter and kernels share them.
//!
//! NaN in gives NaN out unless a function says otherwise. Those of the feature `libm` are within 1 ulp or so of the exact
//! result.

/// From here on every f32 is a whole number.
const WHOLE: f32 = 8_388_608.0; // 2^23

/// The largest whole number that is not above `x`.
#[inline]
pub fn floor(x: f32) -> f32 {
    let truncated = truncate(x);
    if truncated > x { truncated - 1.0 } else { truncated }
}

/// The smallest whole number that is not below `x`.
#[inline]
pub fn ceil(x: f32) -> f32 {
    let truncated = truncate(x);
    if truncated < x { truncated + 1.0 } else { truncated }
}

/// `x` without the digits behind the point.
#[inline]
fn truncate(x: f32) -> f32 {
    if x.abs() < WHOLE { (x as i32 as f32).copysign(x) } else { x } // the cast truncates, and fits
}

/// The nearest whole number, ties to even.
#[inline]
pub fn round_ties_even(x: f32) -> f32 {
    if x.abs() < WHOLE {
        // The sum has no room for digits behind the point.
        let shift = WHOLE.copysign(x);
        ((x + shift) - shift).copysign(x)
    } else {
        x
    }
}

/// The larger number, or NaN if one is NaN.
#[inline]
pub fn maximum(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b { a } else { b }
}

/// The smaller number, or NaN if one is NaN.
#[inline]
pub fn minimum(a: f32, b: f32) -> f32 {
    if a.is_nan() || a < b { a } else { b }
}

/// The larger number; NaN only if both are.
#[inline]
pub fn maximum_number(a: f32, b: f32) -> f32 {
    if b.is_nan() || a > b { a } else { b }
}

/// The smaller number; NaN only if both are.
#[inline]
pub fn minimum_number(a: f32, b: f32) -> f32 {
    if b.is_nan() || a < b { a } else { b }
}

/// cos(x), in radians.
#[cfg(feature = "libm")]
pub fn cos(x: f32) -> f32 {
    libm::cosf(x)
}

/// sin(x), in radians.
#[cfg(feature = "libm")]
pub fn sin(x: f32) -> f32 {
    libm::sinf(x)
}

/// e^x.
#[cfg(feature = "libm")]
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}

/// The natural logarithm.
#[cfg(feature = "libm")]
pub fn log(x: f32) -> f32 {
    libm::logf(x)
}

/// a^b.
#[cfg(feature = "libm")]
pub fn pow(a: f32, b: f32) -> f32 {
    libm::powf(a, b)
}

/// 1 / √x.
#[cfg(feature = "libm")]
pub fn rsqrt(x: f32) -> f32 {
    1.0 / libm::sqrtf(x)
}

/// The error function, 2/√π · ∫ e^(−t²) dt from 0 to x.
#[cfg(feature = "libm")]
pub fn erf(x: f32) -> f32 {
    libm::erff(x)
}

/// 1 / (1 + e^(−x)).
#[cfg(feature = "libm")]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

/// The hyperbolic tangent.
#[cfg(feature = "libm")]
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_equals_the_standard_library() {
        let samples = (0..=u32::MAX).step_by(65_521).map(f32::from_bits);
        for x in samples.chain([0.5, -0.5, 1.5, 2.5, -2.5, 8_388_607.5, -8_388_607.5, f32::INFINITY]) {
            for (ours, theirs) in
                [(floor(x), x.floor()), (ceil(x), x.ceil()), (round_ties_even(x), x.round_ties_even())]
            {
                assert!(ours.to_bits() == theirs.to_bits() || x.is_nan() && ours.is_nan(), "{x}: {ours}, not {theirs}");
            }
        }
    }

    #[test]
    fn nan_wins_or_loses() {
        for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN)] {
            assert!(maximum(a, b).is_nan() && minimum(a, b).is_nan());
            assert_eq!([maximum_number(a, b), minimum_number(a, b)], [1.0, 1.0]);
        }
        assert_eq!([maximum(1.0, 2.0), maximum(2.0, 1.0), minimum(1.0, 2.0), minimum(2.0, 1.0)], [2.0, 2.0, 1.0, 1.0]);
    }
}
