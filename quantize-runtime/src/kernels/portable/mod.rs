//! Kernels for any target, in safe Rust.

pub(super) mod conv2d;
pub(super) mod depthwise_conv2d;
pub(super) mod elementwise;
pub(super) mod integer;
pub(super) mod layout;
pub(super) mod pairs;
pub(super) mod pool2d;
pub(super) mod reduce;
mod rows;
mod window;
