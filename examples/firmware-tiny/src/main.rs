//! Recognizes handwritten digits on the board, and compares the network's outputs with those on the host.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use digits::{Digits, IMAGES, OUTPUTS, bytes, pixels};
use firmware_support::Counter;
use quantize_runtime::Model;
use semihosting::{print, println, process};

/// The clock of the board in QEMU.
const HERTZ: u32 = 16_000_000;

#[entry]
fn main() -> ! {
    let core = cortex_m::Peripherals::take().expect("nothing else took them");
    let counter = Counter::new(core.SYST, HERTZ);
    // Not `Arena`, which needs an atomic swap that this core does not have.
    let memory = cortex_m::singleton!(: <Digits as Model>::Memory = Digits::EMPTY).expect("this line runs once");
    let mut digits = Digits::new(memory);

    let mut equal = 0;
    for (image, output) in IMAGES.iter().zip(OUTPUTS) {
        draw(image);
        let pixels = pixels(image);
        let (scores, instructions) = counter.measure(|| digits.run(&pixels));
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        println!("This is a {best}. {instructions} instructions\n");
        equal += usize::from(bytes(scores) == *output);
    }

    println!("{equal} of {} outputs have the host's bytes", OUTPUTS.len());
    process::exit(i32::from(equal != OUTPUTS.len()))
}

/// Prints an image, a line of text for two rows of pixels.
fn draw(image: &[u8; 64]) {
    for rows in image.as_chunks::<16>().0 {
        for (&upper, &lower) in rows[..8].iter().zip(&rows[8..]) {
            print!(
                "{}",
                match (upper > 7, lower > 7) {
                    (false, false) => ' ',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (true, true) => '█',
                }
            );
        }
        println!();
    }
}
