//! Static memory for models, and the disjoint parts of it that a step reads and writes.

use crate::bytes;
use crate::slices;
#[cfg(any(target_has_atomic = "8", feature = "critical-section"))]
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::Range;
#[cfg(any(target_has_atomic = "8", feature = "critical-section"))]
use core::sync::atomic::{AtomicBool, Ordering};

/// A model that generated code implements: how much memory it needs.
pub trait Model {
    /// The arena and the results.
    type Memory: 'static;
    /// The memory before the first run.
    const EMPTY: Self::Memory;
}

/// Static memory of one model, to be taken once.
///
/// ```
/// use quantize_runtime::{Arena, arena::Model};
///
/// struct Tiny;
/// impl Model for Tiny {
///     type Memory = [u8; 16];
///     const EMPTY: [u8; 16] = [0; 16];
/// }
/// static ARENA: Arena<Tiny> = Arena::new();
///
/// let memory: &'static mut [u8; 16] = ARENA.take();
/// assert!(ARENA.try_take().is_none());
/// # memory[0] = 1;
/// ```
///
/// A static lies where its attribute `link_section` says, which may be any memory that is zeroed or loaded before `main`:
/// `#[unsafe(link_section = ".bss.dtcm")]` for a section of the linker script that takes `.bss.dtcm`, for example.
///
/// `take` and `try_take` need an atomic swap. On targets without one, such as `thumbv6m-none-eabi` and
/// `riscv32imc-unknown-none-elf`, an arena needs the feature `critical-section` and an implementation of that crate, which
/// those of the processors have. Without it keep a `Memory` of [`Model::EMPTY`] in memory of your own, such as a `static mut`
/// inside the `#[entry]` function of `cortex-m-rt`, which is a safe reference there.
#[cfg(any(target_has_atomic = "8", feature = "critical-section"))]
pub struct Arena<M: Model> {
    taken: AtomicBool,
    memory: UnsafeCell<M::Memory>,
}

// SAFETY: the memory is reached through `try_take` only, which gives it to one caller ever, on whichever thread.
#[cfg(any(target_has_atomic = "8", feature = "critical-section"))]
unsafe impl<M: Model> Sync for Arena<M> where M::Memory: Send {}

#[cfg(any(target_has_atomic = "8", feature = "critical-section"))]
impl<M: Model> Arena<M> {
    /// Memory that nobody has taken.
    #[expect(clippy::new_without_default, reason = "an arena is a static, which `default` cannot make")]
    pub const fn new() -> Self {
        Self { taken: AtomicBool::new(false), memory: UnsafeCell::new(M::EMPTY) }
    }

    /// Takes the memory.
    ///
    /// # Panics
    /// The second time.
    pub fn take(&'static self) -> &'static mut M::Memory {
        self.try_take().expect("the arena is taken already: each runner needs an arena of its own")
    }

    /// Takes the memory; `None` when it was taken before.
    #[expect(clippy::mut_from_ref, reason = "the flag lets one caller through")]
    pub fn try_take(&'static self) -> Option<&'static mut M::Memory> {
        if self.was_taken() {
            return None;
        }
        // SAFETY: `was_taken` gave `false` to this call alone, so no other reference to the memory exists or will exist.
        Some(unsafe { &mut *self.memory.get() })
    }

    /// Whether this is not the first call.
    #[cfg(target_has_atomic = "8")]
    fn was_taken(&self) -> bool {
        self.taken.swap(true, Ordering::AcqRel)
    }

    /// Whether this is not the first call.
    #[cfg(all(not(target_has_atomic = "8"), feature = "critical-section"))]
    fn was_taken(&self) -> bool {
        // Nothing else runs meanwhile, on no core.
        critical_section::with(|_| {
            let was_taken = self.taken.load(Ordering::Relaxed);
            self.taken.store(true, Ordering::Relaxed);
            was_taken
        })
    }
}

/// Two models that share memory, of which one is in use at a time: a model whose memory is as large as the larger one's.
///
/// ```
/// use quantize_runtime::{Arena, arena::{Either, Model}};
/// # struct Kws;
/// # impl Model for Kws {
/// #     type Memory = [u8; 16];
/// #     const EMPTY: [u8; 16] = [0; 16];
/// # }
/// # struct Vww;
/// # impl Model for Vww {
/// #     type Memory = [u8; 64];
/// #     const EMPTY: [u8; 64] = [0; 64];
/// # }
///
/// static ARENA: Arena<Either<Kws, Vww>> = Arena::new();
///
/// let memory = ARENA.take();
/// assert_eq!(size_of_val(memory), 64);
/// let for_kws: &mut [u8; 16] = memory.first();
/// for_kws[0] = 1;
/// let for_vww: &mut [u8; 64] = memory.second();
/// assert_eq!(for_vww[0], 0);
/// ```
///
/// Three models share by `Either<A, Either<B, C>>`. Using the memory of one while that of the other is borrowed does not
/// compile:
///
/// ```compile_fail,E0499
/// # use quantize_runtime::arena::{Either, Model};
/// # fn both<A: Model + 'static, B: Model + 'static>(memory: &mut <Either<A, B> as Model>::Memory) {
/// let first = memory.first();
/// let second = memory.second();
/// drop(first);
/// # }
/// ```
pub struct Either<A, B> {
    models: PhantomData<(A, B)>,
}

/// Memory of [`Either`].
pub union EitherMemory<A: Model, B: Model> {
    first: ManuallyDrop<MaybeUninit<A::Memory>>,
    second: ManuallyDrop<MaybeUninit<B::Memory>>,
}

impl<A: Model + 'static, B: Model + 'static> Model for Either<A, B> {
    type Memory = EitherMemory<A, B>;
    const EMPTY: Self::Memory = EitherMemory { first: ManuallyDrop::new(MaybeUninit::uninit()) };
}

impl<A: Model, B: Model> EitherMemory<A, B> {
    /// Empties the memory for the first model.
    pub fn first(&mut self) -> &mut A::Memory {
        // SAFETY: whatever the other model left is a value of `MaybeUninit`.
        unsafe { &mut self.first }.write(A::EMPTY)
    }

    /// Empties the memory for the second model.
    pub fn second(&mut self) -> &mut B::Memory {
        // SAFETY: as in `first`.
        unsafe { &mut self.second }.write(B::EMPTY)
    }
}

/// Which parts of `SIZE` bytes a step reads and which part it writes, checked when it is made.
///
/// The part it writes overlaps none that it reads; those may overlap each other.
///
/// ```
/// use quantize_runtime::arena::Access;
///
/// let mut memory = [1, 2, 3, 4, 5, 6];
/// let ([first, last], output) = const { Access::new([0..2, 4..6], 2..4) }.split(&mut memory);
/// output.copy_from_slice(&[first[0] + last[0], first[1] + last[1]]);
/// assert_eq!(memory, [1, 2, 6, 8, 5, 6]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access<const SIZE: usize, const READS: usize> {
    reads: [Range<usize>; READS],
    write: Range<usize>,
}

impl<const SIZE: usize, const READS: usize> Access<SIZE, READS> {
    /// Parts given as byte ranges.
    ///
    /// # Panics
    /// If a range leaves the memory, or a range that is read overlaps the one that is written; in a constant, which is a
    /// compile error.
    pub const fn new(reads: [Range<usize>; READS], write: Range<usize>) -> Self {
        check::<SIZE>(&reads, &write);
        Self { reads, write }
    }

    /// Borrows the parts.
    #[inline(always)]
    pub fn split<'a>(&self, memory: &'a mut [u8; SIZE]) -> ([&'a [u8]; READS], &'a mut [u8]) {
        let (before, rest) = memory.split_at_mut(self.write.start);
        let (output, after) = rest.split_at_mut(self.write.end - self.write.start);
        let (before, after): (&[u8], &[u8]) = (before, after);
        let reads = self.reads.each_ref().map(|read| {
            if read.end <= self.write.start { part(before, 0, read) } else { part(after, self.write.end, read) }
        });
        (reads, output)
    }
}

/// [`Access`] of a step that writes two parts, which do not overlap either.
///
/// ```
/// use quantize_runtime::arena::AccessPair;
///
/// let mut memory = [1, 2, 3, 4, 5, 6];
/// let ([input], [first, second]) = const { AccessPair::new([2..4], [4..6, 0..2]) }.split(&mut memory);
/// first.copy_from_slice(input);
/// second.fill(input[0]);
/// assert_eq!(memory, [3, 3, 3, 4, 3, 4]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessPair<const SIZE: usize, const READS: usize> {
    reads: [Range<usize>; READS],
    writes: [Range<usize>; 2],
}

impl<const SIZE: usize, const READS: usize> AccessPair<SIZE, READS> {
    /// Parts given as byte ranges.
    ///
    /// # Panics
    /// If a range leaves the memory or overlaps one that is written; in a constant, which is a compile error.
    pub const fn new(reads: [Range<usize>; READS], writes: [Range<usize>; 2]) -> Self {
        let [first, second] = &writes;
        check::<SIZE>(&reads, first);
        check::<SIZE>(&reads, second);
        assert!(first.end <= second.start || second.end <= first.start, "a step writes a part twice");
        Self { reads, writes }
    }

    /// Borrows the parts.
    #[inline(always)]
    pub fn split<'a>(&self, memory: &'a mut [u8; SIZE]) -> ([&'a [u8]; READS], [&'a mut [u8]; 2]) {
        let [first, second] = &self.writes;
        let is_ascending = first.start < second.start;
        let (low, high) = if is_ascending { (first, second) } else { (second, first) };
        let (rest, after) = memory.split_at_mut(high.end);
        let (rest, high_output) = rest.split_at_mut(high.start);
        let (rest, between) = rest.split_at_mut(low.end);
        let (before, low_output) = rest.split_at_mut(low.start);
        let (before, between, after): (&[u8], &[u8], &[u8]) = (before, between, after);
        let reads = self.reads.each_ref().map(|read| {
            if read.end <= low.start {
                part(before, 0, read)
            } else if read.end <= high.start {
                part(between, low.end, read)
            } else {
                part(after, high.end, read)
            }
        });
        (reads, if is_ascending { [low_output, high_output] } else { [high_output, low_output] })
    }
}

/// A range of the memory, of which `memory` is what begins at `start`; empty where it is not inside, for which no panic is linked.
#[inline(always)]
fn part<'a>(memory: &'a [u8], start: usize, range: &Range<usize>) -> &'a [u8] {
    slices::part(memory, range.start.wrapping_sub(start), range.end.wrapping_sub(range.start))
}

/// Asserts that all ranges lie in so many bytes, and that what is written overlaps nothing that is read.
const fn check<const SIZE: usize>(reads: &[Range<usize>], write: &Range<usize>) {
    assert!(write.start <= write.end && write.end <= SIZE, "a step writes outside the arena");
    let mut i = 0;
    while i < reads.len() {
        let read = &reads[i];
        assert!(read.start <= read.end && read.end <= SIZE, "a step reads outside the arena");
        assert!(read.end <= write.start || read.start >= write.end, "a step reads what it writes");
        i += 1;
    }
}

/// `LEN` i8 elements from byte `AT` of the memory; elements outside of it are a compile error.
pub const fn elements<const SIZE: usize, const AT: usize, const LEN: usize>(memory: &[u8; SIZE]) -> &[i8; LEN] {
    const { assert!(AT <= SIZE && LEN <= SIZE - AT, "elements outside the arena") };
    bytes::i8_array(memory, AT)
}

/// `LEN` u8 elements from byte `AT` of the memory; elements outside of it are a compile error.
pub const fn octets<const SIZE: usize, const AT: usize, const LEN: usize>(memory: &[u8; SIZE]) -> &[u8; LEN] {
    const { assert!(AT <= SIZE && LEN <= SIZE - AT, "elements outside the arena") };
    match memory.split_at(AT).1.first_chunk() {
        Some(elements) => elements,
        None => unreachable!(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "reads what it writes"]
    fn overlap_is_refused() {
        let _ = Access::<8, 2>::new([0..2, 2..5], 4..8);
    }

    #[test]
    #[should_panic = "outside the arena"]
    fn parts_stay_inside() {
        let _ = Access::<8, 0>::new([], 4..9);
    }

    #[test]
    #[should_panic = "writes a part twice"]
    fn parts_that_are_written_do_not_overlap() {
        let _ = AccessPair::<8, 0>::new([], [0..4, 3..6]);
    }

    #[test]
    fn two_parts_are_written_wherever_they_are() {
        let mut memory = [0, 1, 2, 3, 4, 5];
        for writes in [[1..2, 4..5], [4..5, 1..2]] {
            let starts = writes.clone().map(|write| write.start as u8);
            let (reads, outputs) = AccessPair::new([0..1, 2..4, 5..6, 2..3], writes).split(&mut memory);
            assert_eq!(reads, [&[0][..], &[2, 3], &[5], &[2]]);
            assert_eq!(outputs.map(|output| output[0]), starts);
        }
    }

    #[test]
    fn memory_is_given_once() {
        struct Tiny;
        impl Model for Tiny {
            type Memory = [u8; 4];
            const EMPTY: [u8; 4] = [7; 4];
        }
        static ARENA: Arena<Tiny> = Arena::new();
        assert_eq!(ARENA.try_take(), Some(&mut [7; 4]));
        assert_eq!(ARENA.try_take(), None);
    }
}
