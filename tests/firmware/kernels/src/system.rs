//! Prints and leaves through the semihosting of QEMU.

use core::fmt;

/// Ends the run with this exit status.
pub fn exit(status: u32) -> ! {
    const SYS_EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x20026;
    let block = [APPLICATION_EXIT, status as usize];
    // SAFETY: the request takes a block of two words.
    unsafe { request(SYS_EXIT_EXTENDED, block.as_ptr().addr()) };
    loop {
        core::hint::spin_loop();
    }
}

/// Writes to the standard output of QEMU.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const SYS_WRITEC: usize = 0x03;
        for byte in text.bytes() {
            // SAFETY: the request takes the address of a byte.
            unsafe { request(SYS_WRITEC, (&raw const byte).addr()) };
        }
        Ok(())
    }
}

/// # Safety
/// `argument` must be what the request takes.
#[cfg(target_arch = "arm")]
unsafe fn request(number: usize, argument: usize) {
    // SAFETY: as for this function.
    unsafe { cortex_m_semihosting::syscall1(number, argument) };
}

/// # Safety
/// `argument` must be what the request takes.
#[cfg(target_arch = "riscv32")]
unsafe fn request(number: usize, argument: usize) {
    // SAFETY: as for this function. These three instructions are a request where none is compressed and all are on a page.
    unsafe {
        core::arch::asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inlateout("a0") number => _,
            in("a1") argument,
            options(nostack),
        );
    }
}
