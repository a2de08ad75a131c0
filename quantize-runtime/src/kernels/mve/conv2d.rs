//! CONV2D from i8 to i8: four rows of weights times the windows of several places.

use super::{Factors, assembly};
use crate::kernels::int8;
use crate::kernels::int8::channel::single_channels;
use crate::kernels::int8::patch::Windows;
use crate::kernels::target::ROWS;
use crate::rescale::Rescale;
use crate::steps::Conv2d;

/// Memory for the activations under windows.
const PATCHES: usize = 640;

/// Convolves an activation.
pub(crate) fn conv2d(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let is_pointwise = step.kernel == [1, 1] && step.stride == [1, 1] && step.pad == [0; 4];
    let len = Windows::new(step, input).len();
    if !step.epilogue.is_of_high_words() || (len > PATCHES && !is_pointwise) {
        int8::conv2d::conv2d(step, input, output);
    } else if is_pointwise {
        block(step, input, len, output);
    } else {
        by_blocks(step, input, output);
    }
}

/// Convolves as many places at a time as fit the memory for their activations.
#[inline(never)] // its memory is on the stack
fn by_blocks(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    let len = windows.len();
    let mut patches = [0; PATCHES];
    for results in output.chunks_mut(PATCHES / len * oc) {
        for patch in patches.chunks_exact_mut(len).take(results.len() / oc) {
            let Some(place) = windows.next() else { return };
            windows.copy(place, patch);
        }
        block(step, &patches, len, results);
    }
}

/// Computes the results at places whose activations, `len` of each, follow one another.
fn block(step: &Conv2d<'_, Rescale<'_>>, patches: &[i8], len: usize, results: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let count = results.len() / oc;
    let patches = &patches[..count * len];
    let grouped = oc / ROWS * ROWS;
    for (first, weights) in (0..grouped).step_by(ROWS).zip(step.weights.chunks_exact(ROWS * len)) {
        let call = Call {
            input: patches.as_ptr(),
            weights: weights.as_ptr(),
            len,
            count,
            output: results[first..].as_mut_ptr(),
            zero_point: -i32::from(step.input_zero_point),
            advance: len.next_multiple_of(16),
            output_zero_point: step.epilogue.output_zero_point.into(),
            place: len,
            channels: oc,
            factors: Factors::new(&step.epilogue, step.bias, first),
        };
        // SAFETY: `count` places have `len` activations each and a result of each of the four channels, whose weights are four
        // rows. There is at least one place, since a dimension is not 0, and a window has at least one element.
        unsafe { store_places(&call) };
    }
    if grouped < oc {
        for (patch, result) in patches.chunks_exact(len).zip(results.chunks_exact_mut(oc)) {
            single_channels(step, patch, result, grouped);
        }
    }
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    input: *const i8,
    weights: *const i8,
    /// Activations of a place, and weights of a row.
    len: usize,
    /// Places.
    count: usize,
    output: *mut i8,
    /// The negated zero point of the input.
    zero_point: i32,
    /// What a pointer is advanced by in a row.
    advance: usize,
    output_zero_point: i32,
    /// From a place's activations to the next one's.
    place: usize,
    /// From a place's results to the next one's.
    channels: usize,
    factors: Factors<ROWS>,
}

/// Adds the next sixteen products of each row.
macro_rules! add_rows {
    ($multiply:literal) => {
        concat!(
            "vldrb.u8 q0, [r1], #16\n",
            "vldrb.u8 q1, [r3], #16\n",
            $multiply,
            " r0, q0, q1\n",
            "vldrb.u8 q2, [r5], #16\n",
            $multiply,
            " r2, q0, q2\n",
            "vldrb.u8 q1, [r7], #16\n",
            $multiply,
            " r4, q0, q1\n",
            "vldrb.u8 q2, [r9], #16\n",
            $multiply,
            " r8, q0, q2\n",
        )
    };
}

/// Rescales the sums of a place and stores them; goes on to the next place.
macro_rules! store {
    () => {
        concat!(
            "vmov q6[2], q6[0], r0, r4\n",
            "vmov q6[3], q6[1], r2, r8\n",
            "ldrd r0, r2, [sp]\n",
            "ldrd r4, r8, [sp, #8]\n",
            "sub r3, r3, r0\n",
            "sub r5, r5, r0\n",
            "sub r7, r7, r0\n",
            "sub r9, r9, r0\n",
            "vadd.i32 q6, q6, q3\n",
            "vmulh.s32 q6, q6, q4\n",
            "vrshl.s32 q6, q6, q5\n",
            "vadd.i32 q6, q6, r2\n",
            "vqmovnb.s32 q6, q6\n",
            "vqmovnb.s16 q6, q6\n",
            "vstrb.32 q6, [r6]\n",
            "add r10, r10, r4\n",
            "add r6, r6, r8\n",
            "subs r11, r11, #1\n",
        )
    };
}

/// Computes the results of four channels at `count` places.
///
/// The zero point times the sum of a row's weights is part of the bias.
///
/// # Safety
/// Activations, weights and results must be there; neither their length nor the count may be 0.
#[inline(never)]
unsafe fn store_places(call: &Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "sub sp, sp, #16",
            "mov r6, r0",
            "ldrd r0, r1, [r6, #24]",
            "strd r0, r1, [sp]",
            "ldrd r0, r1, [r6, #32]",
            "strd r0, r1, [sp, #8]",
            "ldrd r3, r12, [r6, #4]",
            "add r5, r3, r12",
            "add r7, r5, r12",
            "add r9, r7, r12",
            "mov r0, #0",
            "mov r2, #0",
            "mov r4, #0",
            "mov r8, #0",
            "dlstp.8 lr, r12",
            "2:",
            "vldrb.u8 q0, [r3], #16",
            "vaddva.s8 r0, q0",
            "vldrb.u8 q1, [r5], #16",
            "vaddva.s8 r2, q1",
            "vldrb.u8 q2, [r7], #16",
            "vaddva.s8 r4, q2",
            "vldrb.u8 q0, [r9], #16",
            "vaddva.s8 r8, q0",
            "letp lr, 2b",
            "vmov q6[2], q6[0], r0, r4",
            "vmov q6[3], q6[1], r2, r8",
            "ldr r1, [r6, #20]",
            "vmul.i32 q6, q6, r1",
            "vldrw.u32 q3, [r6, #40]",
            "vadd.i32 q3, q3, q6",
            "vldrw.u32 q4, [r6, #56]",
            "vldrw.u32 q5, [r6, #72]",
            "ldr r0, [sp]",
            "sub r3, r3, r0",
            "sub r5, r5, r0",
            "sub r7, r7, r0",
            "sub r9, r9, r0",
            "ldr r10, [r6]",
            "ldrd r11, r6, [r6, #12]",
            "cmp r12, #16",
            "blt 20f",
            "sub r12, r12, #16",
            "10:",
            "mov r1, r10",
            add_rows!("vmladav.s8"),
            "wlstp.8 lr, r12, 12f",
            "11:",
            add_rows!("vmladava.s8"),
            "letp lr, 11b",
            "12:",
            store!(),
            "bne 10b",
            "b 30f",
            "20:",
            "mov r1, r10",
            "mov r0, #0",
            "mov r2, #0",
            "mov r4, #0",
            "mov r8, #0",
            "dlstp.8 lr, r12",
            "21:",
            add_rows!("vmladava.s8"),
            "letp lr, 21b",
            store!(),
            "bne 20b",
            "30:",
            "add sp, sp, #16",
        );
    }
}
