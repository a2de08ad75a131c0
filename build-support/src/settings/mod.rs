//! quantize.toml: configurations and profiles that attributes share → attributes as meant, by [`Settings::apply`].

mod file;
mod merge;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use quantize_syntax::attr::{Attr, Config};
use quantize_syntax::lock::Key;
use quantize_syntax::manifest::source_path;
use quantize_syntax::{ArgPath, Diagnostics};

use crate::scan::cfg::{Answer, Cfg, explain};
use crate::scan::{Scan, Site};
use file::{File, Line, Selection, suggestion};
use merge::{Chosen, merge};

pub use merge::Origins;

/// Name of the file.
const NAME: &str = "quantize.toml";

/// What quantize.toml says for this build.
#[derive(Debug, Default)]
pub struct Settings {
    /// The file that was read, which must be watched.
    pub path: Option<PathBuf>,
    /// Variables of the environment that choose profiles.
    pub variables: BTreeSet<String>,
    /// Path of the file from the crate's folder, with `/`.
    shown: String,
    file: File,
    /// Selections whose condition holds, with the profile that they choose.
    selections: Vec<Held>,
}

/// A selection whose condition holds.
#[derive(Debug)]
struct Held {
    profile: String,
    models: Vec<String>,
}

impl Settings {
    /// Reads the file beside the crate's Cargo.toml, else that beside its workspace's; without one nothing is set.
    ///
    /// # Errors
    ///
    /// When the file is there but cannot be read.
    pub fn read(manifest_dir: &Path, cfg: &Cfg) -> std::io::Result<Self> {
        let Some(path) = find(manifest_dir) else { return Ok(Self::default()) };
        let text = fs::read_to_string(&path)?;
        let shown = source_path(manifest_dir, &path);
        let variable = |name: &str| std::env::var(name).ok();
        Ok(Self { path: Some(path), ..Self::new(shown, &text, cfg, variable) })
    }

    fn new(shown: String, text: &str, cfg: &Cfg, variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut settings = Self { shown, file: file::read(text), ..Self::default() };
        let selections = std::mem::take(&mut settings.file.selections);
        for Line { line, value: selection } in &selections {
            settings.variables.extend(selection.env.clone());
            let mut is_held = true;
            match selection.cfg.as_ref().map(|condition| (condition, cfg.answer(condition))) {
                None | Some((_, Answer::True)) => {}
                Some((_, Answer::False)) => is_held = false,
                Some((condition, Answer::Both)) => settings.mistake(
                    *line,
                    format!("`{condition}` differs between compilations that share one run of the build script; use a feature"),
                ),
                Some((_, Answer::Unknown(parts))) => settings.mistake(*line, format!("`cfg` depends on {}", explain(&parts))),
            }
            let value = selection.env.as_ref().map(|name| (name, variable(name).unwrap_or_default()));
            let mut profile = selection.profile.clone();
            if let Some((name, value)) = value.filter(|_| is_held) {
                is_held = selection.value.as_ref().map_or(!value.is_empty(), |expected| *expected == value);
                if is_held && profile.is_none() {
                    if !settings.file.profiles.contains_key(&value) {
                        let advice = settings.file.nearest_profiles(&value);
                        let message =
                            format!("the environment variable `{name}` is `{value}`, which is no profile; {advice}");
                        settings.mistake(*line, message);
                    }
                    profile = Some(value);
                }
            }
            if let Some(profile) = profile.filter(|_| is_held) {
                settings.selections.push(Held { profile, models: selection.models.clone() });
            }
        }
        settings.file.selections = selections;
        settings.file.mistakes.sort_by_key(|mistake| mistake.line);
        settings
    }

    fn mistake(&mut self, line: usize, message: String) {
        self.file.mistakes.push(Line { line, value: message });
    }

    /// Every mistake in the file, as `quantize.toml:3: …`.
    pub fn mistakes(&self) -> impl Iterator<Item = String> {
        self.file.mistakes.iter().map(|Line { line, value }| format!("{}:{line}: {value}", self.shown))
    }

    /// Whether there are no mistakes.
    pub fn is_sound(&self) -> bool {
        self.file.mistakes.is_empty()
    }

    /// Replaces the attribute as written by that which is meant: with the arguments of the chosen profile, and configurations
    /// instead of their names. What is missing becomes a problem of the site. Where a selection decides about it, the profile is a
    /// part of the site's condition.
    pub fn apply(&self, site: &mut Site) {
        let mut problems = Diagnostics::default();
        let written = &site.attr;
        let chosen = match &written.profile_from {
            Some(name) => self.profile(&name.value, ArgPath::ProfileFrom).or_else(|| {
                problems.error(ArgPath::ProfileFrom, self.no_profile(&name.value));
                None
            }),
            None => {
                let is_for = |held: &&Held| held.models.is_empty() || held.models.contains(&site.name);
                let held = self.selections.iter().find(is_for);
                held.and_then(|held| self.profile(&held.profile, ArgPath::Attribute))
            }
        };
        self.check_configs(written, &mut problems);
        if written.profile_from.is_none() && self.selections_for(&site.name).next().is_some() {
            site.when = Some(with_profile(site.when.as_deref(), chosen.as_ref().map(|chosen| chosen.name)));
        }
        let (attr, origins) = merge(written, chosen.as_ref(), &self.shown, |name| self.config(name));
        if let (true, Some(profile), false) =
            (attr.model.value.is_empty(), &written.profile_from, problems.has_errors())
        {
            let place = self.file.profiles.get(&profile.value).map_or(0, |profile| profile.line);
            let writer = site.spelling("the attribute", "the build script");
            let message = format!(
                "neither {writer} nor profile `{}` ({}:{place}) names a model; add `model = \"models/….onnx\"`",
                profile.value, self.shown
            );
            problems.error(ArgPath::ProfileFrom, message);
        }
        site.is_complete &= !problems.has_errors();
        (site.attr, site.origins, site.problems) = (attr, origins, problems);
    }

    /// Which models any build of these sources may have, of those that the scan found: each with every profile that a
    /// selection may choose for it. Sorted.
    pub(crate) fn variants(&self, scan: &Scan) -> Vec<Key> {
        let present = scan.sites.iter().map(|site| (&site.name, &site.source, &site.when, &site.attr));
        let absent = scan.absent.iter().map(|absent| (&absent.name, &absent.source, &absent.when, &absent.attr));
        let mut keys = BTreeSet::new();
        for (name, source, when, attr) in present.chain(absent) {
            let whens = match self.selectable(name).filter(|_| attr.profile_from.is_none()) {
                None => vec![when.clone()],
                Some(profiles) => {
                    profiles.into_iter().map(|profile| Some(with_profile(when.as_deref(), profile))).collect()
                }
            };
            keys.extend(whens.into_iter().map(|when| Key { name: name.clone(), source: source.clone(), when }));
        }
        keys.into_iter().collect()
    }

    /// The selections that may be for this struct.
    fn selections_for(&self, name: &str) -> impl Iterator<Item = &Selection> {
        let selections = self.file.selections.iter().map(|line| &line.value);
        selections
            .filter(move |selection| selection.models.is_empty() || selection.models.iter().any(|model| model == name))
    }

    /// The profiles that selections may choose for this struct, `None` for no profile; none at all where no selection is for it.
    fn selectable(&self, name: &str) -> Option<Vec<Option<&str>>> {
        let mut profiles = Vec::new();
        let mut selections = self.selections_for(name).peekable();
        selections.peek()?;
        for selection in selections {
            match &selection.profile {
                Some(profile) => profiles.push(Some(profile.as_str())),
                None => profiles.extend(self.file.profiles.keys().map(|profile| Some(profile.as_str()))),
            }
            if selection.cfg.is_none() && selection.env.is_none() {
                return Some(profiles);
            }
        }
        profiles.push(None);
        Some(profiles)
    }

    fn profile(&self, name: &str, at: ArgPath) -> Option<Chosen<'_>> {
        let (name, profile) = self.file.profiles.get_key_value(name)?;
        Some(Chosen { name, arguments: &profile.value, at })
    }

    fn config(&self, name: &str) -> Option<Line<Config>> {
        let Line { line, value } = self.file.configs.get(name)?;
        value.clone().map(|value| Line { line: *line, value })
    }

    fn no_profile(&self, name: &str) -> String {
        match &self.path {
            None => format!("no profile `{name}`: {}", missing(&format!("[profile.{name}]"))),
            Some(_) => format!("no profile `{name}` in {}; {}", self.shown, self.file.nearest_profiles(name)),
        }
    }

    /// Reports names of configurations that are not there, or are not for operators.
    fn check_configs(&self, written: &Attr, problems: &mut Diagnostics) {
        let global = written.global.iter().map(|config| (ArgPath::Global, config, true));
        let rules = written.rules.iter().enumerate().map(|(index, rule)| {
            let at = match written.path_of(index) {
                ArgPath::Rule(list, index) => ArgPath::Config(list, index),
                end => end,
            };
            let is_for_operators = rule.value.selector.list().is_some();
            (at, &rule.value.config, is_for_operators)
        });
        for (at, config, is_for_operators) in global.chain(rules) {
            let Config::Named(name) = &config.value else { continue };
            let Some(Line { line, value }) = self.file.configs.get(name) else {
                let message = match &self.path {
                    None => format!(
                        "no configuration `{name}`: {}",
                        missing(&format!("{name} = \"int8\"` under `[config]"))
                    ),
                    Some(_) => {
                        let known: Vec<&str> = self.file.configs.keys().map(String::as_str).collect();
                        let advice = match known.is_empty() {
                            true => format!("write `{name} = \"int8\"` under `[config]` in it"),
                            false => suggestion(name, &known),
                        };
                        format!("no configuration `{name}` in {}; {advice}", self.shown)
                    }
                };
                problems.error(at, message);
                continue;
            };
            let fault = value.as_ref().filter(|_| is_for_operators).and_then(Config::not_for_operators);
            if let Some(message) = fault {
                problems.error(at, format!("{message}\n`{name}` is from {}:{line}", self.shown));
            }
        }
    }

    /// Whether the attribute takes something from the file, so that its mistakes may be the attribute's.
    pub fn concerns(&self, site: &Site) -> bool {
        let is_named = |config: &Config| matches!(config, Config::Named(_));
        let configs = site.attr.rules.iter().map(|rule| &rule.value.config).chain(&site.attr.global);
        let is_selected = !self.file.selections.is_empty();
        site.attr.profile_from.is_some() || is_selected || configs.into_iter().any(|config| is_named(&config.value))
    }

    /// Configurations and profiles that no attribute and no selection uses, and selections for structs that are not there.
    pub fn unused(&self, scan: &Scan) -> Vec<String> {
        let attributes = || scan.sites.iter().map(|site| (&site.name, &site.attr));
        let all = || attributes().chain(scan.absent.iter().map(|absent| (&absent.name, &absent.attr)));
        let mut configs = self.file.used_configs.clone();
        let mut profiles: BTreeSet<&str> = BTreeSet::new();
        for (_, attr) in all() {
            let named = attr.rules.iter().map(|rule| &rule.value.config).chain(&attr.global);
            configs.extend(named.filter_map(|config| match &config.value {
                Config::Named(name) => Some(name.clone()),
                Config::None | Config::Quantized(_) => None,
            }));
            profiles.extend(attr.profile_from.as_ref().map(|profile| profile.value.as_str()));
        }
        let selections = || self.file.selections.iter().map(|selection| &selection.value);
        profiles.extend(selections().filter_map(|selection| selection.profile.as_deref()));
        let is_any_chosen = selections().any(|selection| selection.profile.is_none());
        let mut unused: Vec<(usize, String)> = Vec::new();
        for (name, config) in self.file.configs.iter().filter(|(name, _)| !configs.contains(*name)) {
            unused.push((config.line, format!("nothing uses the configuration `{name}`; remove it")));
        }
        for (name, profile) in self.file.profiles.iter().filter(|(name, _)| !profiles.contains(name.as_str())) {
            if !is_any_chosen {
                unused.push((profile.line, format!("nothing uses the profile `{name}`; remove it")));
            }
        }
        let names: Vec<&str> = all().map(|(name, _)| name.as_str()).collect();
        for Line { line, value } in &self.file.selections {
            for model in value.models.iter().filter(|model| !names.contains(&model.as_str())) {
                let advice = if names.is_empty() { "remove it".to_owned() } else { suggestion(model, &names) };
                unused.push((*line, format!("no `#[quantize]` struct is named `{model}`; {advice}")));
            }
        }
        unused.sort();
        unused.into_iter().map(|(line, message)| format!("{}:{line}: {message}", self.shown)).collect()
    }
}

fn missing(text: &str) -> String {
    format!("there is no {NAME} beside Cargo.toml or the workspace's; write `{text}` in a new one")
}

/// A condition with the profile that is chosen under it.
fn with_profile(when: Option<&str>, profile: Option<&str>) -> String {
    let condition = when.map_or_else(String::new, |when| format!("{when}, "));
    format!("{condition}profile = {}", profile.map_or_else(|| "none".to_owned(), |profile| format!("{profile:?}")))
}

/// The file of the crate, else that of its workspace.
fn find(manifest_dir: &Path) -> Option<PathBuf> {
    let own = manifest_dir.join(NAME);
    if own.is_file() {
        return Some(own);
    }
    let above = |folder: &&Path| folder.join(NAME).is_file() && folder.join("Cargo.toml").is_file();
    // Cargo knows which of the folders above is the workspace's; most crates have none with both files.
    manifest_dir.ancestors().skip(1).find(above)?;
    let output = Command::new(std::env::var_os("CARGO")?)
        .args(["locate-project", "--workspace", "--message-format=plain", "--offline", "--manifest-path"])
        .arg(manifest_dir.join("Cargo.toml"))
        .output()
        .ok()?;
    let root = PathBuf::from(std::str::from_utf8(&output.stdout).ok()?.trim());
    let shared = root.parent()?.join(NAME);
    shared.is_file().then_some(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
[config]
careful = "int8(observer = mse)"
ends = "uint8"

[profile.small]
global = "careful"
io = "ends"
shape = { x = [1, 4] }
module = [{ name = "a", config = "None" }]
op = [{ target = "aten.relu.default", config = "a16w8" }]
calibration = "small.npy"
profile = "full"

[[profile.small.node]]
name = "n"
config = "snorm"

[profile.large]
model = "large.onnx"
calibration = { x = "x.npy", y = "y.npy" }
precedence = "legacy"
module = { type = "T", config = "int8(per_tensor)" }

[[select]]
env = "MODE"
models = ["Chosen"]

[[select]]
cfg = 'feature = "tiny"'
profile = "small"

[[select]]
cfg = 'unix'
env = "SIZE"
value = "large"
profile = "large"
"#;

    fn settings(text: &str, features: &str, variables: &[(&str, &str)]) -> Settings {
        let cfg = Cfg::from_variables(&[("UNIX", ""), ("FEATURE", features)]);
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let path = Some(PathBuf::from(NAME));
        Settings { path, ..Settings::new(NAME.to_owned(), text, &cfg, variable) }
    }

    fn site(arguments: &str) -> Site {
        let attr =
            Attr::parse(arguments.parse().expect("tokens")).unwrap_or_else(|error| panic!("{arguments}: {error}"));
        Site {
            name: "Net".to_owned(),
            stem: "Net".to_owned(),
            written: attr.to_string(),
            attr,
            is_complete: true,
            mistakes: Vec::new(),
            when: None,
            origins: Origins::default(),
            problems: Diagnostics::default(),
            file: PathBuf::new(),
            source: "src/lib.rs".to_owned(),
        }
    }

    fn applied(settings: &Settings, arguments: &str) -> Site {
        let mut site = site(arguments);
        settings.apply(&mut site);
        site
    }

    #[track_caller]
    fn check(settings: &Settings, arguments: &str, expected: &str) {
        let site = applied(settings, arguments);
        assert_eq!(site.attr.to_string(), expected, "{arguments}");
        assert_eq!(site.problems.into_vec(), []);
        let origins = site.origins.texts();
        let named: Vec<String> = site.attr.arguments().into_iter().map(|(path, _)| path.to_string()).collect();
        assert!(named.iter().all(|argument| origins.contains_key(argument)), "{named:?} {origins:?}");
    }

    #[test]
    fn arguments_win_over_the_profile_and_its_rules_come_first() {
        let settings = settings(FILE, "", &[]);
        assert_eq!(settings.mistakes().collect::<Vec<_>>(), [""; 0]);
        check(
            &settings,
            r#"model = "m", profile_from = "small""#,
            r#"model = "m", calibration = "small.npy", shape(x = [1, 4]), global = int8(per_channel, observer = mse), io = uint8, module(name = "a", config = None), op(target = "aten.relu.default", config = a16w8(per_channel)), node(name = "n", config = snorm(per_channel)), profile = full"#,
        );
        check(
            &settings,
            r#"model = "m", profile_from = "small", calibration = "own.npy", shape(y = [2]), global = None, io = int8,
               module(name = "b", config = "careful"), node(name = "n", config = None), profile = int"#,
            r#"model = "m", calibration = "own.npy", shape(y = [2], x = [1, 4]), global = None, module(name = "a", config = None), op(target = "aten.relu.default", config = a16w8(per_channel)), io = int8(per_channel), module(name = "b", config = int8(per_channel, observer = mse)), node(name = "n", config = None)"#,
        );
    }

    #[test]
    fn the_older_quantizer_reads_the_attribute_first() {
        check(
            &settings(FILE, "", &[]),
            r#"profile_from = "large", module(name = "b", config = None)"#,
            r#"model = "large.onnx", calibration(x = "x.npy", y = "y.npy"), module(name = "b", config = None), module(type = "T", config = int8(per_tensor)), precedence = legacy"#,
        );
    }

    #[test]
    fn an_attribute_without_the_file_means_what_it_says() {
        check(&settings("", "", &[]), r#"model = "m", crate = a::b, profile = int"#, r#"model = "m", crate = a::b"#);
        check(&Settings::default(), r#"model = "m", global = int8"#, r#"model = "m", global = int8(per_channel)"#);
    }

    #[test]
    fn the_first_selection_that_holds_chooses() {
        let chosen = |features: &str, variables: &[(&str, &str)], name: &str| {
            let mut site = Site { name: name.to_owned(), ..site(r#"model = "m""#) };
            site.when = Some("unix".to_owned());
            let settings = settings(FILE, features, variables);
            assert_eq!(Vec::from_iter(&settings.variables), ["MODE", "SIZE"]);
            settings.apply(&mut site);
            site.when.expect("it has one")
        };
        assert_eq!(chosen("", &[], "Net"), "unix, profile = none");
        assert_eq!(chosen("tiny", &[("MODE", "large")], "Net"), "unix, profile = \"small\"");
        assert_eq!(chosen("tiny", &[("MODE", "large")], "Chosen"), "unix, profile = \"large\"");
        assert_eq!(chosen("", &[("SIZE", "large")], "Net"), "unix, profile = \"large\"");
        assert_eq!(chosen("", &[("SIZE", "other")], "Net"), "unix, profile = none");
        let explicit = applied(&settings(FILE, "tiny", &[]), r#"model = "m", profile_from = "large""#);
        assert!(explicit.when.is_none() && explicit.attr.calibration.is_some());
    }

    #[test]
    fn variants_are_what_any_build_may_have() {
        let text = r#"
[profile.a]
[profile.b]
[[select]]
cfg = "unix"
env = "MODE"
models = ["Net", "Sure"]
[[select]]
profile = "b"
models = ["Sure"]
"#;
        let absent = |name: &str, when: Option<&str>| crate::scan::Absent {
            name: name.to_owned(),
            attr: site(r#"model = "m""#).attr,
            when: when.map(str::to_owned),
            source: "src/lib.rs".to_owned(),
        };
        let named = |name: &str, arguments| Site { name: name.to_owned(), ..site(arguments) };
        let scan = Scan {
            sites: vec![
                site(r#"model = "m""#),
                named("Sure", r#"model = "m""#),
                named("Fixed", r#"model = "m", profile_from = "a""#),
            ],
            absent: vec![absent("Net", Some("windows")), absent("Plain", Some("feature = \"x\""))],
            ..Scan::default()
        };
        let variants = settings(text, "", &[]).variants(&scan);
        let described: Vec<String> =
            variants.iter().map(|key| format!("{} {}", key.name, key.when.as_deref().unwrap_or("always"))).collect();
        let expected = [
            "Fixed always",
            "Net profile = \"a\"",
            "Net profile = \"b\"",
            "Net profile = none",
            "Net windows, profile = \"a\"",
            "Net windows, profile = \"b\"",
            "Net windows, profile = none",
            "Plain feature = \"x\"",
            "Sure profile = \"a\"",
            "Sure profile = \"b\"",
        ];
        assert_eq!(described, expected);
    }

    #[test]
    fn messages_are_about_the_attribute_as_written() {
        let site = applied(
            &settings(FILE, "", &[]),
            r#"model = "m", profile_from = "small", module(name = "b", config = "careful"), output = "ends""#,
        );
        let mut found = Diagnostics::default();
        let paths =
            ["module[0].name", "module[1].name", "module[1].config", "global", "model", "attribute", "calibration[3]"];
        paths.iter().for_each(|path| found.error(ArgPath::from((*path).to_owned()), "wrong"));
        let said: Vec<(String, String)> = found
            .into_vec()
            .into_iter()
            .map(|found| site.origins.as_written(found))
            .map(|found| (found.at.to_string(), found.message))
            .collect();
        let expected = [
            ("profile_from", "wrong\n`module[0]` is from quantize.toml:10, profile `small`"),
            ("module[0].name", "wrong\n`careful` is from quantize.toml:3"),
            ("module[0].config", "wrong\n`careful` is from quantize.toml:3"),
            ("profile_from", "wrong\n`global` is from quantize.toml:7, profile `small`"),
            ("model", "wrong"),
            ("attribute", "wrong"),
            ("profile_from", "wrong\n`calibration` is from quantize.toml:12, profile `small`"),
        ];
        assert_eq!(said, expected.map(|(at, message)| (at.to_owned(), message.to_owned())));
        assert_eq!(site.origins.texts()["output"], "attribute, `ends` of quantize.toml:4");
    }

    #[test]
    fn profiles_may_say_what_is_embedded_and_what_it_may_cost() {
        let text = "[profile.board]\nembed = \"constants\"\nlayout = \"packed\"\nbudget = { flash = \"96 KiB\", ram = \"1 kB\" }\n";
        check(
            &settings(text, "", &[]),
            r#"model = "m", profile_from = "board", budget(ram = "2 kB", macs = "1 M")"#,
            r#"model = "m", embed = constants, layout = packed, budget(flash = "96 KiB", ram = "2 kB", macs = "1 M")"#,
        );
    }

    #[track_caller]
    fn check_problems(settings: &Settings, arguments: &str, expected: &[(&str, &str)]) {
        let problems = applied(settings, arguments).problems.into_vec();
        let found: Vec<(String, &str)> =
            problems.iter().map(|problem| (problem.at.to_string(), problem.message.as_str())).collect();
        let expected: Vec<(String, &str)> = expected.iter().map(|(at, message)| ((*at).to_owned(), *message)).collect();
        assert_eq!(found, expected, "{arguments}");
    }

    #[test]
    fn names_that_are_not_there_are_problems_of_the_attribute() {
        let there = settings(FILE, "", &[]);
        let names = r#"model = "m", profile_from = "smal", global = "carefull", node(name = "n", config = "ends")"#;
        let expected = [
            ("profile_from", "no profile `smal` in quantize.toml; did you mean `small`?"),
            ("global", "no configuration `carefull` in quantize.toml; did you mean `careful`?"),
            (
                "node[0].config",
                "`uint8` is for `io`, `input` and `output` only: operators work on signed integers; use `int8`\n`ends` is from quantize.toml:4",
            ),
        ];
        check_problems(&there, names, &expected);
        let expected = [(
            "profile_from",
            "neither the attribute nor profile `small` (quantize.toml:6) names a model; add `model = \"models/….onnx\"`",
        )];
        check_problems(&there, r#"profile_from = "small""#, &expected);
        let expected = [
            (
                "profile_from",
                "no profile `small`: there is no quantize.toml beside Cargo.toml or the workspace's; write `[profile.small]` in a new one",
            ),
            (
                "io",
                "no configuration `x`: there is no quantize.toml beside Cargo.toml or the workspace's; write `x = \"int8\"` under `[config]` in a new one",
            ),
        ];
        check_problems(&Settings::default(), r#"profile_from = "small", io = "x""#, &expected);
    }

    #[test]
    fn every_mistake_of_the_file_is_reported_with_its_line() {
        let text = r#"
[configs]
[config]
int8 = "int8"
wrong = "int9"
two = "int8(per_chanel, eps = 0)"
number = 3
alias = "two"
[profile]
flat = "x"
[profile.small]
globl = "int8"
global = "twoo"
input = "two"
module = [{ nam = "a", config = "int8" }, { name = "a" }, { name = "a", type = "b", config = "int8" }]
op = "x"
node = [{ name = "n", config = "uint8" }]
crate = "a::b"
budget = { rom = "1 KiB", ram = "1 KB" }
shape = { x = [0] }
calibration = []
precedence = "last"
[[select]]
cfg = 'feature ='
profile = "smal"
[[select]]
cfg = 'bar'
profile = "small"
[[select]]
value = "x"
unless = "y"
[[select]]
profile = "small"
[[select]]
env = "MODE"
"#;
        let found: Vec<String> = settings(text, "", &[("MODE", "tiny")]).mistakes().collect();
        let expected = [
            "2: `configs` is not a section of quantize.toml; did you mean `config`?",
            "4: `int8` is a configuration already; choose another name",
            "5: `int9` is not a configuration; did you mean `int8` or `uint8`?",
            "6: `per_chanel` is not an option of `int8`; did you mean `per_channel`?",
            "6: `eps` is the smallest scale, a number above 0; write `eps = 1.5e-5`",
            r#"7: `number` takes a string; write `number = "int8(per_tensor)"`"#,
            "8: `two` is not a configuration; write `int8`, `int8(per_channel)`, `int8(per_tensor)`, `snorm`, `a16w8`, `a8w4` or `None`",
            r#"10: profile `flat` is not a table; write `[profile.small]` and arguments such as `global = "int8"` under it"#,
            "12: `globl` is not an argument of a profile; did you mean `global`?",
            "13: `twoo` is neither a configuration nor a name under `[config]`; did you mean `two`?",
            "15: `nam` is not an argument of `module`; did you mean `name`?",
            r#"15: `module` has no configuration; write `module = [{ name = "blocks.0", config = "int8" }]`"#,
            "15: `module` has either `name` or `type`; write two rules",
            r#"16: `op` takes rules; write `op = [{ target = "aten.sigmoid.default", config = "int8" }]`"#,
            "17: `uint8` is for `io`, `input` and `output` only: operators work on signed integers; use `int8`",
            "18: `crate` is for the attribute; write it there",
            "19: `rom` is not a limit of `budget`; did you mean `ram`?",
            r#"19: `1 KB` is no size above 0; write a number and one of B, kB, KiB, MB, MiB, GB, GiB, as in `ram = "64 KiB"`"#,
            "20: `x` takes dimensions, whole numbers above 0; write `shape = { features = [1, 3, 96, 96] }`",
            r#"21: `calibration` takes a string; write `calibration = "models/kws.npy"`"#,
            r#"22: `precedence` has one value; write `precedence = "legacy"` or leave it out"#,
            r#"24: `feature =` is not a condition; write `cfg = 'feature = "small"'`"#,
            "25: no profile `smal`; did you mean `small`?",
            r#"26: `cfg` depends on `bar`, which the build script cannot see: Cargo tells it what RUSTFLAGS set, not what build.rs or `cargo rustc -- --cfg` adds; use a feature of the crate, `feature = "…"`"#,
            r#"29: `select` names no profile; add `profile = "small"`"#,
            "31: `unless` is not a key of `select`; its keys are `profile`, `cfg`, `env`, `value` and `models`",
            "34: never reached: the `select` of line 32 has no condition; move it to the end",
            "34: the environment variable `MODE` is `tiny`, which is no profile; write `small`",
        ];
        assert_eq!(found, expected.map(|mistake| format!("quantize.toml:{mistake}")));
    }

    #[test]
    fn a_file_that_is_not_toml_is_a_mistake_too() {
        let found: Vec<String> = settings("[config]\na = int8\nb = \"int8\n", "", &[]).mistakes().collect();
        let lines = ["quantize.toml:2: not TOML, where texts stand in quotes: ", "quantize.toml:3: not TOML, "];
        assert!(found.len() == 2 && found.iter().zip(lines).all(|(said, line)| said.starts_with(line)), "{found:?}");
    }

    #[test]
    fn what_nothing_uses_is_named() {
        let text = r#"
[config]
a = "int8"
b = "int8"
c = "int8"
[profile.one]
global = "a"
[profile.two]
[profile.three]
[profile.four]
[[select]]
cfg = "windows"
profile = "two"
models = ["Nett"]
"#;
        let scan = Scan {
            sites: vec![site(r#"model = "m", profile_from = "one", global = "b""#)],
            absent: vec![crate::scan::Absent {
                name: "Other".to_owned(),
                attr: site(r#"model = "m", profile_from = "four""#).attr,
                when: None,
                source: String::new(),
            }],
            ..Scan::default()
        };
        let expected = [
            "quantize.toml:5: nothing uses the configuration `c`; remove it",
            "quantize.toml:9: nothing uses the profile `three`; remove it",
            "quantize.toml:11: no `#[quantize]` struct is named `Nett`; did you mean `Net`?",
        ];
        assert_eq!(settings(text, "", &[]).unused(&scan), expected);
    }
}
