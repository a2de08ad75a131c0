//! Making a network and running it allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use quantize_runtime::Arena;
use quantize_tests::{Digits, npy, repository};

thread_local! {
    /// Calls of the allocator by this thread; the test harness has threads of its own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: forwards to `System`; the counter is a constant-initialized cell, so counting allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `System.alloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static ARENA: Arena<Digits> = Arena::new();

#[test]
fn new_and_run_do_not_allocate() {
    let pixels: Vec<f32> = npy::read(repository("examples/digits/models/eval_x.npy"));
    let before = ALLOCATIONS.get();
    assert_ne!(before, 0, "the counter counts");
    let mut digits = Digits::new(ARENA.take());
    for image in pixels.as_chunks::<64>().0 {
        digits.run(image);
        digits.run_quantized(&[0; 64]);
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
