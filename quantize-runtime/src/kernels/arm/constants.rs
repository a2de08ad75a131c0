//! Constants of output channels.

use crate::rescale::Rescale;

/// Constants of the next output channels, for assembly: where they are, and bytes from there to those after them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(in crate::kernels) struct Constants {
    bias: *const i32,
    bias_step: usize,
    multiplier: *const i32,
    multiplier_step: usize,
    shift: *const i8,
    shift_step: usize,
}

impl Constants {
    /// Whether those of a step of so many channels are there, and all shifts are of high words.
    pub(in crate::kernels) const fn fit(bias: &[[u8; 4]], rescale: &Rescale<'_>, channels: usize) -> bool {
        fits(bias.len(), channels)
            && fits(rescale.multiplier.len(), channels)
            && fits(rescale.shift.len(), channels)
            && rescale.is_of_high_words()
    }

    /// Those of so many channels, of which `N` are computed at a time; `None` where some are missing or not aligned.
    pub(in crate::kernels) fn new<const N: usize>(
        bias: &[[u8; 4]],
        rescale: &Rescale<'_>,
        ones: &Ones<N>,
        channels: usize,
    ) -> Option<Self> {
        let words = |words: &[[u8; 4]], one: &[i32; N]| match words.len() {
            1 => Some((one.as_ptr(), 0)),
            len => {
                let at = words.as_ptr().cast::<i32>();
                (fits(len, channels) && at.is_aligned()).then_some((at, 4 * N))
            }
        };
        let (shift, shift_step) = match rescale.shift.len() {
            1 => (ones.shift.as_ptr(), 0),
            len => fits(len, channels).then_some((rescale.shift.as_ptr(), N))?,
        };
        let (bias, bias_step) = words(bias, &ones.bias)?;
        let (multiplier, multiplier_step) = words(rescale.multiplier, &ones.multiplier)?;
        Some(Self { bias, bias_step, multiplier, multiplier_step, shift, shift_step })
    }
}

/// Whether there is one constant for all channels, or one for each.
const fn fits(len: usize, channels: usize) -> bool {
    len == 1 || len >= channels
}

/// The constants of `N` channels where there is one for all.
pub(in crate::kernels) struct Ones<const N: usize> {
    bias: [i32; N],
    multiplier: [i32; N],
    shift: [i8; N],
}

impl<const N: usize> Ones<N> {
    pub(in crate::kernels) fn new(bias: &[[u8; 4]], rescale: &Rescale<'_>) -> Self {
        let first = |words: &[[u8; 4]]| [words.first().map_or(0, |word| i32::from_le_bytes(*word)); N];
        let shift = [rescale.shift.first().copied().unwrap_or_default(); N];
        Self { bias: first(bias), multiplier: first(rescale.multiplier), shift }
    }
}
