//! What a measured program needs of its board: markers for the counting plugin of QEMU, memory that is taken once, inputs,
//! output and exit.

#![no_std]

use core::arch::asm;
use core::cell::UnsafeCell;
use core::hint::{black_box, spin_loop};
use core::panic::PanicInfo;

#[cfg(target_arch = "arm")]
use cortex_m_rt as _;
#[cfg(target_arch = "riscv32")]
use riscv_rt as _;

/// Instructions without effect at a multiple of 8 bytes: a marker that an instruction across pages of memory follows is not
/// recognized. The compiler moves no access to memory across.
macro_rules! mark {
    ($($marker:literal),*) => {
        // SAFETY: they move a register to itself, or add to one that is always 0.
        unsafe { asm!(".balign 8", $($marker),*, options(nostack, preserves_flags)) }
    };
}

/// Begins a region.
#[inline(always)]
fn start() {
    #[cfg(target_arch = "arm")]
    mark!("mov r10, r10");
    #[cfg(target_arch = "riscv32")]
    mark!("addi x0, x0, 0x3e9");
}

/// Ends a region.
#[inline(always)]
fn stop() {
    #[cfg(target_arch = "arm")]
    mark!("mov r11, r11");
    #[cfg(target_arch = "riscv32")]
    mark!("addi x0, x0, 0x3ea");
}

/// Ends a region and begins the next.
#[inline(always)]
pub fn split() {
    #[cfg(target_arch = "arm")]
    mark!("mov r11, r11", "mov r10, r10");
    #[cfg(target_arch = "riscv32")]
    mark!("addi x0, x0, 0x3ea", "addi x0, x0, 0x3e9");
}

/// What `run` gives, in a region.
#[inline(always)]
pub fn measured<T>(run: impl FnOnce() -> T) -> T {
    start();
    let result = black_box(run());
    stop();
    result
}

/// Static memory, also on cores without an atomic swap.
pub struct Memory<T>(UnsafeCell<T>);

// SAFETY: there is one core and no interrupt.
unsafe impl<T> Sync for Memory<T> {}

impl<T> Memory<T> {
    /// Memory of this content.
    pub const fn new(content: T) -> Self {
        Self(UnsafeCell::new(content))
    }

    /// The memory.
    ///
    /// # Safety
    ///
    /// It is taken once.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn take(&'static self) -> &'static mut T {
        // SAFETY: the caller takes it once.
        unsafe { &mut *self.0.get() }
    }
}

/// Elements of a tensor.
pub const fn product(shape: &[usize]) -> usize {
    let (mut product, mut axis) = (1, 0);
    while axis < shape.len() {
        product *= shape[axis];
        axis += 1;
    }
    product
}

/// Codes of an input, the same in every program.
pub const fn codes<const LEN: usize>() -> [i8; LEN] {
    let (mut codes, mut state, mut at) = ([0; LEN], 0x9E37_79B9_u32, 0);
    while at < LEN {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        codes[at] = state.to_le_bytes()[3].cast_signed();
        at += 1;
    }
    codes
}

/// Prints a checksum (FNV-1a) of the results and ends the program.
pub fn finish(results: impl IntoIterator<Item = u8>) -> ! {
    let hash =
        results.into_iter().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let mut digits = *b"00000000\n\0";
    for (at, digit) in digits[..8].iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(hash >> (28 - 4 * at)) as usize & 15];
    }
    print(&digits);
    exit(0)
}

/// Without a message, whose formatting would be most of the program's code.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(101)
}

/// Prints a text that ends with 0.
fn print(text: &[u8]) {
    // SAFETY: SYS_WRITE0 takes such a text.
    unsafe { semihost(0x04, text.as_ptr() as usize) };
}

/// Ends the program with this exit status.
fn exit(status: usize) -> ! {
    let block = [0x20026, status]; // the application exited
    // SAFETY: SYS_EXIT_EXTENDED takes these two words.
    unsafe { semihost(0x20, block.as_ptr() as usize) };
    loop {
        spin_loop();
    }
}

/// A request of semihosting.
///
/// # Safety
///
/// `argument` is what the request takes.
#[cfg(target_arch = "arm")]
unsafe fn semihost(request: usize, argument: usize) {
    // SAFETY: as the caller says.
    unsafe { cortex_m_semihosting::syscall1(request, argument) };
}

/// A request of semihosting.
///
/// # Safety
///
/// `argument` is what the request takes.
#[cfg(target_arch = "riscv32")]
unsafe fn semihost(request: usize, argument: usize) {
    // SAFETY: as the caller says. The three instructions are uncompressed and lie on one page.
    unsafe {
        asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inlateout("a0") request => _, in("a1") argument, options(nostack),
        );
    }
}
