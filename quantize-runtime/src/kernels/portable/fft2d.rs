//! Fourier transforms, in place in the slices of their results.

use crate::fourier::{Complex, Roots, butterfly, untangle};
use crate::slices;
use crate::steps::{Fft2d, Rfft2d};

/// Transforms complex numbers by rows and columns.
#[inline(never)]
pub fn fft2d(
    step: &Fft2d<'_>,
    input_real: &[[u8; 4]],
    input_imaginary: &[[u8; 4]],
    real: &mut [[u8; 4]],
    imaginary: &mut [[u8; 4]],
) {
    let [_, h, w] = step.shape.sizes();
    let roots = Roots { cosines: step.cosines, inverse: step.inverse };
    let inputs = slices::chunks(input_real, w).zip(slices::chunks(input_imaginary, w));
    let outputs = slices::chunks_mut(real, w).zip(slices::chunks_mut(imaginary, w));
    for ((input_real, input_imaginary), (real, imaginary)) in inputs.zip(outputs) {
        let mut row = Line { real, imaginary, stride: 1 };
        for (x, (real, imaginary)) in input_real.iter().zip(input_imaginary).enumerate() {
            row.set(reversed(x, w), [f32::from_le_bytes(*real), f32::from_le_bytes(*imaginary)]);
        }
        row.transform(w, roots);
    }
    transform_columns([h, w], real, imaginary, roots);
}

/// Transforms real numbers by rows and columns.
#[inline(never)]
pub fn rfft2d(step: &Rfft2d<'_>, input: &[[u8; 4]], real: &mut [[u8; 4]], imaginary: &mut [[u8; 4]]) {
    let [_, h, w] = step.input.sizes();
    let half = w / 2;
    let roots = Roots { cosines: step.cosines, inverse: false };
    let outputs = slices::chunks_mut(real, half + 1).zip(slices::chunks_mut(imaginary, half + 1));
    for (input, (real, imaginary)) in slices::chunks(input, w).zip(outputs) {
        let mut row = Line { real, imaginary, stride: 1 };
        let (pairs, single) = input.as_chunks();
        if let [single] = single {
            row.set(0, [f32::from_le_bytes(*single), 0.0]);
            continue;
        }
        for (x, pair) in pairs.iter().enumerate() {
            row.set(reversed(x, half), pair.map(f32::from_le_bytes));
        }
        row.transform(half, roots);
        for k in 0..=half / 2 {
            let (z, mirrored) = (row.get(k), row.get((half - k) % half.max(1)));
            let [low, high] = untangle(z, mirrored, roots.power(k, w));
            row.set(k, low);
            row.set(half - k, high);
        }
    }
    transform_columns([h, half + 1], real, imaginary, roots);
}

/// Transforms the columns of each plane of so many rows and columns.
fn transform_columns([h, w]: [usize; 2], real: &mut [[u8; 4]], imaginary: &mut [[u8; 4]], roots: Roots<'_>) {
    for (real, imaginary) in slices::chunks_mut(real, h * w).zip(slices::chunks_mut(imaginary, h * w)) {
        for x in 0..w {
            let mut column =
                Line { real: slices::from_mut(real, x), imaginary: slices::from_mut(imaginary, x), stride: w };
            for y in 0..h {
                let other = reversed(y, h);
                if y < other {
                    let elements = [column.get(y), column.get(other)];
                    column.set(y, elements[1]);
                    column.set(other, elements[0]);
                }
            }
            column.transform(h, roots);
        }
    }
}

/// The position, with its bits in reverse, of an element of so many.
fn reversed(position: usize, size: usize) -> usize {
    match size.trailing_zeros() {
        0 => position,
        bits => position.reverse_bits() >> (usize::BITS - bits),
    }
}

/// A row or column of complex numbers.
struct Line<'a> {
    real: &'a mut [[u8; 4]],
    imaginary: &'a mut [[u8; 4]],
    /// Distance between neighbours.
    stride: usize,
}

impl Line<'_> {
    fn get(&self, position: usize) -> Complex {
        let at = position * self.stride;
        let part = |parts: &[[u8; 4]]| parts.get(at).copied().map_or(0.0, f32::from_le_bytes);
        [part(self.real), part(self.imaginary)]
    }

    fn set(&mut self, position: usize, element: Complex) {
        let at = position * self.stride;
        for (parts, part) in [&mut *self.real, &mut *self.imaginary].into_iter().zip(element) {
            if let Some(place) = parts.get_mut(at) {
                *place = part.to_le_bytes();
            }
        }
    }

    /// Transforms the line, whose elements are in the order of [`reversed`] positions: blocks of two become the transforms
    /// of two elements, pairs of such blocks those of four, and so on.
    fn transform(&mut self, size: usize, roots: Roots<'_>) {
        let mut half = 1;
        while half < size {
            for start in (0..size).step_by(2 * half) {
                for k in 0..half {
                    let (low, high) = (start + k, start + k + half);
                    let elements = butterfly(self.get(low), self.get(high), roots.power(k, 2 * half));
                    self.set(low, elements[0]);
                    self.set(high, elements[1]);
                }
            }
            half *= 2;
        }
    }
}
