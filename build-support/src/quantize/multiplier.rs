//! A real factor as an integer multiplier and a shift.

/// The multiplier and shift of a RESCALE by `factor`: `factor ≈ multiplier / 2^shift`.
///
/// The multiplier has `bits` significant bits (31 or 15), rounded half to even; fewer where the shift would exceed 62. `None`
/// for a factor outside the range that shifts of 2 to 62 can express (about `2^-62` to `2^(bits - 2)`).
///
/// Source: TOSA 1.0, RESCALE; oracle of the lowering, section 2.
pub(crate) fn multiplier_and_shift(factor: f64, bits: i32) -> Option<(i32, i8)> {
    if !(factor > 0.0 && factor.is_finite()) {
        return None;
    }
    let (mantissa, mut exponent) = libm::frexp(factor);
    let mut multiplier = libm::rint(mantissa * f64::from(1_u32 << bits)) as i64;
    if multiplier == 1 << bits {
        multiplier = 1 << (bits - 1);
        exponent += 1;
    }
    let mut shift = bits - exponent;
    if shift > 62 {
        multiplier >>= (shift - 62).min(31);
        shift = 62;
    }
    let multiplier = i32::try_from(multiplier).expect("at most 31 bits");
    (2..=62).contains(&shift).then_some((multiplier, shift as i8))
}

#[cfg(test)]
mod tests {
    use super::multiplier_and_shift;

    #[test]
    fn one_is_a_half_times_two() {
        assert_eq!(multiplier_and_shift(1.0, 31), Some((1 << 30, 30)));
    }

    #[test]
    fn sixteen_bits_keep_fifteen() {
        assert_eq!(multiplier_and_shift(1.0, 15), Some((1 << 14, 14)));
        assert_eq!(multiplier_and_shift(1.0 - 1e-6, 15), Some((1 << 14, 14)));
        assert_eq!(multiplier_and_shift(0.001, 15), Some((16777, 24)));
        assert_eq!(multiplier_and_shift(2.0_f64.powi(13), 15), None);
    }

    #[test]
    fn a_mantissa_that_rounds_up_to_one_moves_into_the_exponent() {
        assert_eq!(multiplier_and_shift(1.0 - 1e-12, 31), Some((1 << 30, 30)));
    }

    #[test]
    fn tiny_factors_lose_bits_instead_of_range() {
        assert_eq!(multiplier_and_shift(2.0_f64.powi(-40), 31), Some((1 << 22, 62)));
    }

    #[test]
    fn factors_out_of_range_are_refused() {
        assert_eq!(multiplier_and_shift(2.0_f64.powi(29), 31), None);
        assert_eq!(multiplier_and_shift(0.0, 31), None);
        assert_eq!(multiplier_and_shift(f64::NAN, 31), None);
    }
}
