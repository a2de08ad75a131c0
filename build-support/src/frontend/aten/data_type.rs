//! torch's data types and what they are in the network.

use crate::graph::Element;

/// Number of torch's `ScalarType`.
pub(in crate::frontend) mod scalar_type {
    pub(in crate::frontend) const BYTE: i64 = 1;
    pub(in crate::frontend) const CHAR: i64 = 2;
    pub(in crate::frontend) const SHORT: i64 = 3;
    pub(in crate::frontend) const INT: i64 = 4;
    pub(in crate::frontend) const LONG: i64 = 5;
    pub(in crate::frontend) const HALF: i64 = 6;
    pub(in crate::frontend) const FLOAT: i64 = 7;
    pub(in crate::frontend) const DOUBLE: i64 = 8;
    pub(in crate::frontend) const BOOL: i64 = 12;
    pub(in crate::frontend) const BFLOAT16: i64 = 13;
    pub(in crate::frontend) const UINT16: i64 = 28;
    pub(in crate::frontend) const UINT32: i64 = 34;

    /// How torch calls a data type.
    pub(in crate::frontend) fn name(value: i64) -> &'static str {
        match value {
            BYTE => "uint8",
            CHAR => "int8",
            SHORT => "int16",
            INT => "int32",
            LONG => "int64",
            HALF => "float16",
            FLOAT => "float32",
            DOUBLE => "float64",
            9 => "complex32",
            10 => "complex64",
            11 => "complex128",
            BOOL => "bool",
            BFLOAT16 => "bfloat16",
            UINT16 => "uint16",
            29..=33 => "float8",
            UINT32 => "uint32",
            35 => "uint64",
            _ => "an unknown data type",
        }
    }
}

/// What the elements of a tensor of this data type are in the network.
pub(in crate::frontend) fn element_of(dtype: i64) -> Result<Element, String> {
    use scalar_type::{BFLOAT16, BOOL, BYTE, CHAR, DOUBLE, FLOAT, HALF, INT, LONG, SHORT, UINT16, UINT32};
    match dtype {
        HALF | BFLOAT16 | FLOAT | DOUBLE => Ok(Element::F32),
        BYTE | CHAR | SHORT | INT | LONG | UINT16 | UINT32 => Ok(Element::I64),
        BOOL => Ok(Element::Bool),
        other => Err(format!("has data type {}, which is not supported", scalar_type::name(other))),
    }
}
