//! One inference in a region.

#![no_std]
#![no_main]

mod network;

use core::hint::black_box;
use measure_board::Memory;
use network::Network;
use quantize_runtime::Model;

static MEMORY: Memory<<Network as Model>::Memory> = Memory::new(Network::EMPTY);
static INPUT: [i8; measure_board::product(Network::INPUT.shape)] = measure_board::codes();

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    // SAFETY: nothing else takes it.
    let mut network = Network::new(unsafe { MEMORY.take() });
    let input = black_box(&INPUT);
    let results = measure_board::measured(|| network.run_quantized(input));
    measure_board::finish(results.iter().map(|code| code.cast_unsigned()))
}
