//! Kernels for any target, in safe Rust.

pub(super) mod arg_max;
pub(crate) mod conv2d;
pub(super) mod conv3d;
pub(crate) mod depthwise_conv2d;
#[cfg(any(kernels = "mve", kernels = "portable"))]
pub(crate) mod dot;
pub(super) mod elementwise;
pub(super) mod fft2d;
pub(super) mod indexing;
pub(super) mod integer;
pub(crate) mod lanes;
pub(super) mod layout;
pub(super) mod matmul;
pub(super) mod pairs;
pub(super) mod pool2d;
pub(super) mod reduce;
pub(super) mod resize;
mod rows;
pub(super) mod transpose_conv2d;
pub(super) mod transpose_in_place;
pub(super) mod window;

#[cfg(any(kernels = "armv7m", kernels = "portable"))]
use crate::{kernels::int8::conv2d::Conv2dWay, rescale::Rescale, steps::Conv2d};

#[cfg(not(any(kernels = "armv7em", kernels = "mve")))]
pub(crate) use super::int8::channel::channels;

/// No kernels of its own for a CONV2D.
#[cfg(any(kernels = "armv7m", kernels = "portable"))]
pub(crate) const fn own_way(_: &Conv2d<'_, Rescale<'_>>) -> Option<Conv2dWay> {
    None
}

/// Copies a run of activations.
#[cfg(not(any(kernels = "armv7em", kernels = "armv7m", kernels = "mve")))]
pub(crate) fn copy(from: &[i8], to: &mut [i8]) {
    if let Some(to) = to.get_mut(..from.len()) {
        to.copy_from_slice(from);
    }
}

/// Stores an element everywhere.
#[cfg(not(any(kernels = "armv7em", kernels = "armv7m")))]
pub(crate) fn fill(to: &mut [i8], value: i8) {
    to.fill(value);
}

/// Copies elements to the first of each `step` elements.
#[cfg(not(any(kernels = "armv7em", kernels = "armv7m")))]
pub(crate) fn spread(from: &[i8], to: &mut [i8], step: usize) {
    for (to, from) in to.chunks_mut(step.max(1)).zip(from) {
        to.iter_mut().take(1).for_each(|to| *to = *from);
    }
}

/// Rows of weights that are multiplied together.
#[cfg(kernels = "portable")]
pub(crate) const ROWS: usize = 4;
