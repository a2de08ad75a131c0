//! Copies of runs of activations, without the start of a `memcpy`.

use core::arch::asm;

/// Copies a run of activations.
pub(in crate::kernels) fn copy(from: &[i8], to: &mut [i8]) {
    let len = from.len().min(to.len());
    // SAFETY: both slices have at least `len` elements.
    unsafe {
        asm!(
            "subs {len}, {len}, #4",
            "blt 3f",
            "2:",
            "ldr {word}, [{from}], #4",
            "str {word}, [{to}], #4",
            "subs {len}, {len}, #4",
            "bge 2b",
            "3:",
            "adds {len}, {len}, #4",
            "beq 5f",
            "4:",
            "ldrb {word}, [{from}], #1",
            "strb {word}, [{to}], #1",
            "subs {len}, {len}, #1",
            "bne 4b",
            "5:",
            len = inout(reg) len => _,
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            word = out(reg) _,
            options(nostack),
        );
    }
}

/// Stores an element everywhere, without the start of a `memset` or its memory on the stack.
pub(in crate::kernels) fn fill(to: &mut [i8], value: i8) {
    // SAFETY: stores as many elements as there are.
    unsafe {
        asm!(
            "cmp {len}, #0",
            "beq 3f",
            "2:",
            "strb {value}, [{to}], #1",
            "subs {len}, {len}, #1",
            "bne 2b",
            "3:",
            len = inout(reg) to.len() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            value = in(reg) i32::from(value),
            options(nostack),
        );
    }
}

/// Copies elements to the first of each `step` elements.
pub(in crate::kernels) fn spread(from: &[i8], to: &mut [i8], step: usize) {
    if from.is_empty() || to.len() <= (from.len() - 1) * step {
        return;
    }
    // SAFETY: there is an element, and `to` has the places of all.
    unsafe {
        asm!(
            "tst {len}, #1",
            "beq 3f",
            "ldrb {byte}, [{from}], #1",
            "strb {byte}, [{to}]",
            "add {to}, {to}, {step}",
            "subs {len}, {len}, #1",
            "beq 4f",
            "3:",
            "ldrh {byte}, [{from}], #2",
            "strb {byte}, [{to}]",
            "lsr {byte}, {byte}, #8",
            "strb {byte}, [{to}, {step}]",
            "add {to}, {to}, {step}, lsl #1",
            "subs {len}, {len}, #2",
            "bne 3b",
            "4:",
            len = inout(reg) from.len() => _,
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            step = in(reg) step,
            byte = out(reg) _,
            options(nostack),
        );
    }
}
