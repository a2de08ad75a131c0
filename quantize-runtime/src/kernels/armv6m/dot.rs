//! Products of a run of activations and four rows of weights, two rows at a time.

use crate::kernels::target::ROWS;
use core::arch::asm;

/// Adds to each sum Σ (input − zero_point) · weight over a row of weights; rows start `stride` elements apart.
///
/// Nothing where a row would leave `weights`.
pub(crate) fn rows(sums: &mut [i32; ROWS], input: &[i8], zero_point: i8, weights: &[i8], stride: usize) {
    if weights.len() < (ROWS - 1) * stride + input.len() {
        return;
    }
    let tail = input.len() % 4;
    let block = input.len() - tail;
    let (pairs, _) = sums.as_chunks_mut::<2>();
    for (pair, sums) in pairs.iter_mut().enumerate() {
        let row = 2 * pair * stride;
        let mut call = Call {
            input: input.as_ptr().wrapping_add(block),
            weights: [row, row + stride].map(|row| weights.as_ptr().wrapping_add(row + block)),
            index: -(block as isize),
            sums: *sums,
            zero_point: -i32::from(zero_point),
            tail,
        };
        // SAFETY: both rows are as long as the input and lie in the weights.
        unsafe { add_pair(&mut call) };
        *sums = call.sums;
    }
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    /// The activation after the last whole four.
    input: *const i8,
    /// The weights after the last whole fours.
    weights: [*const i8; 2],
    /// The first product from there.
    index: isize,
    sums: [i32; 2],
    /// The negated zero point.
    zero_point: i32,
    /// Products after the last whole four.
    tail: usize,
}

/// Adds a product of each row, with this code between the load of an activation and its use; the flags tell whether the next index
/// is 0.
macro_rules! add_one {
    ($adjust:literal) => {
        concat!(
            "ldrsb r6, [r0, r3]\n",
            $adjust,
            "ldrsb r7, [r1, r3]\n",
            "muls r7, r6\n",
            "adds r4, r4, r7\n",
            "ldrsb r7, [r2, r3]\n",
            "muls r7, r6\n",
            "adds r5, r5, r7\n",
            "adds r3, r3, #1\n",
        )
    };
}

/// Adds the products from the index in r3 on, which are whole fours up to 0, to the index in r9.
macro_rules! add_products {
    ($adjust:literal) => {
        concat!(
            "cmp r3, #0\n",
            "beq 13f\n",
            "12:\n",
            add_one!($adjust),
            add_one!($adjust),
            add_one!($adjust),
            add_one!($adjust),
            "bne 12b\n",
            "13:\n",
            "cmp r3, r9\n",
            "beq 14f\n",
            add_one!($adjust),
            "b 13b\n",
            "14:\n",
        )
    };
}

pub(super) use {add_one, add_products};

/// Adds products to the sums of two rows.
///
/// # Safety
/// Activations and weights must be there.
#[inline(never)]
unsafe fn add_pair(call: &mut Call) {
    // SAFETY: as for this function; r0, which is named as an input, and the registers above r5 are restored.
    unsafe {
        asm!(
            "push {{r0, r6, r7}}",
            "mov r6, r8",
            "mov r7, r9",
            "push {{r6, r7}}",
            "ldr r6, [r0, #24]",
            "mov r8, r6",
            "ldr r6, [r0, #28]",
            "mov r9, r6",
            "ldm r0, {{r0, r1, r2, r3, r4, r5}}",
            add_products!("add r6, r8\n"),
            "ldr r0, [sp, #8]",
            "str r4, [r0, #16]",
            "str r5, [r0, #20]",
            "pop {{r6, r7}}",
            "mov r8, r6",
            "mov r9, r7",
            "pop {{r0, r6, r7}}",
            in("r0") call,
            out("r1") _,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
        );
    }
}
