//! The version of the interface between generated code and this crate.
//!
//! The number rises with every change of a step, a kernel's signature, the arena or anything else that generated code
//! names. Generated code holds the number it was made for, in a constant that [`check`] guards.

/// The version of this crate's interface.
pub const VERSION: u32 = 8;

/// Whether this crate was compiled for programs, which have the attribute: the build's own copy has it only where Cargo merges
/// the features of both.
pub const HAS_MACROS: bool = cfg!(feature = "macros");

/// Stops the compilation of code that was generated for another version.
///
/// # Panics
/// If `generated_for` is not [`VERSION`]; in a constant, which is a compile error.
///
/// ```compile_fail
/// const _: () = quantize_runtime::abi::check(0);
/// ```
pub const fn check(generated_for: u32) {
    assert!(
        generated_for == VERSION,
        "quantize-build and quantize-runtime have different versions: give both the same version in Cargo.toml"
    );
}
