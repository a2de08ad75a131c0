//! Any bytes as the archive of an exported program.

#![no_main]

use libfuzzer_sys::fuzz_target;
use quantize_build::frontend::{Shapes, pt2};

fuzz_target!(|bytes: &[u8]| {
    let _ = pt2::import("model.pt2", bytes, &Shapes::new());
});
