//! The arithmetic of discrete Fourier transforms, with the same bits on every target: interpreter and kernels share it.
//!
//! Sizes are powers of two. A transform is made of those of its elements at even and at odd positions, down to single
//! elements: its errors grow with the logarithm of the size, and nothing but sums and products is needed at run time.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// A complex number: real and imaginary part.
pub type Complex = [f32; 2];

/// The powers of `e^(−2πi/size)` for all sizes up to that of a table; of `e^(2πi/size)` for the inverse.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Roots<'a> {
    /// `cos(2πk/n)` for `k` from 0 to n / 4, where n is a power of two from 4 on.
    pub cosines: &'a [f32],
    /// Whether they are those of the inverse transform.
    pub inverse: bool,
}

impl Roots<'_> {
    /// The root of this size to the power of `k`, for `k` up to half the size.
    #[inline]
    pub fn power(&self, k: usize, size: usize) -> Complex {
        let quarter = self.cosines.len() - 1;
        let k = k * (4 * quarter / size);
        let (real, sine) = if k <= quarter {
            (self.cosines[k], self.cosines[quarter - k])
        } else {
            (-self.cosines[2 * quarter - k], self.cosines[k - quarter])
        };
        [real, if self.inverse { sine } else { -sine }]
    }
}

/// The table of [`Roots`] for transforms of up to this size.
#[cfg(feature = "alloc")]
pub fn cosines(size: usize) -> Vec<f32> {
    let size = size.max(4);
    let angle = |k: usize| core::f64::consts::TAU * k as f64 / size as f64;
    // By sines from an eighth of the circle on, so that cos and sin of the same angle's complement are equal.
    let cosine = |k| if 8 * k <= size { libm::cos(angle(k)) } else { libm::sin(angle(size / 4 - k)) };
    (0..=size / 4).map(|k| cosine(k) as f32).collect()
}

/// `a + root · b` and `a − root · b`: elements `k` and `k + size / 2` of a transform, from element `k` of those of its
/// elements at even (`a`) and odd (`b`) positions and the root to the power of `k`.
#[inline]
pub fn butterfly(a: Complex, b: Complex, root: Complex) -> [Complex; 2] {
    let real = b[0] * root[0] - b[1] * root[1];
    let imaginary = b[0] * root[1] + b[1] * root[0];
    [[a[0] + real, a[1] + imaginary], [a[0] - real, a[1] - imaginary]]
}

/// Elements `k` and `m − k` of the transform of 2m real numbers, from the same elements `z` and `mirrored` of that of m
/// complex ones, whose real parts are those at even and whose imaginary parts are those at odd positions.
///
/// `root` is that of size 2m to the power of `k`, which is 0 to m / 2; element m of the complex transform is its first.
#[inline]
pub fn untangle(z: Complex, mirrored: Complex, root: Complex) -> [Complex; 2] {
    let ([z_real, z_imaginary], [real, imaginary]) = (z.map(|part| part * 0.5), mirrored.map(|part| part * 0.5));
    let even = [z_real + real, z_imaginary - imaginary];
    let odd = [z_imaginary + imaginary, real - z_real];
    let [low, high] = butterfly(even, odd, root);
    [low, [high[0], -high[1]]]
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;

    #[test]
    fn a_table_serves_all_smaller_sizes() {
        let cosines = cosines(64);
        for inverse in [false, true] {
            let roots = Roots { cosines: &cosines, inverse };
            for size in [1, 2, 4, 8, 64] {
                for k in 0..=size / 2 {
                    let angle = core::f64::consts::TAU * k as f64 / size as f64;
                    let sine = if inverse { libm::sin(angle) } else { -libm::sin(angle) };
                    let expected = [libm::cos(angle), sine];
                    for (part, expected) in roots.power(k, size).into_iter().zip(expected) {
                        assert!((f64::from(part) - expected).abs() < 1e-7, "{k} of {size}: {part}, not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn quarters_of_the_circle_are_exact() {
        let cosines = cosines(1);
        let roots = Roots { cosines: &cosines, inverse: false };
        assert_eq!([0, 1, 2].map(|k| roots.power(k, 4)), [[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]]);
    }
}
