//! Layers computed in turn, a row at a time: of the tensors between them only the rows that are still read are kept.
//!
//! This is inference by patches (MCUNetV2, Lin et al. 2021) with patches of one row, whose shared rows stay in line buffers,
//! so that nothing is computed twice and rows of the operand can be written over once they are read. Patches that are less
//! wide compute what their windows share anew: for the first four layers of a MobileNet of width 0.25 on 96×96 pixels, to
//! 24×24×16, the line buffers are 3840 bytes; of n×n patches, 4×4 need as little (4056 bytes) and 25 % more MACs in these
//! layers, and all of the image until the last one is done.

use core::ops::Range;

/// The most layers that are computed in turn: what is known of each is on the stack.
pub const MAX_LAYERS: usize = 24;

/// Which rows of an operand each row of a result is made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rows {
    /// Rows of one image of the operand, at least 1.
    pub input: usize,
    /// Rows of one image of the result, at least 1.
    pub output: usize,
    /// Rows from a window to the next one.
    pub stride: usize,
    /// Rows from the first tap of a window to the last.
    pub extent: usize,
    /// Rows that are added above.
    pub before: usize,
}

impl Rows {
    /// The rows of the operand, over all images, that a row of the result is made from; one of them where all taps are in
    /// the padding.
    pub const fn reads(&self, at: usize) -> Range<usize> {
        let output = max(self.output, 1);
        let origin = at % output * self.stride;
        let first = min(origin.saturating_sub(self.before), self.input.saturating_sub(1));
        let end = min((origin + self.extent).saturating_sub(self.before), self.input);
        let image = at / output * self.input;
        image + first..image + max(end, first + 1)
    }
}

/// Rows of a tensor in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lines {
    /// The first byte.
    pub start: usize,
    /// How many rows there is room for.
    pub rows: usize,
    /// Bytes of a row.
    pub row_bytes: usize,
}

/// An operand of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read {
    /// Index in [`Strips::tensors`].
    pub tensor: usize,
    /// The rows it is read by.
    pub rows: Rows,
}

/// A layer of [`Strips`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layer {
    /// Its operands in memory, by their index.
    pub reads: [Option<Read>; 2],
    /// Rows of its result over all images.
    pub rows: usize,
}

/// Layers of which the last one makes the result and the others what it needs for that.
///
/// ```
/// use quantize_runtime::strips::{Layer, Lines, Read, Rows, Strips, Turns};
///
/// // Of four rows of one byte the sums of neighbours, and of these their double.
/// let sums = Rows { input: 4, output: 3, stride: 1, extent: 2, before: 0 };
/// let same = Rows { input: 3, output: 3, stride: 1, extent: 1, before: 0 };
/// let lines = [(0, 4), (7, 1), (4, 3)].map(|(start, rows)| Lines { start, rows, row_bytes: 1 });
/// let layers = [(0, sums), (1, same)].map(|(tensor, rows)| Layer { reads: [Some(Read { tensor, rows }), None], rows: 3 });
/// let strips = Strips::new::<8>(&lines, &layers);
///
/// let mut memory = [1, 2, 3, 4, 0, 0, 0, 0];
/// let mut turns = Turns::new(&strips);
/// while let Some(turn) = turns.next(&mut memory) {
///     turn.output[0] = match turn.layer {
///         0 => turn.reads[0].iter().sum(),
///         _ => 2 * turn.reads[0][0],
///     };
/// }
/// assert_eq!(memory[4..7], [6, 10, 14]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strips<'a> {
    /// The operands of all, then the result of each layer. The last one has room for all its rows.
    pub tensors: &'a [Lines],
    /// Each reads operands and results of layers before it.
    pub layers: &'a [Layer],
}

impl<'a> Strips<'a> {
    /// Layers with their tensors in `SIZE` bytes.
    ///
    /// # Panics
    /// If a tensor leaves the memory, a layer reads its own result or that of a later one, or there are more than
    /// [`MAX_LAYERS`]; in a constant, which is a compile error.
    pub const fn new<const SIZE: usize>(tensors: &'a [Lines], layers: &'a [Layer]) -> Self {
        assert!(!layers.is_empty() && layers.len() <= MAX_LAYERS, "too many layers in turn, or none");
        assert!(tensors.len() >= layers.len(), "a layer without a result");
        let operands = tensors.len() - layers.len();
        let mut i = 0;
        while i < tensors.len() {
            let Lines { start, rows, row_bytes } = tensors[i];
            assert!(start <= SIZE && rows * row_bytes <= SIZE - start, "a row outside the arena");
            i += 1;
        }
        let mut layer = 0;
        while layer < layers.len() {
            let [first, second] = layers[layer].reads;
            assert!(
                is_before(first, operands + layer) && is_before(second, operands + layer),
                "a layer reads a later one"
            );
            layer += 1;
        }
        Self { tensors, layers }
    }

    const fn operands(&self) -> usize {
        self.tensors.len().saturating_sub(self.layers.len())
    }
}

const fn is_before(read: Option<Read>, result: usize) -> bool {
    match read {
        Some(read) => read.tensor < result,
        None => true,
    }
}

/// What is known of the result of a layer.
#[derive(Clone, Copy, Debug)]
struct Progress {
    /// The row to be computed next.
    next: usize,
    /// The first row that is kept.
    first: usize,
}

/// A row to be computed.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Index in [`Strips::layers`].
    pub layer: usize,
    /// Its row, counted over all images.
    pub at: usize,
    /// The rows of the layer's operands that it is made from.
    pub reads: [&'a [u8]; 2],
    /// Its bytes.
    pub output: &'a mut [u8],
}

/// The order in which the rows of layers are computed: always the next one that the last layer needs.
#[derive(Clone, Debug)]
pub struct Turns<'a> {
    strips: &'a Strips<'a>,
    progress: [Progress; MAX_LAYERS],
}

impl<'a> Turns<'a> {
    /// From the first row on.
    pub const fn new(strips: &'a Strips<'a>) -> Self {
        Self { strips, progress: [Progress { next: 0, first: 0 }; MAX_LAYERS] }
    }

    /// The next row to be computed, with its place in the memory; `None` when all are.
    #[inline(never)] // one copy for all layers of a program
    pub fn next<'m>(&mut self, memory: &'m mut [u8]) -> Option<Turn<'m>> {
        let (layer, at) = self.due()?;
        let lines = self.strips.tensors.get(self.strips.operands() + layer)?;
        let moved = self.moved(layer, at);
        let progress = self.progress.get_mut(layer)?;
        if let Some(rows) = moved {
            for (index, row) in rows.clone().enumerate() {
                let [to, from] =
                    [index, row.saturating_sub(progress.first)].map(|row| lines.start + row * lines.row_bytes);
                let (before, row) = memory.split_at_mut_checked(from)?;
                let row = row.get(..lines.row_bytes)?;
                before.get_mut(to..)?.iter_mut().zip(row).for_each(|(to, from)| *to = *from);
            }
            progress.first = rows.start;
        }
        progress.next = at + 1;
        let (before, rest) = memory.split_at_mut_checked(lines.start + (at - progress.first) * lines.row_bytes)?;
        let (output, after) = rest.split_at_mut_checked(lines.row_bytes)?;
        let (before, after): (&[u8], &[u8]) = (before, after);
        let end = before.len() + output.len();
        let rows = |read: &Option<Read>| {
            let Read { tensor, rows } = (*read)?;
            let (lines, first) = (self.strips.tensors.get(tensor)?, self.first_kept(tensor));
            let rows = rows.reads(at);
            let start = lines.start + rows.start.checked_sub(first)? * lines.row_bytes;
            let len = rows.len() * lines.row_bytes;
            match start.checked_sub(end) {
                Some(start) => after.get(start..start + len),
                None => before.get(start..start + len),
            }
        };
        let reads = self.strips.layers.get(layer)?.reads.each_ref().map(|read| rows(read).unwrap_or_default());
        Some(Turn { layer, at, reads, output })
    }

    /// The layer whose turn it is, and the row: the last layer's, or what is missing for that.
    pub fn due(&self) -> Option<(usize, usize)> {
        let last = self.strips.layers.len().checked_sub(1)?;
        if self.progress.get(last)?.next >= self.strips.layers.get(last)?.rows {
            return None;
        }
        let mut layer = last;
        loop {
            let at = self.progress.get(layer)?.next;
            let is_missing = |read: &&Read| {
                let maker = read.tensor.checked_sub(self.strips.operands()).and_then(|maker| self.progress.get(maker));
                maker.is_some_and(|maker| maker.next < read.rows.reads(at).end)
            };
            match self.strips.layers.get(layer)?.reads.iter().flatten().find(is_missing) {
                Some(read) => layer = read.tensor - self.strips.operands(),
                None => return Some((layer, at)),
            }
        }
    }

    /// Takes a turn without memory.
    pub fn skip(&mut self) {
        let Some((layer, at)) = self.due() else { return };
        let first = self.moved(layer, at).map(|rows| rows.start);
        if let Some(progress) = self.progress.get_mut(layer) {
            *progress = Progress { next: at + 1, first: first.unwrap_or(progress.first) };
        }
    }

    /// The rows of a layer's result that are moved to the start of its memory before row `at` is computed: those that are
    /// still needed. `None` where there is room behind them.
    pub fn moved(&self, layer: usize, at: usize) -> Option<Range<usize>> {
        let tensor = self.strips.operands() + layer;
        let has_room = at.checked_sub(self.first_kept(tensor))? < self.strips.tensors.get(tensor)?.rows;
        (!has_room).then(|| min(self.needed(tensor), at)..at)
    }

    /// The first row of a tensor that a layer has still to read; `usize::MAX` where none has.
    pub fn needed(&self, tensor: usize) -> usize {
        let mut needed = usize::MAX;
        for (layer, progress) in self.strips.layers.iter().zip(&self.progress) {
            for read in layer.reads.iter().flatten() {
                if read.tensor == tensor && progress.next < layer.rows {
                    needed = min(needed, read.rows.reads(progress.next).start);
                }
            }
        }
        needed
    }

    /// The first row of a tensor that is in memory.
    fn first_kept(&self, tensor: usize) -> usize {
        let maker = tensor.checked_sub(self.strips.operands()).and_then(|maker| self.progress.get(maker));
        maker.map_or(0, |maker| maker.first)
    }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn max(a: usize, b: usize) -> usize {
    if a < b { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Rows = Rows { input: 3, output: 3, stride: 1, extent: 1, before: 0 };

    fn layer(tensor: usize) -> Layer {
        Layer { reads: [Some(Read { tensor, rows: SAME }), None], rows: 3 }
    }

    #[test]
    fn windows_stay_in_their_image() {
        let rows = Rows { input: 4, output: 3, stride: 2, extent: 3, before: 1 };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|at| rows.reads(at)), [0..2, 1..4, 3..4, 4..6, 5..8, 7..8]);
    }

    #[test]
    #[should_panic = "a row outside the arena"]
    fn rows_stay_inside() {
        let lines = [0, 3].map(|start| Lines { start, rows: 3, row_bytes: 1 });
        let _ = Strips::new::<5>(&lines, &[layer(0)]);
    }

    #[test]
    #[should_panic = "a layer reads a later one"]
    fn a_layer_reads_what_is_made_before() {
        let lines = [0, 3, 6].map(|start| Lines { start, rows: 3, row_bytes: 1 });
        let _ = Strips::new::<9>(&lines, &[layer(0), layer(2)]);
    }

    #[test]
    fn turns_are_taken_without_memory_as_with_it() {
        let rows = Rows { input: 5, output: 3, stride: 1, extent: 3, before: 0 };
        let lines = [(0, 5), (5, 3), (8, 3)].map(|(start, rows)| Lines { start, rows, row_bytes: 1 });
        let layers = [(0, 5, Rows { input: 5, output: 5, ..SAME }), (1, 3, rows)];
        let layers =
            layers.map(|(tensor, count, rows)| Layer { reads: [Some(Read { tensor, rows }), None], rows: count });
        let strips = Strips::new::<11>(&lines, &layers);
        let (mut turns, mut skipped, mut memory) = (Turns::new(&strips), Turns::new(&strips), [0; 11]);
        for expected in [(0, 0), (0, 1), (0, 2), (1, 0), (0, 3), (1, 1), (0, 4), (1, 2)] {
            assert_eq!(skipped.due(), Some(expected));
            let turn = turns.next(&mut memory).expect("rows are left");
            assert_eq!((turn.layer, turn.at), expected);
            skipped.skip();
        }
        assert!(turns.next(&mut memory).is_none());
        assert_eq!(skipped.due(), None);
    }
}
