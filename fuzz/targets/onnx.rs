//! Any bytes as an ONNX model.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quantize_build::frontend::{Shapes, onnx};

fuzz_target!(|bytes: &[u8]| {
    let _ = onnx::import("model.onnx", bytes, &onnx::External::default(), &Shapes::new());
});
