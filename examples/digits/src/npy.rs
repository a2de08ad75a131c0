//! `.npy` bytes to numbers: just enough for the files of this example.

/// Numbers of a little-endian `f32` array.
pub(crate) fn f32s(file: &[u8]) -> Vec<f32> {
    elements(file, "<f4").as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Numbers of a little-endian `i64` array.
pub(crate) fn i64s(file: &[u8]) -> Vec<i64> {
    elements(file, "<i8").as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
}

/// The bytes after the header: magic and version (8 bytes), length of the text (2 bytes), text.
fn elements<'a>(file: &'a [u8], dtype: &str) -> &'a [u8] {
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00", "not a version 1.0 .npy file");
    let (text, elements) = file[10..].split_at(u16::from_le_bytes([file[8], file[9]]).into());
    let text = str::from_utf8(text).expect("the header is ASCII");
    assert!(text.contains(&format!("'descr': '{dtype}', 'fortran_order': False")), "not {dtype}: {text}");
    elements
}
