//! What the Fourier transforms share: the sizes they allow and the reference transform.

use crate::Shape;
use crate::fourier::{Complex, Roots, butterfly};
use crate::graph::{Rule, require};
use crate::interpreter::Tensor;
use alloc::vec;
use alloc::vec::Vec;

/// Largest height and width (TOSA 1.0, level 8K).
const MAX_SIZE: u32 = 8192;

/// The dimensions `[N, H, W]` of an operand.
pub(super) fn check(shape: &Shape) -> Result<[u32; 3], Rule> {
    let [n, h, w] = shape.axes()?;
    require(h.is_power_of_two() && w.is_power_of_two(), "height or width is not a power of two")?;
    require(h.max(w) <= MAX_SIZE, "height or width is above 8192")?;
    Ok([n, h, w])
}

/// The transform of a list of numbers.
pub(super) fn transform(elements: &[Complex], roots: Roots<'_>) -> Vec<Complex> {
    if let [_] = elements {
        return elements.to_vec();
    }
    let [even, odd] = [0, 1].map(|first| {
        let half: Vec<Complex> = elements.iter().copied().skip(first).step_by(2).collect();
        transform(&half, roots)
    });
    let size = elements.len();
    let mut result = vec![[0.0; 2]; size];
    for (k, (a, b)) in even.into_iter().zip(odd).enumerate() {
        [result[k], result[k + size / 2]] = butterfly(a, b, roots.power(k, size));
    }
    result
}

/// Transforms each column.
pub(super) fn transform_columns(rows: &mut [Vec<Complex>], roots: Roots<'_>) {
    for x in 0..rows[0].len() {
        let column: Vec<Complex> = rows.iter().map(|row| row[x]).collect();
        for (row, element) in rows.iter_mut().zip(transform(&column, roots)) {
            row[x] = element;
        }
    }
}

/// The real and the imaginary parts.
pub(super) fn parts(elements: &[Complex]) -> [Tensor; 2] {
    [0, 1].map(|part| Tensor::F32(elements.iter().map(|element| element[part]).collect()))
}
