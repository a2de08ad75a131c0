//! The network, windows of both sensors to try it with, and what it gives for them: all that does not depend on a board.

#![no_std]

use quantize_runtime::quantize;

/// A network from the features of two sensors to a score for each of [`CONDITIONS`] and a state to follow over time.
#[quantize(
    model = "../two-inputs/models/pump.onnx",
    calibration(
        vibration = "../two-inputs/models/calib_vibration.npy",
        current = "../two-inputs/models/calib_current.npy",
    ),
    global = int8(per_channel)
)]
pub struct Pump;

/// Conditions of the pump, in the order of their scores.
pub const CONDITIONS: [&str; 3] = ["idle", "running", "worn"];

/// Windows that stand for the sensors.
pub const WINDOWS: usize = 16;

/// The outputs of the network on the host for each window, `condition` before `state`: f32, least significant byte first.
pub const OUTPUTS: &[[u8; 44]] = include_bytes!("../models/outputs.bin").as_chunks().0;

/// The features that the sensors have in a window.
///
/// # Panics
/// For windows from [`WINDOWS`] on.
pub fn sense(window: usize) -> ([f32; 8], [f32; 6]) {
    const VIBRATION: &[[u8; 32]] = rows(include_bytes!("../../two-inputs/models/calib_vibration.npy"));
    const CURRENT: &[[u8; 24]] = rows(include_bytes!("../../two-inputs/models/calib_current.npy"));
    let (mut vibration, mut current) = ([0.0; 8], [0.0; 6]);
    read(&VIBRATION[..WINDOWS][window], &mut vibration);
    read(&CURRENT[..WINDOWS][window], &mut current);
    (vibration, current)
}

/// Rows of an `.npy` file, whose header has 128 bytes.
const fn rows<const BYTES: usize>(file: &'static [u8]) -> &'static [[u8; BYTES]] {
    file.split_at(128).1.as_chunks().0
}

fn read(bytes: &[u8], features: &mut [f32]) {
    for (feature, bytes) in features.iter_mut().zip(bytes.as_chunks().0) {
        *feature = f32::from_le_bytes(*bytes);
    }
}

/// Outputs as [`OUTPUTS`] has them.
pub fn bytes(outputs: &PumpOutputs) -> [u8; 44] {
    let mut bytes = [0; 44];
    for (bytes, output) in bytes.as_chunks_mut().0.iter_mut().zip(outputs.condition.iter().chain(outputs.state)) {
        *bytes = output.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use firmware_support::compare_outputs;
    use quantize_runtime::Arena;

    use super::*;

    static ARENA: Arena<Pump> = Arena::new();

    #[test]
    fn the_stored_outputs_are_the_hosts() {
        let mut pump = Pump::new(ARENA.take());
        let outputs = (0..WINDOWS).map(|window| {
            let (vibration, current) = sense(window);
            bytes(&pump.run(&PumpInputs { vibration: &vibration, current: &current }))
        });
        compare_outputs("models/outputs.bin", outputs);
    }
}
