//! The language between user, macro and build script: the arguments of `#[quantize]`, the manifest and its diagnostics.
//!
//! The attribute macro and the build script both parse the same source with [`Attr::parse`]. The build script does the work and
//! leaves a manifest beside the generated code; the macro reads the manifest's [`Head`](manifest::Head), raises its
//! [`Diagnostic`]s at the arguments they name by [`ArgPath`], and compares canonical texts (`Attr`'s [`Display`](std::fmt::Display)).

pub mod attr;
pub mod budget;
mod canonical;
mod config;
pub mod diagnostic;
#[cfg(feature = "write")]
pub mod lock;
pub mod manifest;
mod parser;
pub mod path;
pub mod sensor;

pub use attr::Attr;
pub use diagnostic::{Diagnostic, Diagnostics, Level};
pub use path::{ArgPath, SelectorKey};
