//! Kernels for any target, in safe Rust.

pub(super) mod arg_max;
pub(crate) mod conv2d;
pub(super) mod conv3d;
pub(crate) mod depthwise_conv2d;
#[cfg(not(kernels = "armv7em"))]
pub(super) mod dot;
pub(super) mod elementwise;
pub(super) mod fft2d;
pub(super) mod indexing;
pub(super) mod integer;
pub(super) mod lanes;
pub(super) mod layout;
pub(super) mod matmul;
pub(super) mod pairs;
pub(super) mod pool2d;
pub(super) mod reduce;
pub(super) mod resize;
mod rows;
pub(super) mod transpose_conv2d;
pub(super) mod window;

/// Copies a run of activations.
#[cfg(not(kernels = "armv7em"))]
pub(crate) fn copy(from: &[i8], to: &mut [i8]) {
    to.copy_from_slice(from);
}
