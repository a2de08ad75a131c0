//! Counts the instructions of a piece of code in QEMU.

use core::arch::asm;
use core::hint::black_box;

/// Counts instructions.
///
/// With `-icount shift=0` each takes one nanosecond in QEMU, and timers follow. On Cortex-M the SysTick timer is read, so that a
/// count is a multiple of the nanoseconds of a tick, on RISC-V `minstret`. What is measured runs between two instructions
/// without effect, by which a plugin of QEMU finds it.
pub struct Counter(Timer);

impl Counter {
    /// Starts to count with SysTick, on a board that QEMU clocks at so many hertz.
    #[cfg(target_arch = "arm")]
    pub fn new(mut systick: cortex_m::peripheral::SYST, hertz: u32) -> Self {
        systick.set_clock_source(cortex_m::peripheral::syst::SystClkSource::Core);
        systick.set_reload(Timer::MAX);
        systick.clear_current();
        systick.enable_counter();
        Self(Timer { hertz })
    }

    /// Counts with `minstret`.
    #[cfg(target_arch = "riscv32")]
    pub fn new() -> Self {
        Self(Timer)
    }

    /// Runs the piece of code; its result, and the instructions it took.
    ///
    /// On Cortex-M at most 2²⁴ ticks, which are 671 million instructions at 25 MHz.
    pub fn measure<T>(&self, run: impl FnOnce() -> T) -> (T, u32) {
        let before = self.0.now();
        // SAFETY: neither changes a register. As they may touch memory as far as the compiler knows, no access moves across.
        unsafe {
            #[cfg(target_arch = "arm")]
            asm!("mov r10, r10", options(nostack, preserves_flags));
            #[cfg(target_arch = "riscv32")]
            asm!("addi x0, x0, 0x3e9", options(nostack, preserves_flags));
        }
        let result = black_box(run());
        // SAFETY: as above.
        unsafe {
            #[cfg(target_arch = "arm")]
            asm!("mov r11, r11", options(nostack, preserves_flags));
            #[cfg(target_arch = "riscv32")]
            asm!("addi x0, x0, 0x3ea", options(nostack, preserves_flags));
        }
        (result, self.0.instructions_since(before))
    }
}

#[cfg(target_arch = "arm")]
struct Timer {
    hertz: u32,
}

#[cfg(target_arch = "arm")]
impl Timer {
    /// The timer counts down from here, and starts again.
    const MAX: u32 = 0x00ff_ffff;

    fn now(&self) -> u32 {
        cortex_m::peripheral::SYST::get_current()
    }

    fn instructions_since(&self, before: u32) -> u32 {
        let ticks = before.wrapping_sub(self.now()) & Self::MAX;
        let nanoseconds = u64::from(ticks) * 1_000_000_000 / u64::from(self.hertz);
        nanoseconds as u32 // 2²⁴ ticks are fewer than 2³² nanoseconds from 4 MHz on
    }
}

#[cfg(target_arch = "riscv32")]
struct Timer;

#[cfg(target_arch = "riscv32")]
impl Timer {
    fn now(&self) -> u32 {
        riscv::register::minstret::read() as u32
    }

    fn instructions_since(&self, before: u32) -> u32 {
        self.now().wrapping_sub(before)
    }
}
