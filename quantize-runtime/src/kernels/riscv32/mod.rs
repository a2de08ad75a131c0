//! Kernels for RISC-V of 32 bits with multiplications.

pub(crate) mod dot;
pub(crate) mod groups;

pub(crate) use crate::kernels::portable::{channels, copy, fill, lanes, spread};
pub(crate) use groups::way as own_way;

/// Rows of weights that are multiplied together: their sums and pointers fit the registers.
pub(crate) const ROWS: usize = 8;
