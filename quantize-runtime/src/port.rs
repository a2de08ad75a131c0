//! Elements of model inputs and outputs to and from the arena.

/// An input or output of a model that is not quantized.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlainInfo {
    /// The model's own name.
    pub name: &'static str,
    /// Dimensions in the exporter's layout.
    pub shape: &'static [usize],
}

/// An element as the caller has it: f32, i32, bool, or a code of i8, u8 or i16.
pub trait Element: Copy {
    /// As the arena has it, little-endian.
    type Bytes: AsRef<[u8]>;

    /// To the arena.
    fn to_bytes(self) -> Self::Bytes;

    /// The element in the first bytes; zeros stand for missing ones.
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($Type:ident)*) => {$(
        impl Element for $Type {
            type Bytes = [u8; size_of::<Self>()];

            fn to_bytes(self) -> Self::Bytes {
                self.to_le_bytes()
            }

            fn from_bytes(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or(Self::default(), |number| Self::from_le_bytes(*number))
            }
        }
    )*};
}

numbers!(f32 i32 i16 i8 u8);

impl Element for bool {
    type Bytes = [u8; 1];

    fn to_bytes(self) -> [u8; 1] {
        [u8::from(self)]
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        bytes.first().is_some_and(|&byte| byte != 0)
    }
}

/// Writes elements into the arena; the shorter of the two decides how many.
pub fn store<T: Element>(elements: &[T], bytes: &mut [u8]) {
    for (chunk, element) in bytes.chunks_exact_mut(size_of::<T::Bytes>()).zip(elements) {
        chunk.iter_mut().zip(element.to_bytes().as_ref()).for_each(|(place, byte)| *place = *byte);
    }
}

/// Reads elements from the arena; the shorter of the two decides how many.
pub fn load<T: Element>(bytes: &[u8], elements: &mut [T]) {
    for (element, chunk) in elements.iter_mut().zip(bytes.chunks_exact(size_of::<T::Bytes>())) {
        *element = T::from_bytes(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_loaded() {
        fn check<T: Element + PartialEq + core::fmt::Debug, const N: usize>(elements: [T; N], bytes: [u8; 8]) {
            let (mut stored, mut loaded) = ([0; 8], [elements[0]; N]);
            store(&elements, &mut stored);
            load(&stored, &mut loaded);
            assert_eq!((stored, loaded), (bytes, elements));
        }
        check([1.0_f32, -0.5], [0, 0, 0x80, 0x3F, 0, 0, 0, 0xBF]);
        check([-2_i32, 3], [0xFE, 0xFF, 0xFF, 0xFF, 3, 0, 0, 0]);
        check([-2_i16, 3, 0, 256], [0xFE, 0xFF, 3, 0, 0, 0, 0, 1]);
        check([-2_i8, 3], [0xFE, 3, 0, 0, 0, 0, 0, 0]);
        check([254_u8, 3], [0xFE, 3, 0, 0, 0, 0, 0, 0]);
        check([true, false, true], [1, 0, 1, 0, 0, 0, 0, 0]);
    }
}
