//! Kernels for Armv8.1-M with vectors of integers (MVE): sixteen products of i8 at a time.
//!
//! The loops are assembly, so that their cost does not depend on the optimization level.

pub(crate) mod conv2d;
pub(crate) mod lanes;

pub(crate) use crate::kernels::int8::channel::channels;
pub(crate) use crate::kernels::portable::dot;
pub(crate) use conv2d::conv2d as conv2d_i8;

use crate::kernels::int8::biases;
use crate::rescale::Rescale;
use core::arch::asm;

/// Copies a run of activations, without the start of a `memcpy`.
pub(crate) fn copy(from: &[i8], to: &mut [i8]) {
    let len = from.len().min(to.len());
    // SAFETY: both slices have at least `len` elements, and the loop's predicate masks what is behind them.
    unsafe {
        asm!(
            "wlstp.8 lr, {len}, 3f",
            "2:",
            "vldrb.u8 q0, [{from}], #16",
            "vstrb.8 q0, [{to}], #16",
            "letp lr, 2b",
            "3:",
            len = in(reg) len,
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            options(nostack, preserves_flags),
        );
    }
}

/// Bias, multiplier and negated shift of the high word of `N` channels, for vectors.
#[derive(Clone, Copy)]
#[repr(C)]
struct Factors<const N: usize> {
    bias: [i32; N],
    multiplier: [i32; N],
    shift: [i32; N],
}

impl<const N: usize> Factors<N> {
    /// Those of the channels from one on.
    fn new(rescale: &Rescale<'_>, bias: &[[u8; 4]], first: usize) -> Self {
        let (multiplier, shifts) = rescale.factors(first);
        Self { bias: biases(bias, first), multiplier, shift: shifts.map(|shift| 32 - i32::from(shift)) }
    }
}

/// [`arm::assembly`](crate::kernels::arm), which may change all registers of vectors.
macro_rules! assembly {
    ($($argument:tt)*) => {
        $crate::kernels::arm::assembly!(
            ["d0" "d1" "d2" "d3" "d4" "d5" "d6" "d7" "d8" "d9" "d10" "d11" "d12" "d13" "d14" "d15"];
            $($argument)*
        )
    };
}
use assembly;

/// Rows of weights that are multiplied together.
pub(crate) const ROWS: usize = 4;
