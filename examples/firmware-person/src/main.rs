//! Looks for a person in images on the board, and compares the network's outputs with those on the host.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use firmware_support::Counter;
use person::{OUTPUTS, PIXELS, Person, SCENES, planes};
use quantize_runtime::Arena;
use semihosting::{println, process};

/// The clock of the board in QEMU.
const HERTZ: u32 = 32_000_000;

static ARENA: Arena<Person> = Arena::new();

#[entry]
fn main() -> ! {
    let core = cortex_m::Peripherals::take().expect("nothing else took them");
    let counter = Counter::new(core.SYST, HERTZ);
    let mut person = Person::new(ARENA.take());
    let mut input = [0; PIXELS];

    let mut equal = 0;
    for ((name, scene), output) in SCENES.iter().zip(OUTPUTS) {
        planes(scene, &mut input);
        let (probabilities, instructions) = counter.measure(|| person.run_quantized(&input));
        let percent = (Person::OUTPUT.dequantize(probabilities[1]) * 100.0) as u32;
        println!("{name:<9} a person: {percent:3} %, {instructions} instructions");
        equal += usize::from(probabilities.map(i8::cast_unsigned) == *output);
    }

    println!("{equal} of {} outputs have the host's bytes", OUTPUTS.len());
    process::exit(i32::from(equal != OUTPUTS.len()))
}
