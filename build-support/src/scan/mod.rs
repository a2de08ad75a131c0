//! The crate's source files → every struct with `#[quantize(…)]` that this build compiles.

pub mod cfg;
mod conditions;
pub(crate) mod dependency;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{LineColumn, Span};
use quantize_syntax::attr::Spanned;
use quantize_syntax::{ArgPath, Attr, Diagnostics, manifest};
use syn::ext::IdentExt;
use syn::{Fields, Item, ItemMod, ItemStruct};

use crate::settings::Origins;
use cfg::{Answer, Cfg};
use conditions::{Conditions, Relevant, attributes};

/// A struct that asks for a runner.
#[derive(Debug)]
pub struct Site {
    /// Name of the struct.
    pub name: String,
    /// Name of its generated files, without extension.
    pub stem: String,
    /// The attribute's arguments, as far as they can be read.
    pub attr: Attr,
    /// Their canonical text, see [`Reading::canonical`](quantize_syntax::attr::Reading::canonical).
    pub written: String,
    /// Whether all of them can be read; the macro reports what cannot.
    pub is_complete: bool,
    /// What is wrong with them. The macro reports it for an attribute where the compiler gets that far, but cannot see what a build
    /// script says.
    pub mistakes: Vec<String>,
    /// Canonical text of the condition under which the struct has this attribute: that of its modules, its own and that of
    /// `cfg_attr`, all of which hold in this build; with the profile that quantize.toml selects. `None` where there is none.
    pub when: Option<String>,
    /// Where the arguments come from, once stage `settings` has completed them.
    pub origins: Origins,
    /// What that stage found.
    pub problems: Diagnostics,
    /// The file it is in.
    pub file: PathBuf,
    /// The same file as the manifest names it, see [`manifest::source_path`].
    pub source: String,
}

impl Site {
    /// Whether the build script names the model itself.
    pub(crate) fn is_of_build_script(&self) -> bool {
        self.source == manifest::BUILD_SCRIPT
    }

    /// Sets the path of the runtime crate where the attribute names none.
    pub(crate) fn default_runtime(&mut self, path: Option<&str>) {
        if let (Some(path), None) = (path, &self.attr.runtime) {
            self.attr.runtime = Some(Spanned { value: path.to_owned(), span: Span::call_site() });
            self.origins.add_of_cargo(ArgPath::Runtime);
        }
    }

    /// What to write: an argument of the attribute, or the call of a build script that names the model itself.
    pub(crate) fn spelling<'s>(&self, argument: &'s str, call: &'s str) -> &'s str {
        if self.is_of_build_script() { call } else { argument }
    }
}

/// A `quantize` of another build of the same sources.
#[derive(Debug)]
pub struct Absent {
    /// Name of the struct.
    pub name: String,
    /// The attribute's arguments as written.
    pub attr: Attr,
    /// As [`Site::when`].
    pub when: Option<String>,
    /// As [`Site::source`].
    pub source: String,
}

/// What a crate's sources contain.
#[derive(Debug, Default)]
pub struct Scan {
    /// Structs whose attribute can be read at least in part; the macro reports the others. In the order of targets and modules.
    pub sites: Vec<Site>,
    /// Attributes that this build does not have, because a condition does not hold or a target's feature is not enabled.
    pub absent: Vec<Absent>,
    /// Every file that was read or looked for: when one of them changes, the crate must be scanned again.
    pub files: Vec<PathBuf>,
    /// What the macro cannot report because it does not run or does not find a manifest.
    pub errors: Vec<String>,
}

/// Follows the modules of every target of a crate, as far as the build's configuration has them.
///
/// What only some compilations have (tests, documentation) is found too, as all share the results. Structs in function bodies,
/// in what macros expand to and in included files are not found. Files that are missing or do not parse are left to the
/// compiler to report.
pub fn scan(manifest_dir: &Path, cfg: &Cfg) -> Scan {
    let manifest = manifest_dir.join("Cargo.toml");
    let roots = targets::roots(manifest_dir, &fs::read_to_string(&manifest).unwrap_or_default(), cfg);
    let mut scanner = Scanner::new(manifest_dir, cfg);
    scanner.files.insert(manifest);
    for (root, is_built) in roots {
        scanner.is_built = is_built;
        scanner.file(&root, None, &Conditions::default());
    }
    scanner.finish()
}

/// Where `mod x;` looks for files.
struct Place {
    /// Folder of the file, or of the inline module inside it; `#[path]` starts here.
    folder: PathBuf,
    /// Below it, the folder of this file's modules: `x` for `x.rs`, none for `x/mod.rs` and the roots of targets.
    below: Option<String>,
}

/// A file that a module may be in, and the folder that its own modules get.
type Candidate = (PathBuf, Option<String>);

impl Place {
    /// Candidates for the file of a module declared here without `#[path]`, the usual one first.
    fn files(&self, module: &ItemMod) -> Vec<Candidate> {
        let name = module.ident.unraw().to_string();
        let folder = self.modules();
        vec![(folder.join(format!("{name}.rs")), Some(name.clone())), (folder.join(name).join("mod.rs"), None)]
    }

    /// The place inside `mod x { … }`; its `#[path]` names a folder.
    fn inside(&self, module: &ItemMod, path: Option<String>) -> Place {
        let folder = match path {
            Some(path) => self.folder.join(path),
            None => self.modules().join(module.ident.unraw().to_string()),
        };
        Place { folder, below: None }
    }

    fn modules(&self) -> PathBuf {
        match &self.below {
            Some(below) => self.folder.join(below),
            None => self.folder.clone(),
        }
    }
}

struct Scanner<'a> {
    manifest_dir: &'a Path,
    cfg: &'a Cfg,
    files: BTreeSet<PathBuf>,
    /// Files, links resolved, with the folder of their modules and the condition they stand under: one that contains itself or
    /// has two parents is followed once.
    followed: BTreeSet<(PathBuf, Option<String>, Conditions, bool)>,
    /// Whether the build has the target whose modules are followed.
    is_built: bool,
    /// In the order of targets and modules.
    found: Vec<Found>,
}

/// A `quantize` that the compiler may see.
struct Found {
    attr: Attr,
    written: String,
    mistakes: Vec<String>,
    name: String,
    /// Where the struct's name is; with `source` it identifies the struct.
    at: LineColumn,
    file: PathBuf,
    source: String,
    conditions: Conditions,
    answer: Answer,
}

impl<'a> Scanner<'a> {
    fn new(manifest_dir: &'a Path, cfg: &'a Cfg) -> Self {
        Self { manifest_dir, cfg, files: BTreeSet::new(), followed: BTreeSet::new(), is_built: true, found: Vec::new() }
    }

    fn file(&mut self, file: &Path, below: Option<String>, conditions: &Conditions) {
        if self.answer(conditions) != Answer::False {
            self.files.insert(file.to_owned());
        }
        let Ok(real) = file.canonicalize() else { return };
        if !self.followed.insert((real, below.clone(), conditions.clone(), self.is_built)) {
            return;
        }
        let Ok(text) = fs::read_to_string(file) else { return };
        let Ok(parsed) = syn::parse_file(&text) else { return };
        let folder = file.parent().expect("a file is in a folder").to_owned();
        let source = manifest::source_path(self.manifest_dir, file);
        let place = Place { folder, below };
        let conditions = conditions::of_item(&attributes(&parsed.attrs), conditions);
        self.items(&parsed.items, (file, &source), &place, &conditions);
    }

    /// Whether the build has what stands under these conditions in the target that is followed.
    fn answer(&self, conditions: &Conditions) -> Answer {
        if self.is_built { conditions.answer(self.cfg) } else { Answer::False }
    }

    /// Follows the modules among `items` and gathers the structs.
    fn items(&mut self, items: &[Item], file: (&Path, &str), place: &Place, around: &Conditions) {
        for item in items {
            match item {
                Item::Struct(item) => self.structure(item, file, around),
                Item::Mod(module) => {
                    let attributes = attributes(&module.attrs);
                    let conditions = conditions::of_item(&attributes, around);
                    let paths = self.paths(&attributes, &conditions);
                    match &module.content {
                        Some((_, items)) => {
                            let path = paths.into_iter().next().and_then(|(path, _)| path);
                            self.items(items, file, &place.inside(module, path), &conditions);
                        }
                        None => {
                            for (path, conditions) in paths {
                                let file = path.map(|path| (place.folder.join(path), None));
                                self.module(file.map_or_else(|| place.files(module), |file| vec![file]), &conditions);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// What `#[path = "…"]` a module may have, `None` for none: one for sure, or several where the build script cannot know.
    fn paths(&self, attributes: &[(Conditions, Relevant)], around: &Conditions) -> Vec<(Option<String>, Conditions)> {
        let mut possible = Vec::new();
        let mut otherwise = around.clone();
        for (conditions, relevant) in attributes {
            let Relevant::Path(path) = relevant else { continue };
            let answer = conditions.answer(self.cfg);
            if answer != Answer::False {
                possible.push((Some(path.clone()), otherwise.and(conditions)));
            }
            if answer == Answer::True {
                return possible;
            }
            otherwise = otherwise.and(&conditions.negated());
        }
        possible.push((None, otherwise));
        possible
    }

    fn module(&mut self, candidates: Vec<Candidate>, conditions: &Conditions) {
        match candidates.iter().find(|(file, _)| file.is_file()) {
            Some((file, below)) => self.file(file, below.clone(), conditions),
            // Cargo runs a build script again and again for a missing file, which only a build that fails may have.
            None if self.answer(conditions) == Answer::True => {
                self.files.extend(candidates.into_iter().map(|(file, _)| file));
            }
            None => {}
        }
    }

    fn structure(&mut self, item: &ItemStruct, (file, source): (&Path, &str), around: &Conditions) {
        let attributes = attributes(&item.attrs);
        let conditions = conditions::of_item(&attributes, around);
        for (own, relevant) in &attributes {
            let Relevant::Quantize(arguments) = relevant else { continue };
            let reading = Attr::read(arguments.clone());
            let written = reading.canonical();
            let mistakes = reading.mistakes.into_iter().flatten().map(|mistake| mistake.to_string()).collect();
            let (Some(attr), Some(written)) = (reading.attr, written) else { continue };
            let conditions = conditions.and(own);
            let answer = self.answer(&conditions);
            if !matches!(item.fields, Fields::Unit) {
                continue;
            }
            self.found.push(Found {
                attr,
                written,
                mistakes,
                name: item.ident.unraw().to_string(),
                at: item.ident.span().start(),
                file: file.to_owned(),
                source: source.to_owned(),
                conditions,
                answer,
            });
        }
    }

    fn finish(self) -> Scan {
        let mut errors = Vec::new();
        let mut sites: Vec<(Site, LineColumn, Answer)> = Vec::new();
        let (absent, found): (Vec<Found>, Vec<Found>) =
            self.found.into_iter().partition(|found| found.answer == Answer::False);
        let absent = absent.into_iter().map(|Found { name, attr, conditions, source, .. }| Absent {
            name,
            attr,
            when: conditions.text(),
            source,
        });
        for found in known(found, &mut errors) {
            let Found { attr, written, mistakes, name, at, file, source, conditions, answer } = found;
            let same = |(site, ..): &&(Site, LineColumn, Answer)| site.name == name && site.source == source;
            let Some((site, other, first)) = sites.iter().find(same) else {
                let (stem, when) = (name.clone(), conditions.text());
                let (origins, problems) = (Origins::default(), Diagnostics::default());
                let is_complete = mistakes.is_empty();
                let site =
                    Site { name, stem, attr, written, is_complete, mistakes, when, origins, problems, file, source };
                sites.push((site, at, answer));
                continue;
            };
            if *other != at {
                errors.push(format!(
                    "{source}:{}: `{name}` is the second `#[quantize]` struct of this name in the file; rename one, \
                     as generated files are named after struct and file",
                    at.line
                ));
            } else if site.written != written {
                let (one, two) = (shown(site.when.as_deref()), shown(conditions.text().as_deref()));
                let advice = match (first, answer) {
                    (Answer::True, Answer::True) => "make one the other's `not(…)`, or remove one",
                    _ => "all compilations of the crate share the results of its build script; choose by a feature",
                };
                errors.push(format!(
                    "{source}:{}: `{name}` has two `quantize` in this build, {one} and {two}; {advice}",
                    at.line
                ));
            }
        }
        let mut sites: Vec<Site> = sites.into_iter().map(|(site, ..)| site).collect();
        let names: Vec<(&str, &str)> = sites.iter().map(|site| (site.name.as_str(), site.source.as_str())).collect();
        let stems = manifest::stems(&names);
        for (site, stem) in sites.iter_mut().zip(stems) {
            site.stem = stem;
        }
        Scan { sites, absent: absent.collect(), files: self.files.into_iter().collect(), errors }
    }
}

/// Those that the build has for sure; reports those of which it cannot be told. A file that is part of two programs counts once,
/// under the weakest condition.
fn known(found: Vec<Found>, errors: &mut Vec<String>) -> Vec<Found> {
    let mut order: Vec<(String, LineColumn)> = Vec::new();
    let mut structs: BTreeMap<(String, LineColumn), Vec<Found>> = BTreeMap::new();
    for found in found {
        let key = (found.source.clone(), found.at);
        if !structs.contains_key(&key) {
            order.push(key.clone());
        }
        structs.entry(key).or_default().push(found);
    }
    let mut known = Vec::new();
    for key in order {
        let mut variants = structs.remove(&key).expect("it was put there");
        variants.sort_by_key(|found| found.conditions.len());
        let (unknown, sure): (Vec<Found>, Vec<Found>) =
            variants.into_iter().partition(|found| matches!(found.answer, Answer::Unknown(_)));
        let is_sure = |found: &Found| sure.iter().any(|other| other.written == found.written);
        if let Some(Found { name, answer: Answer::Unknown(parts), .. }) = unknown.iter().find(|found| !is_sure(found)) {
            let reason = cfg::explain(parts);
            errors.push(format!("{}:{}: whether `{name}` has this `quantize` depends on {reason}", key.0, key.1.line));
        }
        known.extend(sure);
    }
    known
}

/// A condition in a message.
fn shown(when: Option<&str>) -> String {
    when.map_or_else(|| "one without a condition".to_owned(), |when| format!("one under `{when}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUANTIZE: &str = r#"#[quantize(model = "m.onnx", calibration = "c.npy")]"#;

    /// The build that Cargo describes by these `CARGO_CFG_…`.
    fn build() -> Cfg {
        Cfg::from_variables(&[("UNIX", ""), ("FEATURE", "default,small"), ("FOO", "")])
    }

    /// Writes a crate (`Q` stands for an attribute) and gives what the scan finds, with the names of the crate's folder removed.
    fn scanned(name: &str, files: &[(&str, &str)]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let folder = std::env::temp_dir().join(format!("quantize-scan-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("temporary folder");
            fs::write(path, text.replace("Q ", QUANTIZE)).expect("temporary file");
        }
        let Scan { sites, files, errors, .. } = scan(&folder, &build());
        fs::remove_dir_all(&folder).expect("temporary folder");
        let condition = |when: &Option<String>| when.as_ref().map_or_else(String::new, |when| format!(" if {when}"));
        let sites =
            sites.iter().map(|site| format!("{} {}{}", site.stem, site.source, condition(&site.when))).collect();
        let relative =
            |file: &PathBuf| file.strip_prefix(&folder).expect("in the folder").to_string_lossy().replace('\\', "/");
        (sites, files.iter().map(relative).collect(), errors)
    }

    fn check(name: &str, files: &[(&str, &str)], expected: &[&str]) {
        let (sites, _, errors) = scanned(name, files);
        assert_eq!(sites, expected);
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn every_target_is_a_root() {
        let manifest = "[package]\nname = 'it'\nedition = '2024'\n[lib]\npath = 'source/it.rs'\n\
            [[bin]]\nname = 'b'\npath = 'b.rs'\n[[test]]\nname = 'missing'\npath = 'missing.rs'";
        let files = [
            ("Cargo.toml", manifest),
            ("source/it.rs", "Q struct Lib;"),
            ("src/lib.rs", "Q struct NotTheLib;"),
            ("b.rs", "Q struct Declared;"),
            ("src/main.rs", "Q struct Main;"),
            ("src/bin/one.rs", "Q struct One;"),
            ("src/bin/two/main.rs", "Q struct Two;"),
            ("src/bin/two/other.rs", "Q struct Unused;"),
            ("examples/show.rs", "Q struct Show;"),
            ("tests/works.rs", "Q struct Works;"),
            ("benches/fast.rs", "Q struct Fast;"),
        ];
        let expected = [
            "Lib source/it.rs",
            "Main src/main.rs",
            "One src/bin/one.rs",
            "Two src/bin/two/main.rs",
            "Declared b.rs",
            "Show examples/show.rs",
            "Works tests/works.rs",
            "Fast benches/fast.rs",
        ];
        check("targets", &files, &expected);
    }

    #[test]
    fn targets_that_are_not_built_are_left_out() {
        let manifest = "[package]\nname = 'it'\nautobins = false\nautotests = false\nedition = '2024'\n\
            [[bin]]\nname = 'two'\n[[test]]\nname = 'on'\n\
            [[example]]\nname = 'off'\nrequired-features = ['large']\n\
            [[example]]\nname = 'on'\nrequired-features = ['small', 'dependency/feature']";
        let files = [
            ("Cargo.toml", manifest),
            ("src/main.rs", "Q struct Main;"),
            ("src/bin/one.rs", "Q struct One;"),
            ("src/bin/two/main.rs", "Q struct Two;"),
            ("examples/off.rs", "Q struct Off;"),
            ("examples/on.rs", "Q struct On;"),
            ("examples/other.rs", "Q struct Other;"),
            ("tests/on.rs", "Q struct Works;"),
            ("tests/off.rs", "Q struct Idle;"),
        ];
        let expected = ["Two src/bin/two/main.rs", "Other examples/other.rs", "On examples/on.rs", "Works tests/on.rs"];
        check("idle-targets", &files, &expected);
    }

    #[test]
    fn edition_2015_looks_for_targets_where_none_is_declared() {
        let manifest = "[package]\nname = 'it'\n[[bin]]\nname = 'two'\n";
        let files = [
            ("Cargo.toml", manifest),
            ("src/main.rs", "Q struct Main;"),
            ("src/bin/two.rs", "Q struct Two;"),
            ("tests/on.rs", "Q struct Works;"),
        ];
        check("old-targets", &files, &["Two src/bin/two.rs", "Works tests/on.rs"]);
    }

    #[test]
    fn modules_are_followed_as_the_compiler_does() {
        let root = r#"
            mod a;
            mod b;
            mod inline { mod c; mod deep { mod d; } #[path = "e.rs"] mod odd; }
            #[path = "elsewhere/f.rs"] mod renamed;
            #[path = "folder"] mod thread { mod g; #[path = "h2.rs"] mod h; }
            mod r#type;
        "#;
        let files = [
            ("src/lib.rs", root),
            ("src/a.rs", r#"mod inner; #[path = "a_path.rs"] mod p; mod inline { mod i; #[path = "j2.rs"] mod j; }"#),
            ("src/a/inner.rs", "Q struct Inner;"),
            ("src/a_path.rs", "Q struct APath;"),
            ("src/a/inline/i.rs", "Q struct I;"),
            ("src/a/inline/j2.rs", "Q struct J;"),
            ("src/b/mod.rs", "mod inner;"),
            ("src/b/inner.rs", "Q struct BInner;"),
            ("src/inline/c.rs", "Q struct C;"),
            ("src/inline/deep/d.rs", "Q struct D;"),
            ("src/inline/e.rs", "Q struct E;"),
            ("src/elsewhere/f.rs", "mod sibling;"),
            ("src/elsewhere/sibling.rs", "Q struct F;"),
            ("src/folder/g.rs", "Q struct G;"),
            ("src/folder/h2.rs", "Q struct H;"),
            ("src/type.rs", "Q struct T;"),
        ];
        let expected = [
            "Inner src/a/inner.rs",
            "APath src/a_path.rs",
            "I src/a/inline/i.rs",
            "J src/a/inline/j2.rs",
            "BInner src/b/inner.rs",
            "C src/inline/c.rs",
            "D src/inline/deep/d.rs",
            "E src/inline/e.rs",
            "F src/elsewhere/sibling.rs",
            "G src/folder/g.rs",
            "H src/folder/h2.rs",
            "T src/type.rs",
        ];
        let (mut sites, _, _) = scanned("modules", &files);
        let mut expected = expected.map(str::to_owned);
        sites.sort();
        expected.sort();
        assert_eq!(sites, expected);
    }

    #[test]
    fn the_attribute_may_have_a_path() {
        let root = r#"
            #[quantize_runtime::quantize(model = "m", calibration = "c")] pub struct A;
            mod inline { /// Docs.
                #[derive(Debug)] Q pub(crate) struct B; }
            #[quantize(modle = "m")] struct Wrong;
            Q struct Fields { a: u8 }
        "#;
        check("path", &[("src/lib.rs", root)], &["A src/lib.rs", "B src/lib.rs"]);
    }

    #[test]
    fn what_the_build_does_not_have_is_left_out() {
        let root = r#"
            #[cfg(feature = "small")] Q struct On;
            #[cfg(not(feature = "small"))] Q struct Off;
            #[cfg(unix)] mod inline { #![cfg(not(feature = "large"))] Q struct Inline; mod deep { #[cfg(foo)] Q struct Deep; } }
            #[cfg(windows)] mod off { #[cfg(bar)] Q struct Inside; }
            #[cfg(unix)] mod file;
            mod gone;
            #[cfg_attr(unix, cfg(windows))] Q struct Never;
            #[cfg_attr(windows, cfg(bar))] Q struct Always;
        "#;
        let files = [
            ("src/lib.rs", root),
            ("src/file.rs", "#![cfg(not(windows))]\n#![cfg_attr(foo, cfg(unix))]\nQ struct File;"),
            ("src/gone.rs", "#![cfg(feature = \"large\")]\nQ struct Gone;\n#[cfg(bar)] mod more { Q struct More; }"),
        ];
        let expected = [
            r#"On src/lib.rs if feature = "small""#,
            r#"Inline src/lib.rs if all(unix, not(feature = "large"))"#,
            r#"Deep src/lib.rs if all(unix, not(feature = "large"), foo)"#,
            "File src/file.rs if all(unix, not(windows), any(not(foo), unix))",
            "Always src/lib.rs if any(not(windows), bar)",
        ];
        check("configuration", &files, &expected);
    }

    #[test]
    fn the_attribute_may_be_conditional() {
        let root = r#"
            #[cfg_attr(feature = "small", derive(Debug), quantize(model = "s", calibration = "c"))]
            #[cfg_attr(not(feature = "small"), quantize(model = "l", calibration = "c"))]
            struct Twin;
            #[cfg_attr(unix, cfg_attr(foo, quantize_runtime::quantize(model = "m")))] struct Nested;
            #[cfg_attr(all(unix, windows), quantize(model = "m"))] struct Plain;
            #[cfg(unix)] Q struct Two;
            #[cfg(not(unix))] Q struct Two;
        "#;
        let expected = [
            r#"Twin src/lib.rs if feature = "small""#,
            "Nested src/lib.rs if all(unix, foo)",
            "Two src/lib.rs if unix",
        ];
        check("conditional", &[("src/lib.rs", root)], &expected);
    }

    #[test]
    fn paths_may_be_conditional() {
        let root = r#"
            #[cfg_attr(windows, path = "windows.rs")] #[cfg_attr(unix, path = "unix.rs")] mod system;
            #[cfg_attr(windows, path = "windows.rs")] mod plain;
            #[cfg_attr(unix, path = "folder")] mod inline { mod inside; }
            #[cfg_attr(test, path = "fake.rs")] mod real;
        "#;
        let files = [
            ("src/lib.rs", root),
            ("src/windows.rs", "Q struct Windows;"),
            ("src/unix.rs", "Q struct Unix;"),
            ("src/plain.rs", "Q struct Plain;"),
            ("src/folder/inside.rs", "Q struct Inside;"),
            ("src/fake.rs", "Q struct Fake;"),
            ("src/real.rs", "Q struct Real;"),
        ];
        let expected = [
            "Unix src/unix.rs if all(not(windows), unix)",
            "Plain src/plain.rs if not(windows)",
            "Inside src/folder/inside.rs",
            "Fake src/fake.rs if test",
            "Real src/real.rs if not(test)",
        ];
        check("paths", &files, &expected);
    }

    #[test]
    fn tests_share_the_results_of_the_program() {
        let root = "#[cfg(test)] mod t { Q struct A; } #[cfg(all(test, windows))] mod u; #[cfg(not(test))] mod v { Q struct V; }";
        let expected = ["A src/lib.rs if test", "V src/lib.rs if not(test)"];
        check("tests", &[("src/lib.rs", root), ("src/u.rs", "Q struct U;")], &expected);
    }

    #[test]
    fn a_file_of_two_programs_is_one_site() {
        let files =
            [("src/lib.rs", "mod net;"), ("src/main.rs", "mod net; mod main;"), ("src/net.rs", "Q struct Net;")];
        check("shared", &files, &["Net src/net.rs"]);
    }

    #[test]
    fn equal_names_in_two_files_get_different_stems() {
        let (sites, ..) = scanned("clash", &[("src/lib.rs", "mod a; Q struct Net;"), ("src/a.rs", "Q struct Net;")]);
        let stems: BTreeSet<&str> = sites.iter().filter_map(|site| site.split(' ').next()).collect();
        assert!(stems.len() == 2 && stems.iter().all(|stem| stem.starts_with("Net-")), "{stems:?}");
    }

    #[test]
    fn a_file_under_two_conditions_has_the_weaker_one() {
        let files = [
            ("src/lib.rs", "#[cfg(all(unix, bar))] mod net; #[cfg(foo)] mod other;"),
            ("src/main.rs", "#[cfg(unix)] mod net; mod other;"),
            ("src/net.rs", "Q struct Net;"),
            ("src/other.rs", "Q struct Other;"),
        ];
        check("two-conditions", &files, &["Net src/net.rs if unix", "Other src/other.rs"]);
    }

    fn check_errors(name: &str, files: &[(&str, &str)], sites: &[&str], expected: &[&str]) {
        let (found, _, errors) = scanned(name, files);
        assert_eq!(found, sites);
        assert_eq!(errors, expected);
    }

    #[test]
    fn what_cannot_be_told_apart_is_an_error() {
        let root = "Q struct Net;\nmod b { Q struct Net; }\n\
            #[cfg_attr(test, quantize(model = \"a\"))]\n#[cfg_attr(not(test), quantize(model = \"b\"))]\nstruct Eye;";
        let expected = [
            "src/lib.rs:2: `Net` is the second `#[quantize]` struct of this name in the file; rename one, \
             as generated files are named after struct and file",
            "src/lib.rs:5: `Eye` has two `quantize` in this build, one under `test` and one under `not(test)`; \
             all compilations of the crate share the results of its build script; choose by a feature",
        ];
        check_errors("errors", &[("src/lib.rs", root)], &["Net src/lib.rs", "Eye src/lib.rs if test"], &expected);
    }

    #[test]
    fn what_cannot_be_seen_is_an_error_where_it_decides() {
        let root = "#[cfg(any(bar, unix))] Q struct Fine;\n#[cfg(bar)] struct NoModel;\n\
            #[cfg(bar)] Q struct Net;\n#[cfg_attr(panic = \"abort\", path = \"abort.rs\")] mod plain;";
        let files = [("src/lib.rs", root), ("src/abort.rs", "\n\nQ struct Abort;"), ("src/plain.rs", "")];
        let expected = [
            "src/lib.rs:3: whether `Net` has this `quantize` depends on `bar`, which the build script cannot see: Cargo tells it \
             what RUSTFLAGS set, not what build.rs or `cargo rustc -- --cfg` adds; use a feature of the crate, `feature = \"…\"`",
            "src/abort.rs:3: whether `Abort` has this `quantize` depends on `panic = \"abort\"`, which the build script cannot \
             see: Cargo does not tell it the profile's panic strategy; use a feature of the crate, `feature = \"…\"`",
        ];
        check_errors("unseen", &files, &["Fine src/lib.rs if any(bar, unix)"], &expected);
    }

    #[test]
    fn files_that_fail_are_watched() {
        let root = "mod gone; #[cfg(test)] mod absent; mod broken; #[path = \"../src/lib.rs\"] mod itself;";
        let (sites, files, errors) = scanned("files", &[("src/lib.rs", root), ("src/broken.rs", "struct {")]);
        assert!(sites.is_empty() && errors.is_empty());
        let expected =
            ["Cargo.toml", "src/../src/lib.rs", "src/broken.rs", "src/gone/mod.rs", "src/gone.rs", "src/lib.rs"];
        assert_eq!(files, expected);
    }
}
