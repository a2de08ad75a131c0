//! Runs networks that `quantize-build` turned into int8 programs.
#![no_std]
#[cfg(feature = "alloc")]
extern crate alloc;

pub mod abi;
pub mod arena;
pub mod bytes;
#[cfg(feature = "alloc")]
mod element;
pub mod epilogue;
pub mod error;
pub mod float;
pub mod fourier;
#[cfg(feature = "alloc")]
pub mod graph;
pub mod in_place;
#[cfg(feature = "alloc")]
pub mod interpreter;
pub mod kernels;
pub mod operators;
#[cfg(feature = "alloc")]
pub mod ops;
pub mod port;
pub mod quant;
pub mod rescale;
pub mod self_test;
pub mod sensor;
pub mod shape;
mod slices;
pub mod steps;
pub mod strips;
#[cfg(feature = "alloc")]
mod tensor;
pub mod vgf;

#[cfg(any(target_has_atomic = "8", feature = "critical-section"))]
pub use arena::Arena;
pub use arena::{Either, Model};
pub use bytes::Aligned;
pub use error::Error;
pub use port::PlainInfo;
pub use quant::{QuantParams, TensorInfo};
#[cfg(feature = "macros")]
pub use quantize_macros::{include_quantized, quantize};
pub use rescale::Rescale;
pub use shape::Shape;
