//! Steps from i8 to i8: what all targets share around their products.

pub(super) mod channel;
pub(crate) mod conv2d;
pub(crate) mod depthwise_conv2d;
pub(super) mod patch;

/// Rows of weights that are multiplied together.
pub(super) const ROWS: usize = 4;
