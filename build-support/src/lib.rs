//! Compiles neural networks in a build script: calibrated, quantized to int8, written as a VGF file and as Rust code.
//!
//! A user's `build.rs` calls [`compile`](fn@compile) and nothing else, or names models itself, see [`Compiler`]:
//!
//! ```no_run
//! quantize_build::compile();
//! ```
//!
//! It finds every `#[quantize(…)]` of the crate and takes each model through the stages of [`compile`](mod@compile). Stages are
//! modules of this crate, in this order: [`scan`], [`settings`], [`config`], [`frontend`], [`passes`], [`annotate`](mod@annotate),
//! [`calibrate`], [`quantize`], [`lower`], [`tosa`], [`vgf`], [`plan`], [`emit`].

pub mod annotate;
pub mod calibrate;
pub mod compile;
pub mod compiler;
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
pub mod report;
pub mod scan;
pub mod settings;
pub mod tosa;
pub mod vgf;

pub use compiler::Compiler;
use files::Folder;
use lock::{LockFile, Mode};
use quantize_syntax::diagnostic::list;
use quantize_syntax::{Diagnostic, Level};
use std::env;
use std::path::{Path, PathBuf};

/// Compiles every model that the crate names in a `#[quantize(…)]`, from its `build.rs`.
///
/// For a struct `Kws` it leaves `Kws.vgf`, `Kws.rs` and the manifest `Kws.toml` in `OUT_DIR/quantize`. Files of an unchanged
/// model, samples and attribute are left as they are. What is wrong with a model or an attribute is raised by the attribute,
/// at the argument that caused it.
///
/// When `OUT_DIR` cannot be written or a file changes while it is read, the build script ends with an error.
///
/// # Panics
///
/// Outside a build script.
pub fn compile() {
    Compiler::new().scan().compile();
}

fn run(compiler: &Compiler) {
    let variable = |name| {
        let value = env::var_os(name).unwrap_or_else(|| panic!("quantize_build compiles in build.rs only: no {name}"));
        PathBuf::from(value)
    };
    let crate_folder = variable("CARGO_MANIFEST_DIR");
    let folder =
        Folder::open(&variable("OUT_DIR").join(quantize_syntax::manifest::FOLDER)).unwrap_or_else(|error| fail(&error));

    let cfg = scan::cfg::Cfg::from_env();
    let mut scan = compiler.sites(&crate_folder, &cfg);
    let settings = settings::Settings::read(&crate_folder, &cfg)
        .unwrap_or_else(|error| panic!("cannot read quantize.toml: {error}"));
    settings.variables.iter().for_each(|variable| println!("cargo::rerun-if-env-changed={variable}"));
    for mistake in settings.mistakes() {
        println!("cargo::error={}", one_line(&mistake));
    }
    let is_sound = settings.mistakes().next().is_none();
    // What is misspelt may be a use.
    for warning in settings.unused(&scan).iter().filter(|_| is_sound) {
        println!("cargo::warning={}", one_line(warning));
    }
    for error in &scan.errors {
        println!("cargo::error={}", one_line(error));
    }
    if scan.sites.is_empty() && scan.absent.is_empty() && scan.errors.is_empty() {
        println!(
            "cargo::warning=build.rs calls quantize_build, but no #[quantize(…)] was found in the crate and no model is named"
        );
    }
    println!("cargo::rerun-if-env-changed={}", lock::VARIABLE);
    let mode = Mode::from_env().unwrap_or_else(|error| {
        println!("cargo::error={error}");
        Mode::Use
    });
    let lock = LockFile::read(&crate_folder, mode);
    let mut watched = scan.files.clone();
    watched.extend(settings.path.clone());
    watched.extend(lock.watched().map(Path::to_owned));
    let (mut kept, mut calibrated) = (Vec::new(), Vec::new());
    for site in &mut scan.sites {
        kept.push(site.stem.clone());
        if !is_sound && settings.concerns(site) {
            continue;
        }
        settings.apply(site);
        let sources = compile::Sources::read(&crate_folder, &site.attr);
        let built = compile::site(site, sources, &lock, &folder).unwrap_or_else(|error| fail(&error));
        watched.extend(built.watched);
        if built.is_calibrated {
            calibrated.push(format!("`{}`", site.name));
        }
        for Diagnostic { level, message, .. } in &built.head.diagnostics {
            match level {
                Level::Warning => println!("cargo::warning={}: {}", site.name, one_line(message)),
                // After an error of the scan or of quantize.toml the compiler does not get as far as the macro, which would raise it.
                Level::Error if !scan.errors.is_empty() || !is_sound => {
                    println!("cargo::error={}: {}", site.name, one_line(message))
                }
                Level::Error => {}
            }
        }
    }
    if lock.is_wanted() && !calibrated.is_empty() {
        println!(
            "cargo::warning={}: no entry for {}, calibrated from samples; `cargo quantize lock` (package cargo-quantize) writes \
             it, so that builds need no samples",
            quantize_syntax::lock::FILE,
            list(&calibrated, 8)
        );
    }
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    watched.extend(folder.finish(&kept, &watched).unwrap_or_else(|error| fail(&error)));
    watched.iter().for_each(|file| rerun_if_changed(file));
}

fn rerun_if_changed(file: &Path) {
    println!("cargo::rerun-if-changed={}", file.display());
}

/// Cargo's directives end with the line.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

/// Ends the build script, so that Cargo runs it again at the next build.
fn fail(error: &std::io::Error) -> ! {
    println!("cargo::error={}", one_line(&error.to_string()));
    std::process::exit(1)
}
