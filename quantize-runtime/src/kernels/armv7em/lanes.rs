//! DEPTHWISE_CONV2D from i8 to i8, four channels at a time.

use super::{assembly, negated};
use crate::kernels::int8::constants::{Constants, first};
use crate::kernels::int8::depthwise_conv2d::{Addresses, Band, Bands, Segment, Tensors};
use crate::rescale::Rescale;
use crate::slices;
use crate::steps::DepthwiseConv2d;
use core::mem::MaybeUninit;
use core::ops::Range;

/// Channels that are computed together.
pub(crate) const LANES: usize = 4;
/// Taps of the largest window whose weights are widened on the stack.
const TAPS: usize = 25;

/// What the kernel knows of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fit {
    /// Bits by which sums are shifted to the left.
    left: u8,
}

/// `None` if a step's window or constants are not such as this kernel takes.
pub(crate) const fn fit(step: &DepthwiseConv2d<'_, Rescale<'_>>) -> Option<Fit> {
    let [_, _, _, channels] = step.output.sizes::<4>();
    let taps = step.kernel[0] as usize * step.kernel[1] as usize;
    match Constants::left_shift(step.bias, &step.epilogue, channels, taps) {
        Some(left) if taps <= TAPS => Some(Fit { left }),
        _ => None,
    }
}

/// Computes the results of all groups of four channels at all places.
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
    if step.weights.len() < rows * columns * channels || rows * columns > TAPS {
        return;
    }
    let mut bands = Bands::new(step, size_of::<[u32; 2]>(), is_descending);
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
    let ([.., channels], [_, columns]) = (step.output.sizes::<4>(), step.kernel.map(usize::from));
    let Some(constants) = Constants::new(step.bias, &step.epilogue, channels, LANES) else { return };
    let (bias, multiplier, shift) = first(step.bias, &step.epilogue);
    let Range { start, end } = band.segments().as_ptr_range();
    let mut call = Call {
        weights: slices::from(step.weights, band.weights).as_ptr(),
        taps: band.taps * columns,
        tap: band.tap,
        zero_point: negated(step.input_zero_point),
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
        factors: [[bias << left; LANES], [multiplier; LANES], [i32::from(shift) + i32::from(left) - 32; LANES]],
        next: [0; 3],
        window: [0; 5],
        left: left.into(),
        widened: [const { MaybeUninit::uninit() }; TAPS],
    };
    // SAFETY: the taps of a band lie inside the input, and its results inside the output, which are as large as their
    // shapes; weights and constants of all channels are there, and no more taps than are widened. A band has rows and
    // segments, and these have places.
    unsafe { store_band(&mut call) };
}

/// Arguments of the assembly.
#[repr(C)]
struct Call {
    /// Of the first row of taps.
    weights: *const i8,
    /// Of all segments: whole rows.
    taps: usize,
    /// From an activation to the next of a row of taps.
    tap: usize,
    /// The negated zero point in both halves.
    zero_point: u32,
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
    constants: Constants,
    /// Biases, multipliers and shifts of high words of a group. Those that are one for all stay as they are.
    factors: [[i32; LANES]; 3],
    /// Activation and result of a group at the next place, and the places that are left.
    next: [usize; 3],
    /// Of a segment: its first widened weights, columns, distances from a row of taps to the next and rows.
    window: [usize; 5],
    /// Bits by which weights and biases are shifted to the left.
    left: u32,
    /// Of each tap the weights of the first and third channel of a group as halves, then those of the second and fourth.
    widened: [MaybeUninit<[u32; 2]>; TAPS],
}

/// Loads the constants at an offset of the arguments by this code, stores them at another and goes on to those of the next group, if
/// there is more than one. The label is behind it.
macro_rules! constants {
    ($at:literal, $end:literal, $load:literal, $to:literal) => {
        concat!(
            "ldrd r1, r2, [r0, ",
            $at,
            "]\n",
            "cbz r2, ",
            $end,
            "f\n",
            $load,
            "add r2, r1, r2\n",
            "str r2, [r0, ",
            $at,
            "]\n",
            "add r12, r0, ",
            $to,
            "\n",
            "stm r12, {{r7-r10}}\n",
            $end,
            ":\n",
        )
    };
}

/// Computes the results of groups of four channels in a band.
///
/// # Safety
/// Activations, weights, constants and results must be there, and a band, a row and a segment must not be empty.
#[inline(never)]
unsafe fn store_band(call: &mut Call) {
    // SAFETY: as for this function; all registers that change are named.
    unsafe {
        assembly!(
            call,
            "2:",
            // The weights of the group.
            "ldrd r1, r2, [r0]",
            "ldr r4, [r0, #16]",
            "ldr r12, [r0, #180]",
            "mov r11, #1",
            "lsl r11, r11, r12",
            "add r6, r0, #184",
            "add r3, r1, #4",
            "str r3, [r0]",
            "cmp r2, #0",
            "beq 5f",
            "4:",
            "ldr r7, [r1]",
            "add r1, r1, r4",
            "sxtb16 r8, r7",
            "sxtb16 r9, r7, ror #8",
            "smulbb r3, r8, r11",
            "smultb r8, r8, r11",
            "pkhbt r8, r3, r8, lsl #16",
            "smulbb r3, r9, r11",
            "smultb r9, r9, r11",
            "pkhbt r9, r3, r9, lsl #16",
            "strd r8, r9, [r6], #8",
            "subs r2, r2, #1",
            "bne 4b",
            "5:",
            // Its constants.
            "ldr r3, [r0, #180]",
            "rsb r4, r3, #32",
            constants!(
                "#76",
                "40",
                "ldm r1, {{r7-r10}}\nlsl r7, r7, r3\nlsl r8, r8, r3\nlsl r9, r9, r3\nlsl r10, r10, r3\n",
                "#100"
            ),
            constants!("#84", "41", "ldm r1, {{r7-r10}}\n", "#116"),
            constants!(
                "#92",
                "42",
                "ldrsb r7, [r1]\nldrsb r8, [r1, #1]\nldrsb r9, [r1, #2]\nldrsb r10, [r1, #3]\n\
                 sub r7, r7, r4\nsub r8, r8, r4\nsub r9, r9, r4\nsub r10, r10, r4\n",
                "#132"
            ),
            // Its first row.
            "ldrd r1, r2, [r0, #60]",
            "strd r1, r2, [r0, #44]",
            "add r1, r1, #4",
            "add r2, r2, #4",
            "strd r1, r2, [r0, #60]",
            "ldr r1, [r0, #68]",
            "str r1, [r0, #72]",
            "ldr r1, [r0, #40]",
            // Its segments.
            "7:",
            "ldm r1!, {{r2, r3, r5, r6, r7, r10, r11, r12}}",
            "str r1, [r0, #32]",
            "add r1, r0, #184",
            "add r2, r2, r1",
            "sub r1, r1, #24",
            "stm r1, {{r2, r3, r5, r6, r10}}",
            "ldrd r1, r2, [r0, #44]",
            "add r11, r11, r1",
            "add r7, r7, r2",
            "strd r11, r7, [r0, #148]",
            "str r12, [r0, #156]",
            // Their places.
            "10:",
            "add r1, r0, #100",
            "ldm r1, {{r4-r7}}",
            "ldr r8, [r0, #12]",
            "ldr lr, [r0, #8]",
            "ldr r1, [r0, #148]",
            "ldr r2, [r0, #160]",
            "ldr r0, [r0, #176]",
            "cmp r0, #0",
            "beq 13f",
            "11:",
            "ldr r3, [sp]",
            "ldr r3, [r3, #164]",
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
            "ldrd r9, r10, [r3, #168]",
            "add r1, r1, r9",
            "add r2, r2, r10",
            "subs r0, r0, #1",
            "bne 11b",
            "13:",
            "ldr r0, [sp]",
            "ldr lr, [r0, #24]",
            "add r1, r0, #116",
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
            "add r8, r0, #148",
            "ldm r8, {{r1, r2, r3}}",
            "strb r4, [r2]",
            "strb r5, [r2, #1]",
            "strb r6, [r2, #2]",
            "strb r7, [r2, #3]",
            "ldrd r4, r5, [r0, #16]",
            "add r1, r1, r5",
            "add r2, r2, r4",
            "subs r3, r3, #1",
            "stm r8, {{r1, r2, r3}}",
            "bne 10b",
            "ldrd r1, r2, [r0, #32]",
            "cmp r1, r2",
            "bne 7b",
            // The next row.
            "add r1, r0, #44",
            "ldm r1, {{r2, r3, r5, r6}}",
            "add r2, r2, r5",
            "add r3, r3, r6",
            "stm r1, {{r2, r3}}",
            "ldr r2, [r0, #72]",
            "subs r2, r2, #1",
            "str r2, [r0, #72]",
            "ldr r1, [r0, #40]",
            "bne 7b",
            // The next group.
            "ldr r1, [r0, #28]",
            "subs r1, r1, #1",
            "str r1, [r0, #28]",
            "bne 2b",
        );
    }
}
