//! [`Attr`] → its canonical text, equal for attributes that mean the same.

use std::fmt::{Display, Formatter, Result};

use crate::attr::{Attr, Calibration, Config, Granularity, Modules, Rule};

/// Arguments in a fixed order, rules in source order, defaults spelled out or left out; it parses to an equal [`Attr`].
impl Display for Attr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "model = {:?}, {}", self.model.value, self.calibration.value)?;
        for (name, config) in [("global", &self.global), ("io", &self.io)] {
            if let Some(config) = config {
                write!(f, ", {name} = {}", config.value)?;
            }
        }
        self.rules.iter().try_for_each(|rule| write!(f, ", {}", rule.value))
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
        let (key, modules) = match &self.modules {
            Modules::Name(name) => ("name", &name.value),
            Modules::Type(class) => ("type", &class.value),
        };
        write!(f, "module({key} = {modules:?}, config = {})", self.config.value)
    }
}

impl Display for Config {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Config::None => "None",
            Config::Int8(Granularity::PerChannel) => "int8(per_channel)",
            Config::Int8(Granularity::PerTensor) => "int8(per_tensor)",
        })
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
        check(r#"model = "m", calibration = ["a", "b"],"#, r#"model = "m", calibration = ["a", "b"]"#);
        check(r#"model = "m", calibration = ["a"], profile = int"#, r#"model = "m", calibration = "a""#);
        check(
            r#"model = "m", calibration(r#type = "t", b = "u"), io = None"#,
            r#"model = "m", calibration(type = "t", b = "u"), io = None"#,
        );
        check(
            r#"module(config = int8(per_tensor), type = "T"), model = "m", global = int8(), calibration = "c",
               module(name = "a.b", config = None)"#,
            r#"model = "m", calibration = "c", global = int8(per_channel), module(type = "T", config = int8(per_tensor)), module(name = "a.b", config = None)"#,
        );
    }

    #[test]
    fn unusual_strings_survive() {
        check(
            r##"model = r#"a"b\c.onnx"#, calibration = "ü\n\0.npy""##,
            r#"model = "a\"b\\c.onnx", calibration = "ü\n\0.npy""#,
        );
    }
}
