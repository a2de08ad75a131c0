//! `.npy` files of the element types that the tests use, in both directions.

use std::path::Path;

/// Little-endian elements of a `.npy` file.
pub trait Element: Copy {
    /// Type as the header has it.
    const DESCR: &str;
    /// Bytes of an element.
    const SIZE: usize;
    /// An element from its `SIZE` bytes.
    fn from_bytes(bytes: &[u8]) -> Self;
    /// Appends the bytes of the element.
    fn push_bytes(self, bytes: &mut Vec<u8>);
}

macro_rules! element {
    ($type:ident $descr:literal) => {
        impl Element for $type {
            const DESCR: &str = $descr;
            const SIZE: usize = size_of::<$type>();
            fn from_bytes(bytes: &[u8]) -> Self {
                $type::from_le_bytes(bytes.try_into().expect("one element"))
            }
            fn push_bytes(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    };
}

element!(i8 "|i1");
element!(u8 "|u1");
element!(i16 "<i2");
element!(f32 "<f4");
element!(i32 "<i4");
element!(i64 "<i8");

/// The elements of a file. Panics where it cannot be read or holds another type.
pub fn read<T: Element>(path: impl AsRef<Path>) -> Vec<T> {
    let path = path.as_ref();
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&file, &path.display().to_string())
}

/// The elements in the bytes of a file called `name`. Panics where they are of another type.
pub fn parse<T: Element>(file: &[u8], name: &str) -> Vec<T> {
    assert_eq!(&file[..8], b"\x93NUMPY\x01\x00", "{name}: not a version 1.0 .npy file");
    let (header, elements) = file[10..].split_at(u16::from_le_bytes([file[8], file[9]]).into());
    let header = str::from_utf8(header).expect("the header is ASCII");
    let order = format!("'descr':'{}','fortran_order':False", T::DESCR);
    assert!(header.replace(' ', "").contains(&order), "{name}: {header} is not {}", T::DESCR);
    elements.chunks_exact(T::SIZE).map(T::from_bytes).collect()
}

/// The elements of a file of any type.
pub fn numbers(path: impl AsRef<Path>) -> Vec<f64> {
    let path = path.as_ref();
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let header = String::from_utf8_lossy(&file[10..10 + usize::from(u16::from_le_bytes([file[8], file[9]]))]);
    let name = path.display().to_string();
    let is = |descr: &str| header.contains(&format!("'descr': '{descr}'"));
    match () {
        () if is(i8::DESCR) => parse::<i8>(&file, &name).into_iter().map(f64::from).collect(),
        () if is(u8::DESCR) || is("|b1") => {
            file[10 + header.len()..].iter().map(|&byte| byte.into()).collect() // a truth value is 0 or 1
        }
        () if is(i16::DESCR) => parse::<i16>(&file, &name).into_iter().map(f64::from).collect(),
        () if is(i32::DESCR) => parse::<i32>(&file, &name).into_iter().map(f64::from).collect(),
        () if is(i64::DESCR) => parse::<i64>(&file, &name).into_iter().map(|number| number as f64).collect(),
        () if is(f32::DESCR) => parse::<f32>(&file, &name).into_iter().map(f64::from).collect(),
        () => panic!("{name}: {header} is no type of ours"),
    }
}

/// The bytes of a file with these elements in row-major order.
pub fn bytes<T: Element>(shape: &[usize], elements: &[T]) -> Vec<u8> {
    assert_eq!(shape.iter().product::<usize>(), elements.len(), "elements of {shape:?}");
    let mut payload = Vec::new();
    elements.iter().for_each(|element| element.push_bytes(&mut payload));
    file(T::DESCR, shape, &payload)
}

/// The bytes of a file with these elements, little-endian, of the type that the header calls `descr`.
pub fn file(descr: &str, shape: &[usize], elements: &[u8]) -> Vec<u8> {
    // A Python tuple: one element keeps its comma.
    let dims = format!("{shape:?}").replace('[', "(").replace(']', if shape.len() == 1 { ",)" } else { ")" });
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {dims}, }}");
    // The header ends with a line feed on a multiple of 64 bytes, 10 of which come before the text.
    let length = (header.len() + 11).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(length).expect("a short header").to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    bytes.extend(elements);
    bytes
}
