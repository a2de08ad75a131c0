//! Floats of 16 bits in f32, which holds each of their numbers.

/// IEEE 754 binary16 to binary32, which holds each of its numbers.
pub(super) fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f32::from(bits & 0x3FF));
    sign * match exponent {
        0 => libm::ldexpf(fraction, -24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => libm::ldexpf(fraction + 1024.0, exponent - 25),
    }
}

/// The upper half of a binary32.
pub(super) fn brain_float(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_widened_exactly() {
        // 1, -2, the largest, the smallest normal and subnormal ones, infinities.
        let cases = [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65504.0),
            (0x0400, 2.0_f32.powi(-14)),
            (0x0001, 2.0_f32.powi(-24)),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
        ];
        for (bits, real) in cases {
            assert_eq!(half(bits), real, "{bits:#x}");
        }
        assert!(half(0x7E00).is_nan());
        assert_eq!(brain_float(0xC0A0), -5.0);
    }
}
