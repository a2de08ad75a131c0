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
pub(in crate::kernels) fn channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    channels_by(store_groups, step, input, result);
}

/// The same with weights in the order of [`pack`].
pub(in crate::kernels) fn packed_channels(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], result: &mut [i8]) {
    channels_by(store_packed_groups, step, input, result);
}

/// Stores weights whose rows are so long, with those of the rows of a group for each activation next to each other.
pub(in crate::kernels) const fn pack(weights: &[i8], len: usize, packed: &mut [i8]) {
    let mut at = 0;
    while at < weights.len() {
        let (row, column) = (at / len, at % len);
        let group = row / GROUP * GROUP;
        // Those of the rows after all groups stay where they are.
        let is_grouped = (group + GROUP) * len <= weights.len();
        packed[if is_grouped { group * len + column * GROUP + row % GROUP } else { at }] = weights[at];
        at += 1;
    }
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

/// Adds the products at an offset in the activations, whose weights are at these in the packed ones.
macro_rules! add_packed {
    ($at:literal, $($sum:literal $weight:literal),*) => {
        concat!(
            "lb {a}, ",
            $at,
            "({x})\n",
            "sub {a}, {a}, {zero}\n",
            $("lb {b}, ", $weight, "({w0})\n", "mul {b}, {b}, {a}\n", "add {s", $sum, "}, {s", $sum, "}, {b}\n",)*
        )
    };
}

/// The function for groups of eight channels: what finds the weights, multiplies, and keeps where the next ones are.
macro_rules! store_groups {
    ($name:ident, [$($start:expr,)*], [$($products:expr,)*], $next:literal) => {
        /// Computes the results of groups of eight channels.
        ///
        /// # Safety
        /// Activations, weights, constants and results must be there, and the groups not 0.
        #[inline(never)]
        unsafe fn $name(call: &mut Call) {
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
                    $($start,)*
                    $($products,)*
                    concat!("sw ", $next, ", 12({call})"),
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
                    "# {w6} and {w7} are pointers of one of the functions.",
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
    };
}

// Behind the last row, or the last weights of all, the next group starts.
store_groups!(
    store_groups,
    [
        "lw {a}, 16({call})",
        "add {w1}, {w0}, {a}",
        "add {w2}, {w1}, {a}",
        "add {w3}, {w2}, {a}",
        "add {w4}, {w3}, {a}",
        "add {w5}, {w4}, {a}",
        "add {w6}, {w5}, {a}",
        "add {w7}, {w6}, {a}",
    ],
    [add_products!(),],
    "{w7}"
);
store_groups!(
    store_packed_groups,
    [],
    [
        "beq {x}, {block}, 13f",
        "12:",
        add_packed!("0", "0" "0", "1" "1", "2" "2", "3" "3", "4" "4", "5" "5", "6" "6", "7" "7"),
        add_packed!("1", "0" "8", "1" "9", "2" "10", "3" "11", "4" "12", "5" "13", "6" "14", "7" "15"),
        add_packed!("2", "0" "16", "1" "17", "2" "18", "3" "19", "4" "20", "5" "21", "6" "22", "7" "23"),
        add_packed!("3", "0" "24", "1" "25", "2" "26", "3" "27", "4" "28", "5" "29", "6" "30", "7" "31"),
        "addi {x}, {x}, 4",
        "addi {w0}, {w0}, 32",
        "bne {x}, {block}, 12b",
        "13:",
        "beq {x}, {end}, 15f",
        "14:",
        add_packed!("0", "0" "0", "1" "1", "2" "2", "3" "3", "4" "4", "5" "5", "6" "6", "7" "7"),
        "addi {x}, {x}, 1",
        "addi {w0}, {w0}, 8",
        "bne {x}, {end}, 14b",
        "15:",
    ],
    "{w0}"
);
