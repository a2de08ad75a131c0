//! Raw weights with strides → tensors in standard order, of the element types that the network has.

use super::schema::{Size, TensorMeta};
use crate::frontend::aten::{element_count, element_of, scalar_type};
use crate::frontend::half;
use crate::graph::{Data, Element};
use ndarray::{ArrayD, IxDyn};

/// A tensor that was read, and whether numbers of another precision were lost or gained.
pub(super) struct Decoded {
    pub(super) data: Data,
    /// Its data type, where it is a float other than float32 and worth a warning.
    pub(super) converted: Option<i64>,
}

/// Fixed dimensions of a tensor.
pub(super) fn dimensions(sizes: &[Size]) -> Result<Vec<usize>, String> {
    let size = |size: &Size| size.known().and_then(|size| usize::try_from(size).ok());
    sizes.iter().map(size).collect::<Option<_>>().ok_or_else(|| "has dimensions that are no numbers".to_owned())
}

/// Reads a tensor of at most `limit` elements out of the bytes of its storage.
pub(super) fn decode(meta: &TensorMeta, storage: &[u8], limit: usize) -> Result<Decoded, String> {
    const STRIDED: i64 = 7;
    if meta.layout.is_some_and(|layout| layout != STRIDED) {
        return Err("is sparse; make it dense before the export".to_owned());
    }
    let kind = element_of(meta.dtype)?;
    let shape = dimensions(&meta.sizes)?;
    let count = element_count(&shape, limit)?;
    let read = Reader { storage, shape: &shape, count, places: places(meta, &shape, count)? };
    use scalar_type::{BFLOAT16, BYTE, CHAR, DOUBLE, HALF, INT, LONG, SHORT, UINT16, UINT32};
    let mut converted = None;
    let data = match (kind, meta.dtype) {
        (Element::Bool, _) => Data::Bool(read.array(|[byte]| byte != 0)?),
        (Element::I64, BYTE) => Data::I64(read.array(|[byte]| i64::from(byte))?),
        (Element::I64, CHAR) => Data::I64(read.array(|word| i64::from(i8::from_le_bytes(word)))?),
        (Element::I64, SHORT) => Data::I64(read.array(|word| i64::from(i16::from_le_bytes(word)))?),
        (Element::I64, UINT16) => Data::I64(read.array(|word| i64::from(u16::from_le_bytes(word)))?),
        (Element::I64, INT) => Data::I64(read.array(|word| i64::from(i32::from_le_bytes(word)))?),
        (Element::I64, UINT32) => Data::I64(read.array(|word| i64::from(u32::from_le_bytes(word)))?),
        (Element::I64, LONG) => Data::I64(read.array(i64::from_le_bytes)?),
        (Element::F32, HALF) => {
            converted = Some(HALF);
            Data::F32(read.array(|word| half::half(u16::from_le_bytes(word)))?)
        }
        (Element::F32, BFLOAT16) => {
            converted = Some(BFLOAT16);
            Data::F32(read.array(|word| half::brain_float(u16::from_le_bytes(word)))?)
        }
        (Element::F32, DOUBLE) => {
            let wide: ArrayD<f64> = read.array(f64::from_le_bytes)?;
            let narrow = wide.mapv(|x| x as f32); // the warning below says that bits are lost
            let is_exact = |(&wide, &narrow): (&f64, &f32)| wide.is_nan() || f64::from(narrow) == wide;
            converted = (!wide.iter().zip(&narrow).all(is_exact)).then_some(DOUBLE);
            Data::F32(narrow)
        }
        (Element::I64 | Element::F32, _) => Data::F32(read.array(f32::from_le_bytes)?),
    };
    Ok(Decoded { data, converted })
}

/// Where the elements are in their storage.
enum Places {
    /// One after the other from here.
    Run(usize),
    /// Index of each element in standard order.
    Each(Vec<usize>),
}

fn places(meta: &TensorMeta, shape: &[usize], count: usize) -> Result<Places, String> {
    let strides = dimensions(&meta.strides).map_err(|_| "has unknown strides".to_owned())?;
    let offset = match &meta.storage_offset {
        Some(offset) => {
            offset.known().and_then(|offset| usize::try_from(offset).ok()).ok_or("has an unknown offset")?
        }
        None => 0,
    };
    if strides.len() != shape.len() {
        return Err(format!("has {} dimensions and {} strides", shape.len(), strides.len()));
    }
    let mut run = 1_usize;
    let is_run = shape.iter().zip(&strides).rev().all(|(&dim, &stride)| {
        let fits = dim == 1 || stride == run;
        run = run.saturating_mul(dim);
        fits
    });
    if is_run || count == 0 {
        return Ok(Places::Run(offset));
    }
    let mut places = vec![offset];
    // Dimension by dimension, outermost first: each place becomes one a step along the dimension.
    for (&dim, &stride) in shape.iter().zip(&strides) {
        let steps = |place: usize| (0..dim).map(move |step| place.checked_add(step.checked_mul(stride)?));
        let next: Option<Vec<usize>> = places.into_iter().flat_map(steps).collect();
        places = next.ok_or("has strides that leave its storage")?;
    }
    Ok(Places::Each(places))
}

struct Reader<'a> {
    storage: &'a [u8],
    shape: &'a [usize],
    count: usize,
    places: Places,
}

impl Reader<'_> {
    fn array<const N: usize, T>(&self, read: impl Fn([u8; N]) -> T) -> Result<ArrayD<T>, String> {
        let words = self.storage.as_chunks::<N>().0;
        let elements: Option<Vec<T>> = match &self.places {
            Places::Run(_) if self.count == 0 => Some(Vec::new()),
            Places::Run(start) => start
                .checked_add(self.count)
                .and_then(|end| words.get(*start..end))
                .map(|words| words.iter().map(|&word| read(word)).collect()),
            Places::Each(places) => places.iter().map(|&place| words.get(place).map(|&word| read(word))).collect(),
        };
        let elements = elements.ok_or_else(|| {
            format!("has shape {:?} over a storage of {} bytes: too few", self.shape, self.storage.len())
        })?;
        Ok(ArrayD::from_shape_vec(IxDyn(self.shape), elements).expect("as many elements as the shape has"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(dtype: i64, sizes: &[i64], strides: &[i64], offset: i64) -> TensorMeta {
        let list = |values: &[i64]| values.iter().map(|&size| Size::AsInt(size)).collect();
        let storage_offset = Some(Size::AsInt(offset));
        TensorMeta { dtype, sizes: list(sizes), strides: list(strides), storage_offset, layout: Some(7) }
    }

    fn floats(meta: &TensorMeta, storage: &[f32]) -> Result<Vec<f32>, String> {
        let bytes: Vec<u8> = storage.iter().flat_map(|x| x.to_le_bytes()).collect();
        let decoded = decode(meta, &bytes, 100)?;
        Ok(decoded.data.real().expect("floats").iter().copied().collect())
    }

    #[test]
    fn strides_and_offsets_are_honoured() {
        let storage = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let transposed = meta(scalar_type::FLOAT, &[3, 2], &[1, 3], 1);
        assert_eq!(floats(&transposed, &storage), Ok(vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let broadcast = meta(scalar_type::FLOAT, &[2, 2], &[0, 1], 5);
        assert_eq!(floats(&broadcast, &storage), Ok(vec![5.0, 6.0, 5.0, 6.0]));
        assert_eq!(floats(&meta(scalar_type::FLOAT, &[], &[], 2), &storage), Ok(vec![2.0]));
        assert_eq!(floats(&meta(scalar_type::FLOAT, &[0, 2], &[2, 1], 0), &[]), Ok(vec![]));
    }

    #[test]
    fn tensors_stay_in_their_storage_and_below_the_limit() {
        for (sizes, strides, offset) in [
            (&[8][..], &[1][..], 0),
            (&[2], &[7], 0),
            (&[2], &[i64::MAX], 1),
            (&[i64::MAX, 4], &[0, 0], 0),
            (&[101], &[0], 0),
        ] {
            assert!(
                floats(&meta(scalar_type::FLOAT, sizes, strides, offset), &[0.0; 7]).is_err(),
                "{sizes:?} {strides:?}"
            );
        }
    }

    #[test]
    fn only_lossy_narrowing_is_told() {
        let converted =
            |x: f64| decode(&meta(scalar_type::DOUBLE, &[1], &[1], 0), &x.to_le_bytes(), 1).unwrap().converted;
        assert_eq!(converted(0.5), None);
        assert_eq!(converted(0.1), Some(scalar_type::DOUBLE));
    }
}
