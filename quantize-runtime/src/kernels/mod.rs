//! Kernels of the [`steps`](crate::steps): free functions of a step, the slices it reads and the slices it writes.
//!
//! Slices hold exactly the elements of the step's shapes. All sets of kernels give the same bytes. The build script chooses
//! one for the target; what it does not have is the portable one's.
//!
//! Those with windows are never inlined: a program has each of them once, and its stack is that of one at a time.

#[cfg(any(kernels = "armv7em", kernels = "armv7m", kernels = "mve"))]
mod arm;
#[cfg(kernels = "armv6m")]
mod armv6m;
#[cfg(kernels = "armv7em")]
mod armv7em;
#[cfg(kernels = "armv7m")]
mod armv7m;
pub(crate) mod int8;
#[cfg(kernels = "mve")]
mod mve;
pub(crate) mod portable;
#[cfg(kernels = "riscv32")]
mod riscv32;

#[cfg(kernels = "armv6m")]
use armv6m as target;
#[cfg(kernels = "armv7em")]
use armv7em as target;
#[cfg(kernels = "armv7m")]
use armv7m as target;
#[cfg(kernels = "mve")]
use mve as target;
#[cfg(kernels = "portable")]
use portable as target;
#[cfg(kernels = "riscv32")]
use riscv32 as target;

pub use int8::conv2d::{Conv2dWay, conv2d as conv2d_i8};
pub use int8::depthwise_conv2d::{
    DepthwiseConv2dWay, depthwise_conv2d as depthwise_conv2d_i8,
    depthwise_conv2d_in_place as depthwise_conv2d_i8_in_place,
};

use crate::epilogue::{Epilogue, Input};
use crate::steps::{Conv2d, DepthwiseConv2d};

/// Convolves an activation.
#[inline(never)]
pub fn conv2d<E: Epilogue>(step: &Conv2d<'_, E>, input: &[Input<E>], output: &mut [E::Output]) {
    E::conv2d(step, input, output);
}

/// Convolves each channel of an activation.
#[inline(never)]
pub fn depthwise_conv2d<E: Epilogue>(step: &DepthwiseConv2d<'_, E>, input: &[Input<E>], output: &mut [E::Output]) {
    E::depthwise_conv2d(step, input, output);
}

pub use portable::arg_max::{arg_max, arg_max_number};
pub use portable::conv3d::conv3d;
pub use portable::elementwise::{
    cast, cast_from_f32, cast_to_f32, clamp, clamp_f32, clamp_i16, clamp_number, dequantize, quantize, rescale,
    rescale_i8, rescale_i8_to_i32, rescale_i32, rescale_i32_to_i8, table, table_i16, unary, unary_f32,
};
pub use portable::fft2d::{fft2d, rfft2d};
pub use portable::indexing::{gather, reverse, scatter, tile};
pub use portable::integer::{Integer, Wide};
pub use portable::layout::{concat, copy, pad, slice, transpose};
pub use portable::matmul::matmul;
pub use portable::pairs::{
    Pairs, binary, binary_f32, binary_f32_of, compare_f32, rescaled_binary, rescaled_binary_of, select,
};
pub use portable::pool2d::{avg_pool2d, max_pool2d, max_pool2d_f32, max_pool2d_i16, max_pool2d_number};
pub use portable::reduce::{reduce, reduce_f32, rescaled_sum};
pub use portable::resize::{resize_bilinear, resize_nearest};
pub use portable::transpose_conv2d::transpose_conv2d;
pub use portable::transpose_in_place::transpose_in_place;
