//! Results that are written over an operand: memory that both are in, and orders of reads and writes that allow it.
//!
//! A kernel itself takes slices that do not overlap. So it is called for one part of the result after another, each of which
//! is written where nothing is left that a later part is made from.

use crate::Shape;
use crate::arena::Access;
use crate::epilogue::Epilogue;
use crate::steps::{AvgPool2d, Binary, Conv2d, DepthwiseConv2d, MaxPool2d, RescaledBinary};
use crate::strips::Rows;
use core::ops::Range;

/// Bytes of an operand that are copied to the stack, to be read while the result is written over them.
const CHUNK: usize = 128;

/// Which parts of `SIZE` bytes a step reads, and where its result lies, which may overlap one operand.
///
/// ```
/// use quantize_runtime::in_place::AccessInPlace;
///
/// let mut memory = [1, 2, 3, 4];
/// let ([], memory_of_both) = const { AccessInPlace::elements([], 1..4, 0..3) }.split(&mut memory);
/// memory_of_both.by_elements([1, 1], |input, output| output.copy_from_slice(input));
/// assert_eq!(memory, [2, 3, 4, 4]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessInPlace<const SIZE: usize, const READS: usize> {
    /// The other operands, and the part that holds both.
    access: Access<SIZE, READS>,
    /// Of that part.
    input: Range<usize>,
    /// Of that part.
    output: Range<usize>,
}

impl<const SIZE: usize, const READS: usize> AccessInPlace<SIZE, READS> {
    /// Byte ranges of the other operands, of the operand and of the result, whose elements each are made from the one with
    /// the same index.
    ///
    /// # Panics
    /// If a range leaves the memory, another operand overlaps the two, or an element would be written over one that is still
    /// to be read; in a constant, which is a compile error.
    pub const fn elements(reads: [Range<usize>; READS], input: Range<usize>, output: Range<usize>) -> Self {
        let is_smaller = output.end - output.start <= input.end - input.start;
        assert!(
            output.start <= input.start && (is_smaller || output.end <= input.end),
            "a step writes what it still reads"
        );
        Self::new(reads, input, output)
    }

    /// The same for a result whose rows are made from these windows of the operand; the result may also start behind it.
    ///
    /// # Panics
    /// As [`elements`](Self::elements).
    pub const fn rows(
        reads: [Range<usize>; READS],
        input: Range<usize>,
        output: Range<usize>,
        windows: Windows,
    ) -> Self {
        let [below, above] = windows.gaps([input.end - input.start, output.end - output.start]);
        let is_safe = output.start + below <= input.start || input.start + above <= output.start;
        assert!(is_safe, "a step writes what it still reads");
        Self::new(reads, input, output)
    }

    /// The same as [`rows`](Self::rows) for windows that do not mix channels, where each result lies over an operand's element of
    /// the same channel: so channels can be computed one after another.
    ///
    /// # Panics
    /// As [`rows`](Self::rows), and if a result would lie over another channel.
    pub const fn channels(
        reads: [Range<usize>; READS],
        input: Range<usize>,
        output: Range<usize>,
        windows: Windows,
    ) -> Self {
        assert!(
            windows.keep_channels(input.start.abs_diff(output.start)),
            "a channel writes what another one still reads"
        );
        Self::rows(reads, input, output, windows)
    }

    const fn new(reads: [Range<usize>; READS], input: Range<usize>, output: Range<usize>) -> Self {
        let start = min(input.start, output.start);
        let end = max(input.end, output.end);
        Self {
            access: Access::new(reads, start..end),
            input: input.start - start..input.end - start,
            output: output.start - start..output.end - start,
        }
    }

    /// Borrows the parts.
    #[inline(always)]
    pub fn split<'a>(&self, memory: &'a mut [u8; SIZE]) -> ([&'a [u8]; READS], InPlace<'a>) {
        let (reads, memory) = self.access.split(memory);
        (reads, InPlace::new(memory, self.input.clone(), self.output.clone()))
    }
}

/// Memory with an operand and the result over it.
#[derive(Debug)]
pub struct InPlace<'a> {
    memory: &'a mut [u8],
    input: Range<usize>,
    output: Range<usize>,
}

impl<'a> InPlace<'a> {
    /// Memory with both in these byte ranges; what may overlap is checked by [`AccessInPlace`].
    pub const fn new(memory: &'a mut [u8], input: Range<usize>, output: Range<usize>) -> Self {
        Self { memory, input, output }
    }

    pub(crate) fn operand(&self) -> &[u8] {
        self.memory.get(self.input.clone()).unwrap_or_default()
    }

    pub(crate) fn result(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.output.clone()).unwrap_or_default()
    }

    /// Whether the result is to be computed from its last row to the first: it starts behind the operand.
    pub(crate) const fn is_descending(&self) -> bool {
        self.output.start > self.input.start
    }

    /// Of operand and result.
    #[cfg(any(kernels = "armv7em", kernels = "mve"))]
    pub(crate) fn addresses(&mut self) -> (*const u8, *mut u8) {
        let memory = self.memory.as_mut_ptr();
        (memory.wrapping_add(self.input.start), memory.wrapping_add(self.output.start))
    }

    /// Calls a kernel for a copy of some elements of the operand, and the elements of the result that belong to them.
    ///
    /// `sizes` are the bytes of an element of the operand and of the result.
    pub fn by_elements(mut self, sizes: [usize; 2], mut kernel: impl FnMut(&[u8], &mut [u8])) {
        let (mut chunk, mut at) = ([0; CHUNK], 0);
        while let Some((input, output)) = self.chunk(&mut chunk, sizes, at, usize::MAX) {
            at += input.len() / sizes[0];
            kernel(input, output);
        }
    }

    /// Calls a kernel for some elements of both operands, of which the one with index `operand` is the one written over.
    ///
    /// The other one is of the same type. It has as many elements, or a divisor of that number: then it repeats.
    pub fn by_pairs<S: ByPairs>(
        mut self,
        step: &S,
        sizes: [usize; 2],
        operand: usize,
        other: &[u8],
        mut kernel: impl FnMut(&S, &[u8], &[u8], &mut [u8]),
    ) {
        let (mut chunk, mut at, mut other_at) = ([0; CHUNK], 0, 0);
        let period = other.len() / sizes[0];
        loop {
            let most = if period == 1 { usize::MAX } else { period - other_at };
            let Some((input, output)) = self.chunk(&mut chunk, sizes, at, most) else { return };
            let len = input.len() / sizes[0];
            let other_len = if period == 1 { 1 } else { len };
            let Some(other) = other.get(other_at * sizes[0]..(other_at + other_len) * sizes[0]) else { return };
            if operand == 0 {
                kernel(&step.part([len, other_len]), input, other, output);
            } else {
                kernel(&step.part([other_len, len]), other, input, output);
            }
            at += len;
            other_at = if other_at + other_len == period { 0 } else { other_at + other_len };
        }
    }

    /// Calls a kernel for each row of the result with the rows of the operand that it is made from: from the last row to the
    /// first where the result starts behind the operand.
    pub fn by_rows<S: ByRows>(self, step: &S, mut kernel: impl FnMut(&S, &[u8], &mut [u8])) {
        let windows = step.windows();
        let [input_row, output_row] = windows.row_bytes([self.input.len(), self.output.len()]);
        let is_descending = self.is_descending();
        for turn in 0..windows.count() {
            let at = if is_descending { windows.count() - 1 - turn } else { turn };
            let (reads, written) = (windows.reads(at), self.output.start + at * output_row);
            let reads = self.input.start + reads.start * input_row..self.input.start + reads.end * input_row;
            let Ok([input, output]) = self.memory.get_disjoint_mut([reads, written..written + output_row]) else {
                return;
            };
            kernel(&step.row(at), input, output);
        }
    }

    /// A copy of at most `most` elements of the operand from `at` on, as many as have room, and their place in the result;
    /// `None` at the end.
    fn chunk<'c>(
        &mut self,
        chunk: &'c mut [u8; CHUNK],
        [input_size, output_size]: [usize; 2],
        at: usize,
        most: usize,
    ) -> Option<(&'c [u8], &mut [u8])> {
        let unread = self.memory.get(self.input.clone())?.get(at * input_size..)?;
        let len = (unread.len() / input_size).min(CHUNK / input_size).min(most);
        let chunk = chunk.get_mut(..len * input_size).filter(|chunk| !chunk.is_empty())?;
        chunk.copy_from_slice(unread.get(..chunk.len())?);
        let output = self.memory.get_mut(self.output.clone())?.get_mut(at * output_size..(at + len) * output_size)?;
        Some((chunk, output))
    }
}

/// Windows that move over the rows of an operand, each of which becomes a row of the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Windows {
    /// `[N, IH, IW, IC]`.
    input: Shape,
    /// `[N, OH, OW, OC]`.
    output: Shape,
    kernel: [u16; 2],
    stride: [u16; 2],
    dilation: [u16; 2],
    pad: [u16; 4],
}

impl Windows {
    /// Windows over tensors `[N, IH, IW, IC]` and `[N, OH, OW, OC]`; all is in the order y, x, pads are those of the steps.
    pub const fn new(
        input: Shape,
        output: Shape,
        kernel: [u16; 2],
        stride: [u16; 2],
        dilation: [u16; 2],
        pad: [u16; 4],
    ) -> Self {
        Self { input, output, kernel, stride, dilation, pad }.upright()
    }

    /// With columns in place of rows where there is one row only: the elements and their order are the same.
    const fn upright(self) -> Self {
        let ([n, ih, iw, ic], [_, oh, ow, oc]) = (self.sizes_of_input(), self.sizes_of_output());
        if ih != 1 || oh != 1 || self.kernel[0] != 1 || self.pad[0] != 0 {
            return self;
        }
        Self {
            input: Shape::nhwc(n as u32, iw as u32, 1, ic as u32), // as they were
            output: Shape::nhwc(n as u32, ow as u32, 1, oc as u32),
            kernel: [self.kernel[1], 1],
            stride: [self.stride[1], 1],
            dilation: [self.dilation[1], 1],
            pad: [self.pad[2], self.pad[3], 0, 0],
        }
    }

    const fn sizes_of_input(&self) -> [usize; 4] {
        self.input.sizes()
    }

    const fn sizes_of_output(&self) -> [usize; 4] {
        self.output.sizes()
    }

    /// Rows of the result over all batches.
    pub const fn count(&self) -> usize {
        let [n, oh, ..] = self.sizes_of_output();
        n * oh
    }

    /// Rows of the operand over all batches.
    pub const fn input_count(&self) -> usize {
        let [n, ih, ..] = self.sizes_of_input();
        n * ih
    }

    /// Bytes of one row of tensors of so many bytes, operand and result.
    const fn row_bytes(&self, [input, output]: [usize; 2]) -> [usize; 2] {
        // A dimension is not 0, which the compiler does not know.
        [input / max(self.input_count(), 1), output / max(self.count(), 1)]
    }

    /// Rows of the operand, over all batches, that a row of the result is made from; one of them where there are none.
    const fn reads(&self, at: usize) -> Range<usize> {
        self.rows().reads(at)
    }

    /// The same as a value.
    pub const fn rows(&self) -> Rows {
        let ([_, input, ..], [_, output, ..]) = (self.sizes_of_input(), self.sizes_of_output());
        Rows { input, output, stride: self.stride[0] as usize, extent: self.extent(), before: self.pad[0] as usize }
    }

    /// Rows from the first tap to the last.
    const fn extent(&self) -> usize {
        (self.kernel[0] as usize).saturating_sub(1) * self.dilation[0] as usize + 1
    }

    /// For tensors of so many bytes, operand and result: the bytes by which the result must start before the operand, or
    /// behind its start, so that no row is written over one that is still to be read.
    pub const fn gaps(&self, bytes: [usize; 2]) -> [usize; 2] {
        let [input_row, output_row] = self.row_bytes(bytes);
        let ([mut below, mut above], mut at) = ([0, 0], 0);
        while at < self.count() {
            let (reads, written) = (self.reads(at), at * output_row);
            below = max(below, (written + output_row).saturating_sub(reads.start * input_row));
            above = max(above, (reads.end * input_row).saturating_sub(written));
            at += 1;
        }
        [below, above]
    }

    /// Whether there are as many channels before and after, and each result is over an element of its channel where the two
    /// tensors start so many elements from each other.
    pub const fn keep_channels(&self, distance: usize) -> bool {
        let ([_, _, _, before], [_, _, _, after]) = (self.sizes_of_input(), self.sizes_of_output());
        before == after && distance.is_multiple_of(after)
    }

    /// The window of one row of the result alone.
    const fn row(&self, at: usize) -> Self {
        let ([_, ih, iw, ic], [_, oh, ow, oc]) = (self.sizes_of_input(), self.sizes_of_output());
        let (origin, before, reads) = (at % max(oh, 1) * self.stride[0] as usize, self.pad[0] as usize, self.reads(at));
        let rows = reads.end - reads.start;
        // A window below the operand has no tap in it, as one above.
        let above = if origin >= before + ih { self.extent() } else { before.saturating_sub(origin) };
        let below = self.extent().saturating_sub(above + rows);
        Self {
            input: Shape::nhwc(1, rows as u32, iw as u32, ic as u32), // no larger than those of the whole
            output: Shape::nhwc(1, 1, ow as u32, oc as u32),
            pad: [above as u16, below as u16, self.pad[2], self.pad[3]],
            ..*self
        }
    }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b { a } else { b }
}

const fn max(a: usize, b: usize) -> usize {
    if a < b { b } else { a }
}

/// A step that computes its result row by row.
pub trait ByRows: Sized {
    /// What the rows are made from.
    fn windows(&self) -> Windows;

    /// The step for one row of the result, counted over all batches, and the rows of the operand that it reads.
    fn row(&self, at: usize) -> Self;
}

/// The dilation of a step that may have none.
macro_rules! dilation {
    ($step:ident $dilation:ident) => {
        $step.$dilation
    };
    ($step:ident) => {
        [1, 1]
    };
}

/// Implements [`ByRows`] for steps with a window.
macro_rules! by_rows {
    ($([$($generics:tt)*] $Step:ty { $($dilation:ident)? })*) => {$(
        impl<$($generics)*> $Step {
            /// What the rows of the result are made from.
            pub const fn windows(&self) -> Windows {
                let dilation = dilation!(self $($dilation)?);
                Windows::new(self.input, self.output, self.kernel, self.stride, dilation, self.pad)
            }
        }

        impl<$($generics)*> ByRows for $Step {
            fn windows(&self) -> Windows {
                self.windows()
            }

            fn row(&self, at: usize) -> Self {
                let (row, mut step) = (self.windows().row(at), *self);
                (step.input, step.output) = (row.input, row.output);
                (step.kernel, step.stride, step.pad) = (row.kernel, row.stride, row.pad);
                $(step.$dilation = row.$dilation;)?
                step
            }
        }
    )*};
}

by_rows! {
    ['a, E: Epilogue + Copy] Conv2d<'a, E> { dilation }
    ['a, E: Epilogue + Copy] DepthwiseConv2d<'a, E> { dilation }
    [] AvgPool2d {}
    [] MaxPool2d {}
}

impl<E: Epilogue + Copy> DepthwiseConv2d<'_, E> {
    /// The same with columns in place of rows where there is one row only, as [`windows`](Self::windows) has it.
    pub const fn upright(&self) -> Self {
        let Windows { input, output, kernel, stride, dilation, pad } =
            Windows::new(self.input, self.output, self.kernel, self.stride, self.dilation, self.pad);
        Self { input, output, kernel, stride, dilation, pad, ..*self }
    }
}

/// A step on two operands that treats all elements alike.
pub trait ByPairs: Sized {
    /// The step for so many neighbouring elements of each operand: equal numbers, or one of them is 1.
    fn part(&self, lens: [usize; 2]) -> Self;
}

impl<P: Copy> ByPairs for Binary<P> {
    fn part(&self, lens: [usize; 2]) -> Self {
        let [first, second] = lens.map(|len| Shape::nhwc(1, 1, 1, len as u32)); // no larger than the whole
        Self { operator: self.operator, inputs: [first, second], output: if lens[0] == 1 { second } else { first } }
    }
}

impl<P: Copy> ByPairs for RescaledBinary<'_, P> {
    fn part(&self, lens: [usize; 2]) -> Self {
        Self { binary: self.binary.part(lens), ..*self }
    }
}
