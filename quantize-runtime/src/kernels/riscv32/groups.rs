//! CONV2D from i8 to i8: eight channels of a place at a time.

use super::dot::{add_one, add_products, add_row, advance};
use crate::kernels::int8::channel::single_channels;
use crate::kernels::int8::constants::{Constants, Ones};
use crate::kernels::int8::conv2d::Conv2dWay;
use crate::rescale::Rescale;
use crate::steps::Conv2d;
use core::arch::asm;

/// Channels that are computed together: their sums and the pointers to their weights fit the registers.
const GROUP: usize = super::ROWS;

/// This target's own kernel for a step; `None` for other constants or windows than it takes.
pub(crate) const fn way(step: &Conv2d<'_, Rescale<'_>>) -> Option<Conv2dWay> {
    let [_, _, _, channels] = step.output.sizes::<4>();
    let left_shift = Constants::left_shift(step.bias, &step.epilogue, channels, step.window_len());
    if matches!(left_shift, Some(0)) && step.fits_patch() { Some(Conv2dWay::PatchOfTarget) } else { None }
}

/// Computes the results of all channels from the activations under their window.
#[inline(never)] // so that its registers are not on the stack under those that find windows
pub(in crate::kernels) fn channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
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
        let end = input.as_ptr().wrapping_add(len);
        let mut call = Call {
            input: input.as_ptr(),
            block: end.wrapping_sub(len % 4),
            end,
            weights: weights.as_ptr(),
            len,
            output: result.as_mut_ptr(),
            groups,
            zero_point: step.input_zero_point.into(),
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
    input: *const i8,
    /// The activation after the last whole four, and after the last.
    block: *const i8,
    end: *const i8,
    weights: *const i8,
    /// Weights of a row.
    len: usize,
    output: *mut i8,
    /// Groups that are left.
    groups: usize,
    zero_point: i32,
    output_zero_point: i32,
    constants: Constants,
}

/// Rescales a sum and stores it.
macro_rules! store {
    ($sum:literal, $word:literal, $byte:literal) => {
        concat!(
            "lw {a}, ",
            $word,
            "({w0})\n",
            "lb {b}, ",
            $byte,
            "({w1})\n",
            "mulh {s",
            $sum,
            "}, {s",
            $sum,
            "}, {a}\n",
            "addi {b}, {b}, -33\n",
            "sra {s",
            $sum,
            "}, {s",
            $sum,
            "}, {b}\n",
            // Twice the quotient, rounded down: its last bit says whether the quotient is rounded up.
            "addi {s",
            $sum,
            "}, {s",
            $sum,
            "}, 1\n",
            "srai {s",
            $sum,
            "}, {s",
            $sum,
            "}, 1\n",
            "add {s",
            $sum,
            "}, {s",
            $sum,
            "}, {w3}\n",
            "bge {s",
            $sum,
            "}, {w4}, 6f\n",
            "mv {s",
            $sum,
            "}, {w4}\n",
            "6:\n",
            "ble {s",
            $sum,
            "}, {w5}, 7f\n",
            "mv {s",
            $sum,
            "}, {w5}\n",
            "7:\n",
            "sb {s",
            $sum,
            "}, ",
            $byte,
            "({w2})\n",
        )
    };
}

/// Computes the results of groups of eight channels.
///
/// # Safety
/// Activations, weights, constants and results must be there, and the groups not 0.
#[inline(never)]
unsafe fn store_groups(call: &mut Call) {
    // SAFETY: as for this function. `x` goes to the first end in steps of four, then to the second in steps of one.
    unsafe {
        asm!(
            "lw {block}, 4({call})",
            "lw {end}, 8({call})",
            "lw {zero}, 28({call})",
            "2:",
            "lw {b}, 36({call})",
            "lw {a}, 40({call})",
            "lw {s0}, 0({b})",
            "lw {s1}, 4({b})",
            "lw {s2}, 8({b})",
            "lw {s3}, 12({b})",
            "lw {s4}, 16({b})",
            "lw {s5}, 20({b})",
            "lw {s6}, 24({b})",
            "lw {s7}, 28({b})",
            "add {b}, {b}, {a}",
            "sw {b}, 36({call})",
            "lw {x}, 0({call})",
            "lw {w0}, 12({call})",
            "lw {a}, 16({call})",
            "add {w1}, {w0}, {a}",
            "add {w2}, {w1}, {a}",
            "add {w3}, {w2}, {a}",
            "add {w4}, {w3}, {a}",
            "add {w5}, {w4}, {a}",
            "add {w6}, {w5}, {a}",
            "add {w7}, {w6}, {a}",
            add_products!(),
            // Behind the last row the next group starts.
            "sw {w7}, 12({call})",
            "lw {w0}, 44({call})",
            "lw {w1}, 52({call})",
            "lw {w2}, 20({call})",
            "lw {w3}, 32({call})",
            "li {w4}, -128",
            "li {w5}, 127",
            store!("0", "0", "0"),
            store!("1", "4", "1"),
            store!("2", "8", "2"),
            store!("3", "12", "3"),
            store!("4", "16", "4"),
            store!("5", "20", "5"),
            store!("6", "24", "6"),
            store!("7", "28", "7"),
            "lw {a}, 48({call})",
            "lw {b}, 56({call})",
            "add {w0}, {w0}, {a}",
            "add {w1}, {w1}, {b}",
            "addi {w2}, {w2}, 8",
            "sw {w0}, 44({call})",
            "sw {w1}, 52({call})",
            "sw {w2}, 20({call})",
            "lw {a}, 24({call})",
            "addi {a}, {a}, -1",
            "sw {a}, 24({call})",
            "bnez {a}, 2b",
            call = in(reg) call,
            block = out(reg) _,
            end = out(reg) _,
            zero = out(reg) _,
            x = out(reg) _,
            w0 = out(reg) _,
            w1 = out(reg) _,
            w2 = out(reg) _,
            w3 = out(reg) _,
            w4 = out(reg) _,
            w5 = out(reg) _,
            w6 = out(reg) _,
            w7 = out(reg) _,
            s0 = out(reg) _,
            s1 = out(reg) _,
            s2 = out(reg) _,
            s3 = out(reg) _,
            s4 = out(reg) _,
            s5 = out(reg) _,
            s6 = out(reg) _,
            s7 = out(reg) _,
            a = out(reg) _,
            b = out(reg) _,
            options(nostack),
        );
    }
}
