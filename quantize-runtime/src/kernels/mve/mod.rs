//! Kernels for Armv8.1-M with vectors of integers (MVE): sixteen products of i8 at a time.
//!
//! The loops are assembly, so that their cost does not depend on the optimization level.

pub(crate) mod conv2d;
pub(crate) mod lanes;

pub(crate) use crate::kernels::int8::channel::channels;
pub(crate) use crate::kernels::portable::{dot, fill};
pub(crate) use conv2d::way as own_way;

use crate::kernels::portable;
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

/// Copies elements to the first of each `step` elements.
pub(crate) fn spread(from: &[i8], to: &mut [i8], step: usize) {
    // Offsets in a vector have 16 bits.
    if from.is_empty() || step > usize::from(u16::MAX / 7) || to.len() <= (from.len() - 1) * step {
        return portable::spread(from, to, step);
    }
    // SAFETY: `to` has the places of all elements; the loop's predicate masks what is behind them.
    unsafe {
        asm!(
            "vidup.u16 q1, r0, #1",
            "vmul.i16 q1, q1, {step}",
            "lsl {step}, {step}, #3",
            "dlstp.16 lr, {len}",
            "2:",
            "vldrb.u16 q0, [{from}], #8",
            "vstrb.16 q0, [{to}, q1]",
            "add {to}, {to}, {step}",
            "letp lr, 2b",
            len = in(reg) from.len(),
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            step = inout(reg) step => _,
            inout("r0") 0 => _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            out("d2") _,
            out("d3") _,
            options(nostack, preserves_flags),
        );
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
