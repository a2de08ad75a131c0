//! The network, windows of movement to try it with, and what it gives for them: all that does not depend on a board.

#![no_std]

use quantize_runtime::quantize;

/// A one-dimensional convolutional network from two seconds of movement to a score for each of [`EXERCISES`].
#[quantize(
    model = "models/har.pt2",
    calibration = "models/calib.npy",
    global = int8(per_channel),
    // What these give, the default would compute in float.
    op(target = "aten.max_pool1d.default", config = int8(per_channel)),
    op(target = "aten.adaptive_avg_pool1d.default", config = int8(per_channel)),
)]
pub struct Har;

/// What the network tells apart, in the order of its outputs.
pub const EXERCISES: [&str; 7] = [
    "pendulum",
    "abduction",
    "forward elevation",
    "internal rotation",
    "external rotation",
    "trapezius extension",
    "upright row",
];

/// A window of each of [`EXERCISES`]: 6 channels of 100 samples, i16 with the least significant byte first.
pub const WINDOWS: &[[u8; 1200]] = include_bytes!("../models/windows.bin").as_chunks().0;

/// The outputs of the network on the host for each of [`WINDOWS`]: f32, least significant byte first.
pub const OUTPUTS: &[[u8; 28]] = include_bytes!("../models/outputs.bin").as_chunks().0;

/// A window as the network takes it.
pub fn samples(window: &[u8; 1200]) -> [f32; 600] {
    let mut samples = [0.0; 600];
    for (sample, bytes) in samples.iter_mut().zip(window.as_chunks().0) {
        *sample = f32::from(i16::from_le_bytes(*bytes)) / 4096.0;
    }
    samples
}

/// Outputs as [`OUTPUTS`] has them.
pub fn bytes(scores: &[f32; 7]) -> [u8; 28] {
    let mut bytes = [0; 28];
    bytes.as_chunks_mut().0.copy_from_slice(&scores.map(f32::to_le_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use firmware_support::compare_outputs;
    use quantize_runtime::Arena;

    use super::*;

    static ARENA: Arena<Har> = Arena::new();

    #[test]
    fn the_stored_outputs_are_the_hosts() {
        let mut har = Har::new(ARENA.take());
        compare_outputs("models/outputs.bin", WINDOWS.iter().map(|window| bytes(har.run(&samples(window)))));
    }
}
