//! A random TRANSPOSE in place, beside its definition.

use crate::random::Random;
use quantize_runtime::kernels;

/// Most bytes of a tensor.
const BYTES: usize = 4096;

/// A tensor `[A, B, SIZE]` that becomes `[B, A, SIZE]`.
#[derive(Debug)]
pub struct Case {
    a: usize,
    b: usize,
    size: usize,
}

impl Case {
    /// A case that fits the buffers.
    pub fn new(random: &mut Random) -> Self {
        loop {
            let [a, b] = [(); 2].map(|()| {
                let most = if random.range(0, 1) == 0 { 12 } else { 1000 };
                random.range(1, most)
            });
            let size = if random.range(0, 1) == 0 { 1 } else { random.range(2, 5) };
            if a * b * size <= BYTES {
                return Self { a, b, size };
            }
        }
    }
}

/// The tensor as it was, and as it becomes.
pub struct Buffers {
    original: [i8; BYTES],
    changed: [u8; BYTES],
}

impl Buffers {
    pub const fn new() -> Self {
        Self { original: [0; BYTES], changed: [0; BYTES] }
    }

    /// The first byte that is wrong.
    pub fn difference(&mut self, random: &mut Random, case: &Case) -> Option<usize> {
        let Case { a, b, size } = *case;
        let len = a * b * size;
        random.fill(&mut self.original);
        for (changed, original) in self.changed.iter_mut().zip(&self.original) {
            *changed = original.cast_unsigned();
        }
        kernels::transpose_in_place([1, a, b, size], 1, &mut self.changed[..len]);
        (0..len).find(|&at| {
            let (column, row, byte) = (at / size / a, at / size % a, at % size);
            self.changed[at] != self.original[(row * b + column) * size + byte].cast_unsigned()
        })
    }
}
