//! What the firmware examples share: a counter of instructions, and on the host the test of their stored outputs.

#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
mod counter;
#[cfg(not(target_os = "none"))]
mod outputs;

#[cfg(target_os = "none")]
pub use counter::Counter;
#[cfg(not(target_os = "none"))]
pub use outputs::compare_outputs;
