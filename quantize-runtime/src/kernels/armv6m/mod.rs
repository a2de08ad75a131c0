//! Kernels for Armv6-M, whose compiler uses its eight registers badly.

pub(crate) mod dot;
pub(crate) mod groups;

pub(crate) use crate::kernels::portable::{channels, copy, fill, lanes, spread};
pub(crate) use groups::way as own_way;

/// Rows of weights that are multiplied together.
pub(crate) const ROWS: usize = 4;
