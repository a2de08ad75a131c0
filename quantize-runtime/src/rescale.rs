//! Brings integers from one scale to another: the only place that rounds an accumulator.

use crate::bytes::{aligned_words_from, words_from};

/// A change of scale as generated code uses it: `round((value − input_zero_point) · multiplier / 2^shift) +
/// output_zero_point`, ties towards +∞, saturated to the result's type.
///
/// Source: TOSA 1.0, RESCALE with `scale32 = true` and single rounding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rescale<'a> {
    /// i32 little-endian, `0..2^31`: one, or one per index of the last axis.
    pub multiplier: &'a [[u8; 4]],
    /// As many shifts, `2..=62`.
    pub shift: &'a [i8],
    /// Quantized zero of the input; 0 for an i32 one.
    pub input_zero_point: i8,
    /// Quantized zero of the result; 0 for an i32 one.
    pub output_zero_point: i8,
}

/// Any change of scale that TOSA has, for those that [`Rescale`] is not: to or from i16, i48 and unsigned numbers, with
/// 16-bit multipliers or double rounding.
///
/// Source: TOSA 1.0, RESCALE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GeneralRescale<'a> {
    /// i32 little-endian, or i16 where `scale32` is false: one, or one per index of the last axis.
    pub multiplier: &'a [u8],
    /// As many shifts, `2..=62`.
    pub shift: &'a [i8],
    /// Whether multipliers have 32 bits.
    pub scale32: bool,
    /// Whether a shift above 31 rounds twice.
    pub double_round: bool,
    /// What an unsigned input adds to its signed bits where these are negative: 2^8 or 2^16; 0 for a signed input.
    pub input_wrap: i32,
    /// Quantized zero of the input.
    pub input_zero_point: i32,
    /// Quantized zero of the result.
    pub output_zero_point: i32,
    /// Least result.
    pub min: i32,
    /// Largest result.
    pub max: i32,
}

impl GeneralRescale<'_> {
    /// Rescales a value of a channel; the low bits of the result are what is stored.
    #[inline]
    pub(crate) fn apply(&self, value: i64, channel: usize) -> i32 {
        let channel = if self.shift.len() == 1 { 0 } else { channel };
        let shift = self.shift.get(channel).copied().unwrap_or_default().clamp(2, 62) as u32; // in range after the clamp
        let value =
            if value < 0 { value + i64::from(self.input_wrap) } else { value } - i64::from(self.input_zero_point);
        let scaled = if self.scale32 {
            let multiplier = self.multiplier.as_chunks().0.get(channel).copied().unwrap_or_default();
            let scale = if self.double_round { apply_scale_32_double } else { apply_scale_32 };
            scale(value as i32, i32::from_le_bytes(multiplier), shift) // at most 32 bits with scale32
        } else {
            let multiplier = self.multiplier.as_chunks().0.get(channel).copied().unwrap_or_default();
            apply_scale_16(value, i16::from_le_bytes(multiplier).into(), shift) as i32 // where TOSA defines the result
        };
        scaled.saturating_add(self.output_zero_point).max(self.min).min(self.max)
    }
}

/// Multiplier and shift of one channel.
#[derive(Clone, Copy)]
pub(crate) struct Factor {
    multiplier: i32,
    shift: u32,
}

impl Factor {
    /// `round(value · multiplier / 2^shift)`.
    #[inline]
    pub(crate) fn apply(self, value: i32) -> i32 {
        apply_scale_32(value, self.multiplier, self.shift)
    }
}

impl Rescale<'_> {
    /// The factor of a channel; the first one where there is one for all, and 2^-2 · 0 where there is none.
    #[inline]
    pub(crate) fn factor(&self, channel: usize) -> Factor {
        let channel = if self.multiplier.len() == 1 { 0 } else { channel };
        let [multiplier] = words_from(self.multiplier, channel).unwrap_or_default();
        let shift = self.shift.get(channel).copied().unwrap_or_default();
        Factor { multiplier, shift: shift.clamp(2, 62) as u32 } // in range after the clamp
    }

    /// Rescales an i32 value of a channel to i8.
    #[inline]
    pub(crate) fn to_i8(self, value: i32, channel: usize) -> i8 {
        saturate_i8(self.factor(channel).apply(value), i32::from(self.output_zero_point))
    }

    /// [`Self::to_i8`] for where it is rare: its code is there once.
    #[inline(never)]
    fn to_i8_by_call(self, value: i32, channel: usize) -> i8 {
        self.to_i8(value, channel)
    }

    /// Multipliers, which are at an address of words, and shifts of `N` channels from one on.
    #[inline]
    pub(crate) fn factors<const N: usize>(&self, first: usize) -> ([i32; N], [i8; N]) {
        let shifts = match *self.shift {
            [shift] => [shift; N],
            _ => self.shift.get(first..).and_then(|shifts| shifts.first_chunk()).copied().unwrap_or([0; N]),
        };
        (aligned_words_from(self.multiplier, first).unwrap_or([0; N]), shifts)
    }

    /// Rescales the sums of `N` channels from `first` on to i8; multipliers are at an address of words.
    #[inline]
    pub(crate) fn requantize<const N: usize>(&self, sums: [i32; N], first: usize, results: &mut [i8; N]) {
        let (multipliers, shifts): ([_; N], [_; N]) = self.factors(first);
        let factors = multipliers.into_iter().zip(shifts);
        for (lane, ((result, sum), (multiplier, shift))) in results.iter_mut().zip(sums).zip(factors).enumerate() {
            *result = match shift {
                33..=62 => {
                    // Below 2^30: nothing can overflow.
                    let scaled = ((high_word(sum, multiplier) >> (shift - 33)) + 1) >> 1;
                    (scaled + i32::from(self.output_zero_point)).clamp(-128, 127) as i8 // in range after the clamp
                }
                _ => self.to_i8_by_call(sum, first + lane),
            };
        }
    }

    /// Rescales an i8 value of a channel to i32.
    #[inline]
    pub(crate) fn to_i32(self, value: i8, channel: usize) -> i32 {
        self.factor(channel).apply(i32::from(value) - i32::from(self.input_zero_point))
    }
}

/// The high 32 bits of a product.
#[inline]
const fn high_word(value: i32, multiplier: i32) -> i32 {
    if cfg!(kernels = "armv6m") {
        // Four products of halves, as a core without a long multiplication would else call a function for it. Their sums
        // need 33 bits, so that halves are added.
        let (value_high, value_low) = (value >> 16, value & 0xFFFF);
        let (multiplier_high, multiplier_low) = (multiplier >> 16, multiplier & 0xFFFF);
        let low = (value_low as u32).wrapping_mul(multiplier_low as u32) >> 16;
        let (first, second) = (value_high * multiplier_low, value_low * multiplier_high + low as i32);
        let carry = ((first & 0xFFFF) + (second & 0xFFFF)) >> 16;
        return value_high * multiplier_high + (first >> 16) + (second >> 16) + carry;
    }
    ((value as i64 * multiplier as i64) >> 32) as i32 // the high bits
}

/// `round(value · multiplier / 2^shift)`, ties towards +∞.
///
/// * `value`: `−2^(shift−1)..2^(shift−1)`; TOSA leaves the result for others open, here it is the low 32 bits
/// * `multiplier`: `0..2^31`; normalized ones have bit 30 set
/// * `shift`: `2..=62`
///
/// Source: TOSA 1.0, `apply_scale_32` with single rounding.
#[inline]
pub const fn apply_scale_32(value: i32, multiplier: i32, shift: u32) -> i32 {
    // i64: the product needs 62 bits plus sign, and the rounding term must not wrap.
    let rounding = 1_i64 << (shift - 1);
    ((value as i64 * multiplier as i64 + rounding) >> shift) as i32 // fits for a value in range
}

/// As [`apply_scale_32`], but for a shift above 31 first rounds away from zero by 2^30.
///
/// Source: TOSA 1.0, `apply_scale_32` with double rounding.
pub const fn apply_scale_32_double(value: i32, multiplier: i32, shift: u32) -> i32 {
    let mut rounding = 1_i64 << (shift - 1);
    if shift > 31 {
        rounding += if value >= 0 { 1 << 30 } else { -(1 << 30) };
    }
    ((value as i64 * multiplier as i64 + rounding) >> shift) as i32 // fits for a value in range
}

/// `round(value · multiplier / 2^shift)`, ties towards +∞, for a 16-bit multiplier.
///
/// * `value`: 48 bits
/// * `multiplier`: `0..2^15`
/// * `shift`: `2..=62`
///
/// Source: TOSA 1.0, `apply_scale_16`.
#[inline]
pub const fn apply_scale_16(value: i64, multiplier: i64, shift: u32) -> i64 {
    value.wrapping_mul(multiplier).wrapping_add(1 << (shift - 1)) >> shift // 63 bits in all, so that nothing wraps
}

/// The number at `value` on the line from one point of an i16 table to the next, 128 further, times 128.
///
/// Source: TOSA 1.0, TABLE of i16.
#[inline]
pub const fn interpolate(from: i16, to: i16, value: i16) -> i32 {
    ((from as i32) << 7) + (to as i32 - from as i32) * (value & 127) as i32
}

/// `value + zero_point`, limited to i8.
#[inline]
pub const fn saturate_i8(value: i32, zero_point: i32) -> i8 {
    let shifted = value.saturating_add(zero_point);
    // in range after the comparison
    if shifted < i8::MIN as i32 {
        i8::MIN
    } else if shifted > i8::MAX as i32 {
        i8::MAX
    } else {
        shifted as i8
    }
}

/// `value + zero_point`, limited to i16.
#[inline]
pub const fn saturate_i16(value: i32, zero_point: i32) -> i16 {
    let shifted = value.saturating_add(zero_point);
    // in range after the comparison
    if shifted < i16::MIN as i32 {
        i16::MIN
    } else if shifted > i16::MAX as i32 {
        i16::MAX
    } else {
        shifted as i16
    }
}

/// `round(sum / count)` by a reciprocal, as TOSA defines the mean; 0 for a count of 0.
///
/// The reciprocal is a little too large, which takes ties away from zero.
///
/// Source: TOSA 1.0, AVG_POOL2D, `reciprocal_scale`.
#[inline]
pub const fn average(sum: i32, count: u32) -> i32 {
    if count == 0 {
        return 0;
    }
    let k = 32 - (count - 1).leading_zeros();
    let multiplier = (((1_u64 << 30) + 1) << k) / count as u64;
    apply_scale_32(sum, multiplier as i32, 30 + k) // count is at most 2^k: below 2^31
}

/// `a · b` shifted right by `shift` with rounding; the low 32 bits for shift 0, and `None` when a shifted product does
/// not fit.
///
/// Source: TOSA 1.0, MUL.
#[inline]
pub(crate) const fn multiply(a: i32, b: i32, shift: u32) -> Option<i32> {
    let product = a as i64 * b as i64;
    if shift == 0 {
        return Some(product as i32); // the low bits are the result
    }
    // i128: the rounding term of shift 63 is 2^62, which the largest product does not leave room for.
    let rounded = (product as i128 + (1_i128 << (shift - 1))) >> shift;
    if rounded < i32::MIN as i128 || rounded > i32::MAX as i128 { None } else { Some(rounded as i32) } // it fits
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 30;

    #[test]
    fn scale_one_changes_nothing() {
        for value in [-(1 << 29), -1, 0, 1, (1 << 29) - 1] {
            assert_eq!(apply_scale_32(value, ONE, 30), value);
        }
    }

    #[test]
    fn ties_go_up() {
        assert_eq!(apply_scale_32(3, ONE, 31), 2);
        assert_eq!(apply_scale_32(-3, ONE, 31), -1);
    }

    #[test]
    fn double_rounding_differs_below_a_tie() {
        // 0.5 − 2^-9 becomes a tie by the first rounding.
        let (multiplier, shift) = (ONE, 39);
        assert_eq!(apply_scale_32(255, multiplier, shift), 0);
        assert_eq!(apply_scale_32_double(255, multiplier, shift), 1);
        assert_eq!(apply_scale_32_double(255, multiplier, 31), apply_scale_32(255, multiplier, 31));
    }

    #[test]
    fn extremes_do_not_overflow() {
        for value in [i32::MIN, i32::MAX] {
            for shift in [2, 31, 62] {
                apply_scale_32(value, i32::MAX, shift);
                apply_scale_32_double(value, i32::MAX, shift);
            }
        }
        assert_eq!(saturate_i8(i32::MAX, 127), 127);
        assert_eq!(saturate_i8(i32::MIN, -128), -128);
    }

    #[test]
    fn averages_round_half_away_from_zero() {
        assert_eq!(average(5, 2), 3);
        assert_eq!(average(-5, 2), -3);
        assert_eq!(average(-7, 1), -7);
        assert_eq!(average(10, 3), 3);
    }

    #[test]
    fn products_keep_low_bits_or_must_fit() {
        assert_eq!(multiply(i32::MIN, i32::MIN, 0), Some(0));
        assert_eq!(multiply(i32::MIN, i32::MIN, 1), None);
        assert_eq!(multiply(i32::MIN, i32::MIN, 63), Some(1));
        assert_eq!(multiply(3, 1, 1), Some(2));
    }
}
