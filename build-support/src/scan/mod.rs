//! The crate's source files → every struct with `#[quantize(…)]`.

mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use quantize_syntax::{Attr, manifest};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Fields, Item, ItemMod, ItemStruct, Lit, Meta, Token};

/// A struct that asks for a runner.
#[derive(Debug)]
pub struct Site {
    /// Name of the struct.
    pub name: String,
    /// Name of its generated files, without extension.
    pub stem: String,
    /// The attribute's arguments.
    pub attr: Attr,
    /// The file it is in.
    pub file: PathBuf,
    /// The same file as the manifest names it, see [`manifest::source_path`].
    pub source: String,
}

/// What a crate's sources contain.
#[derive(Debug, Default)]
pub struct Scan {
    /// Structs whose attribute can be read; the macro reports the others. In the order of targets and modules.
    pub sites: Vec<Site>,
    /// Every file that was read or looked for: when one of them changes, the crate must be scanned again.
    pub files: Vec<PathBuf>,
    /// What the macro cannot report because it does not run or does not find a manifest.
    pub errors: Vec<String>,
}

/// Follows the modules of every target of a crate.
///
/// Structs in function bodies, in what macros expand to, in included files and under `cfg(test)` are not found;
/// other `cfg` conditions are taken as true. Files that are missing or do not parse are left to the compiler to report.
pub fn scan(manifest_dir: &Path) -> Scan {
    let manifest = manifest_dir.join("Cargo.toml");
    let roots = targets::roots(manifest_dir, &fs::read_to_string(&manifest).unwrap_or_default());
    let mut scanner = Scanner { manifest_dir: manifest_dir.to_owned(), ..Scanner::default() };
    scanner.files.insert(manifest);
    for root in roots {
        scanner.file(&root, None);
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

impl Place {
    /// Candidates for the file of a module declared here, the usual one first, with the folder that its own modules get.
    fn files(&self, module: &ItemMod) -> Vec<(PathBuf, Option<String>)> {
        if let Some(path) = path_attribute(&module.attrs) {
            return vec![(self.folder.join(path), None)];
        }
        let name = module.ident.unraw().to_string();
        let folder = self.modules();
        vec![(folder.join(format!("{name}.rs")), Some(name.clone())), (folder.join(name).join("mod.rs"), None)]
    }

    /// The place inside `mod x { … }`; its `#[path]` names a folder.
    fn inside(&self, module: &ItemMod) -> Place {
        let folder = match path_attribute(&module.attrs) {
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

#[derive(Default)]
struct Scanner {
    manifest_dir: PathBuf,
    files: BTreeSet<PathBuf>,
    /// Files, links resolved, with the folder of their modules: one that contains itself or has two parents is followed once.
    followed: BTreeSet<(PathBuf, Option<String>)>,
    /// Structs by file, as the macro sees them: a file that is part of two programs has them once.
    sites: BTreeMap<String, Vec<Site>>,
    /// Keys of `sites` in the order they were found.
    order: Vec<String>,
    errors: Vec<String>,
}

impl Scanner {
    fn file(&mut self, file: &Path, below: Option<String>) {
        self.files.insert(file.to_owned());
        let Ok(real) = file.canonicalize() else { return };
        if !self.followed.insert((real, below.clone())) {
            return;
        }
        let Ok(text) = fs::read_to_string(file) else { return };
        let Ok(parsed) = syn::parse_file(&text) else { return };
        if is_test_only(&parsed.attrs) {
            return;
        }
        let source = manifest::source_path(&self.manifest_dir, file);
        let folder = file.parent().expect("a file is in a folder").to_owned();
        let place = Place { folder, below };
        let known = self.sites.contains_key(&source);
        let mut structs = Vec::new();
        self.items(&parsed.items, &place, &mut structs);
        if !known {
            self.structs(file, source, &structs);
        }
    }

    /// Follows the modules among `items` and gathers the structs of the file.
    fn items<'i>(&mut self, items: &'i [Item], place: &Place, structs: &mut Vec<&'i ItemStruct>) {
        for item in items {
            match item {
                Item::Struct(item) if !is_test_only(&item.attrs) => structs.push(item),
                Item::Mod(module) if !is_test_only(&module.attrs) => match &module.content {
                    Some((_, items)) => self.items(items, &place.inside(module), structs),
                    None => self.module_file(place.files(module)),
                },
                _ => {}
            }
        }
    }

    fn module_file(&mut self, candidates: Vec<(PathBuf, Option<String>)>) {
        match candidates.iter().find(|(file, _)| file.is_file()) {
            Some((file, below)) => self.file(file, below.clone()),
            None => self.files.extend(candidates.into_iter().map(|(file, _)| file)),
        }
    }

    fn structs(&mut self, file: &Path, source: String, structs: &[&ItemStruct]) {
        let mut sites: Vec<Site> = Vec::new();
        for item in structs {
            let name = item.ident.unraw().to_string();
            if item.attrs.iter().any(has_conditional_quantize) {
                let line = item.ident.span().start().line;
                self.errors.push(format!(
                    "{source}:{line}: `{name}` has `quantize` inside `cfg_attr`, where it cannot be read; \
                     write `#[quantize(…)]` and put `#[cfg(…)]` on the struct"
                ));
            }
            let arguments = item.attrs.iter().find_map(quantize_arguments);
            let Some(Ok(attr)) = arguments.map(Attr::parse) else { continue };
            if !matches!(item.fields, Fields::Unit) {
                continue;
            }
            if sites.iter().any(|site| site.name == name) {
                let line = item.ident.span().start().line;
                self.errors.push(format!(
                    "{source}:{line}: `{name}` is the second `#[quantize]` struct of this name in the file; rename one, \
                     as generated files are named after struct and file"
                ));
                continue;
            }
            sites.push(Site { stem: name.clone(), name, attr, file: file.to_owned(), source: source.clone() });
        }
        self.order.push(source.clone());
        self.sites.insert(source, sites);
    }

    fn finish(mut self) -> Scan {
        let mut sites: Vec<Site> = self.order.iter().flat_map(|source| self.sites.remove(source)).flatten().collect();
        let names: Vec<(&str, &str)> = sites.iter().map(|site| (site.name.as_str(), site.source.as_str())).collect();
        let stems = manifest::stems(&names);
        for (site, stem) in sites.iter_mut().zip(stems) {
            site.stem = stem;
        }
        Scan { sites, files: self.files.into_iter().collect(), errors: self.errors }
    }
}

/// The tokens in `#[quantize(…)]`, by whatever path the macro is named.
fn quantize_arguments(attribute: &Attribute) -> Option<proc_macro2::TokenStream> {
    match &attribute.meta {
        Meta::List(list) if is_quantize(&attribute.meta) => Some(list.tokens.clone()),
        _ => None,
    }
}

fn is_quantize(meta: &Meta) -> bool {
    meta.path().segments.last().is_some_and(|segment| segment.ident == "quantize")
}

/// `#[cfg_attr(condition, …, quantize(…))]`
fn has_conditional_quantize(attribute: &Attribute) -> bool {
    let parts = || attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    attribute.path().is_ident("cfg_attr") && parts().is_ok_and(|parts| parts.iter().skip(1).any(is_quantize))
}

/// Whether `#[cfg(…)]` asks for `test`.
fn is_test_only(attributes: &[Attribute]) -> bool {
    let asks = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|condition| asks_for_test(&condition))
    };
    attributes.iter().any(asks)
}

fn asks_for_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            parts.is_ok_and(|parts| parts.iter().any(asks_for_test))
        }
        _ => false,
    }
}

/// The text of `#[path = "…"]`.
fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUANTIZE: &str = r#"#[quantize(model = "m.onnx", calibration = "c.npy")]"#;

    /// Writes a crate (`Q` stands for an attribute) and gives what the scan finds, with the names of the crate's folder removed.
    fn scanned(name: &str, files: &[(&str, &str)]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let folder = std::env::temp_dir().join(format!("quantize-scan-{}-{name}", std::process::id()));
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("temporary folder");
            fs::write(path, text.replace("Q ", QUANTIZE)).expect("temporary file");
        }
        let Scan { sites, files, errors } = scan(&folder);
        fs::remove_dir_all(&folder).expect("temporary folder");
        let sites = sites.iter().map(|site| format!("{} {}", site.stem, site.source)).collect();
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
        let manifest =
            "[lib]\npath = 'source/it.rs'\n[[bin]]\nname = 'b'\npath = 'b.rs'\n[[test]]\npath = 'missing.rs'";
        let files = [
            ("Cargo.toml", manifest),
            ("source/it.rs", "Q struct Lib;"),
            ("b.rs", "Q struct Declared;"),
            ("src/main.rs", "Q struct Main;"),
            ("src/bin/one.rs", "Q struct One;"),
            ("src/bin/two/main.rs", "Q struct Two;"),
            ("src/bin/two/other.rs", "Q struct Unused;"),
            ("examples/show.rs", "Q struct Show;"),
            ("tests/works.rs", "Q struct Works;"),
        ];
        let expected = [
            "Main src/main.rs",
            "One src/bin/one.rs",
            "Two src/bin/two/main.rs",
            "Show examples/show.rs",
            "Works tests/works.rs",
            "Lib source/it.rs",
            "Declared b.rs",
        ];
        check("targets", &files, &expected);
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
            #[cfg(feature = "x")] Q struct C;
        "#;
        check("path", &[("src/lib.rs", root)], &["A src/lib.rs", "B src/lib.rs", "C src/lib.rs"]);
    }

    #[test]
    fn test_modules_are_left_out() {
        let root =
            "#[cfg(test)] mod t { Q struct A; } #[cfg(all(test, unix))] mod u; #[cfg(not(test))] mod v { Q struct V; }";
        check("tests", &[("src/lib.rs", root), ("src/u.rs", "Q struct U;")], &["V src/lib.rs"]);
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
    fn what_cannot_be_told_apart_is_an_error() {
        let root = "Q struct Net;\nmod b { Q struct Net; }\n#[cfg_attr(unix, derive(Debug), quantize(model = 1))]\nstruct Eye;";
        let (sites, _, errors) = scanned("errors", &[("src/lib.rs", root)]);
        assert_eq!(sites, ["Net src/lib.rs"]);
        let expected = [
            "src/lib.rs:4: `Eye` has `quantize` inside `cfg_attr`, where it cannot be read; \
             write `#[quantize(…)]` and put `#[cfg(…)]` on the struct",
            "src/lib.rs:2: `Net` is the second `#[quantize]` struct of this name in the file; rename one, \
             as generated files are named after struct and file",
        ];
        let mut errors = errors;
        errors.sort_by_key(|error| error.contains("`Net`"));
        assert_eq!(errors, expected);
    }

    #[test]
    fn files_that_fail_are_watched() {
        let root = "mod gone; mod broken; #[path = \"../src/lib.rs\"] mod itself;";
        let (sites, files, errors) = scanned("files", &[("src/lib.rs", root), ("src/broken.rs", "struct {")]);
        assert!(sites.is_empty() && errors.is_empty());
        let expected =
            ["Cargo.toml", "src/../src/lib.rs", "src/broken.rs", "src/gone/mod.rs", "src/gone.rs", "src/lib.rs"];
        assert_eq!(files, expected);
    }
}
