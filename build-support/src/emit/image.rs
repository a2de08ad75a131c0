//! What a program holds of its VGF file: all of it, or the constants that its steps read; and what it holds twice.

use super::{Program, step};
use crate::plan::Plan;
use quantize_runtime::bytes::place_after;
use quantize_runtime::graph::Graph;
use quantize_syntax::attr::{Embed, Layout};
use std::cell::{Cell, RefCell};
use std::ops::Range;

/// The embedded bytes of a file.
pub struct Image<'a> {
    file: &'a [u8],
    /// Where the constants are in the file.
    constants: Range<usize>,
    layout: Layout,
    /// Ranges of the file that follow one another in the image; all of the file where there are none.
    parts: Option<Vec<Range<usize>>>,
    /// Whether the next two are being found out.
    is_noting: bool,
    /// What steps read.
    read: RefCell<Vec<Range<usize>>>,
    /// Bytes of constants in another form than the file's.
    copied: Cell<usize>,
}

impl<'a> Image<'a> {
    /// What is embedded of a file for a plan of its graph, whose nodes have these labels.
    pub fn new(
        (embed, layout): (Embed, Layout),
        file: &'a [u8],
        graph: &'a Graph<'a>,
        labels: &'a [String],
        plan: &'a Plan<'a>,
    ) -> Self {
        let ranges = || graph.values.iter().filter_map(|value| value.constant.as_ref()?.range.clone());
        let start = ranges().map(|range| range.start).min().unwrap_or_default();
        let end = ranges().map(|range| range.end).max().unwrap_or_default();
        let (read, copied) = (RefCell::default(), Cell::default());
        let image = Self { file, constants: start..end, layout, parts: None, is_noting: true, read, copied };
        let program = Program { file, image: &image, expected: None, graph, labels, plan };
        for (index, step) in plan.steps.iter().enumerate() {
            step::Code::new(index, step, program);
        }
        let parts = match embed {
            Embed::Vgf => None,
            Embed::Constants => Some(image.read_parts()),
        };
        Self { parts, is_noting: false, ..image }
    }

    /// What steps read, in order and without gaps of less than 16 bytes.
    fn read_parts(&self) -> Vec<Range<usize>> {
        let mut read = self.read.borrow().clone();
        read.sort_by_key(|range| (range.start, range.end));
        let mut parts: Vec<Range<usize>> = Vec::new();
        for range in read {
            match parts.last_mut() {
                Some(last) if range.start < last.end + 16 => last.end = last.end.max(range.end),
                _ => parts.push(range),
            }
        }
        parts
    }

    /// The parts of the file that follow one another in the image, each where [`place_after`] says; `None` where the image is the file.
    pub(super) fn parts(&self) -> Option<&[Range<usize>]> {
        self.parts.as_deref()
    }

    /// The order of the constants in the program.
    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Bytes of the image.
    pub fn bytes(&self) -> usize {
        self.parts.as_ref().map_or(self.file.len(), |parts| len(parts))
    }

    /// Bytes of an image of the constants that steps read.
    pub fn constant_bytes(&self) -> usize {
        len(&self.read_parts())
    }

    /// Bytes of constants that the program holds in another form.
    pub fn copied(&self) -> usize {
        self.copied.get()
    }

    /// Notes that a step has so many bytes of constants in another form than the file's.
    pub(super) fn copy(&self, bytes: usize) {
        if self.is_noting {
            self.copied.set(self.copied.get() + bytes);
        }
    }

    /// Where data of the file are in the image, which a step reads there.
    pub(super) fn place<T>(&self, data: &[T]) -> Option<usize> {
        let range = self.range(data)?;
        let Some(parts) = &self.parts else {
            if self.is_noting && self.constants.start <= range.start && range.end <= self.constants.end {
                self.read.borrow_mut().push(range.clone());
            }
            return Some(range.start);
        };
        let mut at = 0;
        for part in parts {
            at = place_after(at, part.start);
            if part.start <= range.start && range.end <= part.end {
                return Some(at + range.start - part.start);
            }
            at += part.len();
        }
        None
    }

    /// Where data are in the file; `None` where they are not.
    pub(super) fn range<T>(&self, data: &[T]) -> Option<Range<usize>> {
        let start = data.as_ptr().addr().checked_sub(self.file.as_ptr().addr())?;
        let end = start.checked_add(size_of_val(data))?;
        (end <= self.file.len()).then_some(start..end)
    }
}

/// Bytes of parts that follow one another.
fn len(parts: &[Range<usize>]) -> usize {
    parts.iter().fold(0, |at, part| place_after(at, part.start) + part.len())
}
