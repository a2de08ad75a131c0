//! Compares outputs of a network with the file that a board compares its own with.

use std::{env, fs};

/// Asserts that `file`, relative to the package, has these bytes. With `BLESS` in the environment they are written instead.
#[track_caller]
pub fn compare_outputs(file: &str, outputs: impl Iterator<Item = impl AsRef<[u8]>>) {
    let mut bytes = Vec::new();
    outputs.for_each(|output| bytes.extend_from_slice(output.as_ref()));
    if env::var_os("BLESS").is_some() {
        fs::write(file, bytes).expect("the file can be written");
    } else {
        assert!(fs::read(file).expect("the file is there") == bytes, "{file} has other outputs than this host gives");
    }
}
