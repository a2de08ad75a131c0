//! The network, images to try it with, and what it gives for them: all that does not depend on a board.

#![no_std]

use quantize_runtime::quantize;

/// MobileNet: from an RGB image of 96×96 pixels to the probabilities of no person and of a person.
#[quantize(
    model = "models/mobilenet.onnx",
    calibration = "models/calib.npy",
    global = int8(per_channel)
)]
pub struct Person;

/// Scenes and their pixels, row by row, red, green and blue of each.
pub const SCENES: [(&str, &[u8; PIXELS]); 4] = [
    ("street", pixels(include_bytes!("../models/street.ppm"))),
    ("portrait", pixels(include_bytes!("../models/portrait.ppm"))),
    ("meadow", pixels(include_bytes!("../models/meadow.ppm"))),
    ("desk", pixels(include_bytes!("../models/desk.ppm"))),
];

/// Bytes of an image.
pub const PIXELS: usize = 3 * 96 * 96;

/// The outputs of the network on the host for each of [`SCENES`], quantized.
pub const OUTPUTS: &[[u8; 2]] = include_bytes!("../models/outputs.bin").as_chunks().0;

/// Pixels of a PPM file of this size.
const fn pixels(file: &[u8; 13 + PIXELS]) -> &[u8; PIXELS] {
    let (header, pixels) = file.split_at(13);
    assert!(header.len() == b"P6\n96 96\n255\n".len());
    match pixels.first_chunk() {
        Some(pixels) => pixels,
        None => unreachable!(),
    }
}

/// An image as the network takes it: quantized, one colour after the other.
pub fn planes(pixels: &[u8; PIXELS], planes: &mut [i8; PIXELS]) {
    let mut quantized = [0; 256];
    for (byte, quantized) in quantized.iter_mut().enumerate() {
        *quantized = Person::INPUT.quantize(byte as f32 / 255.0);
    }
    for (colour, plane) in planes.chunks_exact_mut(PIXELS / 3).enumerate() {
        for (to, pixel) in plane.iter_mut().zip(pixels.as_chunks::<3>().0) {
            *to = quantized[usize::from(pixel[colour])];
        }
    }
}

#[cfg(test)]
mod tests {
    use firmware_support::compare_outputs;
    use quantize_runtime::Arena;

    use super::*;

    static ARENA: Arena<Person> = Arena::new();

    #[test]
    fn the_stored_outputs_are_the_hosts() {
        let mut person = Person::new(ARENA.take());
        let mut input = [0; PIXELS];
        let outputs = SCENES.iter().map(|(_, scene)| {
            planes(scene, &mut input);
            person.run_quantized(&input).map(i8::cast_unsigned)
        });
        compare_outputs("models/outputs.bin", outputs);
    }
}
