//! The network, images to try it with, and what it gives for them: all that does not depend on a board.

#![no_std]

use quantize_runtime::quantize;

/// A convolutional network from an 8×8 grey image to one score a digit, with weights of 24 kB.
#[quantize(
    model = "../digits/models/digits_cnn.onnx",
    calibration = "../digits/models/calib.npy",
    global = int8(per_channel)
)]
pub struct Digits;

/// An image of each digit, with pixels of 0 to 16.
pub const IMAGES: &[[u8; 64]] = include_bytes!("../models/images.bin").as_chunks().0;

/// The outputs of the network on the host for each of [`IMAGES`]: f32, least significant byte first.
pub const OUTPUTS: &[[u8; 40]] = include_bytes!("../models/outputs.bin").as_chunks().0;

/// An image as the network takes it.
pub fn pixels(image: &[u8; 64]) -> [f32; 64] {
    image.map(|pixel| f32::from(pixel) / 16.0)
}

/// Outputs as [`OUTPUTS`] has them.
pub fn bytes(scores: &[f32; 10]) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes.as_chunks_mut().0.copy_from_slice(&scores.map(f32::to_le_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use firmware_support::compare_outputs;
    use quantize_runtime::Arena;

    use super::*;

    static ARENA: Arena<Digits> = Arena::new();

    #[test]
    fn the_stored_outputs_are_the_hosts() {
        let mut digits = Digits::new(ARENA.take());
        compare_outputs("models/outputs.bin", IMAGES.iter().map(|image| bytes(digits.run(&pixels(image)))));
    }
}
