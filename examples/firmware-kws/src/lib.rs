//! The network, recordings to try it with, and what it gives for them: all that does not depend on a board.

#![no_std]

use quantize_runtime::quantize;

/// DS-CNN: from the features of one second of sound to a probability for each of [`WORDS`].
#[quantize(
    model = "models/ds_cnn.pt2",
    calibration = "models/calib.npy",
    global = int8(per_channel)
)]
pub struct Kws;

/// What the network tells apart, in the order of its outputs.
pub const WORDS: [&str; 12] =
    ["down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"];

/// One recording of each of [`WORDS`]: 49 windows of 10 MFCC features, as int8.
pub const RECORDINGS: &[[u8; 490]] = include_bytes!("../models/recordings.bin").as_chunks().0;

/// The outputs of the network on the host for each of [`RECORDINGS`]: f32, least significant byte first.
pub const OUTPUTS: &[[u8; 48]] = include_bytes!("../models/outputs.bin").as_chunks().0;

/// A recording as the network takes it.
pub fn features(recording: &[u8; 490]) -> [f32; 490] {
    // The quantization that the data set comes with.
    recording.map(|feature| (f32::from(feature.cast_signed()) - 83.0) * 0.584_703)
}

/// Outputs as [`OUTPUTS`] has them.
pub fn bytes(probabilities: &[f32; 12]) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes.as_chunks_mut().0.copy_from_slice(&probabilities.map(f32::to_le_bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use firmware_support::compare_outputs;
    use quantize_runtime::Arena;

    use super::*;

    static ARENA: Arena<Kws> = Arena::new();

    #[test]
    fn the_stored_outputs_are_the_hosts() {
        let mut kws = Kws::new(ARENA.take());
        let outputs = RECORDINGS.iter().map(|recording| bytes(kws.run(&features(recording))));
        compare_outputs("models/outputs.bin", outputs);
    }
}
