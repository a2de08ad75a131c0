//! Products of a run of activations and four rows of weights.

use super::{Channels, assembly, negated};
use crate::kernels::int8::channel::single_channels;
use crate::kernels::target::ROWS;
use crate::rescale::Rescale;
use crate::steps::Conv2d;

/// Activations and weights, for assembly.
#[repr(C)]
struct Products {
    input: *const i8,
    weights: *const i8,
    /// Elements from a row to the next.
    stride: usize,
    /// The activation after the last whole eight.
    end: *const i8,
    /// The negated zero point in both halves.
    zero_point: u32,
    /// Activations from `end` on.
    tail: usize,
}

impl Products {
    /// `None` if a row leaves `weights`.
    fn new(input: &[i8], zero_point: i8, weights: &[i8], stride: usize) -> Option<Self> {
        let tail = input.len() % 8;
        let is_whole = weights.len() >= (ROWS - 1) * stride + input.len();
        is_whole.then(|| Self {
            input: input.as_ptr(),
            weights: weights.as_ptr(),
            stride,
            end: input.as_ptr().wrapping_add(input.len() - tail),
            zero_point: negated(zero_point),
            tail,
        })
    }
}

/// Adds to each sum Σ (input − zero_point) · weight over a row of weights; rows start `stride` elements apart.
///
/// Nothing where a row would leave `weights`.
pub(crate) fn rows(sums: &mut [i32; ROWS], input: &[i8], zero_point: i8, weights: &[i8], stride: usize) {
    let Some(products) = Products::new(input, zero_point, weights, stride) else { return };
    let mut call = Rows { products, sums: *sums };
    // SAFETY: `Products::new` has checked that all rows lie in the weights.
    unsafe { add_rows(&mut call) };
    *sums = call.sums;
}

/// Computes the results of all channels from the activations under their window.
pub(crate) fn channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    let groups = result.len() / ROWS;
    let len = input.len();
    if groups > 0
        && let Some(channels) = Channels::new(step, result, groups)
        && let Some(weights) = step.weights.get(..groups * ROWS * len)
        && let Some(products) = Products::new(input, step.input_zero_point, weights, len)
    {
        let mut call = Groups { channels, products };
        // SAFETY: weights and result have as many rows and elements as the groups, `Channels::new` has checked the other
        // constants.
        unsafe { store_groups(&mut call) };
    }
    single_channels(step, input, result, groups * ROWS);
}

/// Arguments of [`add_rows`].
#[repr(C)]
struct Rows {
    products: Products,
    sums: [i32; ROWS],
}

/// Arguments of [`store_groups`].
#[repr(C)]
struct Groups {
    channels: Channels,
    products: Products,
}

/// Adds the products of a row, whose next four weights are at `$weights`, with the activations of r9 and r10.
macro_rules! add_row {
    ($sum:literal, $weights:literal) => {
        concat!(
            "ldr r11, ",
            $weights,
            "\n",
            "sxtb16 r12, r11\n",
            "sxtb16 r11, r11, ror #8\n",
            "smlad ",
            $sum,
            ", r9, r12, ",
            $sum,
            "\n",
            "smlad ",
            $sum,
            ", r10, r11, ",
            $sum,
            "\n",
        )
    };
}

/// Adds one product of a row.
macro_rules! add_one {
    ($sum:literal, $weight:literal) => {
        concat!("ldrsb r12, ", $weight, "\n", "mla ", $sum, ", r10, r12, ", $sum, "\n")
    };
}

/// Adds the next four products of each row.
macro_rules! add_four {
    () => {
        concat!(
            "ldr r10, [r0], #4\n",
            "sxtab16 r9, r8, r10\n",
            "sxtab16 r10, r8, r10, ror #8\n",
            add_row!("r5", "[r1, r2]"),
            add_row!("r6", "[r1, r2, lsl #1]"),
            add_row!("r7", "[lr], #4"),
            add_row!("r4", "[r1], #4"),
        )
    };
}

/// Adds the products of `Products` at `$at` of the arguments, a pointer to which is on the top of the stack, to r4 to r7. Leaves
/// in lr the weights after the last row.
macro_rules! add_products {
    ($at:literal, $tail:literal) => {
        concat!(
            "add r0, r0, ",
            $at,
            "\n",
            "ldm r0, {{r0, r1, r2, r3, r8}}\n",
            "add lr, r1, r2, lsl #1\n",
            "add lr, lr, r2\n",
            "cmp r0, r3\n",
            "beq 11f\n",
            "10:\n",
            add_four!(),
            add_four!(),
            "cmp r0, r3\n",
            "bne 10b\n",
            "11:\n",
            "ldr r3, [sp]\n",
            "ldr r3, [r3, ",
            $tail,
            "]\n",
            "cbz r3, 15f\n",
            "subs r3, r3, #4\n",
            "blt 12f\n",
            add_four!(),
            "b 13f\n",
            "15: b 16f\n",
            "12: add r3, r3, #4\n",
            "13: cbz r3, 16f\n",
            "14:\n",
            "ldrsb r10, [r0], #1\n",
            "sxtah r10, r10, r8\n",
            add_one!("r5", "[r1, r2]"),
            add_one!("r6", "[r1, r2, lsl #1]"),
            add_one!("r7", "[lr], #1"),
            add_one!("r4", "[r1], #1"),
            "subs r3, r3, #1\n",
            "bne 14b\n",
            "16:\n",
        )
    };
}

/// Rescales a sum and stores it. The product's high word, shifted, is the quotient rounded down, and the last bit shifted out
/// says whether it is rounded up. `$slow` is the label of a call for shifts up to 32, `$done` where it goes on.
macro_rules! store {
    ($sum:literal, $slow:literal, $done:literal) => {
        concat!(
            "ldr r1, [r9]\n",
            "add r9, r9, r12\n",
            "ldrsb r3, [r10]\n",
            "add r10, r10, r12, lsr #2\n",
            "smmul r8, ",
            $sum,
            ", r1\n",
            "subs r3, r3, #32\n",
            "ble ",
            $slow,
            "f\n",
            "asrs r8, r8, r3\n",
            "adc r8, r8, r2\n",
            $done,
            ":\n",
            "ssat r8, #8, r8\n",
            "strb r8, [r11], #1\n",
        )
    };
}

/// The way of a small shift, from [`store!`] and back.
macro_rules! store_slowly {
    ($sum:literal, $slow:literal, $done:literal) => {
        concat!($slow, ":\n", "mov r8, ", $sum, "\n", "bl 50f\n", "b ", $done, "b\n")
    };
}

/// Adds products to the sums of four rows.
///
/// # Safety
/// The pointers of the products must be those of slices as [`Products::new`] takes them.
#[inline(never)]
unsafe fn add_rows(call: &mut Rows) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "add r1, r0, #24",
            "ldm r1, {{r4-r7}}",
            add_products!("#0", "#20"),
            "ldr r0, [sp]",
            "add r0, r0, #24",
            "stm r0, {{r4-r7}}",
        );
    }
}

/// Computes the results of `count` groups of four channels.
///
/// # Safety
/// As for [`add_rows`], for all rows; the constants and results of the channels must be there as well, and the count not 0.
#[inline(never)]
unsafe fn store_groups(call: &mut Groups) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "2:",
            "ldrd r9, r10, [r0, #20]",
            "ldr r4, [r9]",
            "ldr r5, [r9, r10]",
            "add r9, r9, r10, lsl #1",
            "ldr r6, [r9]",
            "ldr r7, [r9, r10]",
            "add r9, r9, r10, lsl #1",
            "str r9, [r0, #20]",
            add_products!("#32", "#52"),
            "ldr r0, [sp]",
            "str lr, [r0, #36]",
            "ldm r0, {{r2, r9, r10, r11, r12}}",
            store!("r4", "41", "42"),
            store!("r5", "43", "44"),
            store!("r6", "45", "46"),
            store!("r7", "47", "48"),
            "add r1, r0, #4",
            "stm r1, {{r9, r10, r11}}",
            "ldr r1, [r0, #28]",
            "subs r1, r1, #1",
            "str r1, [r0, #28]",
            "bne 2b",
            "b 60f",
            store_slowly!("r4", "41", "42"),
            store_slowly!("r5", "43", "44"),
            store_slowly!("r6", "45", "46"),
            store_slowly!("r7", "47", "48"),
            // The sum of r8 times r1, shifted by r3 + 32 in 64 bits, and the zero point.
            "50:",
            "smull r1, r8, r8, r1",
            "add r3, r3, #31",
            "mov r0, #1",
            "lsl r0, r0, r3",
            "adds r1, r1, r0",
            "adc r8, r8, #0",
            "add r3, r3, #1",
            "lsr r1, r1, r3",
            "rsb r3, r3, #32",
            "lsl r8, r8, r3",
            "orr r8, r8, r1",
            "qadd r8, r8, r2",
            "ldr r0, [sp]",
            "bx lr",
            "60:",
        );
    }
}
