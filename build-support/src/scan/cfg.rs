//! Conditions of `#[cfg(…)]` → whether they hold in this build, as far as Cargo tells build scripts.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::{Display, Formatter};
use std::process::Command;

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitBool, LitStr, Token, parenthesized};

/// A condition; its text is the canonical one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Predicate {
    /// `true` or `false`
    Literal(bool),
    /// `unix`
    Name(String),
    /// `feature = "small"`
    Value(String, String),
    /// `not(…)`
    Not(Box<Predicate>),
    /// `all(…)`
    All(Vec<Predicate>),
    /// `any(…)`
    Any(Vec<Predicate>),
    /// What stable Rust does not have, such as `version("1.90")`.
    Other(String),
}

impl Predicate {
    /// The opposite; that of an opposite is the condition itself.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

impl Parse for Predicate {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if let Some(literal) = input.parse::<Option<LitBool>>()? {
            return Ok(Self::Literal(literal.value));
        }
        let name = input.call(Ident::parse_any)?.unraw().to_string();
        if input.parse::<Option<Token![=]>>()?.is_some() {
            return Ok(Self::Value(name, input.parse::<LitStr>()?.value()));
        }
        if !input.peek(syn::token::Paren) {
            return Ok(Self::Name(name));
        }
        let list;
        parenthesized!(list in input);
        let parts = |list: ParseStream<'_>| {
            let parts = Punctuated::<Predicate, Token![,]>::parse_terminated(list)?;
            syn::Result::Ok(parts.into_iter().collect::<Vec<_>>())
        };
        match name.as_str() {
            "all" => Ok(Self::All(parts(&list)?)),
            "any" => Ok(Self::Any(parts(&list)?)),
            "not" => {
                let inner = list.parse()?;
                list.parse::<Option<Token![,]>>()?;
                Ok(Self::Not(Box::new(inner)))
            }
            _ => Ok(Self::Other(format!("{name}({})", list.parse::<proc_macro2::TokenStream>()?))),
        }
    }
}

impl Display for Predicate {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let list = |parts: &[Predicate]| parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Literal(value) => write!(f, "{value}"),
            Self::Name(name) => f.write_str(name),
            Self::Value(name, value) => write!(f, "{name} = {value:?}"),
            Self::Not(inner) => write!(f, "not({inner})"),
            Self::All(parts) => write!(f, "all({})", list(parts)),
            Self::Any(parts) => write!(f, "any({})", list(parts)),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// In every compilation of the crate by this build.
    True,
    /// In none.
    False,
    /// In some of those that share this run of the build script: under `test` the library, for one, is compiled a second time.
    Both,
    /// The build script cannot know: these parts of the condition decide.
    Unknown(BTreeSet<Predicate>),
}

impl Answer {
    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            undecided => undecided,
        }
    }

    /// Whether both hold.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown(mut parts), Self::Unknown(more)) => {
                parts.extend(more);
                Self::Unknown(parts)
            }
            (Self::Unknown(parts), _) | (_, Self::Unknown(parts)) => Self::Unknown(parts),
            (Self::Both, _) | (_, Self::Both) => Self::Both,
            (Self::True, Self::True) => Self::True,
        }
    }
}

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// What differs between compilations of one crate that share a run of its build script: tests, documentation, lints, editors.
const PER_COMPILATION: [&str; 6] = ["test", "doc", "doctest", "docsrs", "clippy", "rust_analyzer"];

/// First version of Cargo that tells build scripts of `debug_assertions`.
const TELLS_DEBUG_ASSERTIONS: (u32, u32) = (1, 93);

/// The configuration of a build, as Cargo describes it to the build script.
#[derive(Clone, Debug, Default)]
pub struct Cfg {
    /// `CARGO_CFG_…` without that prefix; names without values have an empty text, several values are separated by commas.
    variables: BTreeMap<String, String>,
    /// Whether `debug_assertions` are on, once somebody asked; `None` where Cargo does not tell.
    debug_assertions: OnceCell<Option<bool>>,
}

impl Cfg {
    /// That of the build script's own environment.
    pub fn from_env() -> Self {
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix("CARGO_CFG_")?.to_owned();
            Some((name, value.into_string().ok()?))
        });
        Self { variables: variables.collect(), debug_assertions: OnceCell::new() }
    }

    /// That of these `CARGO_CFG_…`, without `debug_assertions`.
    #[cfg(test)]
    pub(crate) fn from_variables(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { variables: variables.collect(), debug_assertions: OnceCell::from(Some(false)) }
    }

    fn debug_assertions(&self) -> Option<bool> {
        let ask = || {
            let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
            // A flag for rustc overrides the profile, which is all that Cargo looks at.
            if flags.contains("debug-assertions") {
                return None;
            }
            let is_on = self.variables.contains_key("DEBUG_ASSERTIONS");
            (is_on || cargo_version() >= Some(TELLS_DEBUG_ASSERTIONS)).then_some(is_on)
        };
        *self.debug_assertions.get_or_init(ask)
    }

    /// Whether the crate's feature is enabled.
    pub fn has_feature(&self, feature: &str) -> bool {
        self.values("feature").is_some_and(|mut values| values.any(|value| value == feature))
    }

    /// Whether the condition holds.
    pub fn answer(&self, condition: &Predicate) -> Answer {
        let all = |parts: &mut dyn Iterator<Item = Answer>| parts.fold(Answer::True, Answer::and);
        match condition {
            Predicate::Literal(value) => Answer::from(*value),
            Predicate::Not(inner) => self.answer(inner).not(),
            Predicate::All(parts) => all(&mut parts.iter().map(|part| self.answer(part))),
            Predicate::Any(parts) => all(&mut parts.iter().map(|part| self.answer(part).not())).not(),
            Predicate::Name(name) if PER_COMPILATION.contains(&name.as_str()) => Answer::Both,
            Predicate::Name(name) | Predicate::Value(name, _) => {
                self.leaf(name, condition).map_or_else(|| unknown(condition), Answer::from)
            }
            Predicate::Other(_) => unknown(condition),
        }
    }

    /// Whether a name is set, or has a value; `None` where Cargo does not tell.
    fn leaf(&self, name: &str, condition: &Predicate) -> Option<bool> {
        let value = match condition {
            Predicate::Value(_, value) => value,
            _ if name == "debug_assertions" => return self.debug_assertions(),
            // With values the variable does not say whether the bare name is set too.
            _ if self.values(name).is_some_and(|mut values| values.all(str::is_empty)) => return Some(true),
            _ => return is_told(name).then_some(false),
        };
        // Cargo separates values with commas and does not escape theirs.
        let is_listed = !value.contains(',') && self.values(name).is_some_and(|mut values| values.any(|v| v == value));
        match name {
            // Cargo asks rustc without the profile's `panic`, so that only the target's and RUSTFLAGS' `abort` is sure.
            "panic" => (self.variables.get("PANIC").map(String::as_str) == Some("abort")).then_some(value == "abort"),
            _ if is_listed => Some(true),
            _ => is_told(name).then_some(false),
        }
    }

    fn values(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        let variable = name.to_uppercase().replace('-', "_");
        self.variables.get(&variable).map(|values| values.split(','))
    }
}

fn unknown(condition: &Predicate) -> Answer {
    Answer::Unknown(BTreeSet::from([condition.clone()]))
}

/// Whether Cargo always tells of the name when it is set. Others can also come from build.rs itself.
fn is_told(name: &str) -> bool {
    name.starts_with("target_") || ["unix", "windows", "feature", "miri"].contains(&name)
}

/// Major and minor version of the Cargo that runs the build script.
fn cargo_version() -> Option<(u32, u32)> {
    let output = Command::new(env::var_os("CARGO")?).arg("--version").output().ok()?;
    version(std::str::from_utf8(&output.stdout).ok()?)
}

/// `cargo 1.93.0 (…)`
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Why the build script cannot see these parts of conditions, and what to write instead.
pub(crate) fn explain(parts: &BTreeSet<Predicate>) -> String {
    let named = parts.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(" and ");
    let reason = |part: &Predicate| match part {
        Predicate::Name(name) if name == "debug_assertions" => {
            "Cargo before 1.93 does not tell it, and with a flag for rustc no version does"
        }
        Predicate::Value(name, _) if name == "panic" => "Cargo does not tell it the profile's panic strategy",
        Predicate::Value(_, value) if value.contains(',') => "Cargo separates values with commas",
        Predicate::Other(_) => "it is not a condition of stable Rust",
        _ => "Cargo tells it what RUSTFLAGS set, not what build.rs or `cargo rustc -- --cfg` adds",
    };
    let reasons: BTreeSet<&str> = parts.iter().map(reason).collect();
    let reasons = reasons.into_iter().collect::<Vec<_>>().join("; ");
    format!("{named}, which the build script cannot see: {reasons}; use a feature of the crate, `feature = \"…\"`")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Cargo 1.95 describes a build for Linux with `RUSTFLAGS='--cfg foo --cfg key="a" --cfg key="b"'`.
    fn cfg() -> Cfg {
        Cfg::from_variables(&[
            ("FEATURE", "default,some-thing,x.y"),
            ("TARGET_OS", "linux"),
            ("TARGET_ABI", ""),
            ("TARGET_FEATURE", "sse,sse2,sse4.1"),
            ("TARGET_HAS_ATOMIC", "16,32,64,8,ptr"),
            ("UNIX", ""),
            ("PANIC", "unwind"),
            ("FOO", ""),
            ("KEY", "a,b"),
        ])
    }

    fn predicate(text: &str) -> Predicate {
        syn::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[track_caller]
    fn check(expected: Answer, conditions: &[&str]) {
        for condition in conditions {
            assert_eq!(cfg().answer(&predicate(condition)), expected, "{condition}");
        }
    }

    #[track_caller]
    fn check_unknown(condition: &str, parts: &[&str]) {
        let parts = parts.iter().map(|part| predicate(part)).collect();
        assert_eq!(cfg().answer(&predicate(condition)), Answer::Unknown(parts), "{condition}");
    }

    #[test]
    fn what_cargo_tells_is_true_or_false() {
        let holding = [
            "true",
            "unix",
            "foo",
            r#"feature = "some-thing""#,
            r#"feature = "x.y""#,
            r#"target_os = "linux""#,
            r#"target_abi = """#,
            r#"target_feature = "sse4.1""#,
            r#"target_has_atomic = "ptr""#,
            r#"key = "b""#,
            r#"key = r"b""#,
        ];
        check(Answer::True, &holding);
        let failing = [
            "false",
            "windows",
            "target_os",
            r#"feature = "some_thing""#,
            r#"feature = "sse""#,
            r#"target_feature = "avx""#,
            r#"target_thread_local = "x""#,
            "debug_assertions",
        ];
        check(Answer::False, &failing);
    }

    #[test]
    fn operators_combine() {
        check(Answer::True, &["all()", "not(any())", "not(windows)", "all(unix, foo,)", "any(windows, not(not(foo)))"]);
        check(Answer::False, &["any()", "not(all())", "all(unix, windows)", "any(windows, not(foo),)"]);
    }

    #[test]
    fn tests_and_documentation_are_compiled_beside_the_program() {
        check(Answer::Both, &["test", "not(test)", "all(test, unix)", "any(doc, windows)", "all(test, not(test))"]);
        check(Answer::True, &["any(test, unix)"]);
        check(Answer::False, &["all(test, windows)"]);
        check_unknown("any(test, bar)", &["bar"]);
    }

    #[test]
    fn what_cargo_does_not_tell_is_unknown_where_it_decides() {
        check_unknown("bar", &["bar"]);
        check_unknown(r#"key = "c""#, &[r#"key = "c""#]);
        check_unknown(r#"key = "a,b""#, &[r#"key = "a,b""#]);
        check_unknown("key", &["key"]);
        check_unknown(r#"panic = "unwind""#, &[r#"panic = "unwind""#]);
        check_unknown(r#"version("1.90")"#, &[r#"version("1.90")"#]);
        check_unknown("all(bar, unix, not(baz))", &["bar", "baz"]);
        check(Answer::False, &["all(bar, windows)"]);
        check(Answer::True, &["any(bar, unix)"]);
    }

    #[test]
    fn a_target_that_aborts_always_does() {
        let mut cfg = cfg();
        cfg.variables.insert("PANIC".to_owned(), "abort".to_owned());
        assert_eq!(cfg.answer(&predicate(r#"panic = "abort""#)), Answer::True);
        assert_eq!(cfg.answer(&predicate(r#"panic = "unwind""#)), Answer::False);
    }

    #[test]
    fn texts_are_canonical() {
        for (text, canonical) in [
            (r##"all( feature=r#"a"#,not( r#unix ) , )"##, r#"all(feature = "a", not(unix))"#),
            ("any()", "any()"),
            ("true", "true"),
        ] {
            assert_eq!(predicate(text).to_string(), canonical);
            assert_eq!(predicate(canonical), predicate(text));
        }
        assert!(syn::parse_str::<Predicate>("not(a, b)").is_err());
        assert!(syn::parse_str::<Predicate>("feature = 3").is_err());
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(version("cargo 1.93.0-nightly (083ac5135 2026-01-01)"), Some((1, 93)));
        assert_eq!(version(""), None);
    }
}
