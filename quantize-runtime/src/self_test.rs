//! Compares a program on its device with the build that made it: made-up inputs, and a hash of each output.

use crate::port::Element;
use core::fmt;

/// An output that is not what the build computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// The model's own name of the output.
    pub output: &'static str,
    /// [`hash`] of the output that the reference interpreter computed on the host.
    pub expected: u64,
    /// [`hash`] of the output that the program computed.
    pub found: u64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { output, expected, found } = self;
        write!(f, "output `{output}` has the hash {found:016x}, the build computed {expected:016x}")
    }
}

impl core::error::Error for Mismatch {}

/// An element that can be made up, and hashed.
pub trait Sample: Element {
    /// An element made of random bits: any code, a truth value, 0 or 1 for an index, a real number of −2 to 2.
    fn from_bits(bits: u32) -> Self;

    /// The element itself; one NaN for all of them, whose bits differ between processors.
    fn canonical(self) -> Self {
        self
    }
}

impl Sample for i8 {
    fn from_bits(bits: u32) -> Self {
        (bits >> 24) as u8 as Self // the upper bits
    }
}

impl Sample for u8 {
    fn from_bits(bits: u32) -> Self {
        (bits >> 24) as Self // the upper bits
    }
}

impl Sample for i16 {
    fn from_bits(bits: u32) -> Self {
        (bits >> 16) as u16 as Self // the upper bits
    }
}

impl Sample for i32 {
    fn from_bits(bits: u32) -> Self {
        (bits >> 31) as Self // one bit
    }
}

impl Sample for bool {
    fn from_bits(bits: u32) -> Self {
        bits >> 31 != 0
    }
}

impl Sample for f32 {
    fn from_bits(bits: u32) -> Self {
        Self::from(i8::from_bits(bits)) / 64.0
    }

    fn canonical(self) -> Self {
        if self.is_nan() { Self::NAN } else { self }
    }
}

/// The made-up inputs of a test: a linear congruential sequence, the same for every run.
#[derive(Clone, Debug)]
pub struct Samples(u32);

impl Samples {
    /// The start of the sequence.
    #[expect(clippy::new_without_default, reason = "no sequence is the usual one")]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Fills the bytes of an input with the next elements.
    pub fn fill<T: Sample>(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_exact_mut(size_of::<T::Bytes>()) {
            // Numerical Recipes, "An Even Quicker Generator".
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            chunk.copy_from_slice(T::from_bits(self.0).to_bytes().as_ref());
        }
    }
}

/// FNV-1a of 64 bits over the bytes of the elements.
pub fn hash<T: Sample>(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for chunk in bytes.chunks_exact(size_of::<T::Bytes>()) {
        for &byte in T::from_bytes(chunk).canonical().to_bytes().as_ref() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash
}

/// Compares an output in the arena with what the build computed.
///
/// # Errors
/// When they differ.
pub fn check<T: Sample>(bytes: &[u8], output: &'static str, expected: u64) -> Result<(), Mismatch> {
    match hash::<T>(bytes) {
        found if found == expected => Ok(()),
        found => Err(Mismatch { output, expected, found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_same_each_time_and_of_every_kind() {
        let mut bytes = [0; 1024];
        Samples::new().fill::<i8>(&mut bytes);
        assert_eq!(bytes[..4], [0x3c, 0x47, 0xd1, 0xaa]);
        let missing = (0..=u8::MAX).filter(|code| !bytes.contains(code)).count();
        assert!(missing < 16, "{missing}");
        Samples::new().fill::<f32>(&mut bytes);
        assert!(bytes.chunks_exact(4).map(f32::from_bytes).all(|real| (-2.0..2.0).contains(&real)));
        Samples::new().fill::<i32>(&mut bytes);
        assert!(bytes.chunks_exact(4).map(i32::from_bytes).all(|index| index == 0 || index == 1));
    }

    #[test]
    fn one_bit_changes_the_hash() {
        // The published values of FNV-1a.
        assert_eq!(hash::<u8>(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash::<u8>(b"foobar"), 0x8594_4171_f739_67e8);
        let expected = hash::<i8>(&[1, 2, 3]);
        assert_eq!(check::<i8>(&[1, 2, 3], "y", expected), Ok(()));
        assert!(check::<i8>(&[1, 2, 2], "y", expected).is_err_and(|mismatch| mismatch.output == "y"));
    }

    #[test]
    fn any_nan_is_one() {
        let [plain, negative] = [f32::NAN, -f32::NAN].map(|nan| hash::<f32>(&nan.to_le_bytes()));
        assert_eq!(plain, negative);
        assert_ne!(plain, hash::<f32>(&1.0_f32.to_le_bytes()));
    }
}
