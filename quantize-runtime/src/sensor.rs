//! Samples of sensors to codes of a model's input: conversion, normalization, quantization and layout in one look-up.

/// The channels of an input: `[batch, count, inner]`, or `[batch, inner, count]` where they are last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Channels {
    /// Number of channels.
    pub count: usize,
    /// Elements of one channel.
    pub inner: usize,
    /// Whether they are last in the samples.
    pub last_in_samples: bool,
    /// Whether they are last in the arena.
    pub last_in_arena: bool,
}

impl Channels {
    /// The first element of a channel and the distance of its elements.
    fn stride(&self, channel: usize, are_last: bool) -> (usize, usize) {
        // A distance of 0 would be a fault.
        if are_last { (channel, self.count.max(1)) } else { (channel * self.inner, 1) }
    }
}

/// The codes of samples of a type, little-endian in `W` bytes.
pub trait Look<const W: usize, S> {
    /// The code of a sample as the sensor gives it.
    fn code(&self, sample: S) -> [u8; W];
}

/// The code of each byte.
impl<const W: usize> Look<W, u8> for [[u8; W]; 256] {
    #[inline]
    fn code(&self, sample: u8) -> [u8; W] {
        self[usize::from(sample)]
    }
}

/// The code of each byte, −1 being the last.
impl<const W: usize> Look<W, i8> for [[u8; W]; 256] {
    #[inline]
    fn code(&self, sample: i8) -> [u8; W] {
        self[usize::from(sample.cast_unsigned())]
    }
}

/// Codes of one byte for samples of two: they rise with the sample, so that it is enough to know where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rises<'a> {
    /// The code of the smallest sample.
    pub first: u8,
    /// The smallest sample of each further code, ascending.
    pub thresholds: &'a [i16],
}

impl Look<1, i16> for Rises<'_> {
    #[inline]
    fn code(&self, sample: i16) -> [u8; 1] {
        let above = self.thresholds.partition_point(|threshold| *threshold <= sample);
        [self.first.wrapping_add(above as u8)] // at most 255 thresholds
    }
}

/// Writes the codes of samples into the arena; the shorter of the two decides how many.
///
/// * `looks`: one for each channel, or one for all
pub fn store<const W: usize, S: Copy, L: Look<W, S>>(channels: Channels, looks: &[L], samples: &[S], bytes: &mut [u8]) {
    let (codes, _) = bytes.as_chunks_mut::<W>();
    let size = (channels.count * channels.inner).max(1);
    for (codes, samples) in codes.chunks_exact_mut(size).zip(samples.chunks_exact(size)) {
        for (channel, look) in (0..channels.count).zip(looks.iter().cycle()) {
            let (start, step) = channels.stride(channel, channels.last_in_arena);
            let codes = codes.iter_mut().skip(start).step_by(step).take(channels.inner);
            let (start, step) = channels.stride(channel, channels.last_in_samples);
            for (code, &sample) in codes.zip(samples.iter().skip(start).step_by(step)) {
                *code = look.code(sample);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of a byte: itself plus a channel's number.
    fn looks() -> [[[u8; 1]; 256]; 2] {
        [0_u8, 100].map(|plus| core::array::from_fn(|byte| [plus.wrapping_add(byte as u8)]))
    }

    #[test]
    fn channels_go_to_their_planes() {
        let mut codes = [0; 12];
        let channels = Channels { count: 2, inner: 3, last_in_samples: false, last_in_arena: false };
        let samples = [1_u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        store(channels, &looks(), &samples, &mut codes);
        assert_eq!(codes, [1, 2, 3, 104, 105, 106, 7, 8, 9, 110, 111, 112]);
        let channels = Channels { last_in_samples: true, ..channels };
        store(channels, &looks(), &samples, &mut codes);
        assert_eq!(codes, [1, 3, 5, 102, 104, 106, 7, 9, 11, 108, 110, 112]);
        store(channels, &looks()[..1], &samples, &mut codes);
        assert_eq!(codes, [1, 3, 5, 2, 4, 6, 7, 9, 11, 8, 10, 12]);
        store(Channels { last_in_arena: true, ..channels }, &looks(), &samples, &mut codes);
        assert_eq!(codes, [1, 102, 3, 104, 5, 106, 7, 108, 9, 110, 11, 112]);
    }

    #[test]
    fn wide_codes_take_two_bytes() {
        let look: [[u8; 2]; 256] = core::array::from_fn(|byte| (byte as i16 - 300).to_le_bytes());
        let mut bytes = [0; 4];
        let channels = Channels { count: 1, inner: 2, last_in_samples: false, last_in_arena: false };
        store(channels, &[look], &[0, -1_i8], &mut bytes);
        assert_eq!([[bytes[0], bytes[1]], [bytes[2], bytes[3]]].map(i16::from_le_bytes), [-300, -45]);
    }

    #[test]
    fn codes_rise_at_thresholds() {
        let rises = Rises { first: (-2_i8).cast_unsigned(), thresholds: &[-100, 0, 0, 32_767] };
        let cases = [(-32_768, -2), (-101, -2), (-100, -1), (-1, -1), (0, 1), (32_766, 1), (32_767, 2)];
        for (sample, code) in cases {
            assert_eq!(rises.code(sample)[0].cast_signed(), code, "{sample}");
        }
    }
}
