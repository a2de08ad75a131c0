//! Draws a handwritten digit, recognizes it, then measures the int8 network on all evaluation images.

mod npy;

use std::time::Instant;

use quantize_runtime::{Arena, quantize};

/// A convolutional network from an 8×8 grey image to one score a digit.
#[quantize(
    model = "models/digits_cnn.onnx",
    calibration = "models/calib.npy",
    global = int8(per_channel)
)]
struct Digits;

/// Memory of the network, on a microcontroller a part of `.bss`.
static ARENA: Arena<Digits> = Arena::new();

fn main() {
    let pixels = npy::f32s(include_bytes!("../models/eval_x.npy"));
    let labels = npy::i64s(include_bytes!("../models/eval_y.npy"));
    let float_scores = npy::f32s(include_bytes!("../models/eval_float.npy"));
    let images = pixels.as_chunks::<64>().0;
    let references = float_scores.as_chunks::<10>().0;

    let mut digits = Digits::new(ARENA.take());
    println!("One image, labelled {}:\n", labels[0]);
    draw(&images[0], digits.run(&images[0]));

    let start = Instant::now();
    let scores: Vec<[f32; 10]> = images.iter().map(|image| *digits.run(image)).collect();
    let elapsed = start.elapsed();

    let micros = elapsed.as_secs_f64() * 1e6 / images.len() as f64;
    println!("\nAll {} images:\n", images.len());
    println!("  accuracy        {:8.4}", accuracy(&scores, &labels));
    println!("  float accuracy  {:8.4}", accuracy(references, &labels));
    println!("  output SQNR     {:8.2} dB", sqnr(references, &scores));
    println!("  VGF             {:8} bytes", Digits::VGF.len());
    println!("  arena           {:8} bytes", Digits::ARENA_BYTES);
    println!("  time            {micros:8.1} µs per image");
}

/// Prints the image in shades of text and beside it the score of each digit.
fn draw(image: &[f32; 64], scores: &[f32; 10]) {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let best = argmax(scores);
    for (digit, score) in scores.iter().enumerate() {
        let row: String = match digit.checked_sub(1) {
            Some(row @ ..8) => {
                image[8 * row..][..8].iter().map(|pixel| SHADES[(pixel * 4.0).round() as usize]).collect()
            }
            _ => " ".repeat(16),
        };
        let mark = if digit == best { "  ◀" } else { "" };
        println!("  {row}    {digit}  {score:7.2}{mark}");
    }
}

/// Position of the largest score.
fn argmax(scores: &[f32; 10]) -> usize {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("there are ten scores")
}

/// Share of the images whose largest score is the one of the label.
fn accuracy(scores: &[[f32; 10]], labels: &[i64]) -> f64 {
    let correct = scores.iter().zip(labels).filter(|(scores, label)| argmax(scores) as i64 == **label).count();
    correct as f64 / labels.len() as f64
}

/// Signal to quantization noise ratio in dB, over all scores: 10 log10(Σ reference² / Σ (reference − score)²).
fn sqnr(references: &[[f32; 10]], scores: &[[f32; 10]]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (&reference, &score) in references.as_flattened().iter().zip(scores.as_flattened()) {
        let (reference, score) = (f64::from(reference), f64::from(score));
        signal += reference * reference;
        noise += (reference - score) * (reference - score);
    }
    10.0 * (signal / noise).log10()
}
