//! Judges a pump by its vibration and its motor current, and compares the int8 network with the float one.

mod windows;

use quantize_runtime::{Arena, quantize};

use crate::windows::WINDOWS;

/// A network from two sensors to the pump's condition and a state to follow over time.
#[quantize(
    model = "models/pump.onnx",
    calibration(vibration = "models/calib_vibration.npy", current = "models/calib_current.npy"),
    global = int8(per_channel)
)]
struct Pump;

/// Memory of the network, on a microcontroller a part of `.bss`.
static ARENA: Arena<Pump> = Arena::new();

fn main() {
    let mut pump = Pump::new(ARENA.take());
    for window in &WINDOWS {
        let outputs = pump.run(&PumpInputs { vibration: &window.vibration, current: &window.current });
        println!("{}", window.label);
        compare("condition", &window.condition, outputs.condition);
        compare("state", &window.state, outputs.state);
    }
}

/// Prints an output of the float network and that of the int8 one below it.
fn compare(name: &str, float: &[f32], int8: &[f32]) {
    let row = |numbers: &[f32]| numbers.iter().map(|number| format!("{number:8.2}")).collect::<String>();
    println!("  {name:<9}  float{}\n  {:<9}  int8 {}", row(float), "", row(int8));
}
