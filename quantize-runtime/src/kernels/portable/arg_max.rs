//! ARGMAX.

use crate::slices;
use crate::steps::ArgMax;

/// An element that can be compared.
pub trait Ordered: Copy {
    /// Whether the element wins against the largest before it; NaN does.
    fn beats(self, best: Self) -> bool;
}

impl Ordered for i8 {
    #[inline(always)]
    fn beats(self, best: Self) -> bool {
        self > best
    }
}

/// An i16.
impl Ordered for [u8; 2] {
    #[inline(always)]
    fn beats(self, best: Self) -> bool {
        i16::from_le_bytes(self) > i16::from_le_bytes(best)
    }
}

/// An f32.
impl Ordered for [u8; 4] {
    #[inline(always)]
    fn beats(self, best: Self) -> bool {
        let (value, best) = (f32::from_le_bytes(self), f32::from_le_bytes(best));
        !best.is_nan() && (value > best || value.is_nan())
    }
}

/// The index of the first largest element along an axis, as i32; of f32 that of the first NaN.
#[inline(never)]
pub fn arg_max<T: Ordered>(step: &ArgMax, input: &[T], output: &mut [[u8; 4]]) {
    indices(step, input, output, T::beats);
}

/// The index of the first largest f32 along an axis, as i32; NaN loses.
#[inline(never)]
pub fn arg_max_number(step: &ArgMax, input: &[[u8; 4]], output: &mut [[u8; 4]]) {
    indices(step, input, output, |value, best| {
        let (value, best) = (f32::from_le_bytes(value), f32::from_le_bytes(best));
        value > best || best.is_nan() && !value.is_nan()
    });
}

#[inline(always)]
fn indices<T: Copy>(step: &ArgMax, input: &[T], output: &mut [[u8; 4]], beats: impl Fn(T, T) -> bool) {
    let (_, size, inner) = step.input.around(step.axis.into());
    let whole = size * inner;
    for (input, output) in slices::chunks(input, whole).zip(slices::chunks_mut(output, inner)) {
        for (column, output) in output.iter_mut().enumerate() {
            let elements = slices::from(input, column);
            let Some(&first) = elements.first() else { return };
            let mut best = (0_i32, first);
            for (index, value) in (0..).zip(elements.iter().step_by(inner.max(1))) {
                if beats(*value, best.1) {
                    best = (index, *value);
                }
            }
            *output = best.0.to_le_bytes();
        }
    }
}
