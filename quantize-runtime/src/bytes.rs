//! Views of bytes as the elements of tensors: of constants at compile time, of the arena at run time.

use core::ops::Range;

/// Places a value at a multiple of 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(16))]
pub struct Aligned<T: ?Sized>(pub T);

/// `len` i8 constants at `offset` of an embedded file.
///
/// # Panics
/// If they leave `data`; in a constant, which is a compile error.
pub const fn i8s(data: &[u8], offset: usize, len: usize) -> &[i8] {
    as_i8s(bytes(data, offset, len))
}

/// A table of `N` i8 constants at `offset` of an embedded file.
///
/// # Panics
/// If it leaves `data`; in a constant, which is a compile error.
pub const fn i8_array<const N: usize>(data: &[u8], offset: usize) -> &[i8; N] {
    match i8s(data, offset, N).first_chunk() {
        Some(array) => array,
        None => unreachable!(),
    }
}

/// i8 constants of so many channels, a tap after the other, as a channel after the other.
///
/// # Panics
/// If there are not `N` of them, or not the same number for each channel; in a constant, which is a compile error.
pub const fn by_channel<const N: usize>(constants: &[i8], channels: usize) -> [i8; N] {
    assert!(constants.len() == N && N.is_multiple_of(channels), "constants are missing for some channels");
    let (taps, mut result, mut at) = (N / channels, [0; N], 0);
    while at < N {
        result[at % channels * taps + at / channels] = constants[at];
        at += 1;
    }
    result
}

/// Biases that contain the zero point of activations, `bias − zero_point · Σ weights`, for rows of weights of `N` channels.
///
/// # Panics
/// If biases or weights are missing; in a constant, which is a compile error.
pub const fn folded<const N: usize>(bias: &[[u8; 4]], weights: &[i8], zero_point: i8) -> [[u8; 4]; N] {
    assert!(weights.len().is_multiple_of(N), "weights are missing for some channels");
    let (len, mut result, mut channel) = (weights.len() / N, [[0; 4]; N], 0);
    while channel < N {
        let mut sum = i32::from_le_bytes(bias[if bias.len() == 1 { 0 } else { channel }]);
        let mut at = channel * len;
        while at < (channel + 1) * len {
            sum = sum.wrapping_sub(zero_point as i32 * weights[at] as i32);
            at += 1;
        }
        result[channel] = sum.to_le_bytes();
        channel += 1;
    }
    result
}

/// Parts of a file one after the other, in `N` bytes, each where [`place_after`] puts it: what is embedded of the file.
///
/// # Panics
/// If a part leaves the file, or they have not `N` bytes in all; in a constant, which is a compile error.
pub const fn joined<const N: usize>(file: &[u8], mut parts: &[Range<usize>]) -> [u8; N] {
    let (mut result, mut at) = ([0; N], 0);
    while let [part, rest @ ..] = parts {
        at = place_after(at, part.start);
        let len = part.end - part.start;
        result.split_at_mut(at).1.split_at_mut(len).0.copy_from_slice(bytes(file, part.start, len));
        at += len;
        parts = rest;
    }
    assert!(at == N, "parts of the file are missing");
    result
}

/// Where a part of a file lies that follows others of so many bytes: from a multiple of 16 it is as far as in the file.
pub const fn place_after(end: usize, start_in_file: usize) -> usize {
    end.next_multiple_of(16) + start_in_file % 16
}

/// i16 constants in `len` bytes at `offset` of an embedded file, little-endian.
///
/// # Panics
/// If they leave `data` or `len` is no multiple of 2; in a constant, which is a compile error.
pub const fn halves(data: &[u8], offset: usize, len: usize) -> &[[u8; 2]] {
    chunks(data, offset, len)
}

/// i32 or f32 constants in `len` bytes at `offset` of an embedded file, as little-endian words.
///
/// # Panics
/// If they leave `data`, or `offset` or `len` is no multiple of 4; in a constant, which is a compile error.
pub const fn words(data: &[u8], offset: usize, len: usize) -> &[[u8; 4]] {
    assert!(offset.is_multiple_of(4), "a word does not lie at an address of words");
    chunks(data, offset, len)
}

/// i48 constants, 8 bytes each, in `len` bytes at `offset` of an embedded file, little-endian.
///
/// # Panics
/// If they leave `data` or `len` is no multiple of 8; in a constant, which is a compile error.
pub const fn longs(data: &[u8], offset: usize, len: usize) -> &[[u8; 8]] {
    chunks(data, offset, len)
}

const fn chunks<const N: usize>(data: &[u8], offset: usize, len: usize) -> &[[u8; N]] {
    assert!(len.is_multiple_of(N), "the number of bytes is no multiple of an element's");
    bytes(data, offset, len).as_chunks().0
}

/// `len` bytes at `offset` of an embedded file: truth values.
///
/// # Panics
/// If they leave `data`; in a constant, which is a compile error.
pub const fn bytes(data: &[u8], offset: usize, len: usize) -> &[u8] {
    assert!(offset <= data.len() && len <= data.len() - offset, "a constant lies outside the embedded file");
    data.split_at(offset).1.split_at(len).0
}

/// The bytes as i8.
#[inline]
pub const fn as_i8s(bytes: &[u8]) -> &[i8] {
    // SAFETY: u8 and i8 have the same size and alignment and every bit pattern is a value of both; the result borrows
    // what the argument borrows, for as long.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// The bytes as i8, to be written.
#[inline]
pub const fn as_i8s_mut(bytes: &mut [u8]) -> &mut [i8] {
    // SAFETY: as in `as_i8s`; the borrow stays exclusive because the argument is not used again.
    unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}

/// The bytes as little-endian i16; an odd one at the end is left out.
#[inline]
pub const fn as_halves(bytes: &[u8]) -> &[[u8; 2]] {
    bytes.as_chunks().0
}

/// The bytes as little-endian i16, to be written; an odd one at the end is left out.
#[inline]
pub const fn as_halves_mut(bytes: &mut [u8]) -> &mut [[u8; 2]] {
    bytes.as_chunks_mut().0
}

/// The bytes as little-endian i48 in 8 bytes each; up to seven bytes at the end are left out.
#[inline]
pub const fn as_longs(bytes: &[u8]) -> &[[u8; 8]] {
    bytes.as_chunks().0
}

/// The bytes as little-endian i48 in 8 bytes each, to be written; up to seven bytes at the end are left out.
#[inline]
pub const fn as_longs_mut(bytes: &mut [u8]) -> &mut [[u8; 8]] {
    bytes.as_chunks_mut().0
}

/// The bytes as little-endian words; up to three bytes at the end are left out.
#[inline]
pub const fn as_words(bytes: &[u8]) -> &[[u8; 4]] {
    bytes.as_chunks().0
}

/// The bytes as little-endian words, to be written; up to three bytes at the end are left out.
#[inline]
pub const fn as_words_mut(bytes: &mut [u8]) -> &mut [[u8; 4]] {
    bytes.as_chunks_mut().0
}

/// `N` little-endian words from an index on; the only one for each where there is one.
#[inline]
pub(crate) fn words_from<const N: usize>(words: &[[u8; 4]], first: usize) -> Option<[i32; N]> {
    if let [word] = words {
        return Some([i32::from_le_bytes(*word); N]);
    }
    let chunk: &[[u8; 4]; N] = words.get(first..)?.first_chunk()?;
    Some(chunk.map(i32::from_le_bytes))
}

/// The same of words at an address of words; `None` for others on cores that would put together each from four bytes.
#[inline]
pub(crate) fn aligned_words_from<const N: usize>(words: &[[u8; 4]], first: usize) -> Option<[i32; N]> {
    if words.len() == 1 || cfg!(not(any(target_arch = "arm", target_arch = "riscv32"))) {
        return words_from(words, first);
    }
    let chunk: *const [i32; N] = words.get(first..)?.first_chunk::<N>()?.as_ptr().cast();
    // SAFETY: the words are there, and their address is a multiple of four.
    chunk.is_aligned().then(|| unsafe { chunk.read() }.map(i32::from_le))
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILE: &Aligned<[u8]> = &Aligned([0, 0xFF, 0x80, 1, 2, 3, 4, 5]);
    const NEGATIVE: &[i8] = i8s(&FILE.0, 1, 2);
    const WORDS: &[[u8; 4]] = words(&FILE.0, 4, 4);
    const ARRAY: &[i8; 3] = i8_array(&FILE.0, 3);
    const PARTS: [u8; 36] = joined(&FILE.0, &[2..4, 5..6, 1..4]);

    #[test]
    fn constants_are_views() {
        assert_eq!(NEGATIVE, [-1, -128]);
        assert_eq!(WORDS, [[2, 3, 4, 5]]);
        assert_eq!(ARRAY, &[1, 2, 3]);
        assert_eq!(FILE.0.as_ptr().addr() % 16, 0);
    }

    #[test]
    fn parts_stay_as_aligned_as_they_are() {
        assert_eq!(PARTS[2..4], [0x80, 1]);
        assert_eq!((PARTS[16 + 5], PARTS.len()), (3, 36));
        assert_eq!(PARTS[32 + 1..], [0xFF, 0x80, 1]);
    }

    #[test]
    fn biases_contain_the_zero_point() {
        let words = |values: [i32; 2]| values.map(i32::to_le_bytes);
        assert_eq!(folded(&words([100, -100]), &[1, 2, 3, -4, -5, -6], -10), words([160, -250]));
        assert_eq!(folded(&words([7, 0])[..1], &[1, -128], 127), words([7 - 127, 7 + 127 * 128]));
    }

    #[test]
    fn channels_come_one_after_the_other() {
        assert_eq!(by_channel::<6>(&[0, 1, 2, 10, 11, 12], 3), [0, 10, 1, 11, 2, 12]);
    }

    #[test]
    #[should_panic = "outside the embedded file"]
    fn a_constant_outside_the_file_is_refused() {
        i8s(&FILE.0, 6, usize::MAX);
    }

    #[test]
    fn written_elements_are_the_bytes() {
        let mut bytes = [0; 9];
        as_i8s_mut(&mut bytes)[8] = -1;
        as_words_mut(&mut bytes)[1] = 7_i32.to_le_bytes();
        assert_eq!(bytes, [0, 0, 0, 0, 7, 0, 0, 0, 255]);
    }
}
