//! Models named in `build.rs` instead of by attributes: a builder with a method for each argument of `#[quantize]`.

use crate::scan::cfg::Cfg;
use crate::scan::{self, Scan, Site};
use crate::settings::Origins;
use quantize_syntax::attr::{self, Calibration, Granularity, Quantized, Rule, Scheme, Selector, Spanned};
use quantize_syntax::manifest::{self, BUILD_SCRIPT};
use quantize_syntax::{Attr, Diagnostics, sensor};
use std::path::Path;

pub use quantize_syntax::attr::{Embed, Layout, Observer, Precedence, Profile};
pub use quantize_syntax::budget::Resource;
pub use quantize_syntax::sensor::Samples;

/// What a build script compiles: models that it names, those that the crate's attributes name, or both.
///
/// ```no_run
/// use quantize_build::compiler::{Compiler, Config, Model};
///
/// let kws = Model::new("models/kws.onnx")
///     .calibration("models/kws.npy")
///     .global(Config::int8())
///     .module("head", Config::int8().per_tensor())
///     .node("softmax", None);
/// Compiler::new().model("Kws", kws).compile();
/// ```
///
/// `quantize_runtime::include_quantized!("Kws");` in the crate is then the struct `Kws`, as the attribute would make it. What is
/// wrong with a model is raised there.
#[derive(Clone, Debug, Default)]
pub struct Compiler {
    is_scanning: bool,
    models: Vec<(String, Model)>,
}

impl Compiler {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds every model that a `#[quantize(…)]` of the crate names.
    #[must_use]
    pub fn scan(mut self) -> Self {
        self.is_scanning = true;
        self
    }

    /// Adds a model for `include_quantized!("name")`; the name is that of the struct.
    #[must_use]
    pub fn model(mut self, name: &str, model: Model) -> Self {
        self.models.push((name.to_owned(), model));
        self
    }

    /// Compiles all of them.
    ///
    /// For a struct `Kws` it leaves `Kws.vgf`, `Kws.rs` and the manifest `Kws.toml` in `OUT_DIR/quantize`. Files of an unchanged
    /// model, samples and configuration are left as they are.
    ///
    /// When `OUT_DIR` cannot be written or a file changes while it is read, the build script ends with an error.
    ///
    /// # Panics
    ///
    /// Outside a build script.
    pub fn compile(self) {
        crate::run(&self);
    }

    /// The models of a crate in this folder.
    pub(crate) fn sites(&self, crate_folder: &Path, cfg: &Cfg) -> Scan {
        let mut scan = match self.is_scanning {
            true => scan::scan(crate_folder, cfg),
            false => Scan::default(),
        };
        if self.models.is_empty() {
            return scan;
        }
        for (index, (name, model)) in self.models.iter().enumerate() {
            if syn::parse_str::<syn::Ident>(name).is_err() {
                scan.errors.push(format!("`.model({name:?}, …)`: a struct cannot have this name"));
            } else if self.models[..index].iter().any(|(other, _)| other == name) {
                scan.errors.push(format!("`.model({name:?}, …)`: there are two models of this name; rename one"));
            } else {
                scan.sites.push(model.site(name, crate_folder));
            }
        }
        let names: Vec<_> = scan.sites.iter().map(|site| (site.name.as_str(), site.source.as_str())).collect();
        let stems = manifest::stems(&names);
        scan.sites.iter_mut().zip(stems).for_each(|(site, stem)| site.stem = stem);
        scan
    }
}

/// A model and how it is quantized. Rules count in the order of the calls: the last one that matches a node decides.
#[derive(Clone, Debug)]
pub struct Model(Attr);

/// A value that stands in no source file.
fn unplaced<T>(value: T) -> Spanned<T> {
    Spanned { value, span: proc_macro2::Span::call_site() }
}

impl Model {
    /// The model in this file (ONNX or `.pt2`), whose path starts at the folder of Cargo.toml as all paths here.
    pub fn new(file: &str) -> Self {
        Self(Attr {
            model: unplaced(file.to_owned()),
            calibration: None,
            shapes: Vec::new(),
            global: None,
            rules: Vec::new(),
            precedence: Precedence::default(),
            profile: None,
            embed: None,
            layout: None,
            sensors: Vec::new(),
            budget: Vec::new(),
            profile_from: None,
            runtime: None,
        })
    }

    /// The model that this profile of quantize.toml names, see [`Model::profile_from`].
    pub fn of_profile(name: &str) -> Self {
        Self::new("").profile_from(name)
    }

    /// Adds a file of samples for a model with one input: an array `[samples, input shape…]` in numpy's format.
    #[must_use]
    pub fn calibration(mut self, file: &str) -> Self {
        let file = unplaced(file.to_owned());
        match self.0.calibration.as_mut().map(|calibration| &mut calibration.value) {
            Some(Calibration::Files(files)) => files.push(file),
            _ => self.0.calibration = Some(unplaced(Calibration::Files(vec![file]))),
        }
        self
    }

    /// Names the file of samples for one of several inputs.
    #[must_use]
    pub fn calibration_of(mut self, input: &str, file: &str) -> Self {
        let file = (input.to_owned(), unplaced(file.to_owned()));
        match self.0.calibration.as_mut().map(|calibration| &mut calibration.value) {
            Some(Calibration::Named(files)) => files.push(file),
            _ => self.0.calibration = Some(unplaced(Calibration::Named(vec![file]))),
        }
        self
    }

    /// Gives an input the dimensions that the model leaves open.
    #[must_use]
    pub fn shape(mut self, input: &str, dimensions: impl Into<Vec<usize>>) -> Self {
        self.0.shapes.push((input.to_owned(), unplaced(dimensions.into())));
        self
    }

    /// Configures what no other rule matches; without it such nodes stay in float.
    #[must_use]
    pub fn global(mut self, config: impl Into<Choice>) -> Self {
        self.0.global = Some(unplaced(config.into().0));
        self
    }

    /// Configures model inputs and outputs.
    #[must_use]
    pub fn io(self, config: impl Into<Choice>) -> Self {
        self.rule(Selector::Io, config)
    }

    /// Configures model inputs.
    #[must_use]
    pub fn input(self, config: impl Into<Choice>) -> Self {
        self.rule(Selector::Input, config)
    }

    /// Configures model outputs.
    #[must_use]
    pub fn output(self, config: impl Into<Choice>) -> Self {
        self.rule(Selector::Output, config)
    }

    /// Configures the module of this path, such as `blocks.0`, and all inside it.
    #[must_use]
    pub fn module(self, name: &str, config: impl Into<Choice>) -> Self {
        self.rule(Selector::ModuleName(unplaced(name.to_owned())), config)
    }

    /// Configures modules of this class, and all inside them: by its full name, or its last segment where that is unambiguous.
    #[must_use]
    pub fn module_type(self, class: &str, config: impl Into<Choice>) -> Self {
        self.rule(Selector::ModuleType(unplaced(class.to_owned())), config)
    }

    /// Configures the operator of this name.
    #[must_use]
    pub fn node(self, name: &str, config: impl Into<Choice>) -> Self {
        self.rule(Selector::Node(unplaced(name.to_owned())), config)
    }

    /// Configures operators of this overload, such as `aten.sigmoid.default`.
    #[must_use]
    pub fn op(self, target: &str, config: impl Into<Choice>) -> Self {
        self.rule(Selector::Op(unplaced(target.to_owned())), config)
    }

    /// Chooses which of several matching rules decides.
    #[must_use]
    pub fn precedence(mut self, precedence: Precedence) -> Self {
        self.0.precedence = precedence;
        self
    }

    /// Chooses what quantized model inputs and outputs are in the VGF.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.0.profile = Some(profile);
        self
    }

    /// Chooses what of the VGF file the program holds.
    #[must_use]
    pub fn embed(mut self, embed: Embed) -> Self {
        self.0.embed = Some(unplaced(embed));
        self
    }

    /// Chooses the order of constants in the program.
    #[must_use]
    pub fn layout(mut self, layout: Layout) -> Self {
        self.0.layout = Some(unplaced(layout));
        self
    }

    /// Lets `run` take the samples of a sensor for an input.
    #[must_use]
    pub fn from(mut self, input: &str, sensor: Sensor) -> Self {
        let input = unplaced(input.to_owned());
        self.0.sensors.push(sensor::Sensor { input, ..sensor.0 });
        self
    }

    /// Fails the build where the program needs more of a resource: bytes, or multiply-accumulates of one run.
    #[must_use]
    pub fn budget(mut self, resource: Resource, limit: u64) -> Self {
        self.0.budget.push((resource, unplaced(limit)));
        self
    }

    /// Takes what no method says from this profile of quantize.toml.
    #[must_use]
    pub fn profile_from(mut self, name: &str) -> Self {
        self.0.profile_from = Some(unplaced(name.to_owned()));
        self
    }

    fn rule(mut self, selector: Selector, config: impl Into<Choice>) -> Self {
        self.0.rules.push(unplaced(Rule { selector, config: unplaced(config.into().0) }));
        self
    }

    /// The same as an attribute in `build.rs` would be, which has the last word on what values are valid.
    fn site(&self, name: &str, crate_folder: &Path) -> Site {
        let text = self.0.to_string();
        let reading = Attr::read(text.parse().expect("canonical text is Rust"));
        let mistakes = reading.mistakes.into_iter().flatten().map(|mistake| mistake.to_string()).collect::<Vec<_>>();
        Site {
            name: name.to_owned(),
            stem: name.to_owned(),
            attr: reading.attr.unwrap_or_else(|| self.0.clone()),
            written: text,
            is_complete: mistakes.is_empty(),
            mistakes,
            when: None,
            origins: Origins::default(),
            problems: Diagnostics::default(),
            file: crate_folder.join(BUILD_SCRIPT),
            source: BUILD_SCRIPT.to_owned(),
        }
    }
}

/// What a sensor gives: `(sample / full_scale − mean) / std` is what the model was trained on.
#[derive(Clone, Debug)]
pub struct Sensor(sensor::Sensor);

impl Sensor {
    /// Samples of this type in the exporter's layout, divided by 255 (u8), 128 (i8) or 32768 (i16).
    pub fn new(samples: Samples) -> Self {
        Self(sensor::unplaced("", samples))
    }

    /// Subtracts these from the channels, or one from all.
    #[must_use]
    pub fn mean(mut self, mean: impl Into<Vec<f32>>) -> Self {
        self.0.mean = mean.into();
        self
    }

    /// Divides the channels by these, or all by one.
    #[must_use]
    pub fn std(mut self, std: impl Into<Vec<f32>>) -> Self {
        self.0.std = std.into();
        self
    }

    /// Divides samples by this first; by 1 they stay as they are.
    #[must_use]
    pub fn full_scale(mut self, full_scale: f32) -> Self {
        self.0.full_scale = full_scale;
        self
    }

    /// The channels are last in the data, where the exporter has them second.
    #[must_use]
    pub fn channels_last(mut self) -> Self {
        self.0.channels_last = true;
        self
    }
}

/// What a rule says: a [`Config`], the name of one in quantize.toml, or `None`, which keeps nodes in float.
#[derive(Clone, Debug)]
pub struct Choice(attr::Config);

impl From<Config> for Choice {
    fn from(Config(quantized): Config) -> Self {
        Self(attr::Config::Quantized(quantized))
    }
}

impl From<Option<Config>> for Choice {
    fn from(config: Option<Config>) -> Self {
        config.map_or(Self(attr::Config::None), Self::from)
    }
}

impl From<&str> for Choice {
    fn from(name: &str) -> Self {
        Self(attr::Config::Named(name.to_owned()))
    }
}

/// How nodes are quantized.
///
/// Values out of range are errors of the model, raised where it is included.
#[derive(Clone, Copy, Debug)]
pub struct Config(Quantized);

impl Config {
    const fn of(scheme: Scheme) -> Self {
        Self(Quantized { scheme, granularity: Granularity::PerChannel, observer: Observer::Histogram, eps: None })
    }

    /// Activations int8, asymmetric and static; weights int8, symmetric, with a scale for each output channel.
    pub const fn int8() -> Self {
        Self::of(Scheme::Int8)
    }

    /// The same with activations from −127 instead of −128.
    pub const fn snorm() -> Self {
        Self::of(Scheme::Snorm)
    }

    /// Activations int16, symmetric and static; weights int8, symmetric.
    pub const fn a16w8() -> Self {
        Self::of(Scheme::A16W8)
    }

    /// Activations as with [`Config::int8`]; weights from −7 to 7.
    pub const fn a8w4() -> Self {
        Self::of(Scheme::A8W4)
    }

    /// uint8, asymmetric and static; for [`Model::io`], [`Model::input`] and [`Model::output`] only.
    pub const fn uint8() -> Self {
        Self::of(Scheme::Uint8)
    }

    /// Gives each output channel of a weight a scale of its own; the default.
    #[must_use]
    pub const fn per_channel(mut self) -> Self {
        self.0.granularity = Granularity::PerChannel;
        self
    }

    /// Gives a weight one scale.
    #[must_use]
    pub const fn per_tensor(mut self) -> Self {
        self.0.granularity = Granularity::PerTensor;
        self
    }

    /// Chooses how an activation's range is found; [`Observer::Histogram`] is the default.
    #[must_use]
    pub const fn observer(mut self, observer: Observer) -> Self {
        self.0.observer = observer;
        self
    }

    /// Sets the smallest scale, above 0.
    #[must_use]
    pub const fn eps(mut self, eps: f32) -> Self {
        self.0.eps = Some(eps);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(model: Model) -> Site {
        model.site("Net", Path::new("/crate"))
    }

    #[test]
    fn every_method_is_an_argument() {
        let model = Model::new("m.onnx")
            .calibration("a.npy")
            .calibration("b.npy")
            .shape("x", [1, 3])
            .global(Config::int8())
            .io(None)
            .input(Config::uint8().observer(Observer::MinMax))
            .output(Config::snorm().eps(0.5))
            .module("a.b", Config::a16w8().per_tensor())
            .module_type("ReLU", Config::a8w4().per_channel())
            .module_type("GELU", "careful")
            .node("linear_1", None)
            .op("aten.relu.default", Config::int8().observer(Observer::Percentile(99.5)))
            .precedence(Precedence::Legacy)
            .profile(Profile::Full)
            .embed(Embed::Constants)
            .layout(Layout::Packed)
            .from("x", Sensor::new(Samples::U8).mean([0.5]).std([0.25]).full_scale(1.0).channels_last())
            .budget(Resource::Ram, 65_536)
            .profile_from("small");
        let expected = r#"model = "m.onnx", calibration = ["a.npy", "b.npy"], shape(x = [1, 3]), global = int8(per_channel), io = None, input = uint8(observer = minmax), output = snorm(per_channel, eps = 0.5), module(name = "a.b", config = a16w8(per_tensor)), module(type = "ReLU", config = a8w4(per_channel)), module(type = "GELU", config = "careful"), node(name = "linear_1", config = None), op(target = "aten.relu.default", config = int8(per_channel, observer = percentile(99.5))), precedence = legacy, profile = full, embed = constants, layout = packed, from(x = u8, mean = [0.5], std = [0.25], full_scale = 1.0, layout = nhwc), budget(ram = "64 KiB"), profile_from = "small""#;
        let site = site(model);
        assert_eq!((site.written.as_str(), site.is_complete), (expected, true));
        assert_eq!(self::site(Model::of_profile("small")).written, r#"profile_from = "small""#);
        let named = Model::new("m").calibration_of("x", "a.npy").calibration_of("y", "b.npy");
        assert_eq!(self::site(named).written, r#"model = "m", calibration(x = "a.npy", y = "b.npy")"#);
    }

    #[test]
    fn values_are_checked_as_those_of_an_attribute() {
        for (model, start) in [
            (Model::new("m").global(Config::uint8()), "`uint8` is for `io`, `input` and `output` only"),
            (Model::new("m").global(Config::int8().observer(Observer::Percentile(20.0))), "`percentile` takes a share"),
            (Model::new("m").global(Config::int8().eps(0.0)), "`eps` is the smallest scale"),
            (Model::new("m").from("x", Sensor::new(Samples::I16).std([])), "`std` takes numbers above 0"),
            (Model::new("m").budget(Resource::Macs, 0), "`0 G` is no number above 0"),
            (Model::new("m").shape("x", [1, 0]), "`0` is no dimension"),
            (Model::new(""), "`model` is empty"),
            (Model::new("m").calibration_of("x", "a").calibration_of("x", "b"), "input `x` has samples twice"),
        ] {
            let mistakes = site(model).mistakes;
            assert!(mistakes.len() == 1 && mistakes[0].starts_with(start), "{mistakes:?}");
        }
    }

    #[test]
    fn names_are_those_of_structs() {
        let model = || Model::new("m");
        let compiler = Compiler::new().model("Net", model()).model("not it", model()).model("Net", model());
        let scan = compiler.sites(Path::new("/crate"), &Cfg::default());
        assert_eq!(scan.sites.iter().map(|site| site.stem.as_str()).collect::<Vec<_>>(), ["Net"]);
        assert_eq!(scan.errors.len(), 2, "{:?}", scan.errors);
    }
}
