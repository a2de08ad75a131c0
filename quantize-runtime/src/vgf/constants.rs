//! The constants section: records, then the data.

use super::flatbuffer::Buffer;
use crate::error::{Error, Rule};
use core::ops::Range;

/// What the section starts with.
const VERSION: &[u8; 8] = b"CONST00\0";

/// Bytes before the records: version and count.
const HEAD: usize = 16;

/// Bytes of a record.
const RECORD: usize = 24;

/// The records, checked to lie in the section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants<'a> {
    section: Buffer<'a>,
    len: usize,
}

/// A constant of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Constant<'a> {
    /// Index of the resource that tells its format and shape.
    pub resource: usize,
    /// The dimension along which two of four elements are zero; −1 without one.
    pub sparsity_dimension: i32,
    /// Little-endian elements.
    pub data: &'a [u8],
    /// Where the data lies in the file.
    pub range: Range<usize>,
}

impl<'a> Constants<'a> {
    pub(super) fn new(section: Buffer<'a>) -> Result<Self, Error> {
        let fail = |rule, at: usize| Err(Error { rule, offset: section.start + at });
        if section.bytes.is_empty() {
            return Ok(Self { section, len: 0 });
        }
        if !section.bytes.starts_with(VERSION) || section.bytes.len() < HEAD {
            return fail(Rule::ConstantSection, 0);
        }
        let room = (section.bytes.len() - HEAD) / RECORD;
        let count = usize::try_from(number(section.bytes, 8)).ok().filter(|&count| count <= room);
        let Some(len) = count else {
            return fail(Rule::ConstantSection, 8);
        };
        let constants = Self { section, len };
        for index in 0..len {
            let record = HEAD + RECORD * index;
            let payload = section.bytes.len() - (HEAD + RECORD * len);
            let (size, offset) = (number(section.bytes, record + 8), number(section.bytes, record + 16));
            if offset > payload as u64 || size > payload as u64 - offset {
                return fail(Rule::ConstantRange, record);
            }
        }
        Ok(constants)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Option<Constant<'a>> {
        if index >= self.len {
            return None;
        }
        let record = HEAD + RECORD * index;
        let [resource, dimension] = [record, record + 4].map(|at| self.section.u32(at));
        let place = |at| usize::try_from(number(self.section.bytes, at)).unwrap_or(usize::MAX);
        let start = (HEAD + RECORD * self.len).saturating_add(place(record + 16));
        let end = start.saturating_add(place(record + 8));
        Some(Constant {
            resource: resource as usize,
            sparsity_dimension: dimension.cast_signed(),
            data: self.section.bytes.get(start..end).unwrap_or_default(),
            range: self.section.start.saturating_add(start)..self.section.start.saturating_add(end),
        })
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Constant<'a>> + Clone + use<'a> {
        (0..self.len).filter_map(move |index| self.get(index))
    }

    /// Offset in the file of a record.
    pub(super) fn record_offset(&self, index: usize) -> usize {
        self.section.start + HEAD + RECORD * index
    }

    /// Whether the offset of a constant's data from the first data is a multiple of 8.
    pub(super) fn is_aligned(&self, index: usize) -> bool {
        number(self.section.bytes, HEAD + RECORD * index + 16).is_multiple_of(8)
    }
}

/// A u64; zero outside the section, which checked positions never are.
fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
