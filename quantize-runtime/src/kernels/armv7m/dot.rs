//! Products of a run of activations and four rows of weights.

use crate::kernels::arm::assembly;
use crate::kernels::target::ROWS;

/// Adds to each sum Σ (input − zero_point) · weight over a row of weights; rows start `stride` elements apart.
///
/// Nothing where a row would leave `weights`.
pub(crate) fn rows(sums: &mut [i32; ROWS], input: &[i8], zero_point: i8, weights: &[i8], stride: usize) {
    if weights.len() < (ROWS - 1) * stride + input.len() {
        return;
    }
    let block = input.len() / 8 * 8;
    let mut call = Call {
        input: input.as_ptr(),
        weights: [0, 1, 2, 3].map(|row| weights.as_ptr().wrapping_add(row * stride)),
        end: input.as_ptr().wrapping_add(block),
        sums: *sums,
        zero_point: -i32::from(zero_point),
        tail: input.len() - block,
    };
    // SAFETY: all rows are as long as the input and lie in the weights.
    unsafe { add_rows(&mut call) };
    *sums = call.sums;
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    input: *const i8,
    weights: [*const i8; ROWS],
    /// The activation after the last whole eight.
    end: *const i8,
    sums: [i32; ROWS],
    /// The negated zero point.
    zero_point: i32,
    /// Products after the last whole eight.
    tail: usize,
}

/// Adds a product of each row.
macro_rules! add_one {
    () => {
        concat!(
            "ldrsb lr, [r1], #1\n",
            "ldrsb r7, [r2], #1\n",
            "add lr, lr, r12\n",
            "mla r8, r7, lr, r8\n",
            "ldrsb r7, [r3], #1\n",
            "mla r9, r7, lr, r9\n",
            "ldrsb r7, [r4], #1\n",
            "mla r10, r7, lr, r10\n",
            "ldrsb r7, [r5], #1\n",
            "mla r11, r7, lr, r11\n",
        )
    };
}

/// Adds products to the sums of four rows.
///
/// # Safety
/// Activations and weights must be there.
#[inline(never)]
unsafe fn add_rows(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            []; call,
            "ldm r0!, {{r1-r6}}",
            "ldm r0, {{r8-r12}}",
            "cmp r1, r6",
            "beq 3f",
            "2:",
            add_one!(),
            add_one!(),
            add_one!(),
            add_one!(),
            add_one!(),
            add_one!(),
            add_one!(),
            add_one!(),
            "cmp r1, r6",
            "bne 2b",
            "3:",
            "ldr r6, [r0, #20]",
            "cbz r6, 5f",
            "4:",
            add_one!(),
            "subs r6, r6, #1",
            "bne 4b",
            "5:",
            "stm r0, {{r8-r11}}",
        );
    }
}
