//! Quantization parameters: real numbers to codes and back.

use crate::port::Element;

/// Scale and zero point: `real = (quantized − zero_point) · scale`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct QuantParams<T = i8> {
    /// Real distance between neighbouring codes, above 0.
    pub scale: f32,
    /// The code of real 0.
    pub zero_point: T,
    /// The smallest code; the largest is the type's.
    pub min: T,
}

/// A type of codes: i8, u8 or i16.
pub trait Code: Element {
    /// The smallest.
    const MIN: Self;
    /// The largest.
    const MAX: Self;

    /// The code that is this whole number between [`Self::MIN`] and [`Self::MAX`].
    fn from_whole(whole: f32) -> Self;

    /// The code as a number.
    fn to_whole(self) -> f32;
}

macro_rules! codes {
    ($($Type:ident)*) => {$(
        impl Code for $Type {
            const MIN: Self = Self::MIN;
            const MAX: Self = Self::MAX;

            #[inline]
            fn from_whole(whole: f32) -> Self {
                whole as Self // a whole number in range
            }

            #[inline]
            fn to_whole(self) -> f32 {
                f32::from(self)
            }
        }
    )*};
}

codes!(i8 u8 i16);

/// Adding and subtracting it leaves no bits below the point: 1.5 · 2^23, in the middle of the f32 with step 1.
const ROUNDER: f32 = 12_582_912.0;

impl<T: Code> QuantParams<T> {
    /// Parameters with this scale and zero point, and all codes of the type.
    pub const fn new(scale: f32, zero_point: T) -> Self {
        Self { scale, zero_point, min: T::MIN }
    }

    /// `clamp(round(real · (1 / scale)) + zero_point, min, max)`, ties to even; NaN gives the zero point.
    #[inline]
    pub fn quantize(&self, real: f32) -> T {
        if real.is_nan() {
            return self.zero_point;
        }
        // The limits come first: the rounding below holds for small values only, and beyond as many codes as the type has
        // every result saturates.
        let codes = T::MAX.to_whole() - T::MIN.to_whole() + 1.0;
        let code = (real * (1.0 / self.scale)).clamp(-codes, codes);
        let rounded = (code + ROUNDER) - ROUNDER;
        T::from_whole((rounded + self.zero_point.to_whole()).clamp(self.min.to_whole(), T::MAX.to_whole()))
    }

    /// `(quantized − zero_point) · scale`.
    #[inline]
    pub fn dequantize(&self, quantized: T) -> f32 {
        (quantized.to_whole() - self.zero_point.to_whole()) * self.scale
    }

    /// Quantizes real numbers into the arena; the shorter of the two decides how many.
    pub fn store(&self, real: &[f32], bytes: &mut [u8]) {
        for (chunk, real) in bytes.chunks_exact_mut(size_of::<T::Bytes>()).zip(real) {
            chunk.iter_mut().zip(self.quantize(*real).to_bytes().as_ref()).for_each(|(place, byte)| *place = *byte);
        }
    }

    /// Dequantizes codes in the arena; the shorter of the two decides how many.
    pub fn load(&self, bytes: &[u8], real: &mut [f32]) {
        for (real, chunk) in real.iter_mut().zip(bytes.chunks_exact(size_of::<T::Bytes>())) {
            *real = self.dequantize(T::from_bytes(chunk));
        }
    }
}

/// An input or output of a model that is quantized.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TensorInfo<T = i8> {
    /// The model's own name.
    pub name: &'static str,
    /// Dimensions in the exporter's layout.
    pub shape: &'static [usize],
    /// Real distance between neighbouring codes.
    pub scale: f32,
    /// The code of real 0.
    pub zero_point: T,
    /// The smallest code; the largest is the type's.
    pub min: T,
}

impl<T: Code> TensorInfo<T> {
    /// Scale, zero point and smallest code together.
    pub const fn params(&self) -> QuantParams<T> {
        QuantParams { scale: self.scale, zero_point: self.zero_point, min: self.min }
    }

    /// See [`QuantParams::quantize`].
    pub fn quantize(&self, real: f32) -> T {
        self.params().quantize(real)
    }

    /// See [`QuantParams::dequantize`].
    pub fn dequantize(&self, quantized: T) -> f32 {
        self.params().dequantize(quantized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even() {
        let params = QuantParams::new(2.0, 10_i8);
        let cases = [(1.0, 10), (3.0, 12), (5.0, 12), (-1.0, 10), (-3.0, 8), (2.9, 11)];
        for (real, quantized) in cases {
            assert_eq!(params.quantize(real), quantized, "{real}");
        }
    }

    #[test]
    fn everything_has_a_code() {
        for zero_point in [-128_i8, 0, 127] {
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
        let params = QuantParams::new(0.037, -3_i8);
        for step in -30_000..30_000_i16 {
            let real = f32::from(step) * 1.7e-4;
            let expected = ((real * (1.0 / params.scale)).round_ties_even() + -3.0).clamp(-128.0, 127.0);
            assert_eq!(f32::from(params.quantize(real)), expected, "{real}");
        }
    }

    #[test]
    fn quantizing_undoes_dequantizing() {
        let params = QuantParams::new(0.012, 17_i8);
        for code in i8::MIN..=i8::MAX {
            assert_eq!(params.quantize(params.dequantize(code)), code);
        }
    }

    #[test]
    fn other_types_have_other_limits() {
        let wide = QuantParams { min: -32_767, ..QuantParams::new(0.5, 0_i16) };
        assert_eq!([-1e9, -1.25, 0.75, 1e9].map(|real| wide.quantize(real)), [-32_767, -2, 2, 32_767]);
        let unsigned = QuantParams::new(0.5, 100_u8);
        assert_eq!([-1e9, -1.0, 77.5, 1e9].map(|real| unsigned.quantize(real)), [0, 98, 255, 255]);
        assert_eq!((wide.dequantize(-3), unsigned.dequantize(0)), (-1.5, -50.0));
    }

    #[test]
    fn the_arena_has_codes() {
        fn check<T: Code>(params: QuantParams<T>, bytes: [u8; 4]) {
            let (mut stored, mut loaded) = ([0; 4], [0.0; 2]);
            params.store(&[1.0, -1.0], &mut stored);
            params.load(&stored, &mut loaded);
            assert_eq!((stored, loaded), (bytes, [1.0, -1.0]));
        }
        check(QuantParams::new(0.5, 0_i16), [2, 0, 0xFE, 0xFF]);
        check(QuantParams::new(0.5, 0_i8), [2, 0xFE, 0, 0]);
        check(QuantParams::new(0.5, 200_u8), [202, 198, 0, 0]);
    }
}
