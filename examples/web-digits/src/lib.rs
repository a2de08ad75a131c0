//! The network of digits for a web page: a page writes an image to memory, calls `run` and reads scores from memory.

#![no_std]

use digits::Digits;
use quantize_runtime::Arena;
use spin::Lazy;
use spin::mutex::SpinMutex;

static ARENA: Arena<Digits> = Arena::new();
static DIGITS: Lazy<SpinMutex<Digits>> = Lazy::new(|| SpinMutex::new(Digits::new(ARENA.take())));
static IMAGE: SpinMutex<[u8; 64]> = SpinMutex::new([0; 64]);
static SCORES: SpinMutex<[f32; 10]> = SpinMutex::new([0.0; 10]);

/// Where the page writes the image: 64 pixels of 0 to 16, a byte each.
#[unsafe(no_mangle)]
pub extern "C" fn image() -> *mut [u8; 64] {
    IMAGE.as_mut_ptr()
}

/// Where the page finds a score for each digit: ten f32.
#[unsafe(no_mangle)]
pub extern "C" fn scores() -> *const [f32; 10] {
    SCORES.as_mut_ptr()
}

/// Runs the network.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    *SCORES.lock() = *DIGITS.lock().run(&digits::pixels(&IMAGE.lock()));
}

/// Stops the module: the page sees an exception.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
