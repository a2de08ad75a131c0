//! The digit network loses no more by quantization than the reference quantizer's does.

use quantize_runtime::Arena;
use quantize_tests::{Digits, npy, repository};

/// Images that the reference quantizer's network gets right: 0.98667 of 450.
const REFERENCE_CORRECT: usize = 444;

static ARENA: Arena<Digits> = Arena::new();

fn argmax(scores: &[f32; 10]) -> usize {
    (0..10).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).expect("ten scores")
}

#[test]
fn accuracy_and_noise_are_those_of_the_reference_quantizer() {
    let data = |file: &str| repository("examples/digits/models").join(file);
    let pixels: Vec<f32> = npy::read(data("eval_x.npy"));
    let labels: Vec<i64> = npy::read(data("eval_y.npy"));
    let references: Vec<f32> = npy::read(data("eval_float.npy"));

    let mut digits = Digits::new(ARENA.take());
    let (mut correct, mut signal, mut noise) = (0, 0.0, 0.0);
    let images = pixels.as_chunks::<64>().0.iter();
    for ((image, label), reference) in images.zip(labels).zip(references.as_chunks::<10>().0) {
        let scores = digits.run(image);
        correct += usize::from(argmax(scores) as i64 == label);
        for (&score, &reference) in scores.iter().zip(reference) {
            signal += f64::from(reference).powi(2);
            noise += f64::from(reference - score).powi(2);
        }
    }
    let sqnr = 10.0 * (signal / noise).log10();
    assert!(correct.abs_diff(REFERENCE_CORRECT) <= 2, "{correct} images are right");
    assert!(sqnr >= 37.0, "{sqnr} dB");
}
