//! Tensors as vectors of their elements, for the interpreter.

use crate::element::{ElementType, Scalar};
use crate::graph::Value;
use alloc::vec::Vec;

/// The elements of a tensor, row-major and packed.
#[derive(Clone, PartialEq, Debug)]
pub enum Tensor {
    /// Truth values.
    Bool(Vec<bool>),
    /// Signed 8-bit integers.
    I8(Vec<i8>),
    /// Signed 16-bit integers.
    I16(Vec<i16>),
    /// Signed 32-bit integers.
    I32(Vec<i32>),
    /// Signed 48-bit integers.
    I48(Vec<i64>),
    /// Single precision.
    F32(Vec<f32>),
}

/// Evaluates an expression on the elements of a tensor, whatever their type.
macro_rules! with_elements {
    ($tensor:expr, $elements:ident => $result:expr) => {
        match $tensor {
            $crate::tensor::Tensor::Bool($elements) => $result,
            $crate::tensor::Tensor::I8($elements) => $result,
            $crate::tensor::Tensor::I16($elements) => $result,
            $crate::tensor::Tensor::I32($elements) => $result,
            $crate::tensor::Tensor::I48($elements) => $result,
            $crate::tensor::Tensor::F32($elements) => $result,
        }
    };
}

/// Evaluates an expression with a name for the Rust type of an element type.
macro_rules! with_type {
    ($element:expr, $Type:ident => $result:expr) => {
        match $element {
            $crate::element::ElementType::Bool => {
                type $Type = bool;
                $result
            }
            $crate::element::ElementType::I8 => {
                type $Type = i8;
                $result
            }
            $crate::element::ElementType::I16 => {
                type $Type = i16;
                $result
            }
            $crate::element::ElementType::I32 => {
                type $Type = i32;
                $result
            }
            $crate::element::ElementType::I48 => {
                type $Type = i64;
                $result
            }
            $crate::element::ElementType::F32 => {
                type $Type = f32;
                $result
            }
        }
    };
}
pub(crate) use with_type;

/// The Rust type of a tensor's elements.
pub(crate) trait Element: Copy {
    /// The element whose little-endian bytes are the low ones of `word`.
    fn from_word(word: u64) -> Self;
    /// The element that an attribute of this type stands for.
    fn from_scalar(scalar: Scalar) -> Self {
        Self::from_word(scalar.to_bits())
    }
    /// A tensor of such elements.
    fn tensor(elements: Vec<Self>) -> Tensor;
    /// The elements of a tensor of this type; none of another.
    fn elements(tensor: &Tensor) -> &[Self];
}

macro_rules! element {
    ($($Type:ty, $Variant:ident, $from_word:expr;)*) => {
        $(impl Element for $Type {
            fn from_word(word: u64) -> Self {
                $from_word(word)
            }
            fn tensor(elements: Vec<Self>) -> Tensor {
                Tensor::$Variant(elements)
            }
            fn elements(tensor: &Tensor) -> &[Self] {
                match tensor {
                    Tensor::$Variant(elements) => elements,
                    _ => &[],
                }
            }
        })*
    };
}

// The casts keep the low bytes.
element! {
    bool, Bool, |word| word as u8 != 0;
    i8, I8, |word| word as i8;
    i16, I16, |word| word as i16;
    i32, I32, |word| word as i32;
    i64, I48, u64::cast_signed;
    f32, F32, |word| f32::from_bits(word as u32);
}

impl Tensor {
    /// The element type.
    pub fn element(&self) -> ElementType {
        match self {
            Self::Bool(_) => ElementType::Bool,
            Self::I8(_) => ElementType::I8,
            Self::I16(_) => ElementType::I16,
            Self::I32(_) => ElementType::I32,
            Self::I48(_) => ElementType::I48,
            Self::F32(_) => ElementType::F32,
        }
    }

    /// The tensor with these little-endian elements, such as the bytes of a constant; bytes that make no whole element
    /// are left out.
    pub fn from_le_bytes(element: ElementType, bytes: &[u8]) -> Self {
        let words = bytes.chunks_exact(element.size()).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        with_type!(element, T => T::tensor(words.map(T::from_word).collect()))
    }

    /// The little-endian bytes of the elements.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bool(elements) => elements.iter().map(|&element| element.into()).collect(),
            Self::I8(elements) => elements.iter().map(|element| element.cast_unsigned()).collect(),
            Self::I16(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::I32(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::I48(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Self::F32(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
        }
    }

    /// Whether the tensor has this type and number of elements, and each is a number of it.
    pub(crate) fn fits(&self, value: &Value<'_>) -> bool {
        let len = with_elements!(self, elements => elements.len());
        let in_range = match self {
            Self::I48(elements) => elements.iter().all(|&element| fits_i48(element)),
            _ => true,
        };
        self.element() == value.element && len == value.shape.len() && in_range
    }

    /// The elements at these positions, or `otherwise`, a number of the element type, where there is none.
    pub(crate) fn gather(&self, positions: impl Iterator<Item = Option<usize>>, otherwise: Scalar) -> Self {
        fn gather<T: Element>(from: &[T], positions: impl Iterator<Item = Option<usize>>, otherwise: Scalar) -> Tensor {
            let otherwise = T::from_scalar(otherwise);
            T::tensor(positions.map(|at| at.map_or(otherwise, |at| from[at])).collect())
        }
        with_elements!(self, from => gather(from, positions, otherwise))
    }
}

/// Whether a number has 48 bits.
pub(crate) const fn fits_i48(value: i64) -> bool {
    value >> 47 == value >> 63
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn tensors_survive_as_bytes() {
        let tensors = [
            Tensor::Bool(vec![true, false]),
            Tensor::I8(vec![-1, 2]),
            Tensor::I16(vec![-300, 2]),
            Tensor::I32(vec![i32::MIN, 2]),
            Tensor::I48(vec![-(1 << 47), 2]),
            Tensor::F32(vec![-0.5, f32::INFINITY]),
        ];
        for tensor in tensors {
            let bytes = tensor.to_le_bytes();
            assert_eq!(bytes.len(), 2 * tensor.element().size());
            assert_eq!(Tensor::from_le_bytes(tensor.element(), &bytes), tensor);
        }
    }
}
