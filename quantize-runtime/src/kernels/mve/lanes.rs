//! DEPTHWISE_CONV2D from i8 to i8, sixteen channels at a time, and eight at last.

use super::assembly;
use crate::kernels::int8::constants::{Constants, first};
use crate::kernels::int8::depthwise_conv2d::{Addresses, Band, Bands, Segment, Tensors};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;
use core::ops::Range;

/// Constants of a group.
pub(crate) const LANES: usize = 8;

/// What the kernel knows of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fit {
    /// Bits by which sums are shifted to the left.
    left: u8,
}

/// `None` if a step's constants are not such as this kernel takes.
pub(crate) const fn fit(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> Option<Fit> {
    let [_, _, _, channels] = step.output.sizes::<4>();
    let taps = step.kernel[0] as usize * step.kernel[1] as usize;
    match Constants::left_shift(step.bias, &step.epilogue, channels, taps) {
        Some(left) => Some(Fit { left }),
        None => None,
    }
}

/// Computes the results of all groups of eight channels at all places.
///
/// The step has as many channels in its input as in its result.
pub(in crate::kernels) fn channels(fit: Fit, step: &DepthwiseConv2d<'_, Rescale<'_>>, tensors: &mut impl Tensors) {
    let is_descending = tensors.is_descending();
    if let Some(addresses) = tensors.addresses(step) {
        store(fit, step, addresses, is_descending);
    }
}

#[inline(never)]
fn store(fit: Fit, step: &DepthwiseConv2d<'_, Rescale<'_>>, addresses: Addresses, is_descending: bool) {
    let [.., channels] = step.output.sizes::<4>();
    let [rows, columns] = step.kernel.map(usize::from);
    if step.weights.len() < rows * columns * channels {
        return;
    }
    let mut bands = Bands::new(step, channels, is_descending);
    while let Some(band) = bands.next() {
        store_rows(fit, step, addresses, band);
    }
}

/// Computes the results of a band.
#[inline(never)] // its memory is on the stack
fn store_rows(
    Fit { left }: Fit,
    step: &DepthwiseConv2d<'_, Rescale<'_>>,
    Addresses { input, output }: Addresses,
    band: &Band,
) {
    let [.., channels] = step.output.sizes::<4>();
    // Of two groups.
    let Some(constants) = Constants::new(step.bias, &step.epilogue, channels, 2 * LANES) else { return };
    let (bias, multiplier, shift) = first(step.bias, &step.epilogue);
    let Range { start, end } = band.segments().as_ptr_range();
    let mut call = Call {
        weights: slices::from(step.weights, band.weights).as_ptr(),
        weights_of_segment: step.weights.as_ptr(),
        taps: 0,
        tap: band.tap,
        zero_point: -i32::from(step.input_zero_point),
        channels,
        place: band.place,
        output_zero_point: step.epilogue.output_zero_point.into(),
        groups: channels / LANES,
        segment: start,
        segments_end: end,
        segments: start,
        row: [input, output.cast_const()],
        steps: [band.input_step, band.output_step],
        start: [input.wrapping_add(band.input), output.wrapping_add(band.output).cast_const()],
        rows: band.rows,
        rows_left: 0,
        constants,
        factors: [[[bias; 4]; 4], [[multiplier; 4]; 4], [[32 - i32::from(left) - i32::from(shift); 4]; 4]],
        left: left.into(),
    };
    // SAFETY: the taps of a band lie inside the input, and its results inside the output, which are as large as their
    // shapes; weights and constants of all channels are there. A band has rows and segments, and these have places.
    unsafe { store_band(&mut call) };
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    /// Of the first row of taps.
    weights: *const i8,
    /// Of the first tap of a segment.
    weights_of_segment: *const i8,
    /// Rows of taps of a segment.
    taps: usize,
    /// From an activation to the next of a row of taps.
    tap: usize,
    /// The negated zero point of the input.
    zero_point: i32,
    /// From a result to that of the next place, and from a weight to that of the next tap.
    channels: usize,
    /// From an activation to that of the next place.
    place: usize,
    output_zero_point: i32,
    /// Groups of channels that are left.
    groups: usize,
    /// The next one, where they end and where they start.
    segment: *const Segment,
    segments_end: *const Segment,
    segments: *const Segment,
    /// Of activations and results, the current one.
    row: [*const i8; 2],
    /// From there to the next one.
    steps: [usize; 2],
    /// The first row of a group.
    start: [*const i8; 2],
    rows: usize,
    rows_left: usize,
    /// Of two groups.
    constants: Constants,
    /// Biases, multipliers and negated shifts: each of the even channels of a group, of the odd ones, and of those of a second
    /// group, in the order in which multiplications of halves give sums. Those that are one for all stay as they are.
    factors: [[[i32; 4]; 4]; 3],
    /// Bits by which sums are shifted to the left.
    left: u32,
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

/// The same for shifts, which are negated as those of high words; r3 is 32 for sums that are not shifted.
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

/// Loads the constants at an offset of the arguments by this code and goes on to those of the next two groups, if there is more
/// than one. The label is behind it.
macro_rules! constants {
    ($at:literal, $end:literal, $($load:expr),*) => {
        concat!(
            "ldrd r1, r2, [r0, ",
            $at,
            "]\n",
            "cbz r2, ",
            $end,
            "f\n",
            "add r2, r1, r2\n",
            "str r2, [r0, ",
            $at,
            "]\n",
            $($load,)*
            $end,
            ":\n",
        )
    };
}

/// Computes the results of groups at all places of a band; places are at the second label.
macro_rules! band {
    ($segment:literal, $place:literal, $($line:expr),*) => {
        concat!(
            "ldrd r1, r2, [r0, #64]\n",
            "strd r1, r2, [r0, #48]\n",
            "ldr r1, [r0, #72]\n",
            "str r1, [r0, #76]\n",
            "ldr r1, [r0, #44]\n",
            $segment,
            ":\n",
            "ldm r1!, {{r2, r3, r5, r6, r7, r10, r11, r12}}\n",
            "str r1, [r0, #36]\n",
            "ldr r1, [r0]\n",
            "add r2, r2, r1\n",
            "strd r2, r10, [r0, #4]\n",
            "ldrd r1, r2, [r0, #48]\n",
            "add r11, r11, r1\n",
            "add r7, r7, r2\n",
            $place,
            ":\n",
            $($line,)*
            "ldr r1, [r0, #24]\n",
            "add r7, r7, r9\n",
            "add r11, r11, r1\n",
            "subs r12, r12, #1\n",
            "bne ",
            $place,
            "b\n",
            "ldrd r1, r2, [r0, #36]\n",
            "cmp r1, r2\n",
            "bne ",
            $segment,
            "b\n",
            // The next row.
            "add r1, r0, #48\n",
            "ldm r1, {{r2, r3, r5, r6}}\n",
            "add r2, r2, r5\n",
            "add r3, r3, r6\n",
            "stm r1, {{r2, r3}}\n",
            "ldr r2, [r0, #76]\n",
            "subs r2, r2, #1\n",
            "str r2, [r0, #76]\n",
            "ldr r1, [r0, #44]\n",
            "bne ",
            $segment,
            "b\n",
        )
    };
}

/// Computes the results of groups of eight channels in a band.
///
/// # Safety
/// Activations, weights, constants and results must be there, and a band, a row and a segment must not be empty.
#[inline(never)]
unsafe fn store_band(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "ldr r4, [r0, #12]",
            "ldrd r8, r9, [r0, #16]",
            "2:",
            "ldr r3, [r0, #296]",
            "rsb r3, r3, #32",
            "ldr r1, [r0, #32]",
            "cmp r1, #2",
            "blt 20f",
            constants!("#80", "40", sort_words!("#104", "#120"), sort_words!("#136", "#152")),
            constants!("#88", "41", sort_words!("#168", "#184"), sort_words!("#200", "#216")),
            constants!("#96", "42", sort_shifts!("#232", "#248"), sort_shifts!("#264", "#280")),
            band!(
                "7",
                "3",
                "vldrw.u32 q0, [r0, #104]\n",
                "vldrw.u32 q1, [r0, #120]\n",
                "vldrw.u32 q2, [r0, #136]\n",
                "vldrw.u32 q3, [r0, #152]\n",
                add_taps!(add_tap!("q0", "q1", "#0"), add_tap!("q2", "q3", "#8")),
                "ldr r1, [r0, #28]\n",
                "ldr r2, [r0, #296]\n",
                "cbz r2, 8f\n",
                "vshl.s32 q0, r2\nvshl.s32 q1, r2\nvshl.s32 q2, r2\nvshl.s32 q3, r2\n",
                "8:\n",
                store!("q0", "q1", ["#168", "#184", "#232", "#248"], "#0"),
                store!("q2", "q3", ["#200", "#216", "#264", "#280"], "#8")
            ),
            "add r1, r0, #64",
            "ldm r1, {{r2, r3}}",
            "add r2, r2, #16",
            "add r3, r3, #16",
            "stm r1, {{r2, r3}}",
            "ldr r1, [r0]",
            "add r1, r1, #16",
            "str r1, [r0]",
            "ldr r1, [r0, #32]",
            "subs r1, r1, #2",
            "str r1, [r0, #32]",
            "bne 2b",
            "b 30f",
            // The last group.
            "20:",
            constants!("#80", "40", sort_words!("#104", "#120")),
            constants!("#88", "41", sort_words!("#168", "#184")),
            constants!("#96", "42", sort_shifts!("#232", "#248")),
            band!(
                "27",
                "23",
                "vldrw.u32 q0, [r0, #104]\n",
                "vldrw.u32 q1, [r0, #120]\n",
                add_taps!(add_tap!("q0", "q1", "#0")),
                "ldr r1, [r0, #28]\n",
                "ldr r2, [r0, #296]\n",
                "vshl.s32 q0, r2\nvshl.s32 q1, r2\n",
                store!("q0", "q1", ["#168", "#184", "#232", "#248"], "#0")
            ),
            "30:",
        );
    }
}
