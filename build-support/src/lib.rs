//! Compiles neural networks in a build script: calibrated, quantized to int8, written as a VGF file and as Rust code.
//!
//! A user's `build.rs` calls [`compile`](fn@compile) and nothing else:
//!
//! ```no_run
//! quantize_build::compile();
//! ```
//!
//! It finds every `#[quantize(…)]` of the crate and takes each model through the stages of [`compile`](mod@compile). Stages are
//! modules of this crate, in this order: [`scan`], [`config`], [`frontend`], [`passes`], [`annotate`](mod@annotate),
//! [`calibrate`], [`quantize`], [`lower`], [`tosa`], [`vgf`], [`plan`], [`emit`].

pub mod annotate;
pub mod calibrate;
pub mod compile;
pub mod config;
pub mod emit;
mod files;
pub mod frontend;
pub mod graph;
mod lock;
pub mod lower;
mod manifest;
pub mod ops;
pub mod passes;
pub mod plan;
pub mod quantize;
pub mod scan;
pub mod tosa;
pub mod vgf;

use files::Folder;
use lock::{LockFile, Mode};
use quantize_syntax::diagnostic::list;
use std::env;
use std::path::{Path, PathBuf};

/// Compiles every model that the crate names in a `#[quantize(…)]`, from its `build.rs`.
///
/// For a struct `Kws` it leaves `Kws.vgf`, `Kws.rs` and the manifest `Kws.toml` in `OUT_DIR/quantize`. Files of an unchanged
/// model, samples and attribute are left as they are. What is wrong with a model or an attribute is raised by the attribute,
/// at the argument that caused it.
///
/// # Panics
///
/// Outside a build script, and when `OUT_DIR` cannot be written.
pub fn compile() {
    let variable = |name| {
        let value = env::var_os(name).unwrap_or_else(|| panic!("quantize_build::compile() is for build.rs: no {name}"));
        PathBuf::from(value)
    };
    let crate_folder = variable("CARGO_MANIFEST_DIR");
    let folder =
        Folder::open(&variable("OUT_DIR").join(quantize_syntax::manifest::FOLDER)).unwrap_or_else(cannot_write);

    let scan = scan::scan(&crate_folder, &scan::cfg::Cfg::from_env());
    scan.files.iter().for_each(|file| rerun_if_changed(file));
    for error in &scan.errors {
        println!("cargo::error={}", one_line(error));
    }
    if scan.sites.is_empty() && scan.errors.is_empty() {
        println!(
            "cargo::warning=build.rs calls quantize_build::compile(), but no #[quantize(…)] was found in the crate"
        );
    }
    println!("cargo::rerun-if-env-changed={}", lock::VARIABLE);
    let mode = Mode::from_env().unwrap_or_else(|error| {
        println!("cargo::error={error}");
        Mode::Use
    });
    let lock = LockFile::read(&crate_folder, mode);
    lock.watched().into_iter().for_each(rerun_if_changed);
    let (mut kept, mut calibrated) = (Vec::new(), Vec::new());
    for site in &scan.sites {
        let sources = compile::Sources::read(&crate_folder, &site.attr);
        let built = compile::site(site, sources, &lock, &folder).unwrap_or_else(cannot_write);
        built.watched.iter().for_each(|file| rerun_if_changed(file));
        if built.is_calibrated {
            calibrated.push(format!("`{}`", site.name));
        }
        for warning in built.head.diagnostics.iter().filter(|found| found.level == quantize_syntax::Level::Warning) {
            println!("cargo::warning={}: {}", site.name, one_line(&warning.message));
        }
        kept.push(site.stem.as_str());
    }
    if lock.is_wanted() && !calibrated.is_empty() {
        println!(
            "cargo::warning={}: no entry for {}, calibrated from samples; `cargo quantize lock` (package cargo-quantize) writes \
             it, so that builds need no samples",
            quantize_syntax::lock::FILE,
            list(&calibrated, 8)
        );
    }
    folder.remove_others(&kept).unwrap_or_else(cannot_write);
}

fn rerun_if_changed(file: &Path) {
    println!("cargo::rerun-if-changed={}", file.display());
}

/// Cargo's directives end with the line.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

fn cannot_write<T>(error: std::io::Error) -> T {
    panic!("cannot write OUT_DIR: {error}")
}
