//! The element types of tensors, and single numbers of them.

use crate::graph::{Rule, require};

/// Element type of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ElementType {
    /// Truth value: a byte, 0 or 1.
    Bool,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 48-bit integer, stored in 64 bits: what 16-bit convolutions accumulate in.
    I48,
    /// Single precision.
    F32,
}

impl ElementType {
    /// Bytes of an element.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I48 => 8,
        }
    }

    /// Name in messages, such as "i8".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I48 => "i48",
            Self::F32 => "f32",
        }
    }

    /// Checks that a scalar attribute is a number of the type.
    pub(crate) fn check_scalar(self, scalar: Scalar) -> Result<(), Rule> {
        let fits = match (self, scalar) {
            (Self::Bool, Scalar::Int(value)) => (0..=1).contains(&value),
            (Self::I8, Scalar::Int(value)) => i8::try_from(value).is_ok(),
            (Self::I16, Scalar::Int(value)) => i16::try_from(value).is_ok(),
            (Self::I32 | Self::I48, Scalar::Int(_)) | (Self::F32, Scalar::F32(_)) => true,
            (Self::F32, Scalar::Int(_)) | (_, Scalar::F32(_)) => false,
        };
        require(fits, "a scalar is no number of the tensor's element type")
    }

    /// Checks the quantized zero of a tensor of this type.
    pub(crate) fn check_zero_point(self, zero_point: i32) -> Result<(), Rule> {
        require(zero_point == 0 || self == Self::I8, "a zero point of a tensor that is not i8 is not 0")?;
        require(i8::try_from(zero_point).is_ok(), "a zero point does not fit i8")
    }
}

/// A number of some element type: an attribute of an operator.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub enum Scalar {
    /// Of an integer type, or 0 or 1 of bool.
    Int(i32),
    /// Of f32.
    F32(f32),
}

impl Default for Scalar {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl From<i32> for Scalar {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<f32> for Scalar {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl Scalar {
    /// The number that the low bytes of `bits` are, of which an element has as many as its size.
    ///
    /// `None` where an i48 does not fit i32, which attributes never need.
    pub fn from_bits(element: ElementType, bits: u64) -> Option<Self> {
        // The casts keep the low bytes.
        Some(match element {
            ElementType::Bool => Self::Int((bits as u8 != 0).into()),
            ElementType::I8 => Self::Int((bits as i8).into()),
            ElementType::I16 => Self::Int((bits as i16).into()),
            ElementType::I32 => Self::Int(bits as i32),
            ElementType::I48 => Self::Int(i32::try_from(bits.cast_signed()).ok()?),
            ElementType::F32 => Self::F32(f32::from_bits(bits as u32)),
        })
    }

    /// The number as an element: its bytes are the low ones, in little-endian order, as many as the type's size.
    pub fn to_bits(self) -> u64 {
        match self {
            Self::Int(value) => i64::from(value).cast_unsigned(),
            Self::F32(value) => value.to_bits().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_survive_as_bits() {
        let elements = [
            (ElementType::Bool, Scalar::Int(1)),
            (ElementType::I8, Scalar::Int(-128)),
            (ElementType::I16, Scalar::Int(-3)),
            (ElementType::I32, Scalar::Int(i32::MIN)),
            (ElementType::I48, Scalar::Int(-1)),
            (ElementType::F32, Scalar::F32(-0.5)),
        ];
        for (element, scalar) in elements {
            assert_eq!(element.check_scalar(scalar), Ok(()));
            let mut bytes = [0; 8];
            bytes[..element.size()].copy_from_slice(&scalar.to_bits().to_le_bytes()[..element.size()]);
            assert_eq!(Scalar::from_bits(element, u64::from_le_bytes(bytes)), Some(scalar));
        }
    }

    #[test]
    fn scalars_of_another_type_are_refused() {
        let cases = [
            (ElementType::Bool, Scalar::Int(2)),
            (ElementType::I8, Scalar::Int(128)),
            (ElementType::I16, Scalar::Int(-32_769)),
            (ElementType::I32, Scalar::F32(0.0)),
            (ElementType::F32, Scalar::Int(0)),
        ];
        for (element, scalar) in cases {
            assert!(element.check_scalar(scalar).is_err(), "{element:?} {scalar:?}");
        }
    }
}
