//! CONV2D from i8 to i8: two channels of a place at a time.

use super::dot::{add_one, add_products};
use crate::kernels::int8::channel::single_channels;
use crate::kernels::int8::constants::{Constants, Ones};
use crate::kernels::int8::conv2d::Conv2dWay;
use crate::rescale::Rescale;
use crate::steps::Conv2d;
use core::arch::asm;

/// Channels that are computed together.
const GROUP: usize = 2;

/// This target's own kernel for a step; `None` for other constants or windows than it takes.
pub(crate) const fn way(step: &Conv2d<'_, Rescale<'_>>) -> Option<Conv2dWay> {
    let [_, _, _, channels] = step.output.sizes::<4>();
    let left_shift = Constants::left_shift(step.bias, &step.epilogue, channels, step.window_len());
    match step.input_zero_point {
        _ if !matches!(left_shift, Some(0)) || !step.fits_patch() => None,
        0 => Some(Conv2dWay::PatchFromZero),
        _ => Some(Conv2dWay::PatchOfTarget),
    }
}

/// Computes the results of all channels from the activations under their window.
pub(in crate::kernels) fn channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    channels_by(store_groups, step, input, result);
}

/// The same for activations whose zero point is 0.
pub(in crate::kernels) fn channels_from_zero(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    channels_by(store_groups_from_zero, step, input, result);
}

#[inline(never)] // so that its registers are not on the stack under those that find windows
fn channels_by(store_groups: unsafe fn(&mut Call), step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    let (groups, len) = (result.len() / GROUP, input.len());
    let constants = Constants::new(step.bias, &step.epilogue, result.len(), GROUP);
    let (Some(constants), Some(weights)) = (constants, step.weights.get(..groups * GROUP * len)) else { return };
    let ones;
    let constants = if constants.have_ones() {
        ones = Ones::<GROUP>::new(step.bias, &step.epilogue);
        constants.or_ones(&ones)
    } else {
        constants
    };
    if groups > 0 {
        let tail = len % 4;
        let block = len - tail;
        let mut call = Call {
            input: input.as_ptr().wrapping_add(block),
            weights: weights.as_ptr().wrapping_add(block),
            index: -(block as isize), // a slice is no longer
            zero_point: -i32::from(step.input_zero_point),
            tail,
            len,
            output: result.as_mut_ptr(),
            groups,
            output_zero_point: step.epilogue.output_zero_point.into(),
            constants,
        };
        // SAFETY: a group of rows as long as the input lies in the weights for each group of results, and constants are there
        // for all of them.
        unsafe { store_groups(&mut call) };
    }
    single_channels(step, input, result, groups * GROUP);
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    /// The activation after the last whole four.
    input: *const i8,
    /// The weight after the last whole four of the first row that is left.
    weights: *const i8,
    /// The first product from there.
    index: isize,
    /// The negated zero point.
    zero_point: i32,
    /// Products after the last whole four.
    tail: usize,
    /// Weights of a row.
    len: usize,
    output: *mut i8,
    /// Groups that are left.
    groups: usize,
    output_zero_point: i32,
    constants: Constants,
}

/// Rescales a sum and stores it; multipliers are at r1.
macro_rules! store {
    ($sum:literal, $word:literal, $byte:literal) => {
        concat!(
            // The high word, from four products of halves.
            "ldr r2, [r1, ",
            $word,
            "]\n",
            "asrs r3, ",
            $sum,
            ", #16\n",
            "uxth ",
            $sum,
            ", ",
            $sum,
            "\n",
            "uxth r6, r2\n",
            "lsrs r2, r2, #16\n",
            "mov r7, ",
            $sum,
            "\n",
            "muls r7, r6, r7\n",
            "lsrs r7, r7, #16\n",
            "muls ",
            $sum,
            ", r2, ",
            $sum,
            "\n",
            "adds ",
            $sum,
            ", ",
            $sum,
            ", r7\n",
            "muls r6, r3, r6\n",
            "muls r2, r3, r2\n",
            "uxth r7, ",
            $sum,
            "\n",
            "adds r6, r6, r7\n",
            "asrs r6, r6, #16\n",
            "adds r2, r2, r6\n",
            "asrs ",
            $sum,
            ", ",
            $sum,
            ", #16\n",
            "adds r2, r2, ",
            $sum,
            "\n",
            // The last bit that is shifted out says whether the quotient is rounded up.
            "ldr r3, [r0, #52]\n",
            "movs r6, ",
            $byte,
            "\n",
            "ldrsb r6, [r3, r6]\n",
            "subs r6, #32\n",
            "ldr r7, [r0, #32]\n",
            "asrs r2, r2, r6\n",
            "adcs r2, r2, r7\n",
            "movs r7, #127\n",
            "cmp r2, r7\n",
            "ble 6f\n",
            "mov r2, r7\n",
            "6:\n",
            "mvns r7, r7\n",
            "cmp r2, r7\n",
            "bge 7f\n",
            "mov r2, r7\n",
            "7:\n",
            "ldr r7, [r0, #24]\n",
            "strb r2, [r7, ",
            $byte,
            "]\n",
        )
    };
}

/// The function for groups of two channels, with this code between the load of an activation and its use.
macro_rules! store_groups {
    ($name:ident, $adjust:literal) => {
/// Computes the results of groups of two channels.
///
/// # Safety
/// Activations, weights, constants and results must be there, and the groups not 0.
#[inline(never)]
unsafe fn $name(call: &mut Call) {
    // SAFETY: as for this function; r0, which is named as an input, and the registers above r5 are restored.
    unsafe {
        asm!(
            "push {{r0, r6, r7}}",
            "mov r5, r8",
            "mov r6, r9",
            "mov r7, r10",
            "push {{r5, r6, r7}}",
            "mov r10, r0",
            "ldr r1, [r0, #12]",
            "mov r8, r1",
            "ldr r1, [r0, #16]",
            "mov r9, r1",
            "2:",
            "ldr r1, [r0, #36]",
            "ldr r2, [r0, #40]",
            "ldr r4, [r1]",
            "ldr r5, [r1, #4]",
            "adds r1, r1, r2",
            "str r1, [r0, #36]",
            "ldr r1, [r0, #4]",
            "ldr r3, [r0, #20]",
            "adds r2, r1, r3",
            "adds r3, r2, r3",
            "str r3, [r0, #4]",
            "ldr r3, [r0, #8]",
            "ldr r0, [r0]",
            add_products!($adjust),
            "mov r0, r10",
            "ldr r1, [r0, #44]",
            store!("r4", "#0", "#0"),
            store!("r5", "#4", "#1"),
            "ldr r2, [r0, #48]",
            "adds r1, r1, r2",
            "str r1, [r0, #44]",
            "ldr r3, [r0, #52]",
            "ldr r2, [r0, #56]",
            "adds r3, r3, r2",
            "str r3, [r0, #52]",
            "ldr r7, [r0, #24]",
            "adds r7, #2",
            "str r7, [r0, #24]",
            "ldr r2, [r0, #28]",
            "subs r2, #1",
            "str r2, [r0, #28]",
            "beq 8f",
            "b 2b",
            "8:",
            "pop {{r5, r6, r7}}",
            "mov r8, r5",
            "mov r9, r6",
            "mov r10, r7",
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
    };
}

store_groups!(store_groups, "add r6, r8\n");
store_groups!(store_groups_from_zero, "");
