//! Calibration samples from `.npy` files, one at a time.

use crate::files::{Hashing, pointer};
use crate::graph::{Data, Element, Type};
use ndarray::ArrayD;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// Samples for all inputs of a model.
#[derive(Debug)]
pub struct Dataset {
    inputs: Vec<Input>,
}

/// The samples of one model input: files read one after the other.
#[derive(Debug)]
pub struct Input {
    name: String,
    kind: Type,
    /// Not yet read, last first.
    files: Vec<NpyReader>,
    read: usize,
    /// SHA-256 of the files read to their ends, by path as shown.
    hashes: Vec<(String, String)>,
    /// Smallest and largest number read; `None` before the first, and for an input that holds no real numbers.
    extremes: Option<[f32; 2]>,
}

impl Input {
    /// Opens the files with samples of the input `name`, each an array `[samples, shape…]`; where `shape` begins with a batch
    /// of 1, the files may leave that dimension out. Real inputs are read from float32, integers from integers of any width.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is no `.npy` file, has another dtype or another shape, or holds no sample.
    pub fn open(name: &str, kind: &Type, paths: &[(String, &Path)]) -> Result<Self, String> {
        let mut files = Vec::new();
        for (shown, path) in paths {
            let (reader, shape) = (NpyReader::open(shown, path, kind.element)?, kind.shape.as_slice());
            let fits = |shape: &[usize]| reader.shape.get(1..) == Some(shape);
            if !(fits(shape) || shape.first() == Some(&1) && fits(&shape[1..])) {
                return Err(format!(
                    "`{shown}` has shape {:?}; the model's input `{name}` has shape {shape:?}, so expected [samples, {}]",
                    reader.shape,
                    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
                ));
            }
            if reader.shape[0] == 0 {
                return Err(format!("`{shown}` holds no samples; calibration needs at least one"));
            }
            files.push(reader);
        }
        files.reverse();
        Ok(Self { name: name.to_owned(), kind: kind.clone(), files, read: 0, hashes: Vec::new(), extremes: None })
    }

    fn samples(&self) -> usize {
        self.files.iter().map(|file| file.shape[0]).sum()
    }

    fn next(&mut self) -> Result<Option<Data>, String> {
        let Some(file) = self.files.last_mut() else { return Ok(None) };
        let data = file.read(&self.kind)?;
        let not_finite = data.real().and_then(|values| values.iter().enumerate().find(|(_, x)| !x.is_finite()));
        if let Some((at, value)) = not_finite {
            return Err(format!(
                "sample {} of input `{}` (`{}`) has {value} at element {at}; calibration needs finite numbers",
                self.read, self.name, file.shown
            ));
        }
        if let Some(values) = data.real() {
            let (low, high) = quantize_float::extremes(values.as_slice().expect("standard layout"));
            self.extremes = Some(self.extremes.map_or([low, high], |[min, max]| [min.min(low), max.max(high)]));
        }
        self.read += 1;
        file.shape[0] -= 1;
        if file.shape[0] == 0
            && let Some(file) = self.files.pop()
        {
            self.hashes.push((file.shown.clone(), file.hash()?));
        }
        Ok(Some(data))
    }
}

impl Dataset {
    /// Joins the samples of all inputs, in the model's order.
    ///
    /// # Errors
    ///
    /// Inputs with different numbers of samples.
    pub fn new(inputs: Vec<Input>) -> Result<Self, String> {
        if let Some(other) = inputs.iter().find(|input| input.samples() != inputs[0].samples()) {
            return Err(format!(
                "{} samples of input `{}` and {} of `{}`; every input needs the same number",
                inputs[0].samples(),
                inputs[0].name,
                other.samples(),
                other.name
            ));
        }
        Ok(Self { inputs })
    }

    /// By input: the smallest and largest real number read so far.
    pub(crate) fn extremes(&self) -> Vec<Option<[f32; 2]>> {
        self.inputs.iter().map(|input| input.extremes).collect()
    }

    /// SHA-256 of the files read to their ends, by path as shown: of the very bytes that the samples are from.
    pub(crate) fn hashes(self) -> Vec<(String, String)> {
        self.inputs.into_iter().flat_map(|input| input.hashes).collect()
    }

    /// How many samples there are in all.
    pub(crate) fn samples(&self) -> usize {
        self.inputs.first().map_or(0, Input::samples)
    }

    /// One tensor per input, or `None` after the last sample.
    pub(crate) fn next_sample(&mut self) -> Result<Option<Vec<Data>>, String> {
        let tensors = self.inputs.iter_mut().map(Input::next).collect::<Result<Vec<_>, _>>()?;
        Ok(tensors.into_iter().collect())
    }
}

/// A `.npy` file read from front to back.
#[derive(Debug)]
struct NpyReader {
    shown: String,
    shape: Vec<usize>,
    dtype: Dtype,
    data: BufReader<Hashing<File>>,
}

impl NpyReader {
    fn open(shown: &str, path: &Path, element: Element) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| format!("cannot read `{shown}`: {error}"))?;
        let length = file.metadata().map_err(|error| format!("cannot read `{shown}`: {error}"))?.len();
        let mut data = BufReader::new(Hashing::new(file));
        let pointer = data.fill_buf().ok().and_then(|start| pointer(shown, start));
        let header = read_header(&mut data).ok_or_else(|| {
            pointer.unwrap_or_else(|| format!("`{shown}` is not a .npy file; write the samples with `numpy.save`"))
        })?;
        let (dtype, shape) = parse_header(&header, element).map_err(|problem| format!("`{shown}` {problem}"))?;
        let bytes = shape.iter().try_fold(dtype.size() as u64, |bytes, &dim| bytes.checked_mul(dim as u64));
        if bytes.is_none_or(|bytes| bytes > length) {
            return Err(format!("`{shown}` is cut off: its header says shape {shape:?}"));
        }
        Ok(Self { shown: shown.to_owned(), shape, dtype, data })
    }

    /// SHA-256 of the whole file.
    fn hash(mut self) -> Result<String, String> {
        io::copy(&mut self.data, &mut io::sink()).map_err(|error| format!("cannot read `{}`: {error}", self.shown))?;
        Ok(self.data.into_inner().hash())
    }

    /// The next sample, which has this type.
    fn read(&mut self, kind: &Type) -> Result<Data, String> {
        let mut bytes = vec![0; kind.shape.iter().product::<usize>() * self.dtype.size()];
        self.data.read_exact(&mut bytes).map_err(|error| format!("cannot read `{}`: {error}", self.shown))?;
        let elements = bytes.chunks_exact(self.dtype.size());
        let fits = "as many elements as the shape says";
        Ok(match self.dtype {
            Dtype::F32 => {
                let values = bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
                Data::F32(ArrayD::from_shape_vec(kind.shape.clone(), values).expect(fits))
            }
            Dtype::Int { signed, .. } => {
                let values = elements.map(|bytes| integer(bytes, signed)).collect();
                Data::I64(ArrayD::from_shape_vec(kind.shape.clone(), values).expect(fits))
            }
            Dtype::Bool => {
                let values = elements.map(|bytes| bytes != [0]).collect();
                Data::Bool(ArrayD::from_shape_vec(kind.shape.clone(), values).expect(fits))
            }
        })
    }
}

/// The element types of files that are read.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Dtype {
    F32,
    /// Little-endian integers.
    Int {
        bytes: usize,
        signed: bool,
    },
    Bool,
}

impl Dtype {
    fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Int { bytes, .. } => bytes,
            Self::Bool => 1,
        }
    }

    /// The type that a header names, if an input of such elements can be read from it.
    fn parse(descr: &str, element: Element) -> Option<Self> {
        let int = |bytes, signed| Some(Self::Int { bytes, signed });
        match (element, descr) {
            (Element::F32, "<f4") => Some(Self::F32),
            (Element::Bool, "|b1") => Some(Self::Bool),
            (Element::I64, "|i1") => int(1, true),
            (Element::I64, "|u1") => int(1, false),
            (Element::I64, "<i2") => int(2, true),
            (Element::I64, "<u2") => int(2, false),
            (Element::I64, "<i4") => int(4, true),
            (Element::I64, "<u4") => int(4, false),
            (Element::I64, "<i8") => int(8, true),
            _ => None,
        }
    }
}

/// A little-endian integer of up to 8 bytes.
fn integer(bytes: &[u8], signed: bool) -> i64 {
    let fill = if signed && bytes[bytes.len() - 1] >= 0x80 { 0xFF } else { 0 };
    let mut word = [fill; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(word)
}

/// The header's text, leaving `data` at the first element.
fn read_header(data: &mut impl Read) -> Option<String> {
    let mut head = [0_u8; 8];
    data.read_exact(&mut head).ok()?;
    let length = match head {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _] => {
            let mut bytes = [0; 2];
            data.read_exact(&mut bytes).ok()?;
            usize::from(u16::from_le_bytes(bytes))
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _] => {
            let mut bytes = [0; 4];
            data.read_exact(&mut bytes).ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()?
        }
        _ => return None,
    };
    let mut text = String::new();
    data.take(length as u64).read_to_string(&mut text).ok()?;
    (text.len() == length).then_some(text)
}

/// Element type and shape, from the dictionary of the header.
fn parse_header(header: &str, element: Element) -> Result<(Dtype, Vec<usize>), String> {
    let field = |name: &str| {
        let rest = &header[header.find(&format!("'{name}'"))? + name.len() + 2..];
        Some(rest.trim_start().strip_prefix(':')?.trim_start())
    };
    let malformed = || "has a malformed .npy header".to_owned();
    let dtype = field("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next()).ok_or_else(malformed)?;
    let (wanted, numpy) = match element {
        Element::F32 => ("float32", "float32"),
        Element::I64 => ("integers", "int32"),
        Element::Bool => ("bool", "bool"),
    };
    let dtype = Dtype::parse(dtype, element).ok_or_else(|| {
        format!("holds {}; expected {wanted} (convert it with `.astype('{numpy}')`)", dtype_name(dtype))
    })?;
    if !field("fortran_order").ok_or_else(malformed)?.starts_with("False") {
        return Err("is in Fortran order; save `numpy.ascontiguousarray(x)` instead".to_owned());
    }
    let dims = field("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next()).ok_or_else(malformed)?;
    let dims = dims.split(',').map(str::trim).filter(|dim| !dim.is_empty());
    let shape = dims.map(|dim| dim.parse().map_err(|_| malformed())).collect::<Result<_, _>>()?;
    Ok((dtype, shape))
}

/// How numpy's users call a dtype.
fn dtype_name(descr: &str) -> String {
    // A file that is no array of numpy's can have anything here, characters of several bytes too.
    let (order, kind) = descr.split_at_checked(1).unwrap_or(("", descr));
    let name = match kind {
        "f2" => "float16",
        "f4" => "big-endian float32",
        "f8" => "float64",
        "i1" => "int8",
        "u1" => "uint8",
        "i2" => "int16",
        "i4" => "int32",
        "i8" => "int64",
        "b1" => "bool",
        _ => return format!("dtype {order}{kind}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::hash_file;
    use std::fs;

    #[test]
    fn a_header_of_numpy_gives_its_shape() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (128, 1, 8, 8), }      \n";
        assert_eq!(parse_header(header, Element::F32), Ok((Dtype::F32, vec![128, 1, 8, 8])));
        assert_eq!(parse_header(&header.replace("(128, 1, 8, 8)", "(5,)"), Element::F32), Ok((Dtype::F32, vec![5])));
    }

    #[test]
    fn another_dtype_is_named() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }";
        assert!(parse_header(header, Element::F32).unwrap_err().starts_with("holds float64; expected float32"));
        assert!(parse_header(header, Element::I64).unwrap_err().starts_with("holds float64; expected integers"));
        let header = header.replace("<f8", "ę");
        assert!(parse_header(&header, Element::F32).unwrap_err().starts_with("holds dtype ę; expected float32"));
    }

    #[test]
    fn integers_of_any_width_keep_their_sign() {
        assert_eq!(integer(&[0xFE], true), -2);
        assert_eq!(integer(&[0xFE], false), 254);
        assert_eq!(integer(&(-70_000_i32).to_le_bytes(), true), -70_000);
    }

    #[test]
    fn hashes_are_of_what_was_read() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let array = [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
        let path = std::env::temp_dir().join(format!("quantize-dataset-{}.npy", std::process::id()));
        // Bytes behind the array are part of the file.
        for rest in [&b""[..], &[7; 100_000]] {
            fs::write(&path, [&array, rest].concat()).expect("it can be written");
            let expected = hash_file(&path).expect("it was just written");
            let kind = Type { element: Element::F32, shape: vec![1] };
            let input = Input::open("x", &kind, &[("calib.npy".to_owned(), &path)]).expect("two samples");
            fs::remove_file(&path).expect("it is there");
            let mut dataset = Dataset::new(vec![input]).expect("one input");
            for _ in 0..2 {
                assert!(dataset.next_sample().expect("finite").is_some());
            }
            assert_eq!(dataset.next_sample(), Ok(None));
            assert_eq!(dataset.hashes(), [("calib.npy".to_owned(), expected)]);
        }
    }
}
