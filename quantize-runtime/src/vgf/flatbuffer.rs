//! A hand-written walk through FlatBuffers sections: checked once, read without errors afterwards.
//!
//! The verifier of the usual library refuses every file of Arm's converter, which puts empty vectors of 64-bit elements
//! on 4-byte boundaries.

use crate::error::{Error, Rule};
use core::marker::PhantomData;

/// A section of the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffer<'a> {
    pub(super) bytes: &'a [u8],
    /// Offset of the section in the file.
    pub(super) start: usize,
}

impl<'a> Buffer<'a> {
    /// The bytes of a little-endian number; zeros outside the section, which checked positions never are.
    fn number<const N: usize>(self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
    }

    fn u16(self, at: usize) -> usize {
        usize::from(u16::from_le_bytes(self.number(at)))
    }

    pub(super) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.number(at))
    }

    /// The position that the offset at `at` leads to.
    fn follow(self, at: usize) -> usize {
        at.saturating_add(self.u32(at) as usize)
    }
}

/// A table whose fields are read by number; a field that is absent has its default.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'a> {
    buffer: Buffer<'a>,
    at: usize,
}

impl<'a> Table<'a> {
    fn vtable(self) -> usize {
        let back = i32::from_le_bytes(self.buffer.number(self.at));
        // Before the section wraps to far behind it, where every read gives zeros and every check fails.
        self.at.wrapping_sub(back as isize as usize)
    }

    fn field(self, id: usize) -> Option<usize> {
        let (vtable, slot) = (self.vtable(), 4 + 2 * id);
        if slot + 2 > self.buffer.u16(vtable) {
            return None;
        }
        match self.buffer.u16(vtable.wrapping_add(slot)) {
            0 => None,
            offset => Some(self.at + offset),
        }
    }

    pub(super) fn has(self, id: usize) -> bool {
        self.field(id).is_some()
    }

    pub(super) fn u8(self, id: usize) -> u8 {
        self.field(id).map_or(0, |at| u8::from_le_bytes(self.buffer.number(at)))
    }

    pub(super) fn u32(self, id: usize, default: u32) -> u32 {
        self.field(id).map_or(default, |at| self.buffer.u32(at))
    }

    pub(super) fn table(self, id: usize) -> Option<Self> {
        self.field(id).map(|at| Self { buffer: self.buffer, at: self.buffer.follow(at) })
    }

    pub(super) fn vector<T>(self, id: usize) -> Vector<'a, T> {
        let Some(at) = self.field(id) else { return self.no_vector() };
        let at = self.buffer.follow(at);
        Vector { buffer: self.buffer, at: at + 4, len: self.buffer.u32(at) as usize, element: PhantomData }
    }

    /// The vector of an absent field.
    pub(super) fn no_vector<T>(self) -> Vector<'a, T> {
        Vector { buffer: self.buffer, at: 0, len: 0, element: PhantomData }
    }

    pub(super) fn text(self, id: usize) -> &'a str {
        self.field(id).map_or("", |at| text(self.buffer, at))
    }

    /// Offset in the file.
    pub(super) fn offset(self) -> usize {
        self.buffer.start + self.at
    }
}

fn text(buffer: Buffer<'_>, at: usize) -> &str {
    let at = buffer.follow(at);
    let bytes = buffer.bytes.get(at + 4..).and_then(|bytes| bytes.get(..buffer.u32(at) as usize));
    bytes.and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// What vectors hold.
pub(super) trait Element<'a> {
    /// Bytes of an element in the vector.
    const SIZE: usize;
    /// The element at a position.
    fn read(buffer: Buffer<'a>, at: usize) -> Self;
}

impl<'a> Element<'a> for u32 {
    const SIZE: usize = 4;
    fn read(buffer: Buffer<'a>, at: usize) -> Self {
        buffer.u32(at)
    }
}

impl<'a> Element<'a> for i64 {
    const SIZE: usize = 8;
    fn read(buffer: Buffer<'a>, at: usize) -> Self {
        Self::from_le_bytes(buffer.number(at))
    }
}

impl<'a> Element<'a> for &'a str {
    const SIZE: usize = 4;
    fn read(buffer: Buffer<'a>, at: usize) -> Self {
        text(buffer, at)
    }
}

impl<'a, T: From<Table<'a>>> Element<'a> for T {
    const SIZE: usize = 4;
    fn read(buffer: Buffer<'a>, at: usize) -> Self {
        Self::from(Table { buffer, at: buffer.follow(at) })
    }
}

/// A vector of numbers, strings or tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector<'a, T> {
    buffer: Buffer<'a>,
    at: usize,
    len: usize,
    element: PhantomData<T>,
}

impl<'a, T: Element<'a>> Vector<'a, T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, index: usize) -> Option<T> {
        (index < self.len).then(|| T::read(self.buffer, self.at + index * T::SIZE))
    }

    pub(super) fn iter(self) -> impl ExactSizeIterator<Item = T> + Clone + use<'a, T> {
        (0..self.len).map(move |index| T::read(self.buffer, self.at + index * T::SIZE))
    }

    /// The bytes of the elements.
    pub(super) fn bytes(&self) -> &'a [u8] {
        let bytes = self.buffer.bytes.get(self.at..).and_then(|bytes| bytes.get(..self.len * T::SIZE));
        bytes.unwrap_or_default()
    }

    /// Offset in the file of the first element.
    pub(super) fn offset(&self) -> usize {
        self.buffer.start + self.at
    }
}

/// Checks everything that the readers above rely on.
pub(super) struct Verifier<'a> {
    buffer: Buffer<'a>,
    /// Tables that may still be visited: offsets lead forward only, but many of them can lead to one table.
    tables: usize,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(buffer: Buffer<'a>) -> Self {
        Self { buffer, tables: buffer.bytes.len() / 4 + 16 }
    }

    pub(super) fn error(&self, rule: Rule, at: usize) -> Error {
        Error { rule, offset: self.buffer.start.saturating_add(at) }
    }

    /// Checks the root table and gives it.
    pub(super) fn root(&mut self) -> Result<Table<'a>, Error> {
        let at = self.follow(0)?;
        self.table_at(at)
    }

    /// Checks that `size` aligned bytes lie at `at`.
    fn scalar(&self, at: usize, size: usize) -> Result<(), Error> {
        if at > self.buffer.bytes.len() || size > self.buffer.bytes.len() - at {
            return Err(self.error(Rule::Offset, at));
        }
        if !at.is_multiple_of(size) {
            return Err(self.error(Rule::Alignment, at));
        }
        Ok(())
    }

    fn follow(&self, at: usize) -> Result<usize, Error> {
        self.scalar(at, 4)?;
        let to = self.buffer.follow(at);
        if to == at || to > self.buffer.bytes.len() - 4 {
            return Err(self.error(Rule::Offset, at));
        }
        Ok(to)
    }

    fn table_at(&mut self, at: usize) -> Result<Table<'a>, Error> {
        self.tables = self.tables.checked_sub(1).ok_or(self.error(Rule::TableCount, at))?;
        self.scalar(at, 4)?;
        let table = Table { buffer: self.buffer, at };
        let (vtable, len) = (table.vtable(), self.buffer.bytes.len());
        let malformed = self.error(Rule::Vtable, at);
        if !vtable.is_multiple_of(2) || vtable > len || len - vtable < 4 {
            return Err(malformed);
        }
        let (slots, size) = (self.buffer.u16(vtable), self.buffer.u16(vtable + 2));
        if slots < 4 || !slots.is_multiple_of(2) || slots > len - vtable || size < 4 || size > len - at {
            return Err(malformed);
        }
        Ok(table)
    }

    /// Checks a field of `size` bytes and gives its position.
    pub(super) fn field(&self, table: Table<'a>, id: usize, size: usize) -> Result<Option<usize>, Error> {
        let Some(at) = table.field(id) else { return Ok(None) };
        let (offset, end) = (at - table.at, self.buffer.u16(table.vtable() + 2));
        if offset < 4 || offset + size > end {
            return Err(self.error(Rule::Field, table.at));
        }
        self.scalar(at, size)?;
        Ok(Some(at))
    }

    /// Checks numbers of one size among the fields.
    pub(super) fn scalars(&self, table: Table<'a>, ids: &[usize], size: usize) -> Result<(), Error> {
        for &id in ids {
            self.field(table, id, size)?;
        }
        Ok(())
    }

    /// Checks a vector and gives the position of its first element and their number.
    fn vector_at(&self, table: Table<'a>, id: usize, size: usize) -> Result<(usize, usize), Error> {
        let Some(at) = self.field(table, id, 4)? else { return Ok((0, 0)) };
        let at = self.follow(at)?;
        self.scalar(at, 4)?;
        let (len, first) = (self.buffer.u32(at) as usize, at + 4);
        if len > (self.buffer.bytes.len() - first) / size {
            return Err(self.error(Rule::Vector, at));
        }
        // Empty vectors of 64-bit elements are unaligned in files of Arm's converter.
        if len > 0 && !first.is_multiple_of(size) {
            return Err(self.error(Rule::Alignment, at));
        }
        Ok((first, len))
    }

    /// Checks a vector of numbers.
    pub(super) fn numbers(&self, table: Table<'a>, id: usize, size: usize) -> Result<(), Error> {
        self.vector_at(table, id, size).map(drop)
    }

    /// Checks strings among the fields.
    pub(super) fn texts(&self, table: Table<'a>, ids: &[usize]) -> Result<(), Error> {
        for &id in ids {
            if let Some(at) = self.field(table, id, 4)? {
                self.text_at(at)?;
            }
        }
        Ok(())
    }

    /// Checks a vector of strings.
    pub(super) fn text_vector(&mut self, table: Table<'a>, id: usize) -> Result<(), Error> {
        let (first, len) = self.vector_at(table, id, 4)?;
        for index in 0..len {
            // A string costs its length to check, so shared ones count like tables.
            self.tables = self.tables.checked_sub(1).ok_or(self.error(Rule::TableCount, first))?;
            self.text_at(first + 4 * index)?;
        }
        Ok(())
    }

    fn text_at(&self, at: usize) -> Result<(), Error> {
        let at = self.follow(at)?;
        self.scalar(at, 4)?;
        let malformed = self.error(Rule::Text, at);
        let len = self.buffer.u32(at) as usize;
        let (text, rest) = self.buffer.bytes[at + 4..].split_at_checked(len).ok_or(malformed)?;
        if rest.first() != Some(&0) || core::str::from_utf8(text).is_err() {
            return Err(malformed);
        }
        Ok(())
    }

    /// Checks a table among the fields with `check`.
    pub(super) fn table(
        &mut self,
        table: Table<'a>,
        id: usize,
        check: impl FnOnce(&mut Self, Table<'a>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let Some(at) = self.field(table, id, 4)? else { return Ok(false) };
        let at = self.follow(at)?;
        let inner = self.table_at(at)?;
        check(self, inner)?;
        Ok(true)
    }

    /// Checks each table of a vector with `check`.
    pub(super) fn tables(
        &mut self,
        table: Table<'a>,
        id: usize,
        check: impl Fn(&mut Self, Table<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (first, len) = self.vector_at(table, id, 4)?;
        for index in 0..len {
            let at = self.follow(first + 4 * index)?;
            let inner = self.table_at(at)?;
            check(self, inner)?;
        }
        Ok(())
    }
}
