//! Steps from i8 to i8: what all targets share around their products.

pub(super) mod channel;
#[cfg(any(kernels = "armv6m", kernels = "armv7em", kernels = "mve", kernels = "riscv32"))]
pub(super) mod constants;
pub(crate) mod conv2d;
pub(crate) mod depthwise_conv2d;
pub(super) mod patch;

use crate::bytes::aligned_words_from;
use crate::rescale::Rescale;

/// The biases of `N` channels from one on; they are at an address of words.
#[inline]
pub(super) fn biases<const N: usize>(bias: &[[u8; 4]], first: usize) -> [i32; N] {
    aligned_words_from(bias, first).unwrap_or([0; N])
}

/// Whether words of single channels are at addresses of words.
fn are_aligned(bias: &[[u8; 4]], rescale: &Rescale<'_>) -> bool {
    [bias, rescale.multiplier].iter().all(|words| words.len() == 1 || words.as_ptr().cast::<i32>().is_aligned())
}
