//! Recognizes recorded words on the board, and compares the network's outputs with those on the host.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_support::Counter;
use kws::{Kws, OUTPUTS, RECORDINGS, WORDS, bytes, features};
use quantize_runtime::Arena;
use semihosting::{println, process};

/// The clock of the board in QEMU.
const HERTZ: u32 = 25_000_000;

static ARENA: Arena<Kws> = Arena::new();

#[entry]
fn main() -> ! {
    let core = cortex_m::Peripherals::take().expect("nothing else took them");
    let counter = Counter::new(core.SYST, HERTZ);
    let mut kws = Kws::new(ARENA.take());

    let mut equal = 0;
    for ((word, recording), output) in WORDS.iter().zip(RECORDINGS).zip(OUTPUTS) {
        let features = features(recording);
        let (probabilities, instructions) = counter.measure(|| kws.run(&features));
        let best = (0..WORDS.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).unwrap_or(0);
        let percent = (probabilities[best] * 100.0) as u32;
        println!("{word:<8} is {:<8} {percent:3} %, {instructions} instructions", WORDS[best]);
        equal += usize::from(bytes(probabilities) == *output);
    }

    println!("{equal} of {} outputs have the host's bytes", OUTPUTS.len());
    process::exit(i32::from(equal != OUTPUTS.len()))
}
