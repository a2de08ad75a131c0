//! What all assembly for Arm's cores of the M profile has in common.

#[cfg(any(kernels = "armv7em", kernels = "armv7m"))]
mod runs;

#[cfg(any(kernels = "armv7em", kernels = "armv7m"))]
pub(super) use runs::{copy, fill, spread};

/// Runs assembly with `$call` in r0 and on the top of the stack. It may change all registers of the core but the stack pointer, and
/// the other ones that are named.
macro_rules! assembly {
    ([$($register:tt)*]; $call:expr, $($line:expr,)*) => {
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
            $(out($register) _,)*
        )
    };
}
pub(super) use assembly;
