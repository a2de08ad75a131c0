//! Runs random steps by the kernels of the target and by naive ones; exit status 1 at the first difference.
#![no_std]
#![no_main]

// Linked for their start-up code and critical sections.
#[cfg(target_arch = "arm")]
use cortex_m as _;
#[cfg(target_arch = "riscv32")]
use riscv as _;

mod case;
mod naive;
mod random;
mod system;
mod transpose;

use case::{Buffers, Case};
use core::fmt::Write;
use core::panic::PanicInfo;
use random::Random;
use system::{Console, exit};

/// Steps of each kind.
const STEPS: usize = 400;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let mut random = Random(1);
    let mut buffers = Buffers::new();
    for depthwise in [false, true] {
        for index in 0..STEPS {
            let case = Case::new(&mut random, depthwise);
            buffers.fill(&mut random, &case);
            if let Some(place) = buffers.difference(&case) {
                print(format_args!("step {index} differs at element {place}: {case:?}"));
                exit(1);
            }
        }
    }
    let mut buffers = transpose::Buffers::new();
    for index in 0..STEPS {
        let case = transpose::Case::new(&mut random);
        if let Some(place) = buffers.difference(&mut random, &case) {
            print(format_args!("transposition {index} differs at byte {place}: {case:?}"));
            exit(1);
        }
    }
    print(format_args!("{} steps are equal", 3 * STEPS));
    exit(0)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print(format_args!("{info}"));
    exit(101)
}

fn print(text: core::fmt::Arguments<'_>) {
    // Writing to the console cannot fail.
    let _ = writeln!(Console, "{text}");
}
