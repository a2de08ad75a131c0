//! Kernels for Armv7-M, and Armv8-M Mainline with neither the DSP extension nor vectors.

pub(crate) mod dot;

pub(super) use crate::kernels::arm::{copy, fill, spread};
pub(crate) use crate::kernels::portable::{channels, lanes, own_way};

/// Rows of weights that are multiplied together.
pub(crate) const ROWS: usize = 4;
