//! DEPTHWISE_CONV2D from i8 to i8, four channels at a time.

use super::{assembly, negated};
use crate::kernels::arm::{Constants, Ones};
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
pub(crate) const LANES: usize = 4;
/// Taps of the largest window whose weights are widened on the stack.
const TAPS: usize = 32;

/// Whether a step's window and constants are such as this kernel takes.
pub(crate) const fn fit(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> bool {
    let [_, _, _, channels] = step.output.sizes::<4>();
    Constants::fit(step.bias, &step.epilogue, channels) && step.kernel[0] as usize * step.kernel[1] as usize <= TAPS
}

/// Computes the results of all groups of four channels at all places.
///
/// The step has as many channels in its input as in its result.
#[inline(never)]
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., channels] = step.output.sizes::<4>();
    let [rows, columns] = step.kernel.map(usize::from);
    let is_whole = input.len() >= step.input.len()
        && output.len() >= step.output.len()
        && step.weights.len() >= rows * columns * channels;
    let ones = Ones::<LANES>::new(step.bias, &step.epilogue);
    let constants = Constants::new(step.bias, &step.epilogue, &ones, channels);
    let Some(constants) = constants.filter(|_| is_whole && rows * columns <= TAPS) else {
        return;
    };
    let (distances, groups) = (Distances::new(step), channels / LANES);
    let mut call = Call {
        input: input.as_ptr(),
        weights: step.weights.as_ptr(),
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
        groups,
        constants,
        factors: [[0; LANES]; 3],
        next: [0; 3],
        widened: [[0; 2]; TAPS],
    };
    for_each_segment(step, |Segment { taps: [ky, kx], input: from, output: to, count }| {
        call.input = slices::from(input, from).as_ptr();
        call.weights = slices::from(step.weights, (ky.start * columns + kx.start) * channels).as_ptr();
        (call.rows, call.columns) = (ky.len(), kx.len());
        call.row = distances.row.wrapping_sub(kx.len() * distances.tap);
        call.skipped = (columns - kx.len()) * channels;
        call.output = slices::from_mut(output, to).as_mut_ptr();
        (call.count, call.groups, call.constants) = (count, groups, constants);
        // SAFETY: the taps of a segment lie inside the input, and its results inside the output, which are as large as their
        // shapes; weights and constants of all channels are there, and no more taps than are widened.
        unsafe { store_places(&mut call) };
    });
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    input: *const i8,
    weights: *const i8,
    rows: usize,
    columns: usize,
    /// From an activation to the next of a row.
    tap: usize,
    /// From behind the last activation of a row to the first of the next.
    row: usize,
    /// Weights between two rows of taps.
    skipped: usize,
    /// From an activation to that of the next place.
    place: usize,
    output: *mut i8,
    /// From a result to that of the next place, and from a weight to that of the next tap.
    channels: usize,
    count: usize,
    /// The negated zero point in both halves.
    zero_point: u32,
    output_zero_point: i32,
    /// Groups of channels that are left.
    groups: usize,
    constants: Constants,
    /// Biases, multipliers and shifts of high words of a group.
    factors: [[i32; LANES]; 3],
    /// Activation and result of a group at the next place, and the places that are left.
    next: [usize; 3],
    /// Of each tap the weights of the first and third channel of a group as halves, then those of the second and fourth.
    widened: [[u32; 2]; TAPS],
}

/// Computes the results of groups of four channels at `count` places, of which there is at least one, as of groups.
///
/// # Safety
/// Activations, weights, constants and results must be there.
#[inline(never)]
unsafe fn store_places(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "2:",
            // The weights of the group.
            "ldrd r1, r2, [r0, #4]",
            "ldr r4, [r0, #36]",
            "ldr r5, [r0, #24]",
            "add r6, r0, #140",
            "add r3, r1, #4",
            "str r3, [r0, #4]",
            "cmp r2, #0",
            "beq 5f",
            "3:",
            "ldr r3, [r0, #12]",
            "4:",
            "ldr r7, [r1]",
            "add r1, r1, r4",
            "sxtb16 r8, r7",
            "sxtb16 r9, r7, ror #8",
            "strd r8, r9, [r6], #8",
            "subs r3, r3, #1",
            "bne 4b",
            "add r1, r1, r5",
            "subs r2, r2, #1",
            "bne 3b",
            "5:",
            // Its constants.
            "add r1, r0, #56",
            "ldm r1, {{r1-r6}}",
            "add r12, r0, #80",
            "ldm r1, {{r7-r10}}",
            "stm r12!, {{r7-r10}}",
            "ldm r3, {{r7-r10}}",
            "stm r12!, {{r7-r10}}",
            "ldrsb r7, [r5]",
            "ldrsb r8, [r5, #1]",
            "ldrsb r9, [r5, #2]",
            "ldrsb r10, [r5, #3]",
            "sub r7, r7, #32",
            "sub r8, r8, #32",
            "sub r9, r9, #32",
            "sub r10, r10, #32",
            "stm r12!, {{r7-r10}}",
            "add r1, r1, r2",
            "add r3, r3, r4",
            "add r5, r5, r6",
            "str r1, [r0, #56]",
            "str r3, [r0, #64]",
            "str r5, [r0, #72]",
            // Its places.
            "ldr r1, [r0]",
            "ldr r2, [r0, #32]",
            "ldr r3, [r0, #40]",
            "stm r12, {{r1, r2, r3}}",
            "add r1, r1, #4",
            "add r2, r2, #4",
            "str r1, [r0]",
            "str r2, [r0, #32]",
            "10:",
            "add r1, r0, #80",
            "ldm r1, {{r4-r7}}",
            "ldr r8, [r0, #44]",
            "ldr lr, [r0, #16]",
            "ldr r1, [r0, #128]",
            "add r2, r0, #140",
            "ldr r0, [r0, #8]",
            "cmp r0, #0",
            "beq 13f",
            "11:",
            "ldr r3, [sp]",
            "ldr r3, [r3, #12]",
            "12:",
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
            "bne 12b",
            "ldr r3, [sp]",
            "ldr r3, [r3, #20]",
            "add r1, r1, r3",
            "subs r0, r0, #1",
            "bne 11b",
            "13:",
            "ldr r0, [sp]",
            "ldr lr, [r0, #48]",
            "add r1, r0, #96",
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
            "add r8, r0, #128",
            "ldm r8, {{r1, r2, r3}}",
            "strb r4, [r2]",
            "strb r5, [r2, #1]",
            "strb r6, [r2, #2]",
            "strb r7, [r2, #3]",
            "ldr r4, [r0, #28]",
            "ldr r5, [r0, #36]",
            "add r1, r1, r4",
            "add r2, r2, r5",
            "subs r3, r3, #1",
            "stm r8, {{r1, r2, r3}}",
            "bne 10b",
            "ldr r1, [r0, #52]",
            "subs r1, r1, #1",
            "str r1, [r0, #52]",
            "bne 2b",
        );
    }
}
