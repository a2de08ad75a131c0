//! Constants of output channels.

use super::are_aligned;
use crate::rescale::Rescale;

/// The least shift of a product of which the high word alone decides.
const HIGH_WORD: i8 = 33;
/// So that weights in 16 bits can be shifted.
const MAX_LEFT: u32 = 7;

/// Constants of the next output channels, for assembly: where they are, and bytes from there to those after them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(in crate::kernels) struct Constants {
    bias: *const i32,
    bias_step: usize,
    pub(in crate::kernels) multiplier: *const i32,
    pub(in crate::kernels) multiplier_step: usize,
    shift: *const i8,
    shift_step: usize,
}

impl Constants {
    /// By how many bits the sums of so many products must be shifted to the left, so that all shifts are of high words and no sum
    /// overflows; `None` if that cannot be, or some constants are missing.
    pub(in crate::kernels) const fn left_shift(
        bias: &[[u8; 4]],
        rescale: &Rescale<'_>,
        channels: usize,
        products: usize,
    ) -> Option<u8> {
        if !(fits(bias.len(), channels)
            && fits(rescale.multiplier.len(), channels)
            && fits(rescale.shift.len(), channels))
        {
            return None;
        }
        let (mut shifts, mut least, mut largest) = (rescale.shift, HIGH_WORD, 0);
        while let [shift, rest @ ..] = shifts {
            least = if *shift < least { *shift } else { least };
            largest = if *shift > largest { *shift } else { largest };
            shifts = rest;
        }
        let (mut biases, mut largest_bias) = (bias, 0);
        while let [bias, rest @ ..] = biases {
            let bias = i32::from_le_bytes(*bias).unsigned_abs() as u64;
            largest_bias = if bias > largest_bias { bias } else { largest_bias };
            biases = rest;
        }
        let left = (HIGH_WORD - least) as u32; // at least 0
        // The difference of two numbers of 8 bits times one of them.
        let largest_sum = largest_bias + products as u64 * (255 * 128);
        let is_small = left <= MAX_LEFT && (left == 0 || largest_sum << left < 1 << 31);
        if is_small && largest <= 62 { Some(left as u8) } else { None }
    }

    /// Those of so many channels, of which some are computed at a time; `None` where some are missing or not aligned. Where there is
    /// one for all, the next ones are at the same place.
    pub(in crate::kernels) fn new(
        bias: &[[u8; 4]],
        rescale: &Rescale<'_>,
        channels: usize,
        at_a_time: usize,
    ) -> Option<Self> {
        let step = |len: usize, size: usize| match len {
            1 => Some(0),
            len => fits(len, channels).then_some(at_a_time * size),
        };
        are_aligned(bias, rescale).then_some(Self {
            bias: bias.as_ptr().cast(),
            bias_step: step(bias.len(), 4)?,
            multiplier: rescale.multiplier.as_ptr().cast(),
            multiplier_step: step(rescale.multiplier.len(), 4)?,
            shift: rescale.shift.as_ptr(),
            shift_step: step(rescale.shift.len(), 1)?,
        })
    }

    /// Whether some are one for all.
    #[cfg(any(kernels = "armv6m", kernels = "riscv32"))]
    pub(in crate::kernels) const fn have_ones(&self) -> bool {
        self.bias_step == 0 || self.multiplier_step == 0 || self.shift_step == 0
    }

    /// The same with copies of those that are one for all.
    #[cfg(not(kernels = "armv7em"))]
    pub(in crate::kernels) const fn or_ones<const N: usize>(mut self, ones: &Ones<N>) -> Self {
        if self.bias_step == 0 {
            self.bias = ones.bias.as_ptr();
        }
        if self.multiplier_step == 0 {
            self.multiplier = ones.multiplier.as_ptr();
        }
        if self.shift_step == 0 {
            self.shift = ones.shift.as_ptr();
        }
        self
    }
}

/// The first bias, multiplier and shift.
pub(in crate::kernels) fn first(bias: &[[u8; 4]], rescale: &Rescale<'_>) -> (i32, i32, i8) {
    let first = |words: &[[u8; 4]]| words.first().map_or(0, |word| i32::from_le_bytes(*word));
    (first(bias), first(rescale.multiplier), rescale.shift.first().copied().unwrap_or_default())
}

/// Whether there is one constant for all channels, or one for each.
const fn fits(len: usize, channels: usize) -> bool {
    len == 1 || len >= channels
}

/// The constants of `N` channels where there is one for all.
#[cfg(not(kernels = "armv7em"))]
pub(in crate::kernels) struct Ones<const N: usize> {
    bias: [i32; N],
    multiplier: [i32; N],
    shift: [i8; N],
}

#[cfg(not(kernels = "armv7em"))]
impl<const N: usize> Ones<N> {
    pub(in crate::kernels) fn new(bias: &[[u8; 4]], rescale: &Rescale<'_>) -> Self {
        let (bias, multiplier, shift) = first(bias, rescale);
        Self { bias: [bias; N], multiplier: [multiplier; N], shift: [shift; N] }
    }
}
