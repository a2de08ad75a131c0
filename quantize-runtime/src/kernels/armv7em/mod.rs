//! Kernels for Armv7E-M, and Armv8-M with the DSP extension: SMLAD adds two products of halves at a time.
//!
//! The loops are assembly, so that their cost does not depend on the optimization level.

mod columns;
pub(in crate::kernels) mod conv2d;
pub(crate) mod dot;
pub(crate) mod lanes;

pub(super) use crate::kernels::arm::{copy, fill, spread};
pub(crate) use conv2d::way as own_way;
pub(crate) use dot::channels;

use crate::rescale::Rescale;
use crate::steps::Conv2d;

/// The constants of the next output channels, for assembly.
#[repr(C)]
struct Channels {
    /// Quantized zero of the result.
    zero_point: i32,
    multiplier: *const [u8; 4],
    shift: *const i8,
    output: *mut i8,
    /// Bytes from a multiplier to the next, 0 where there is one for all; shifts have a quarter of it.
    factor_step: usize,
    bias: *const [u8; 4],
    /// Bytes from a bias to the next.
    bias_step: usize,
    /// Channels, or groups of channels, that are left.
    count: usize,
}

impl Channels {
    /// Those of a step; `None` where it has too few for its output channels.
    fn new(step: &Conv2d<'_, Rescale<'_>>, output: &mut [i8], count: usize) -> Option<Self> {
        let [.., channels] = step.output.sizes::<4>();
        let Rescale { multiplier, shift, output_zero_point, .. } = step.epilogue;
        let factor_step = distance(multiplier.len(), channels)?;
        if distance(shift.len(), channels)? != factor_step {
            return None;
        }
        Some(Self {
            zero_point: output_zero_point.into(),
            multiplier: multiplier.as_ptr(),
            shift: shift.as_ptr(),
            output: output.as_mut_ptr(),
            factor_step,
            bias: step.bias.as_ptr(),
            bias_step: distance(step.bias.len(), channels)?,
            count,
        })
    }
}

/// Bytes from the word of a channel to that of the next.
fn distance(words: usize, channels: usize) -> Option<usize> {
    match words {
        1 => Some(0),
        words => (words >= channels).then_some(4),
    }
}

/// The negated zero point in both halves.
fn negated(zero_point: i8) -> u32 {
    let half = u32::from((-i16::from(zero_point)).cast_unsigned());
    half << 16 | half
}

/// [`arm::assembly`](crate::kernels::arm), which changes no registers of vectors.
macro_rules! assembly {
    ($($argument:tt)*) => { $crate::kernels::arm::assembly!([]; $($argument)*) };
}
use assembly;

/// Rows of weights that are multiplied together.
pub(crate) const ROWS: usize = 4;
