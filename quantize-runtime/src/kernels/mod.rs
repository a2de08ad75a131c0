//! Kernels of the [`steps`](crate::steps): free functions of a step, the slices it reads and the slice it writes.
//!
//! Slices hold exactly the elements of the step's shapes. All sets of kernels give the same bytes; so far there is the
//! portable one.

mod portable;

pub use portable::conv2d::{conv2d, conv2d_i32};
pub use portable::depthwise_conv2d::{depthwise_conv2d, depthwise_conv2d_i32};
pub use portable::elementwise::{
    binary, clamp, rescale_i8, rescale_i8_to_i32, rescale_i32, rescale_i32_to_i8, rescaled_binary, table,
};
pub use portable::layout::{concat, copy, pad, slice, transpose};
pub use portable::pool2d::{avg_pool2d, max_pool2d};
pub use portable::reduce::{reduce_sum, rescaled_sum};
