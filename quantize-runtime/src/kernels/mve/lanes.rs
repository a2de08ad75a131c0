//! DEPTHWISE_CONV2D from i8 to i8, sixteen channels at a time, and eight at last.

use super::assembly;
use crate::kernels::arm::{Constants, Ones};
use crate::kernels::int8::depthwise_conv2d::{Distances, Segment, for_each_segment};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;

/// Constants of a group.
pub(crate) const LANES: usize = 8;

/// Whether a step's window and constants are such as this kernel takes.
pub(crate) const fn fit(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> bool {
    let [_, _, _, channels] = step.output.sizes::<4>();
    Constants::fit(step.bias, &step.epilogue, channels)
}

/// Computes the results of all groups of eight channels at all places.
///
/// The step has as many channels in its input as in its result.
#[inline(never)]
pub(crate) fn channels(step: &DepthwiseConv2d<'_, Rescale<'_>>, input: &[i8], output: &mut [i8]) {
    let [.., channels] = step.output.sizes::<4>();
    let [rows, columns] = step.kernel.map(usize::from);
    let is_whole = input.len() >= step.input.len()
        && output.len() >= step.output.len()
        && step.weights.len() >= rows * columns * channels;
    // For two groups.
    let ones = Ones::<{ 2 * LANES }>::new(step.bias, &step.epilogue);
    let constants = Constants::new(step.bias, &step.epilogue, &ones, channels).filter(|_| is_whole);
    let Some(constants) = constants else {
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
        output: output.as_mut_ptr(),
        zero_point: -i32::from(step.input_zero_point),
        output_zero_point: step.epilogue.output_zero_point.into(),
        place: distances.place,
        count: 0,
        channels,
        groups,
        constants,
        factors: [[0; 4]; 12],
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
        // shapes; weights and constants of all channels are there.
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
    /// Of two groups.
    constants: Constants,
    /// Biases, multipliers and negated shifts of the even channels of a group, of the odd ones, and of those of a second group:
    /// in the order in which multiplications of halves give sums.
    factors: [[i32; 4]; 12],
}

/// Adds the products of a tap to the sums of eight channels: of the even ones and of the odd ones.
macro_rules! add_tap {
    ($even:literal, $odd:literal, $at:literal) => {
        concat!(
            "vldrb.s16 q4, [r1, ",
            $at,
            "]\n",
            "vldrb.s16 q5, [r2, ",
            $at,
            "]\n",
            "vadd.i16 q4, q4, r8\n",
            "vmullb.s16 q6, q4, q5\n",
            "vmullt.s16 q7, q4, q5\n",
            "vadd.i32 ",
            $even,
            ", ",
            $even,
            ", q6\n",
            "vadd.i32 ",
            $odd,
            ", ",
            $odd,
            ", q7\n",
        )
    };
}

/// Adds the products of all taps of a place, by these for a tap, to biases.
macro_rules! add_taps {
    ($($tap:expr),*) => {
        concat!(
            "mov r1, r11\n",
            "ldrd r2, r10, [r0, #4]\n",
            "cmp r10, #0\n",
            "beq 6f\n",
            "4:\n",
            "dls lr, r3\n",
            "5:\n",
            $($tap,)*
            "add r1, r1, r4\n",
            "add r2, r2, r9\n",
            "le lr, 5b\n",
            "add r1, r1, r5\n",
            "add r2, r2, r6\n",
            "subs r10, r10, #1\n",
            "bne 4b\n",
            "6:\n",
        )
    };
}

/// Rescales the sums of eight channels, whose constants are at these offsets, and stores them; the zero point is in r1.
macro_rules! store {
    ($even:literal, $odd:literal, [$($offset:literal),*], $at:literal) => {
        concat!(
            store!(@scale $even, $odd, $($offset),*),
            "vqmovnb.s32 q4, ",
            $even,
            "\n",
            "vqmovnt.s32 q4, ",
            $odd,
            "\n",
            // Saturated before, so that the sum still is on the right side.
            "vqadd.s16 q4, q4, r1\n",
            "vqmovnb.s16 q4, q4\n",
            "vstrb.16 q4, [r7, ",
            $at,
            "]\n",
        )
    };
    (@scale $even:literal, $odd:literal, $multiplier0:literal, $multiplier1:literal, $shift0:literal, $shift1:literal) => {
        concat!(
            "vldrw.u32 q4, [r0, ",
            $multiplier0,
            "]\n",
            "vldrw.u32 q5, [r0, ",
            $multiplier1,
            "]\n",
            "vldrw.u32 q6, [r0, ",
            $shift0,
            "]\n",
            "vldrw.u32 q7, [r0, ",
            $shift1,
            "]\n",
            "vmulh.s32 ",
            $even,
            ", ",
            $even,
            ", q4\n",
            "vmulh.s32 ",
            $odd,
            ", ",
            $odd,
            ", q5\n",
            "vrshl.s32 ",
            $even,
            ", ",
            $even,
            ", q6\n",
            "vrshl.s32 ",
            $odd,
            ", ",
            $odd,
            ", q7\n",
        )
    };
}

/// Loads words of eight channels from r1 on and stores those of the even ones and of the odd ones at offsets.
macro_rules! sort_words {
    ($even:literal, $odd:literal) => {
        concat!(
            "vld20.32 {{q0, q1}}, [r1]\n",
            "vld21.32 {{q0, q1}}, [r1]!\n",
            "vstrw.32 q0, [r0, ",
            $even,
            "]\n",
            "vstrw.32 q1, [r0, ",
            $odd,
            "]\n",
        )
    };
}

/// The same for shifts, which are negated as those of high words; r3 is 32.
macro_rules! sort_shifts {
    ($even:literal, $odd:literal) => {
        concat!(
            "vldrb.s16 q2, [r1], #8\n",
            "vneg.s16 q2, q2\n",
            "vadd.i16 q2, q2, r3\n",
            "vmovlb.s16 q0, q2\n",
            "vmovlt.s16 q1, q2\n",
            "vstrw.32 q0, [r0, ",
            $even,
            "]\n",
            "vstrw.32 q1, [r0, ",
            $odd,
            "]\n",
        )
    };
}

/// Loads the constants at an offset of the arguments by this code and goes on to those of the next two groups.
macro_rules! constants {
    ($at:literal, $($load:expr),*) => {
        concat!(
            "ldrd r1, r2, [r0, ",
            $at,
            "]\n",
            "add r2, r1, r2\n",
            "str r2, [r0, ",
            $at,
            "]\n",
            $($load,)*
        )
    };
}

/// Loads what is the same for all places.
macro_rules! start {
    () => {
        concat!(
            "add r3, r0, #12\n",
            "ldm r3, {{r3-r8}}\n",
            "ldr r9, [r0, #48]\n",
            "ldr r11, [r0]\n",
            "ldr r12, [r0, #44]\n"
        )
    };
}

/// Goes on to the next place, whose code is at 3, if there is one.
macro_rules! next_place {
    ($place:literal) => {
        concat!(
            "ldr r1, [r0, #40]\n",
            "add r7, r7, r9\n",
            "add r11, r11, r1\n",
            "subs r12, r12, #1\n",
            "bne ",
            $place,
            "b\n",
        )
    };
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
            "mov r3, #32",
            "ldr r1, [r0, #52]",
            "cmp r1, #2",
            "blt 20f",
            constants!("#56", sort_words!("#80", "#96"), sort_words!("#112", "#128")),
            constants!("#64", sort_words!("#144", "#160"), sort_words!("#176", "#192")),
            constants!("#72", sort_shifts!("#208", "#224"), sort_shifts!("#240", "#256")),
            start!(),
            "3:",
            "vldrw.u32 q0, [r0, #80]",
            "vldrw.u32 q1, [r0, #96]",
            "vldrw.u32 q2, [r0, #112]",
            "vldrw.u32 q3, [r0, #128]",
            add_taps!(add_tap!("q0", "q1", "#0"), add_tap!("q2", "q3", "#8")),
            "ldr r1, [r0, #36]",
            store!("q0", "q1", ["#144", "#160", "#208", "#224"], "#0"),
            store!("q2", "q3", ["#176", "#192", "#240", "#256"], "#8"),
            next_place!("3"),
            "ldrd r1, r2, [r0]",
            "add r1, r1, #16",
            "add r2, r2, #16",
            "strd r1, r2, [r0]",
            "ldr r1, [r0, #28]",
            "add r1, r1, #16",
            "str r1, [r0, #28]",
            "ldr r1, [r0, #52]",
            "subs r1, r1, #2",
            "str r1, [r0, #52]",
            "bne 2b",
            "b 30f",
            // The last group.
            "20:",
            constants!("#56", sort_words!("#80", "#96")),
            constants!("#64", sort_words!("#144", "#160")),
            constants!("#72", sort_shifts!("#208", "#224")),
            start!(),
            "23:",
            "vldrw.u32 q0, [r0, #80]",
            "vldrw.u32 q1, [r0, #96]",
            add_taps!(add_tap!("q0", "q1", "#0")),
            "ldr r1, [r0, #36]",
            store!("q0", "q1", ["#144", "#160", "#208", "#224"], "#0"),
            next_place!("23"),
            "30:",
        );
    }
}
