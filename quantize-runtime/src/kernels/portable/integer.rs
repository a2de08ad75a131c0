//! Elements of tensors as numbers.

/// An integer as kernels see it: i8, an i16 or i32 as little-endian bytes, or a truth value as a byte.
pub trait Integer: Copy {
    /// The number; 1 or 0 for a truth value.
    fn widen(self) -> i32;
    /// The low bits of a number; for a truth value whether it is not 0.
    fn narrow(value: i32) -> Self;
    /// The nearest number of the type.
    fn saturate(value: i32) -> Self;
}

impl Integer for u8 {
    #[inline]
    fn widen(self) -> i32 {
        i32::from(self != 0)
    }
    #[inline]
    fn narrow(value: i32) -> Self {
        u8::from(value != 0)
    }
    #[inline]
    fn saturate(value: i32) -> Self {
        Self::narrow(value)
    }
}

impl Integer for i8 {
    #[inline]
    fn widen(self) -> i32 {
        self.into()
    }
    #[inline]
    fn narrow(value: i32) -> Self {
        value as i8 // the low bits
    }
    #[inline]
    fn saturate(value: i32) -> Self {
        value.clamp(-128, 127) as i8 // in range after the clamp
    }
}

impl Integer for [u8; 2] {
    #[inline]
    fn widen(self) -> i32 {
        i16::from_le_bytes(self).into()
    }
    #[inline]
    fn narrow(value: i32) -> Self {
        (value as i16).to_le_bytes() // the low bits
    }
    #[inline]
    fn saturate(value: i32) -> Self {
        (value.clamp(-32_768, 32_767) as i16).to_le_bytes() // in range after the clamp
    }
}

impl Integer for [u8; 4] {
    #[inline]
    fn widen(self) -> i32 {
        i32::from_le_bytes(self)
    }
    #[inline]
    fn narrow(value: i32) -> Self {
        value.to_le_bytes()
    }
    #[inline]
    fn saturate(value: i32) -> Self {
        value.to_le_bytes()
    }
}

/// An integer of any width: one that [`Integer`] has, or an i48 in 8 bytes.
pub trait Wide: Copy {
    /// The number.
    fn widen(self) -> i64;
}

impl Wide for i8 {
    #[inline]
    fn widen(self) -> i64 {
        self.into()
    }
}

impl Wide for [u8; 2] {
    #[inline]
    fn widen(self) -> i64 {
        i16::from_le_bytes(self).into()
    }
}

impl Wide for [u8; 4] {
    #[inline]
    fn widen(self) -> i64 {
        i32::from_le_bytes(self).into()
    }
}

impl Wide for [u8; 8] {
    #[inline]
    fn widen(self) -> i64 {
        i64::from_le_bytes(self)
    }
}
