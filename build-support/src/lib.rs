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
mod cargo;
pub mod compile;
pub mod compiler;
pub mod config;
mod cost;
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
mod self_test;
mod sensor;
pub mod settings;
mod stack;
pub mod tosa;
pub mod vgf;

pub use compiler::Compiler;
use files::Folder;
use lock::{LockFile, Mode};
use quantize_syntax::diagnostic::list;
use quantize_syntax::{Diagnostic, Level, manifest::FOLDER};
use scan::{Scan, Site, cfg::Cfg, dependency};
use settings::Settings;
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
    let crate_folder = variable("CARGO_MANIFEST_DIR");
    let folder = Folder::open(&variable("OUT_DIR").join(FOLDER)).unwrap_or_else(|error| fail(&error));
    let cfg = Cfg::from_env();
    let mut scan = compiler.sites(&crate_folder, &cfg);
    let settings =
        Settings::read(&crate_folder, &cfg).unwrap_or_else(|error| panic!("cannot read quantize.toml: {error}"));
    let lock = read_lock(&crate_folder);
    report_crate(&scan, &settings);

    let variants = settings.variants(&scan);
    let is_compiled = scan.errors.is_empty() && settings.is_sound();
    let manifest = crate_folder.join("Cargo.toml");
    let runtime = dependency::renamed_runtime(&manifest);
    let mut watched = scan.files.clone();
    watched.push(manifest);
    watched.extend(settings.path.clone());
    watched.extend(lock.watched().map(Path::to_owned));
    let (mut kept, mut calibrated) = (Vec::new(), Vec::new());
    for site in &mut scan.sites {
        kept.push(site.stem.clone());
        if !settings.is_sound() && settings.concerns(site) {
            continue;
        }
        settings.apply(site);
        site.default_runtime(runtime.as_deref());
        let sources = compile::Sources::read(&crate_folder, &site.attr);
        let built = compile::site(site, sources, &lock, &folder).unwrap_or_else(|error| fail(&error));
        watched.extend(built.watched);
        let name = format!("`{}`", site.name);
        calibrated.extend(Some(name).filter(|name| built.is_calibrated && !calibrated.contains(name)));
        report_model(site, &built.head.diagnostics, is_compiled);
    }
    if lock.is_wanted() && !calibrated.is_empty() {
        cargo::warning(&format!(
            "{}: no entry for {}, calibrated from samples; `cargo quantize lock` (package cargo-quantize) writes it, so that \
             builds need no samples",
            quantize_syntax::lock::FILE,
            list(&calibrated, 8)
        ));
    }
    let kept: Vec<&str> = kept.iter().map(String::as_str).collect();
    let written = folder.write_variants(&variants).and_then(|()| folder.finish(&kept, &watched));
    watched.extend(written.unwrap_or_else(|error| fail(&error)));
    watched.iter().for_each(|file| cargo::rerun_if_changed(file));
}

/// A folder that Cargo names.
fn variable(name: &str) -> PathBuf {
    let value = env::var_os(name).unwrap_or_else(|| panic!("quantize_build compiles in build.rs only: no {name}"));
    PathBuf::from(value)
}

/// The lock file, as far as the environment asks for it.
fn read_lock(crate_folder: &Path) -> LockFile {
    cargo::rerun_if_env_changed(lock::VARIABLE);
    let mode = Mode::from_env().unwrap_or_else(|error| {
        cargo::error(&error);
        Mode::Use
    });
    LockFile::read(crate_folder, mode)
}

/// What concerns no model alone, which the macro cannot raise.
fn report_crate(scan: &Scan, settings: &Settings) {
    settings.variables.iter().for_each(|variable| cargo::rerun_if_env_changed(variable));
    settings.mistakes().for_each(|mistake| cargo::error(&mistake));
    // What is misspelt may be a use.
    if settings.is_sound() {
        settings.unused(scan).iter().for_each(|warning| cargo::warning(warning));
    }
    scan.errors.iter().for_each(|error| cargo::error(error));
    if scan.sites.is_empty() && scan.absent.is_empty() && scan.errors.is_empty() {
        cargo::warning(
            "build.rs calls quantize_build, but no #[quantize(…)] was found in the crate and no model is named",
        );
    }
    if let Some(warning) = report::merged_features() {
        cargo::warning(warning);
    }
}

/// The warnings of a model; its errors too where the compiler does not get as far as the macro, which would raise them.
fn report_model(site: &Site, diagnostics: &[Diagnostic], is_compiled: bool) {
    let name = &site.name;
    if !is_compiled && !site.is_of_build_script() {
        site.mistakes.iter().for_each(|mistake| cargo::error(&format!("{name}: {mistake}")));
    }
    for Diagnostic { level, message, .. } in diagnostics {
        match level {
            Level::Warning => cargo::warning(&format!("{name}: {message}")),
            Level::Error if !is_compiled => cargo::error(&format!("{name}: {message}")),
            Level::Error => {}
        }
    }
}

/// Ends the build script, so that Cargo runs it again at the next build.
fn fail(error: &std::io::Error) -> ! {
    cargo::error(&error.to_string());
    std::process::exit(1)
}
