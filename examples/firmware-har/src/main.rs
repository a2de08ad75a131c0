//! Recognizes exercises by the movement of a watch, and compares the network's outputs with those on the host.

#![no_std]
#![no_main]

use firmware_support::Counter;
use har::{EXERCISES, Har, OUTPUTS, WINDOWS, bytes, samples};
use quantize_runtime::Arena;
use riscv_rt::entry;
use semihosting::{println, process};

static ARENA: Arena<Har> = Arena::new();

#[entry]
fn main() -> ! {
    let counter = Counter::new();
    let mut har = Har::new(ARENA.take());

    let mut equal = 0;
    for ((exercise, window), output) in EXERCISES.iter().zip(WINDOWS).zip(OUTPUTS) {
        let samples = samples(window);
        let (scores, instructions) = counter.measure(|| har.run(&samples));
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        println!("{exercise:<19} is {:<19} {instructions} instructions", EXERCISES[best]);
        equal += usize::from(bytes(scores) == *output);
    }

    println!("{equal} of {} outputs have the host's bytes", OUTPUTS.len());
    process::exit(i32::from(equal != OUTPUTS.len()))
}
