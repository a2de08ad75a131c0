//! `cargo quantize lock`: what the build scripts found by calibration → the lock file of each package.

use crate::cargo::{self, Member, Options};
use crate::difference;
use clap::Args;
use quantize_syntax::lock::{self, Entry, FILE, Key, Model, VARIANTS};
use quantize_syntax::manifest::{BUILD_SCRIPT, FOLDER, Head};
use quantize_syntax::{Diagnostic, Level};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

/// Writes quantize.lock beside the Cargo.toml of each package that is built
///
/// Builds the packages of the workspace, with calibration from their samples, and writes the parameters that were found. With the
/// file, builds need no samples. Entries of models that are not built now, for lack of a feature say, are kept while the sources
/// have them.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Writes nothing, and fails where a file is not up to date
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    options: Options,
}

/// Brings all files up to date, or says which are not.
///
/// # Errors
///
/// When something cannot be built, read or written.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let members = cargo::calibrate(&arguments.options)?;
    let mut plans = Vec::new();
    let mut errors = Vec::new();
    for member in &members {
        match calibrated(member) {
            Ok(None) => {}
            Ok(Some(results)) => plans.push(Plan::new(&member.folder, results)?),
            Err(problem) => errors.push(format!("{}: {problem}", member.name)),
        }
    }
    if !errors.is_empty() {
        return Err(format!("no lock file was written\n{}", errors.join("\n")));
    }
    if plans.is_empty() {
        return Err("no package that was built has a build script that calls `quantize_build`".to_owned());
    }
    for plan in &plans {
        if !arguments.check && plan.is_stale() {
            plan.write()?;
        }
        plan.report(arguments.check);
    }
    let fails = arguments.check && plans.iter().any(Plan::is_stale);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What the build scripts of a package left.
#[derive(Default)]
struct Results {
    /// What was calibrated.
    models: BTreeMap<Key, Model>,
    /// Which models any build of the same sources may have.
    variants: BTreeSet<Key>,
}

/// What the build scripts of a package found; `None` where they are not ours.
fn calibrated(member: &Member) -> Result<Option<Results>, String> {
    let folders: Vec<PathBuf> = member.out_dirs.iter().map(|out_dir| out_dir.join(FOLDER)).collect();
    let folders: Vec<&PathBuf> = folders.iter().filter(|folder| folder.is_dir()).collect();
    let mut results = Results::default();
    for folder in &folders {
        for file in files(folder)? {
            results.add(&file)?;
        }
    }
    Ok((!folders.is_empty()).then_some(results))
}

impl Results {
    /// Adds what a file says. Code and networks are of no interest here.
    fn add(&mut self, file: &Path) -> Result<(), String> {
        let text = || fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()));
        let unreadable = |reason: String| {
            format!(
                "cannot read {}: {reason}; use the same version of cargo-quantize as of quantize-build",
                file.display()
            )
        };
        if file.file_name().is_some_and(|name| name == VARIANTS) {
            self.variants.extend(lock::parse_variants(&text()?).map_err(unreadable)?);
            return Ok(());
        }
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => {
                let head = Head::parse(&text()?).map_err(unreadable)?;
                let errors = head.diagnostics.iter().filter(|found| found.level == Level::Error);
                let errors: Vec<&str> = errors.map(|Diagnostic { message, .. }| message.as_str()).collect();
                if !errors.is_empty() {
                    return Err(format!("{}: {}", head.source, errors.join("\n")));
                }
            }
            Some("lock") => {
                let entries = lock::parse(&text()?).map_err(|fault| unreadable(fault.message))?;
                for Entry { model, .. } in entries {
                    let key = model.key.clone();
                    let description = key.describe();
                    if self.models.insert(key, model.clone()).is_some_and(|other| other != model) {
                        return Err(format!("{description} is built twice, with different results"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a model that is not built now may be at another time.
    fn may_be_built(&self, key: &Key, folder: &Path) -> bool {
        let is_named = || {
            let script = fs::read_to_string(folder.join(BUILD_SCRIPT));
            script.is_ok_and(|script| script.contains(&format!("{:?}", key.name)))
        };
        // A build script names models when it likes.
        let is_possible = self.variants.contains(key) || key.source == BUILD_SCRIPT && is_named();
        is_possible && !self.models.contains_key(key)
    }
}

/// The files of a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files: Vec<PathBuf> =
        entries.map_err(|error: io::Error| format!("cannot read {}: {error}", folder.display()))?;
    files.sort();
    Ok(files)
}

/// What becomes of one lock file.
struct Plan {
    path: PathBuf,
    /// Why what is there cannot be read.
    fault: Option<String>,
    /// What is there; `None` where there is no file.
    old: Option<Vec<Entry>>,
    /// What is to be there, in order.
    new: Vec<Model>,
    /// Which of these are not built now.
    kept: Vec<Key>,
}

impl Plan {
    fn new(folder: &Path, results: Results) -> Result<Self, String> {
        let path = folder.join(FILE);
        let (old, fault) = match fs::read_to_string(&path) {
            Ok(text) => match lock::parse(&text) {
                Ok(entries) => (Some(entries), None),
                Err(fault) => (Some(Vec::new()), Some(format!("line {}: {}", fault.line, fault.message))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let others = old.iter().flatten().map(|entry| &entry.model);
        let kept: Vec<Model> = others.filter(|model| results.may_be_built(&model.key, folder)).cloned().collect();
        let keys = kept.iter().map(|model| model.key.clone()).collect();
        let mut new: Vec<Model> = results.models.into_values().chain(kept).collect();
        new.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Self { path, fault, old, new, kept: keys })
    }

    fn is_stale(&self) -> bool {
        let old = self.old.iter().flatten();
        let is_whole = old.clone().all(|entry| entry.checksum == entry.model.checksum());
        let is_missing = self.old.is_none() && !self.new.is_empty();
        is_missing || self.fault.is_some() || !is_whole || !old.map(|entry| &entry.model).eq(&self.new)
    }

    /// Replaces the file as a whole; one without models is removed.
    fn write(&self) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot write {}: {error}", self.path.display());
        if self.new.is_empty() {
            return fs::remove_file(&self.path).map_err(failed);
        }
        let temporary = self.path.with_extension(format!("lock.{}.tmp", std::process::id()));
        let written = fs::write(&temporary, lock::to_toml(&self.new)).and_then(|()| fs::rename(&temporary, &self.path));
        written.map_err(|error| {
            // What is left of it is no further error.
            _ = fs::remove_file(&temporary);
            failed(error)
        })
    }

    /// Prints what is different.
    fn report(&self, is_check: bool) {
        let here = env::current_dir().unwrap_or_default();
        let shown = self.path.strip_prefix(&here).unwrap_or(&self.path).display();
        let state = match (self.is_stale(), is_check) {
            (false, _) => "up to date",
            (true, true) => "stale",
            (true, false) if self.new.is_empty() => "removed, as no model needs it",
            (true, false) => "written",
        };
        println!("{shown}: {state}");
        if let Some(fault) = &self.fault {
            println!("  what was there could not be read: {fault}");
        }
        let old = |key: &Key| self.old.iter().flatten().find(|entry| entry.model.key == *key);
        for model in &self.new {
            let lines = match old(&model.key) {
                None => vec![format!("new, {} tensors, {} weights", model.tensors.len(), model.weights.len())],
                Some(old) => difference::lines(old, model),
            };
            let lines = if self.kept.contains(&model.key) { vec!["not built now, kept".to_owned()] } else { lines };
            let [first, rest @ ..] = lines.as_slice() else { continue };
            println!("  {}: {first}", model.key.describe());
            rest.iter().for_each(|line| println!("    {line}"));
        }
        for entry in self.old.iter().flatten().filter(|entry| !self.new.iter().any(|new| new.key == entry.model.key)) {
            println!("  {}: removed", entry.model.key.describe());
        }
    }
}
