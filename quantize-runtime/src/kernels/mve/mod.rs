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

/// Runs assembly with `$call` in r0 and on the top of the stack. It may change all registers but the stack pointer.
macro_rules! assembly {
    ($call:expr, $($line:expr,)*) => {
        core::arch::asm!(
            // The compiler keeps r6 and r7 for itself.
            "push {{r0, r6, r7}}",
            $($line,)*
            "pop {{r0, r6, r7}}",
            in("r0") $call,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
            out("r12") _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            out("d2") _,
            out("d3") _,
            out("d4") _,
            out("d5") _,
            out("d6") _,
            out("d7") _,
            out("d8") _,
            out("d9") _,
            out("d10") _,
            out("d11") _,
            out("d12") _,
            out("d13") _,
            out("d14") _,
            out("d15") _,
        )
    };
}
use assembly;

/// Rows of weights that are multiplied together.
pub(crate) const ROWS: usize = 4;
