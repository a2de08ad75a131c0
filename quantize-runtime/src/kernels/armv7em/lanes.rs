//! DEPTHWISE_CONV2D from i8 to i8, four channels at a time.

use super::{assembly, negated};
use crate::kernels::int8::biases;
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::kernels::portable;
use crate::rescale::Rescale;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
pub(crate) const LANES: usize = 4;
/// Taps of the largest window whose weights are widened on the stack.
const TAPS: usize = 32;

/// Computes the results of some groups of four channels, the first ones, at all places.
///
/// The step has as many channels in its input as in its result.
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, groups: usize, input: &[i8], output: &mut [i8]) {
    let [rows, columns] = step.kernel.map(usize::from);
    let is_whole = input.len() >= step.input.len() && output.len() >= step.output.len();
    let kernel = if rows * columns <= TAPS && is_whole && step.epilogue.is_of_high_words() {
        four_channels
    } else {
        portable::lanes::lanes::<LANES>
    };
    for group in 0..groups {
        kernel(step, group * LANES, input, output);
    }
}

/// Computes the results of four channels from `first` on at all places, with shifts of high words only.
fn four_channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, first: usize, input: &[i8], output: &mut [i8]) {
    let [.., channels] = step.output.sizes::<4>();
    let columns = usize::from(step.kernel[1]);
    let (multipliers, shifts) = step.epilogue.factors(first);
    let mut weights = [[0; 2]; TAPS];
    for (widened, tap) in weights.iter_mut().zip(step.weights.chunks_exact(channels)) {
        let [w0, w1, w2, w3] = core::array::from_fn(|lane| u32::from(i16::from(tap[first + lane]).cast_unsigned()));
        *widened = [w2 << 16 | w0, w3 << 16 | w1];
    }
    let distances = Distances::new(step);
    let mut call = Call {
        input: input.as_ptr(),
        weights: weights.as_ptr(),
        rows: 0,
        columns: 0,
        tap: distances.tap,
        row: 0,
        skipped: 0,
        place: distances.place,
        output: output.as_mut_ptr(),
        channels,
        count: 0,
        zero_point: negated(step.input_zero_point),
        output_zero_point: step.epilogue.output_zero_point.into(),
        bias: biases(step.bias, first),
        multipliers,
        shifts: shifts.map(|shift| i32::from(shift) - 32),
    };
    for_each_segment(step, |Segment { taps: [ky, kx], input: from, output: to, count }| {
        call.input = input[from + first..].as_ptr();
        call.weights = weights[ky.start * columns + kx.start..].as_ptr();
        (call.rows, call.columns) = (ky.len(), kx.len());
        call.row = distances.row.wrapping_sub(kx.len() * distances.tap);
        call.skipped = (columns - kx.len()) * size_of::<[u32; 2]>();
        call.output = output[to + first..].as_mut_ptr();
        call.count = count;
        // SAFETY: the taps of a segment lie inside the input, and its results inside the output, which are as large as their
        // shapes; the weights have all taps.
        unsafe { store_places(&mut call) };
    });
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    input: *const i8,
    /// Of each tap those of the first and third channel as halves, then those of the second and fourth.
    weights: *const [u32; 2],
    rows: usize,
    columns: usize,
    /// From an activation to the next of a row.
    tap: usize,
    /// From behind the last activation of a row to the first of the next.
    row: usize,
    /// Bytes of weights between two rows of taps.
    skipped: usize,
    /// From an activation to that of the next place.
    place: usize,
    output: *mut i8,
    /// From a result to that of the next place.
    channels: usize,
    count: usize,
    /// The negated zero point in both halves.
    zero_point: u32,
    output_zero_point: i32,
    bias: [i32; LANES],
    multipliers: [i32; LANES],
    /// Shifts of the high words of products.
    shifts: [i32; LANES],
}

/// Computes the results of four channels at `count` places, of which there is at least one.
///
/// # Safety
/// Activations, weights and results must be there.
#[inline(never)]
unsafe fn store_places(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "2:",
            "add r1, r0, #52",
            "ldm r1, {{r4-r7}}",
            "ldr r8, [r0, #44]",
            "ldr lr, [r0, #16]",
            "ldrd r1, r2, [r0]",
            "ldr r0, [r0, #8]",
            "cmp r0, #0",
            "beq 5f",
            "3:",
            "ldr r3, [sp]",
            "ldr r3, [r3, #12]",
            "4:",
            "ldr r10, [r1]",
            "add r1, r1, lr",
            "ldm r2!, {{r11, r12}}",
            "sxtab16 r9, r8, r10",
            "sxtab16 r10, r8, r10, ror #8",
            "smlabb r4, r9, r11, r4",
            "smlabb r5, r10, r12, r5",
            "smlatt r6, r9, r11, r6",
            "smlatt r7, r10, r12, r7",
            "subs r3, r3, #1",
            "bne 4b",
            "ldr r3, [sp]",
            "ldrd r9, r10, [r3, #20]",
            "add r1, r1, r9",
            "add r2, r2, r10",
            "subs r0, r0, #1",
            "bne 3b",
            "5:",
            "ldr r0, [sp]",
            "ldr lr, [r0, #48]",
            "add r1, r0, #68",
            "ldm r1!, {{r8-r11}}",
            "ldm r1, {{r1, r2, r3, r12}}",
            "smmul r4, r4, r8",
            "asrs r4, r4, r1",
            "adc r4, r4, lr",
            "ssat r4, #8, r4",
            "smmul r5, r5, r9",
            "asrs r5, r5, r2",
            "adc r5, r5, lr",
            "ssat r5, #8, r5",
            "smmul r6, r6, r10",
            "asrs r6, r6, r3",
            "adc r6, r6, lr",
            "ssat r6, #8, r6",
            "smmul r7, r7, r11",
            "asrs r7, r7, r12",
            "adc r7, r7, lr",
            "ssat r7, #8, r7",
            "ldrd r1, r2, [r0, #32]",
            "strb r4, [r1]",
            "strb r5, [r1, #1]",
            "strb r6, [r1, #2]",
            "strb r7, [r1, #3]",
            "add r1, r1, r2",
            "str r1, [r0, #32]",
            "ldr r1, [r0]",
            "ldr r2, [r0, #28]",
            "add r1, r1, r2",
            "str r1, [r0]",
            "ldr r1, [r0, #40]",
            "subs r1, r1, #1",
            "str r1, [r0, #40]",
            "bne 2b",
        );
    }
}
