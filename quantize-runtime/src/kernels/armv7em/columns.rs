//! Products of a row of weights and some windows, whose activations have been widened to halves.

use super::{Channels, assembly, negated};
use crate::kernels::int8::patch::Windows;
use crate::rescale::Rescale;
use crate::steps::Conv2d;
use core::arch::asm;

/// Bytes of memory for activations.
const BYTES: usize = 512;

/// Memory for activations, at an address of a word.
#[repr(align(4))]
pub(super) struct Memory([i8; BYTES]);

impl Memory {
    pub(super) const fn new() -> Self {
        Self([0; BYTES])
    }
}

/// The activations of `N` windows without their zero point, four of each window in turn as halves: the first and third, then the
/// second and fourth.
pub(super) struct Columns<'m, const N: usize> {
    memory: &'m mut Memory,
    len: usize,
}

impl<'m, const N: usize> Columns<'m, N> {
    /// Whether there is memory for windows of a length, and so many bytes more.
    pub(super) const fn fit(len: usize, more: usize) -> bool {
        Self::bytes(len) + more <= BYTES
    }

    const fn bytes(len: usize) -> usize {
        2 * N * len.next_multiple_of(4)
    }

    /// For windows of a length; `None` for too long ones.
    pub(super) fn new(memory: &'m mut Memory, len: usize) -> Option<Self> {
        Self::fit(len, 0).then_some(Self { memory, len })
    }

    /// Stores the activations of the next windows.
    #[inline(never)] // so that its registers are not on the stack under those of the products
    pub(super) fn fill(&mut self, windows: &mut Windows<'_>, zero_point: i8) {
        for column in 0..N {
            let Some(place) = windows.next() else { return };
            // What is left of the memory has room for activations that are no run of the input.
            let Some((halves, patch)) = self.memory.0.split_at_mut_checked(Self::bytes(self.len)) else { return };
            let patch = patch.get_mut(..self.len).unwrap_or_default();
            let input = windows.activations(place, patch);
            if input.len() == self.len {
                Self::widen(halves, column, input, zero_point);
            }
        }
    }

    /// Stores the activations of a window in the memory for all halves, which starts at an address of a word.
    #[inline(never)] // as for `fill`
    fn widen(halves: &mut [i8], column: usize, input: &[i8], zero_point: i8) {
        if column >= N || halves.len() < Self::bytes(input.len()) {
            return;
        }
        let (words, rest) = input.as_chunks::<4>();
        let mut to = halves.as_mut_ptr().cast::<u32>().wrapping_add(2 * column);
        if let [first, ..] = words {
            // SAFETY: reads the words, and writes two of each `2 · N` words of halves, which are enough.
            unsafe {
                asm!(
                    "2:",
                    "ldr {word}, [{from}], #4",
                    "sxtab16 {even}, {zero}, {word}",
                    "sxtab16 {odd}, {zero}, {word}, ror #8",
                    "strd {even}, {odd}, [{to}], #{step}",
                    "cmp {from}, {end}",
                    "bne 2b",
                    from = inout(reg) first.as_ptr() => _,
                    to = inout(reg) to,
                    end = in(reg) first.as_ptr().wrapping_add(4 * words.len()),
                    zero = in(reg) negated(zero_point),
                    word = out(reg) _,
                    even = out(reg) _,
                    odd = out(reg) _,
                    step = const 8 * N,
                    options(nostack),
                );
            }
        }
        if !rest.is_empty() {
            let half = |i: usize| rest.get(i).map_or(0, |&x| i16::from(x) - i16::from(zero_point)).cast_unsigned();
            let pair = |i: usize| u32::from(half(i + 2)) << 16 | u32::from(half(i));
            // SAFETY: the last of the halves' places, as above.
            unsafe {
                to.write(pair(0));
                to = to.add(1);
                to.write(pair(1));
            }
        }
    }
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    channels: Channels,
    halves: *const u32,
    weights: *const i8,
    /// Weights of a row in whole eights.
    block: usize,
    /// Weights of a row after them.
    tail: usize,
    /// Elements from a window's results to the next one's.
    stride: usize,
}

impl<const N: usize> Columns<'_, N> {
    /// Computes the results of all channels and windows.
    #[inline(never)] // so that its registers are not on the stack under those that find windows
    pub(super) fn store(&self, step: &Conv2d<'_, Rescale<'_>>, results: &mut [i8]) {
        let stride = results.len() / N;
        let Some(channels) = Channels::new(step, results, stride) else { return };
        let Some(weights) = step.weights.get(..stride * self.len) else { return };
        let mut call = Call {
            channels,
            halves: self.memory.0.as_ptr().cast(),
            weights: weights.as_ptr(),
            block: self.len / 8 * 8,
            tail: self.len % 8,
            stride,
        };
        // SAFETY: the weights have a row for each channel, the results `N` elements; `Channels::new` has checked the other
        // constants, and a channel is there since a dimension is not 0.
        unsafe {
            match N {
                4 => store_four(&mut call),
                _ => store_two(&mut call),
            }
        }
    }
}

/// Adds four products of each of two windows.
macro_rules! add_two {
    ($first:literal, $second:literal) => {
        concat!(
            "ldm r0!, {{r8-r11}}\n",
            "smlad ",
            $first,
            ", r8, r3, ",
            $first,
            "\n",
            "smlad ",
            $first,
            ", r9, r12, ",
            $first,
            "\n",
            "smlad ",
            $second,
            ", r10, r3, ",
            $second,
            "\n",
            "smlad ",
            $second,
            ", r11, r12, ",
            $second,
            "\n",
        )
    };
}

/// Adds the products of the weights of r12 with each window.
macro_rules! add_word {
    ($($first:literal $second:literal),*) => {
        concat!("sxtb16 r3, r12\n", "sxtb16 r12, r12, ror #8\n", $(add_two!($first, $second)),*)
    };
}

/// Rescales the sum of r1 and stores it.
macro_rules! store {
    ($sum:literal, $to:literal) => {
        concat!(
            "smmul r1, ",
            $sum,
            ", r11\n",
            "asrs r1, r1, r12\n",
            "adc r1, r1, r2\n",
            "ssat r1, #8, r1\n",
            "strb r1, ",
            $to,
            "\n",
        )
    };
}

/// The same for a shift up to 32.
macro_rules! store_slowly {
    ($sum:literal, $to:literal) => {
        concat!("mov r1, ", $sum, "\n", "bl 50f\n", "strb r1, ", $to, "\n")
    };
}

/// The function for some windows: names of pairs of sums, and what stores the results after the second one.
macro_rules! store_columns {
    ($name:ident, [$($first:literal $second:literal),*], [$($sum:literal => $before:literal $to:literal),*]) => {
        /// Computes the results of `count` channels.
        ///
        /// # Safety
        /// Weights, constants and results must be there for all of them, and the count not 0.
        #[inline(never)]
        unsafe fn $name(call: &mut Call) {
            // SAFETY: as for this function; all registers that change are named.
            unsafe {
                assembly!(
                    call,
                    "2:",
                    "ldrd r9, r10, [r0, #20]",
                    "ldr r4, [r9]",
                    "add r9, r9, r10",
                    "str r9, [r0, #20]",
                    "mov r5, r4",
                    "mov r6, r4",
                    "mov r7, r4",
                    "add r0, r0, #32",
                    "ldm r0, {{r0, r1, r2}}",
                    "add r2, r1, r2",
                    "cmp r1, r2",
                    "beq 11f",
                    "10:",
                    "ldr r12, [r1], #4",
                    add_word!($($first $second),*),
                    "ldr r12, [r1], #4",
                    add_word!($($first $second),*),
                    "cmp r1, r2",
                    "bne 10b",
                    "11:",
                    "ldr r2, [sp]",
                    "ldr r2, [r2, #44]",
                    "cmp r2, #0",
                    "beq 16f",
                    "subs r2, r2, #4",
                    "blt 12f",
                    "ldr r12, [r1], #4",
                    add_word!($($first $second),*),
                    "cmp r2, #0",
                    "beq 16f",
                    "b 13f",
                    "12: add r2, r2, #4",
                    // One, two or three weights as a word, without a byte behind them.
                    "13: cmp r2, #2",
                    "ite lt",
                    "ldrblt r12, [r1], #1",
                    "ldrhge r12, [r1], #2",
                    "ble 14f",
                    "ldrb r3, [r1], #1",
                    "orr r12, r12, r3, lsl #16",
                    "14:",
                    add_word!($($first $second),*),
                    "16:",
                    "ldr r0, [sp]",
                    "str r1, [r0, #36]",
                    "ldm r0, {{r2, r3, r8, r9, r10}}",
                    "ldr r11, [r3]",
                    "add r3, r3, r10",
                    "ldrsb r12, [r8]",
                    "add r8, r8, r10, lsr #2",
                    "add r10, r9, #1",
                    "strd r3, r8, [r0, #4]",
                    "str r10, [r0, #12]",
                    "ldr r10, [r0, #48]",
                    "subs r12, r12, #32",
                    "ble 40f",
                    store!("r4", "[r9]"),
                    store!("r5", "[r9, r10]"),
                    $($before, store!($sum, $to),)*
                    "30:",
                    "ldr r1, [r0, #28]",
                    "subs r1, r1, #1",
                    "str r1, [r0, #28]",
                    "bne 2b",
                    "b 60f",
                    "40:",
                    store_slowly!("r4", "[r9]"),
                    store_slowly!("r5", "[r9, r10]"),
                    $($before, store_slowly!($sum, $to),)*
                    "ldr r0, [sp]",
                    "b 30b",
                    // The sum of r1 times r11, shifted by r12 + 32 in 64 bits, and the zero point, limited to i8.
                    "50:",
                    "smull r3, r1, r1, r11",
                    "add r0, r12, #31",
                    "mov r8, #1",
                    "lsl r8, r8, r0",
                    "adds r3, r3, r8",
                    "adc r1, r1, #0",
                    "add r0, r0, #1",
                    "lsr r3, r3, r0",
                    "rsb r0, r0, #32",
                    "lsl r1, r1, r0",
                    "orr r1, r1, r3",
                    "qadd r1, r1, r2",
                    "ssat r1, #8, r1",
                    "bx lr",
                    "60:",
                );
            }
        }
    };
}

store_columns!(store_two, ["r4" "r5"], []);
store_columns!(store_four, ["r4" "r5", "r6" "r7"], ["r6" => "add r9, r9, r10" "[r9, r10]", "r7" => "" "[r9, r10, lsl #1]"]);
