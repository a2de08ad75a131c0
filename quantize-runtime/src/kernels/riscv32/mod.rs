//! Kernels for RISC-V of 32 bits with multiplications.

pub(crate) mod dot;

pub(crate) use crate::kernels::portable::{channels, copy, fill, lanes, own_way, spread};

/// Rows of weights that are multiplied together: their sums and pointers fit the registers.
pub(crate) const ROWS: usize = 8;
