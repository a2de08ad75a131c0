//! The fixed header: versions and the places of the sections.

use crate::error::{Error, Rule};
use core::ops::Range;

/// Bytes of the header.
const LEN: usize = 128;

/// The first four bytes, and those of early files.
const MAGIC: [[u8; 4]; 2] = [*b"VGF1", [0xC3, 0xD2, 0xE1, 0xF0]];

/// Offset of the version: major, minor, patch.
const VERSION: usize = 8;

/// Offset of the first of four places: file offset and size, u64 each.
const PLACES: usize = 16;

/// Where the sections lie in the file.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) version: [u8; 3],
    pub(super) modules: Range<usize>,
    pub(super) sequence: Range<usize>,
    pub(super) resources: Range<usize>,
    pub(super) constants: Range<usize>,
}

impl Header {
    pub(super) fn new(file: &[u8]) -> Result<Self, Error> {
        let fail = |rule, offset| Err(Error { rule, offset });
        let Some(header) = file.first_chunk::<LEN>() else {
            return fail(Rule::Truncated, file.len());
        };
        if !MAGIC.iter().any(|magic| header.starts_with(magic)) {
            return fail(Rule::Magic, 0);
        }
        let version = [header[VERSION], header[VERSION + 1], header[VERSION + 2]];
        if version[0] != 0 || !(4..=5).contains(&version[1]) {
            return fail(Rule::Version, VERSION);
        }
        let alignment = if version >= [0, 4, 3] { 8 } else { 4 };
        let mut sections = [const { 0..0 }; 4];
        for (index, section) in sections.iter_mut().enumerate() {
            let at = PLACES + 16 * index;
            let number = |at: usize| header[at..].first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
            let (start, size) = (usize::try_from(number(at)), usize::try_from(number(at + 8)));
            let (Ok(start), Ok(size)) = (start, size) else {
                return fail(Rule::SectionRange, at);
            };
            if start > file.len() || size > file.len() - start || (size > 0 && start < LEN) {
                return fail(Rule::SectionRange, at);
            }
            if start % alignment != 0 {
                return fail(Rule::SectionAlignment, at);
            }
            *section = start..start + size;
        }
        for (index, a) in sections.iter().enumerate() {
            for b in &sections[..index] {
                if a.start < b.end && b.start < a.end && !a.is_empty() && !b.is_empty() {
                    return fail(Rule::SectionOverlap, PLACES + 16 * index);
                }
            }
        }
        let [modules, sequence, resources, constants] = sections;
        Ok(Self { version, modules, sequence, resources, constants })
    }
}
