//! CONV2D from i8 to i8: four rows of weights times the windows of several places.

use super::assembly;
use crate::kernels::arm;
use crate::kernels::int8;
use crate::kernels::int8::channel::single_channels;
use crate::kernels::int8::constants::{Constants, Ones};
use crate::kernels::int8::conv2d::Conv2dWay;
use crate::kernels::int8::patch::{Neighbours, Windows};
use crate::kernels::target::ROWS;
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::Conv2d;
use core::arch::asm;

/// Memory for the activations under windows.
pub(in crate::kernels) const PATCHES: usize = 304;
/// The same for windows of which only a few would fit there.
pub(in crate::kernels) const LONG_PATCHES: usize = 640;
/// Elements of a vector.
const VECTOR: usize = 16;

/// This target's own kernels for a step; `None` for too long windows, or constants of another kind.
pub(crate) const fn way(step: &Conv2d<'_, Rescale<'_>>) -> Option<Conv2dWay> {
    let [_, _, _, channels] = step.output.sizes::<4>();
    let is_moved_by_one = matches!((step.stride, step.pad), ([1, 1], [0, 0, 0, 0]));
    let left_shift = Constants::left_shift(step.bias, &step.epilogue, channels, step.window_len());
    match step.kernel {
        _ if !matches!(left_shift, Some(0)) => None,
        [1, 1] if is_moved_by_one => Some(match step.window_len() {
            32 | 48 | 64 => Conv2dWay::Vectors,
            _ => Conv2dWay::Block,
        }),
        _ => match step.window_len() {
            // The weights are read for each block again.
            len if 3 * len <= PATCHES => Some(Conv2dWay::Blocks),
            ..=LONG_PATCHES => Some(Conv2dWay::LongBlocks),
            _ => None,
        },
    }
}

/// Convolves all places, whose windows follow one another in memory.
#[inline(never)]
pub(in crate::kernels) fn all_places(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    block(step, input, step.window_len(), output);
}

/// The same with the activations of each, two to four whole vectors, in registers.
#[inline(never)]
pub(in crate::kernels) fn all_places_of_vectors(step: &Conv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    match step.window_len() {
        32 => by_places(step, store_two_vectors, input, output),
        48 => by_places(step, store_three_vectors, input, output),
        64 => by_places(step, store_four_vectors, input, output),
        _ => {}
    }
}

/// Convolves as many places at a time as fit `MEMORY` activations.
#[inline(never)] // its memory is on the stack
pub(in crate::kernels) fn by_blocks<const MEMORY: usize>(
    step: &Conv2d<'_, Rescale<'_>>,
    input: &[i8],
    output: &mut [i8],
) {
    let [.., oc] = step.output.sizes::<4>();
    let mut windows = Windows::new(step, input);
    let len = windows.len();
    let mut patches = [0; MEMORY];
    for results in output.chunks_mut((MEMORY / len.max(1) * oc).max(1)) {
        gather(&mut windows, slices::part_mut(&mut patches, 0, results.len() / oc.max(1) * len));
        block(step, &patches, len, results);
    }
}

/// Copies the activations of the next places.
#[inline(never)] // so that its registers are not on the stack under those of the products
fn gather(windows: &mut Windows<'_>, mut patches: &mut [i8]) {
    let len = windows.len().max(1);
    while let Some(place) = windows.next() {
        let copied = match windows.neighbours(place, patches.len() / len, VECTOR) {
            Some(neighbours) => {
                copy_rows(&neighbours, patches);
                neighbours.count * len
            }
            None => {
                windows.copy(place, slices::part_mut(patches, 0, len));
                len
            }
        };
        patches = slices::from_mut(patches, copied);
        if patches.is_empty() {
            return;
        }
    }
}

/// Computes the results at places whose activations, `len` of each, follow one another.
#[inline(never)] // so that its registers are not on the stack under those that find windows
fn block(step: &Conv2d<'_, Rescale<'_>>, patches: &[i8], len: usize, results: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let ones = Ones::<ROWS>::new(step.bias, &step.epilogue);
    let Some(channels) = Constants::new(step.bias, &step.epilogue, oc, ROWS) else { return };
    let (count, groups) = (results.len() / oc.max(1), oc / ROWS);
    let (patches, weights) = (patches.get(..count * len), step.weights.get(..groups * ROWS * len));
    let (Some(patches), Some(weights)) = (patches, weights) else { return };
    if groups > 0 {
        let mut call = Call {
            input: patches.as_ptr(),
            count,
            weights: weights.as_ptr(),
            len,
            output: results.as_mut_ptr(),
            groups,
            channels: channels.or_ones(&ones),
            zero_point: -i32::from(step.input_zero_point),
            stride: oc,
            adjust: len.wrapping_sub(len.next_multiple_of(VECTOR)),
            output_zero_point: step.epilogue.output_zero_point.into(),
        };
        // SAFETY: `count` places have `len` activations each and a result of each channel, whose weights and constants are
        // there. There is at least one place, since a dimension is not 0, and a window has at least one element.
        unsafe {
            match len {
                ..=VECTOR => store_places_of_vectors(&mut call),
                _ => store_places(&mut call),
            }
        }
    }
    last_channels(step, patches, results);
}

/// Computes the channels after all groups, at places whose activations follow one another.
fn last_channels(step: &Conv2d<'_, Rescale<'_>>, patches: &[i8], results: &mut [i8]) {
    let [.., oc] = step.output.sizes::<4>();
    let grouped = oc / ROWS * ROWS;
    if grouped < oc {
        for (patch, result) in slices::chunks(patches, step.window_len()).zip(slices::chunks_mut(results, oc)) {
            single_channels(step, patch, result, grouped);
        }
    }
}

/// Channels whose constants are prepared at a time.
const PREPARED: usize = 64;

/// Computes all places by a function that keeps the activations of each in registers.
#[inline(never)] // its memory is on the stack
fn by_places(step: &Conv2d<'_, Rescale<'_>>, store: unsafe fn(&mut Places), input: &[i8], output: &mut [i8]) {
    let [n, oh, ow, oc] = step.output.sizes();
    let (len, count, grouped) = (step.window_len(), n * oh * ow, oc / ROWS * ROWS);
    if input.len() < count * len || output.len() < count * oc {
        return;
    }
    let ones = Ones::<ROWS>::new(step.bias, &step.epilogue);
    let Some(constants) = Constants::new(step.bias, &step.epilogue, oc, ROWS) else { return };
    let Constants { multiplier, multiplier_step, .. } = constants.or_ones(&ones);
    let (mut biases, mut shifts) = ([0; PREPARED], [0; PREPARED]);
    for first in (0..grouped).step_by(PREPARED) {
        let channels = (grouped - first).min(PREPARED);
        let weights = slices::part(step.weights, first * len, channels * len);
        match step.epilogue.shift {
            [shift] => shifts.fill(32 - shift),
            all => negate(slices::part(all, first, channels), &mut shifts),
        }
        let bias = match step.bias {
            biases if step.input_zero_point == 0 && biases.len() > 1 => slices::from(biases, first).as_ptr().cast(),
            _ => {
                for ((channel, to), row) in (first..).zip(&mut biases).zip(slices::chunks(weights, len)) {
                    let [bias] = int8::biases(step.bias, channel);
                    *to = bias - i32::from(step.input_zero_point) * sum(row);
                }
                biases.as_ptr()
            }
        };
        let mut call = Places {
            input: input.as_ptr(),
            count,
            weights: weights.as_ptr(),
            bias,
            multiplier: multiplier.wrapping_byte_add(first / ROWS * multiplier_step),
            multiplier_step,
            shifts: shifts.as_ptr(),
            output: slices::from_mut(output, first).as_mut_ptr(),
            groups: channels / ROWS,
            stride: oc,
            output_zero_point: step.epilogue.output_zero_point.into(),
        };
        // SAFETY: there are `count` places, at least one, with `len` activations each and a result of each channel, and these
        // channels' weights and constants. `len` is the number for which the function is.
        unsafe { store(&mut call) };
    }
    last_channels(step, input, output);
}

/// Stores negated shifts of high words.
fn negate(from: &[i8], to: &mut [i8; PREPARED]) {
    // SAFETY: the loop's predicate masks what is behind the shorter one.
    unsafe {
        asm!(
            "vmov.i8 q1, #32",
            "wlstp.8 lr, {len}, 3f",
            "2:",
            "vldrb.u8 q0, [{from}], #16",
            "vsub.i8 q0, q1, q0",
            "vstrb.8 q0, [{to}], #16",
            "letp lr, 2b",
            "3:",
            len = in(reg) from.len().min(to.len()),
            from = inout(reg) from.as_ptr() => _,
            to = inout(reg) to.as_mut_ptr() => _,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            out("d2") _,
            out("d3") _,
            options(nostack, preserves_flags),
        );
    }
}

/// The sum of a row of weights.
fn sum(row: &[i8]) -> i32 {
    let sum;
    // SAFETY: the loop's predicate masks what is behind the row.
    unsafe {
        asm!(
            "wlstp.8 lr, {len}, 3f",
            "2:",
            "vldrb.u8 q0, [{from}], #16",
            "vaddva.s8 r0, q0",
            "letp lr, 2b",
            "3:",
            len = in(reg) row.len(),
            from = inout(reg) row.as_ptr() => _,
            inout("r0") 0 => sum,
            out("lr") _,
            out("d0") _,
            out("d1") _,
            options(nostack, readonly, preserves_flags),
        );
    }
    sum
}

/// Arguments of [`copy_rows`] for assembly.
#[repr(C)]
struct Rows {
    from: *const i8,
    to: *mut i8,
    places: usize,
    rows: usize,
    row: usize,
    row_step: usize,
    place_step: usize,
}

/// Copies the activations under neighbouring windows whose rows are no longer than a vector.
#[inline(never)] // it changes the predicate of vectors, which functions need not keep
fn copy_rows(neighbours: &Neighbours<'_>, patches: &mut [i8]) {
    let Neighbours { input, count, rows, row, row_step, place_step } = *neighbours;
    if patches.len() < count * rows * row {
        return;
    }
    let (from, to) = (input.as_ptr(), patches.as_mut_ptr());
    let call = Rows { from, to, places: count, rows, row, row_step, place_step };
    // SAFETY: the input has the rows of all places, the patches have room for them, and there is a place and a row; all
    // registers that change are named.
    unsafe {
        arm::assembly!(
            ["d0" "d1"];
            &call,
            "ldm r0, {{r1, r2, r3, r4, r5, r8, r9}}",
            "vctp.8 r5",
            "2:",
            "mov r10, r1",
            "dls lr, r4",
            "3:",
            "vpstt",
            "vldrbt.u8 q0, [r10]",
            "vstrbt.8 q0, [r2]",
            "add r10, r10, r8",
            "add r2, r2, r5",
            "le lr, 3b",
            "add r1, r1, r9",
            "subs r3, r3, #1",
            "bne 2b",
        );
    }
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    input: *const i8,
    /// Places.
    count: usize,
    weights: *const i8,
    /// Activations of a place, and weights of a row.
    len: usize,
    output: *mut i8,
    /// Groups of four channels.
    groups: usize,
    channels: Constants,
    /// The negated zero point of the input.
    zero_point: i32,
    /// From a place's results to the next one's.
    stride: usize,
    /// From behind the vectors of a place's activations to the next place's.
    adjust: usize,
    output_zero_point: i32,
}

/// Loads bias, multiplier and negated shift of the next four channels into these registers, their rows of weights into r3, r5,
/// r7 and r9 with the length in r12, and their first result's place into r6.
macro_rules! next_channels {
    ($bias:literal, $multiplier:literal, $shift:literal) => {
        concat!(
            "add r1, r0, #24\n",
            "ldm r1, {{r1, r2, r3, r4, r5, r6}}\n",
            "vldrw.u32 ",
            $bias,
            ", [r1]\n",
            "vldrw.u32 ",
            $multiplier,
            ", [r3]\n",
            "vldrb.s32 ",
            $shift,
            ", [r5]\n",
            "add r1, r1, r2\n",
            "add r3, r3, r4\n",
            "add r5, r5, r6\n",
            "str r1, [r0, #24]\n",
            "str r3, [r0, #32]\n",
            "str r5, [r0, #40]\n",
            "mov r1, #32\n",
            "vneg.s32 ",
            $shift,
            ", ",
            $shift,
            "\n",
            "vadd.i32 ",
            $shift,
            ", ",
            $shift,
            ", r1\n",
            "ldrd r3, r12, [r0, #8]\n",
            "add r5, r3, r12\n",
            "add r7, r5, r12\n",
            "add r9, r7, r12\n",
            "add r1, r9, r12\n",
            "str r1, [r0, #8]\n",
            "ldr r6, [r0, #16]\n",
            "add r1, r6, #4\n",
            "str r1, [r0, #16]\n",
        )
    };
}

/// Goes on with the next four channels, whose code is at 2, if there are any.
macro_rules! next_group {
    () => {
        concat!("ldr r1, [r0, #20]\n", "subs r1, r1, #1\n", "str r1, [r0, #20]\n", "bne 2b\n")
    };
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

/// Goes back to the start of the rows.
macro_rules! rewind {
    () => {
        concat!("sub r3, r3, r10\n", "sub r5, r5, r10\n", "sub r7, r7, r10\n", "sub r9, r9, r10\n")
    };
}

/// Puts four sums together as a vector.
macro_rules! gather {
    ($to:literal) => {
        concat!("vmov ", $to, "[2], ", $to, "[0], r0, r4\n", "vmov ", $to, "[3], ", $to, "[1], r2, r8\n")
    };
}

/// Rescales a vector of sums and stores it at r6.
macro_rules! store {
    ($sums:literal, $bias:literal, $multiplier:literal, $shift:literal, $zero_point:literal) => {
        concat!(
            "vadd.i32 ",
            $sums,
            ", ",
            $sums,
            ", ",
            $bias,
            "\n",
            "vmulh.s32 ",
            $sums,
            ", ",
            $sums,
            ", ",
            $multiplier,
            "\n",
            "vrshl.s32 ",
            $sums,
            ", ",
            $sums,
            ", ",
            $shift,
            "\n",
            "vadd.i32 ",
            $sums,
            ", ",
            $sums,
            ", ",
            $zero_point,
            "\n",
            "vqmovnb.s32 ",
            $sums,
            ", ",
            $sums,
            "\n",
            "vqmovnb.s16 ",
            $sums,
            ", ",
            $sums,
            "\n",
            "vstrb.32 ",
            $sums,
            ", [r6]\n",
        )
    };
}

/// Computes the results of groups of four channels at `count` places, with more than a vector of activations each.
///
/// The zero point times the sum of a row's weights is part of the bias.
///
/// # Safety
/// Activations, weights, constants and results must be there; neither groups nor count may be 0.
#[inline(never)]
unsafe fn store_places(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "ldrd r1, r2, [r0, #52]",
            "push {{r1, r2}}",
            "2:",
            next_channels!("q3", "q4", "q5"),
            "ldr r1, [r0, #60]",
            "vdup.32 q7, r1",
            "ldr r11, [r0, #4]",
            "add r10, r12, #15",
            "bic r10, r10, #15",
            "ldr r1, [r0, #48]",
            "cmp r1, #0",
            "beq 4f",
            "mov r0, #0",
            "mov r2, #0",
            "mov r4, #0",
            "mov r8, #0",
            "dlstp.8 lr, r12",
            "3:",
            "vldrb.u8 q0, [r3], #16",
            "vaddva.s8 r0, q0",
            "vldrb.u8 q1, [r5], #16",
            "vaddva.s8 r2, q1",
            "vldrb.u8 q2, [r7], #16",
            "vaddva.s8 r4, q2",
            "vldrb.u8 q0, [r9], #16",
            "vaddva.s8 r8, q0",
            "letp lr, 3b",
            gather!("q6"),
            "vmul.i32 q6, q6, r1",
            "vadd.i32 q3, q3, q6",
            rewind!(),
            "ldr r0, [sp, #8]",
            "4:",
            "ldr r1, [r0]",
            "sub r12, r12, #16",
            "10:",
            add_rows!("vmladav.s8"),
            "dlstp.8 lr, r12",
            "11:",
            add_rows!("vmladava.s8"),
            "letp lr, 11b",
            gather!("q6"),
            "ldrd r0, r2, [sp]",
            rewind!(),
            store!("q6", "q3", "q4", "q5", "q7"),
            "add r1, r1, r2",
            "add r6, r6, r0",
            "subs r11, r11, #1",
            "bne 10b",
            "ldr r0, [sp, #8]",
            next_group!(),
            "add sp, sp, #8",
        );
    }
}

/// The same for at most a vector of activations each: the rows of weights stay in registers.
///
/// # Safety
/// As for [`store_places`].
#[inline(never)] // it changes the predicate of vectors, which functions need not keep
unsafe fn store_places_of_vectors(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "2:",
            next_channels!("q5", "q6", "q7"),
            "vctp.8 r12",
            // What is behind a row is loaded as zeros.
            "vpstttt",
            "vldrbt.u8 q0, [r3]",
            "vldrbt.u8 q1, [r5]",
            "vldrbt.u8 q2, [r7]",
            "vldrbt.u8 q3, [r9]",
            "ldr r1, [r0, #48]",
            "ldr r3, [r0, #52]",
            "ldr r9, [r0, #60]",
            "ldr lr, [r0, #4]",
            "ldr r5, [r0]",
            "vaddv.s8 r0, q0",
            "vaddv.s8 r2, q1",
            "vaddv.s8 r4, q2",
            "vaddv.s8 r8, q3",
            gather!("q4"),
            "vmul.i32 q4, q4, r1",
            "vadd.i32 q5, q5, q4",
            "dls lr, lr",
            "10:",
            "vpst",
            "vldrbt.u8 q4, [r5]",
            "vmladav.s8 r0, q4, q0",
            "vmladav.s8 r2, q4, q1",
            "vmladav.s8 r4, q4, q2",
            "vmladav.s8 r8, q4, q3",
            gather!("q4"),
            store!("q4", "q5", "q6", "q7", "r9"),
            "add r5, r5, r12",
            "add r6, r6, r3",
            "le lr, 10b",
            "ldr r0, [sp]",
            next_group!(),
        );
    }
}

/// Arguments of assembly that keeps the activations of a place in registers.
#[repr(C)]
struct Places {
    input: *const i8,
    count: usize,
    weights: *const i8,
    bias: *const i32,
    multiplier: *const i32,
    /// From the multipliers of a group to the next ones.
    multiplier_step: usize,
    /// Negated.
    shifts: *const i8,
    output: *mut i8,
    /// Groups of four channels.
    groups: usize,
    /// From a place's results to the next one's.
    stride: usize,
    output_zero_point: i32,
}

/// Multiplies a row of weights by the activations in these registers.
macro_rules! row {
    ($sum:literal, $first:literal $(, $other:literal)*) => {
        concat!(
            "vldrb.u8 q4, [r3], #16\n",
            "vmladav.s8 ", $sum, ", ", $first, ", q4\n",
            $("vldrb.u8 q4, [r3], #16\nvmladava.s8 ", $sum, ", ", $other, ", q4\n",)*
        )
    };
}

/// The function for activations in these registers.
macro_rules! store_vectors {
    ($name:ident, $($vector:literal),*) => {
        /// Computes the results of groups of four channels at `count` places.
        ///
        /// # Safety
        /// Activations, weights, constants and results must be there; neither groups nor count may be 0.
        #[inline(never)]
        unsafe fn $name(call: &mut Places) {
            // SAFETY: as for this function; all registers that change are named.
            unsafe {
                assembly!(
                    call,
                    "ldrd r1, r12, [r0]",
                    "ldr r11, [r0, #20]",
                    "ldr r10, [r0, #40]",
                    "2:",
                    $(concat!("vldrb.u8 ", $vector, ", [r1], #16"),)*
                    "ldr r3, [r0, #8]",
                    "ldrd r5, r9, [r0, #12]",
                    "ldrd r7, r6, [r0, #24]",
                    "ldr lr, [r0, #32]",
                    "dls lr, lr",
                    "3:",
                    row!("r0", $($vector),*),
                    row!("r2", $($vector),*),
                    row!("r4", $($vector),*),
                    row!("r8", $($vector),*),
                    "vldrw.u32 q6, [r5], #16",
                    gather!("q5"),
                    "vldrw.u32 q7, [r9]",
                    "add r9, r9, r11",
                    "vadd.i32 q5, q5, q6",
                    "vldrb.s32 q6, [r7], #4",
                    "vmulh.s32 q5, q5, q7",
                    "vrshl.s32 q5, q5, q6",
                    "vadd.i32 q5, q5, r10",
                    "vqmovnb.s32 q5, q5",
                    "vqmovnb.s16 q5, q5",
                    "vstrb.32 q5, [r6], #4",
                    "le lr, 3b",
                    "ldr r0, [sp]",
                    "ldr r3, [r0, #28]",
                    "ldr r5, [r0, #36]",
                    "add r3, r3, r5",
                    "str r3, [r0, #28]",
                    "subs r12, r12, #1",
                    "bne 2b",
                );
            }
        }
    };
}

store_vectors!(store_two_vectors, "q0", "q1");
store_vectors!(store_three_vectors, "q0", "q1", "q2");
store_vectors!(store_four_vectors, "q0", "q1", "q2", "q3");
