//! [`Attr`] → its canonical text, equal for attributes that mean the same.

use std::fmt::{Display, Formatter, Result};

use crate::attr::{
    Attr, Calibration, Config, Granularity, Observer, Precedence, Profile, Quantized, Rule, Scheme, Selector, Spanned,
};
use crate::budget::Resource;
use crate::path::ArgPath;

impl Attr {
    /// Canonical texts of the arguments: in a fixed order, rules in source order, defaults spelled out or left out; each with
    /// its name.
    pub fn arguments(&self) -> Vec<(ArgPath, String)> {
        let mut arguments = Vec::new();
        if !self.model.value.is_empty() || self.profile_from.is_none() {
            arguments.push((ArgPath::Model, format!("model = {:?}", self.model.value)));
        }
        arguments.extend(self.calibration.iter().map(|files| (ArgPath::Calibration, files.value.to_string())));
        if !self.shapes.is_empty() {
            let shape = |(input, dims): &(String, Spanned<Vec<usize>>)| format!("{input} = {:?}", dims.value);
            let shapes = self.shapes.iter().map(shape).collect::<Vec<_>>().join(", ");
            arguments.push((ArgPath::Shape(self.shapes[0].0.clone()), format!("shape({shapes})")));
        }
        arguments.extend(self.global.iter().map(|config| (ArgPath::Global, format!("global = {}", config.value))));
        let rules = self.rules.iter().enumerate();
        arguments.extend(rules.map(|(index, rule)| (self.path_of(index), rule.value.to_string())));
        if self.precedence == Precedence::Legacy {
            arguments.push((ArgPath::Precedence, "precedence = legacy".to_owned()));
        }
        let profile = self.profile.map(|profile| match profile {
            Profile::Int => "profile = int",
            Profile::Full => "profile = full",
        });
        arguments.extend(profile.map(|text| (ArgPath::Profile, text.to_owned())));
        arguments.extend(self.embed.iter().map(|embed| (ArgPath::Embed, format!("embed = {}", embed.value.word()))));
        let layout = self.layout.iter();
        arguments.extend(layout.map(|layout| (ArgPath::Layout, format!("layout = {}", layout.value.word()))));
        let sensors = self.sensors.iter();
        arguments.extend(sensors.map(|sensor| (ArgPath::From(sensor.input.value.clone()), sensor.to_string())));
        if let Some((first, _)) = self.budget.first() {
            let limit =
                |(resource, limit): &(Resource, Spanned<u64>)| format!("{resource} = {:?}", resource.text(limit.value));
            let limits = self.budget.iter().map(limit).collect::<Vec<_>>().join(", ");
            arguments.push((ArgPath::Budget(*first), format!("budget({limits})")));
        }
        let profile = self.profile_from.iter();
        arguments.extend(profile.map(|name| (ArgPath::ProfileFrom, format!("profile_from = {:?}", name.value))));
        arguments.extend(self.runtime.iter().map(|path| (ArgPath::Runtime, format!("crate = {}", path.value))));
        arguments
    }

    /// Those of the [arguments](Attr::arguments) that quantization parameters depend on.
    pub fn arguments_of_parameters(&self) -> Vec<(ArgPath, String)> {
        let mut arguments = self.arguments();
        arguments.retain(|(argument, _)| {
            !matches!(
                argument,
                ArgPath::Embed | ArgPath::Layout | ArgPath::From(_) | ArgPath::Budget(_) | ArgPath::Runtime
            )
        });
        arguments
    }
}

/// Its [arguments](Attr::arguments) with commas between them; it parses to an equal [`Attr`].
impl Display for Attr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let arguments = self.arguments().into_iter().map(|(_, text)| text);
        f.write_str(&arguments.collect::<Vec<_>>().join(", "))
    }
}

impl Display for Calibration {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Calibration::Files(files) if files.len() == 1 => write!(f, "calibration = {:?}", files[0].value),
            Calibration::Files(files) => {
                let files: Vec<&String> = files.iter().map(|file| &file.value).collect();
                write!(f, "calibration = {files:?}")
            }
            Calibration::Named(files) => {
                let files: Vec<String> =
                    files.iter().map(|(input, file)| format!("{input} = {:?}", file.value)).collect();
                write!(f, "calibration({})", files.join(", "))
            }
        }
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let config = &self.config.value;
        match &self.selector {
            Selector::Io => write!(f, "io = {config}"),
            Selector::Input => write!(f, "input = {config}"),
            Selector::Output => write!(f, "output = {config}"),
            Selector::ModuleName(name) => write!(f, "module(name = {:?}, config = {config})", name.value),
            Selector::ModuleType(class) => write!(f, "module(type = {:?}, config = {config})", class.value),
            Selector::Node(name) => write!(f, "node(name = {:?}, config = {config})", name.value),
            Selector::Op(target) => write!(f, "op(target = {:?}, config = {config})", target.value),
        }
    }
}

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Config::None => f.write_str("None"),
            Config::Quantized(quantized) => quantized.fmt(f),
            Config::Named(name) => write!(f, "{name:?}"),
        }
    }
}

impl Display for Quantized {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let granularity = match self.granularity {
            _ if self.scheme == Scheme::Uint8 => None,
            Granularity::PerChannel => Some("per_channel".to_owned()),
            Granularity::PerTensor => Some("per_tensor".to_owned()),
        };
        let observer = (self.observer != Observer::default()).then(|| format!("observer = {}", self.observer));
        let eps = self.eps.map(|eps| format!("eps = {eps:?}"));
        let options: Vec<String> = [granularity, observer, eps].into_iter().flatten().collect();
        match options.is_empty() {
            true => f.write_str(self.scheme.word()),
            false => write!(f, "{}({})", self.scheme.word(), options.join(", ")),
        }
    }
}

impl Display for Observer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Observer::Histogram => f.write_str("histogram"),
            Observer::MinMax => f.write_str("minmax"),
            Observer::MovingAverage => f.write_str("moving_average"),
            Observer::Percentile(share) => write!(f, "percentile({share:?})"),
            Observer::Mse => f.write_str("mse"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &str, canonical: &str) {
        let attr =
            Attr::parse(arguments.parse().expect("tokens")).unwrap_or_else(|error| panic!("{arguments}: {error}"));
        assert_eq!(attr.to_string(), canonical);
        let again =
            Attr::parse(canonical.parse().expect("tokens")).unwrap_or_else(|error| panic!("{canonical}: {error}"));
        assert_eq!(again, attr);
    }

    #[test]
    fn canonical_text_parses_to_the_same_attribute() {
        check(r#"calibration="c.npy",model="m.onnx""#, r#"model = "m.onnx", calibration = "c.npy""#);
        check(r#"model = "m""#, r#"model = "m""#);
        check(r#"model = "m", calibration = ["a", "b"],"#, r#"model = "m", calibration = ["a", "b"]"#);
        check(r#"model = "m", calibration = ["a"], profile = int"#, r#"model = "m", calibration = "a", profile = int"#);
        check(
            r#"model = "m", calibration(r#type = "t", b = "u"), io = None"#,
            r#"model = "m", calibration(type = "t", b = "u"), io = None"#,
        );
        check(
            r#"shape(x = [1, 3,], r#in=[0x10]), model = "m", calibration = "c""#,
            r#"model = "m", calibration = "c", shape(x = [1, 3], in = [16])"#,
        );
        check(
            r#"module(config = int8(per_tensor), type = "T"), model = "m", global = int8(), calibration = "c",
               module(name = "a.b", config = None)"#,
            r#"model = "m", calibration = "c", global = int8(per_channel), module(type = "T", config = int8(per_tensor)), module(name = "a.b", config = None)"#,
        );
    }

    #[test]
    fn every_rule_and_option_has_a_canonical_text() {
        check(
            r#"model = "m", calibration = "c", output = None, node(name = "linear_1", config = snorm(observer = histogram)),
               precedence = legacy, input = int8(eps = 0.5e-5, observer = percentile(99.99)),
               op(target = "aten.sigmoid.default", config = int8(per_tensor, observer = mse))"#,
            r#"model = "m", calibration = "c", output = None, node(name = "linear_1", config = snorm(per_channel)), input = int8(per_channel, observer = percentile(99.99), eps = 5e-6), op(target = "aten.sigmoid.default", config = int8(per_tensor, observer = mse)), precedence = legacy"#,
        );
        check(
            r#"model = "m", calibration = "c", global = a16w8(per_tensor), input = uint8(), output = uint8(observer = minmax),
               module(name = "a", config = a8w4(eps = 1e-5))"#,
            r#"model = "m", calibration = "c", global = a16w8(per_tensor), input = uint8, output = uint8(observer = minmax), module(name = "a", config = a8w4(per_channel, eps = 1e-5))"#,
        );
    }

    #[test]
    fn names_of_quantize_toml_and_the_runtime_come_last() {
        check(
            r#"crate = :: a ::b, global = "careful", profile_from = "small", io = "x y", model = "m", profile = full,
               budget(macs = "0.5 M", flash = "96KiB"), embed = constants, layout = packed,
               from(y = u8), from(r#type = i16, std = 2, layout = nchw, mean = [-0.5, 1e-3], full_scale = 1)"#,
            r#"model = "m", global = "careful", io = "x y", profile = full, embed = constants, layout = packed, from(y = u8), from(type = i16, mean = [-0.5, 0.001], std = [2.0], full_scale = 1.0), budget(flash = "96 KiB", macs = "500 k"), profile_from = "small", crate = ::a::b"#,
        );
        check(r#"crate = crate::nn, profile_from = "small""#, r#"profile_from = "small", crate = crate::nn"#);
    }

    #[test]
    fn unusual_strings_survive() {
        check(
            r##"model = r#"a"b\c.onnx"#, calibration = "ü\n\0.npy""##,
            r#"model = "a\"b\\c.onnx", calibration = "ü\n\0.npy""#,
        );
    }
}
