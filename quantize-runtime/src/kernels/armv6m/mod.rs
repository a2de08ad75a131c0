//! Kernels for Armv6-M, whose compiler uses its eight registers badly.

pub(crate) mod dot;

pub(crate) use crate::kernels::portable::{channels, copy, fill, lanes, own_way, spread};

/// Rows of weights that are multiplied together.
pub(crate) const ROWS: usize = 4;
