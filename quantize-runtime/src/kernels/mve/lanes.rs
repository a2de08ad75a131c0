//! DEPTHWISE_CONV2D from i8 to i8, eight channels at a time.

use super::{Factors, assembly};
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::kernels::portable;
use crate::rescale::Rescale;
use crate::steps::DepthwiseConv2d;

/// Channels that are computed together.
pub(crate) const LANES: usize = 8;
/// Taps of the largest window whose weights are widened on the stack.
const TAPS: usize = 32;

/// Computes the results of eight channels from `first` on at all places.
///
/// The step has as many channels in its input as in its result.
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, first: usize, input: &[i8], output: &mut [i8]) {
    let [.., channels] = step.output.sizes::<4>();
    let [rows, columns] = step.kernel.map(usize::from);
    // Multiplications of halves give the even lanes and the odd ones.
    let factors = [0, 1].map(|odd| Factors::new(&step.epilogue, step.bias, |lane| first + 2 * lane + odd));
    let is_small = rows * columns <= TAPS && input.len() >= step.input.len() && output.len() >= step.output.len();
    let ([Some(even), Some(odd)], true) = (factors, is_small) else {
        return portable::lanes::lanes::<LANES>(step, first, input, output);
    };
    let mut weights = [[0; LANES]; TAPS];
    for (widened, tap) in weights.iter_mut().zip(step.weights.chunks_exact(channels)) {
        *widened = core::array::from_fn(|lane| i16::from(tap[first + lane]));
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
        zero_point: -i32::from(step.input_zero_point),
        output_zero_point: step.epilogue.output_zero_point.into(),
        output: output.as_mut_ptr(),
        place: distances.place,
        count: 0,
        channels,
        factors: [even, odd],
    };
    for_each_segment(step, |Segment { taps: [ky, kx], input: from, output: to, count }| {
        call.input = input[from + first..].as_ptr();
        call.weights = weights[ky.start * columns + kx.start..].as_ptr();
        (call.rows, call.columns) = (ky.len(), kx.len());
        call.row = distances.row.wrapping_sub(kx.len() * distances.tap);
        call.skipped = (columns - kx.len()) * size_of::<[i16; LANES]>();
        call.output = output[to + first..].as_mut_ptr();
        call.count = count;
        // SAFETY: the taps of a segment lie inside the input, and its results inside the output, which are as large as their
        // shapes; the weights have all taps.
        unsafe { store_places(&call) };
    });
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    input: *const i8,
    weights: *const [i16; LANES],
    rows: usize,
    columns: usize,
    /// From an activation to the next of a row.
    tap: usize,
    /// From behind the last activation of a row to the first of the next.
    row: usize,
    /// Bytes of weights between two rows of taps.
    skipped: usize,
    output: *mut i8,
    /// The negated zero point of the input.
    zero_point: i32,
    output_zero_point: i32,
    /// From an activation to that of the next place.
    place: usize,
    count: usize,
    /// From a result to that of the next place.
    channels: usize,
    /// Of the even channels and the odd ones.
    factors: [Factors<4>; 2],
}

/// Computes the results of eight channels at `count` places, of which there is at least one.
///
/// # Safety
/// Activations, weights and results must be there.
#[inline(never)]
unsafe fn store_places(call: &Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "add r3, r0, #12",
            "ldm r3, {{r3-r10}}",
            "vldrw.u32 q4, [r0, #68]",
            "vldrw.u32 q5, [r0, #116]",
            "ldr r11, [r0]",
            "ldr r12, [r0, #44]",
            "2:",
            "vldrw.u32 q0, [r0, #52]",
            "vldrw.u32 q1, [r0, #100]",
            "mov r1, r11",
            "ldrd r2, r10, [r0, #4]",
            "cmp r10, #0",
            "beq 5f",
            "3:",
            "dls lr, r3",
            "4:",
            "vldrb.s16 q2, [r1]",
            "vldrh.u16 q3, [r2], #16",
            "add r1, r1, r4",
            "vadd.i16 q2, q2, r8",
            "vmullb.s16 q6, q2, q3",
            "vmullt.s16 q7, q2, q3",
            "vadd.i32 q0, q0, q6",
            "vadd.i32 q1, q1, q7",
            "le lr, 4b",
            "add r1, r1, r5",
            "add r2, r2, r6",
            "subs r10, r10, #1",
            "bne 3b",
            "5:",
            "vldrw.u32 q2, [r0, #84]",
            "vldrw.u32 q3, [r0, #132]",
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
            "add r7, r7, r1",
            "ldr r1, [r0, #40]",
            "add r11, r11, r1",
            "subs r12, r12, #1",
            "bne 2b",
        );
    }
}
