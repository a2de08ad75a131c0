//! What the tests share: the networks under test, `.npy` files, crates outside the workspace and outside programs.

use std::path::{Path, PathBuf};

pub mod fixture;
pub mod golden;
pub mod npy;
pub mod outside;
pub mod probes;
pub mod script;
pub mod texts;

mod networks;
mod variants;

pub use networks::{ConvNet, Digits, Mlp};
pub use variants::{
    AccelerometerNet, CameraNet, LeanNet, MicrophoneNet, PackedNet, UnsignedNet, WideCameraNet, WideNet,
};

/// A file of the repository, `path` relative to its root.
pub fn repository(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the repository").join(path)
}
