//! Quantization parameters: real numbers to int8 and back.

use core::ops::RangeInclusive;

/// Scale and zero point: `real = (quantized − zero_point) · scale`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QuantParams {
    /// Real distance between neighbouring int8 values, above 0.
    pub scale: f32,
    /// The int8 value of real 0.
    pub zero_point: i8,
}

/// Codes a clamped value can have before the zero point is added: beyond it every result saturates.
const CODES: RangeInclusive<f32> = -256.0..=256.0;

/// Adding and subtracting it leaves no bits below the point: 1.5 · 2^23, in the middle of the f32 with step 1.
const ROUNDER: f32 = 12_582_912.0;

impl QuantParams {
    /// Parameters with this scale and zero point.
    pub const fn new(scale: f32, zero_point: i8) -> Self {
        Self { scale, zero_point }
    }

    /// `clamp(round(real · (1 / scale)) + zero_point, −128, 127)`, ties to even; NaN gives the zero point.
    #[inline]
    pub fn quantize(&self, real: f32) -> i8 {
        if real.is_nan() {
            return self.zero_point;
        }
        // The limits come first: the rounding below holds for small values only, and no limit changes a result.
        let code = (real * (1.0 / self.scale)).clamp(*CODES.start(), *CODES.end());
        let rounded = (code + ROUNDER) - ROUNDER;
        (rounded + f32::from(self.zero_point)).clamp(-128.0, 127.0) as i8 // a whole number in range
    }

    /// `(quantized − zero_point) · scale`.
    #[inline]
    pub fn dequantize(&self, quantized: i8) -> f32 {
        (f32::from(quantized) - f32::from(self.zero_point)) * self.scale
    }

    /// Quantizes each element of `real` into `quantized`; the shorter of the two decides how many.
    pub fn quantize_all(&self, real: &[f32], quantized: &mut [i8]) {
        for (quantized, real) in quantized.iter_mut().zip(real) {
            *quantized = self.quantize(*real);
        }
    }

    /// Dequantizes each element of `quantized` into `real`; the shorter of the two decides how many.
    pub fn dequantize_all(&self, quantized: &[i8], real: &mut [f32]) {
        for (real, quantized) in real.iter_mut().zip(quantized) {
            *real = self.dequantize(*quantized);
        }
    }
}

/// An input or output of a model.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TensorInfo {
    /// The model's own name.
    pub name: &'static str,
    /// Dimensions in the exporter's layout.
    pub shape: &'static [usize],
    /// Real distance between neighbouring int8 values.
    pub scale: f32,
    /// The int8 value of real 0.
    pub zero_point: i8,
}

impl TensorInfo {
    /// Scale and zero point together.
    pub const fn params(&self) -> QuantParams {
        QuantParams::new(self.scale, self.zero_point)
    }

    /// See [`QuantParams::quantize`].
    pub fn quantize(&self, real: f32) -> i8 {
        self.params().quantize(real)
    }

    /// See [`QuantParams::dequantize`].
    pub fn dequantize(&self, quantized: i8) -> f32 {
        self.params().dequantize(quantized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even() {
        let params = QuantParams::new(2.0, 10);
        let cases = [(1.0, 10), (3.0, 12), (5.0, 12), (-1.0, 10), (-3.0, 8), (2.9, 11)];
        for (real, quantized) in cases {
            assert_eq!(params.quantize(real), quantized, "{real}");
        }
    }

    #[test]
    fn everything_has_a_code() {
        for zero_point in [-128, 0, 127] {
            let params = QuantParams::new(0.1, zero_point);
            assert_eq!(params.quantize(f32::NAN), zero_point);
            assert_eq!(params.quantize(f32::INFINITY), 127);
            assert_eq!(params.quantize(f32::NEG_INFINITY), -128);
            assert_eq!(params.quantize(f32::MAX), 127);
            assert_eq!(params.quantize(0.0), zero_point);
        }
    }

    #[test]
    fn rounding_equals_the_standard_library() {
        let params = QuantParams::new(0.037, -3);
        for step in -30_000..30_000_i16 {
            let real = f32::from(step) * 1.7e-4;
            let expected = ((real * (1.0 / params.scale)).round_ties_even() + -3.0).clamp(-128.0, 127.0);
            assert_eq!(f32::from(params.quantize(real)), expected, "{real}");
        }
    }

    #[test]
    fn quantizing_undoes_dequantizing() {
        let params = QuantParams::new(0.012, 17);
        for code in i8::MIN..=i8::MAX {
            assert_eq!(params.quantize(params.dequantize(code)), code);
        }
    }
}
