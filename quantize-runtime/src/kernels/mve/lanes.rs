//! DEPTHWISE_CONV2D from i8 to i8, eight channels at a time.

use super::assembly;
use crate::bytes::words_from;
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::kernels::portable;
use crate::rescale::Rescale;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
pub(crate) const LANES: usize = 8;

/// Computes the results of some groups of eight channels, the first ones, at all places.
///
/// The step has as many channels in its input as in its result.
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, groups: usize, input: &[i8], output: &mut [i8]) {
    let [.., channels] = step.output.sizes::<4>();
    let Rescale { multiplier, shift, output_zero_point, .. } = step.epilogue;
    let [rows, columns] = step.kernel.map(usize::from);
    let is_whole = input.len() >= step.input.len()
        && output.len() >= step.output.len()
        && step.weights.len() >= rows * columns * channels;
    let ones = [words_from(step.bias, 0), words_from(multiplier, 0)].map(|words| words.unwrap_or([0; LANES]));
    let one_shift = [shift.first().copied().unwrap_or_default(); LANES];
    let (Some(bias), Some(multipliers)) = (words(step.bias, &ones[0], channels), words(multiplier, &ones[1], channels))
    else {
        return by_lanes(step, groups, input, output);
    };
    let shifts = match shift.len() {
        1 => Constants { at: one_shift.as_ptr(), step: 0 },
        len if len >= channels => Constants { at: shift.as_ptr(), step: LANES },
        _ => return,
    };
    if !is_whole || !step.epilogue.is_of_high_words() {
        return by_lanes(step, groups, input, output);
    }
    let distances = Distances::new(step);
    for_each_segment(step, |Segment { taps: [ky, kx], input: from, output: to, count }| {
        let mut call = Call {
            input: input[from..].as_ptr(),
            weights: step.weights[(ky.start * columns + kx.start) * channels..].as_ptr(),
            rows: ky.len(),
            columns: kx.len(),
            tap: distances.tap,
            row: distances.row.wrapping_sub(kx.len() * distances.tap),
            skipped: (columns - kx.len()) * channels,
            output: output[to..].as_mut_ptr(),
            zero_point: -i32::from(step.input_zero_point),
            output_zero_point: output_zero_point.into(),
            place: distances.place,
            count,
            channels,
            groups,
            bias,
            multipliers,
            shifts,
            factors: [[0; 4]; 4],
        };
        // SAFETY: the taps of a segment lie inside the input, and its results inside the output, which are as large as their
        // shapes; weights and constants of all channels are there.
        unsafe { store_places(&mut call) };
    });
}

/// Computes the results of groups without vectors.
fn by_lanes(step: &DepthwiseConv2d<'_, Rescale<'_>>, groups: usize, input: &[i8], output: &mut [i8]) {
    for group in 0..groups {
        portable::lanes::lanes::<LANES>(step, group * LANES, input, output);
    }
}

/// The words of all channels: `one` again and again, or `words` if all are there and aligned.
fn words(words: &[[u8; 4]], one: &[i32; LANES], channels: usize) -> Option<Constants<i32>> {
    match words.len() {
        1 => Some(Constants { at: one.as_ptr(), step: 0 }),
        len => {
            let at = words.as_ptr().cast::<i32>();
            (len >= channels && at.is_aligned()).then_some(Constants { at, step: size_of::<[i32; LANES]>() })
        }
    }
}

/// Where the constants of the next group start, and bytes from there to those of the one after it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Constants<T> {
    at: *const T,
    step: usize,
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
    output: *mut i8,
    /// The negated zero point of the input.
    zero_point: i32,
    output_zero_point: i32,
    /// From an activation to that of the next place.
    place: usize,
    count: usize,
    /// From a result to that of the next place, and from a weight to that of the next tap.
    channels: usize,
    /// Groups of channels that are left.
    groups: usize,
    bias: Constants<i32>,
    multipliers: Constants<i32>,
    shifts: Constants<i8>,
    /// Bias and negated shift of the even channels and of the odd ones, as multiplications of halves give them.
    factors: [[i32; 4]; 4],
}

/// Computes the results of groups of eight channels at `count` places, of which there is at least one, as of groups.
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
            "ldrd r1, r2, [r0, #56]",
            "vld20.32 {{q0, q1}}, [r1]",
            "vld21.32 {{q0, q1}}, [r1]",
            "add r1, r1, r2",
            "str r1, [r0, #56]",
            "vstrw.32 q0, [r0, #80]",
            "vstrw.32 q1, [r0, #96]",
            "ldrd r1, r2, [r0, #64]",
            "vld20.32 {{q4, q5}}, [r1]",
            "vld21.32 {{q4, q5}}, [r1]",
            "add r1, r1, r2",
            "str r1, [r0, #64]",
            "ldrd r1, r2, [r0, #72]",
            "vldrb.s16 q2, [r1]",
            "add r1, r1, r2",
            "str r1, [r0, #72]",
            "mov r2, #32",
            "vneg.s16 q2, q2",
            "vadd.i16 q2, q2, r2",
            "vmovlb.s16 q0, q2",
            "vmovlt.s16 q1, q2",
            "vstrw.32 q0, [r0, #112]",
            "vstrw.32 q1, [r0, #128]",
            "add r3, r0, #12",
            "ldm r3, {{r3-r9}}",
            "ldr r11, [r0]",
            "ldr r12, [r0, #44]",
            "3:",
            "vldrw.u32 q0, [r0, #80]",
            "vldrw.u32 q1, [r0, #96]",
            "mov r1, r11",
            "ldrd r2, r10, [r0, #4]",
            "cmp r10, #0",
            "beq 6f",
            "4:",
            "dls lr, r3",
            "ldr r3, [r0, #48]",
            "5:",
            "vldrb.s16 q2, [r1]",
            "add r1, r1, r4",
            "vldrb.s16 q3, [r2]",
            "add r2, r2, r3",
            "vadd.i16 q2, q2, r8",
            "vmullb.s16 q6, q2, q3",
            "vmullt.s16 q7, q2, q3",
            "vadd.i32 q0, q0, q6",
            "vadd.i32 q1, q1, q7",
            "le lr, 5b",
            "ldr r3, [r0, #12]",
            "add r1, r1, r5",
            "add r2, r2, r6",
            "subs r10, r10, #1",
            "bne 4b",
            "6:",
            "vldrw.u32 q2, [r0, #112]",
            "vldrw.u32 q3, [r0, #128]",
            "vmulh.s32 q0, q0, q4",
            "vmulh.s32 q1, q1, q5",
            "vrshl.s32 q0, q0, q2",
            "vrshl.s32 q1, q1, q3",
            "vadd.i32 q0, q0, r9",
            "vadd.i32 q1, q1, r9",
            "vqmovnb.s32 q2, q0",
            "vqmovnt.s32 q2, q1",
            "vqmovnb.s16 q2, q2",
            "vstrb.16 q2, [r7]",
            "ldr r1, [r0, #48]",
            "ldr r2, [r0, #40]",
            "add r7, r7, r1",
            "add r11, r11, r2",
            "subs r12, r12, #1",
            "bne 3b",
            "ldrd r1, r2, [r0]",
            "add r1, r1, #8",
            "add r2, r2, #8",
            "strd r1, r2, [r0]",
            "ldr r1, [r0, #28]",
            "add r1, r1, #8",
            "str r1, [r0, #28]",
            "ldr r1, [r0, #52]",
            "subs r1, r1, #1",
            "str r1, [r0, #52]",
            "bne 2b",
        );
    }
}
