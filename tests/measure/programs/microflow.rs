//! One inference of a network by microflow in a region.

#![no_std]
#![no_main]

use core::hint::black_box;
use microflow::buffer::Buffer2D;

#[microflow_macros::model(/* MODEL */)]
struct Network;

static INPUT: [i8; /* ELEMENTS */] = measure_board::codes();

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let input = black_box(/* INPUT */);
    let results = measure_board::measured(|| Network::predict_quantized(input));
    measure_board::finish(results.iter().flat_map(|result| result.to_le_bytes()))
}
