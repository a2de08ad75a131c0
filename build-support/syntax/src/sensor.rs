//! `from(x = u8, mean = [..], std = [..], layout = nhwc)` ↔ what a sensor gives for an input of the model.

use std::fmt::{Display, Formatter, Result};

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;

use crate::attr::Spanned;
use crate::config::number;
use crate::diagnostic::suggestion;
use crate::parser::{Argument, Form, Parser};

/// What a sensor gives for an input, and what the network was trained on: `(sample / full_scale − mean) / std` in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// The input's name.
    pub input: Spanned<String>,
    /// The type of its samples.
    pub samples: Samples,
    /// One for each channel, or one for all.
    pub mean: Vec<f32>,
    /// The same of standard deviations, above 0.
    pub std: Vec<f32>,
    /// What a sample is divided by first, above 0.
    pub full_scale: f32,
    /// Whether the channels of its data are last, where the exporter has them second.
    pub channels_last: bool,
}

/// Types of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Samples {
    /// Bytes, as of cameras.
    U8,
    /// Signed bytes.
    I8,
    /// 16 bits with a sign, as of microphones.
    I16,
}

impl Samples {
    const ALL: [Self; 3] = [Self::U8, Self::I8, Self::I16];

    /// The word in the attribute, which is the Rust type.
    pub const fn word(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::I16 => "i16",
        }
    }

    /// What samples are divided by unless it is written: the largest byte as in torchvision's `ToTensor`, and the power of two
    /// above the largest sample with a sign as in `torchaudio.load`.
    pub const fn full_scale(self) -> f32 {
        match self {
            Self::U8 => 255.0,
            Self::I8 => 128.0,
            Self::I16 => 32_768.0,
        }
    }

    /// Every sample, ascending.
    pub fn all(self) -> std::ops::RangeInclusive<i16> {
        match self {
            Self::U8 => 0..=255,
            Self::I8 => -128..=127,
            Self::I16 => i16::MIN..=i16::MAX,
        }
    }
}

impl Sensor {
    /// The real number that a sample of this channel stands for.
    pub fn real(&self, channel: usize, sample: i16) -> f32 {
        let of_channel = |list: &[f32]| list[if list.len() == 1 { 0 } else { channel }];
        (f32::from(sample) / self.full_scale - of_channel(&self.mean)) / of_channel(&self.std)
    }
}

impl Display for Sensor {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { input, samples, mean, std, full_scale, channels_last } = self;
        write!(f, "from({} = {}", input.value, samples.word())?;
        if mean[..] != [0.0] {
            write!(f, ", mean = {mean:?}")?;
        }
        if std[..] != [1.0] {
            write!(f, ", std = {std:?}")?;
        }
        if *full_scale != samples.full_scale() {
            write!(f, ", full_scale = {full_scale:?}")?;
        }
        f.write_str(if *channels_last { ", layout = nhwc)" } else { ")" })
    }
}

const EXAMPLE: &str = "from(x = u8, mean = [0.5], std = [0.25], layout = nhwc)";

impl Parser {
    /// `from(…)`, whose first argument names the input.
    pub(crate) fn sensor(&mut self, argument: &Argument) -> Option<Sensor> {
        const KEYS: [&str; 4] = ["mean", "std", "full_scale", "layout"];
        let Form::List(list) = &argument.form else {
            self.error(&argument.name, format!("`from` takes an input and its samples; write `{EXAMPLE}`"));
            return None;
        };
        let parts = self.split(list.stream());
        let mut parts = parts.into_iter().filter_map(|part| self.argument(part)).collect::<Vec<_>>().into_iter();
        let Some(first) = parts.next() else {
            self.error(list, format!("`from` names no input; write `{EXAMPLE}`"));
            return None;
        };
        let samples = self.samples(&first);
        let input = Spanned { value: first.name.unraw().to_string(), span: first.name.span() };
        let (mut mean, mut std, mut full_scale, mut channels_last) = (None, None, None, false);
        let mut seen: Vec<String> = Vec::new();
        for part in parts {
            let name = part.name.unraw().to_string();
            if seen.contains(&name) {
                self.error(&part.name, format!("`{name}` is given twice in one `from`; keep one"));
                continue;
            }
            match name.as_str() {
                "mean" => mean = self.numbers(&part, "mean = [0.5]", |_| true),
                "std" => std = self.numbers(&part, "std = [0.25]", |number| number > 0.0),
                "full_scale" => {
                    full_scale = self.numbers(&part, "full_scale = 255.0", |number| number > 0.0);
                    if let Some([_, _, ..]) = full_scale.as_deref() {
                        self.error(&part.name, "`full_scale` is one number; write `full_scale = 255.0`");
                    }
                }
                "layout" => channels_last = self.layout(&part),
                _ => {
                    let advice = suggestion(&name, &KEYS, "its arguments are");
                    self.error(&part.name, format!("`{name}` is not an argument of `from`; {advice}"));
                }
            }
            seen.push(name);
        }
        let samples = samples?;
        Some(Sensor {
            input,
            samples,
            mean: mean.unwrap_or_else(|| vec![0.0]),
            std: std.unwrap_or_else(|| vec![1.0]),
            full_scale: full_scale.map_or(samples.full_scale(), |list| list[0]),
            channels_last,
        })
    }

    /// `x = u8`
    fn samples(&mut self, argument: &Argument) -> Option<Samples> {
        let advice = format!("write `{} = u8`, `i8` or `i16`", argument.name);
        match self.word(argument) {
            Some(word) => {
                let samples = Samples::ALL.into_iter().find(|samples| word == samples.word());
                if samples.is_none() {
                    self.error(&word, format!("`{word}` is not a type of samples; {advice}"));
                }
                samples
            }
            None => {
                self.error(
                    &argument.name,
                    format!("`from` starts with an input and the type of its samples; {advice}"),
                );
                None
            }
        }
    }

    /// `nhwc`, or the exporter's layout.
    fn layout(&mut self, argument: &Argument) -> bool {
        let advice = "write `layout = nhwc` for channels that are last, `layout = nchw` for the exporter's layout";
        match self.word(argument) {
            Some(word) if word == "nhwc" => return true,
            Some(word) if word == "nchw" => {}
            Some(word) => self.error(&word, format!("`{word}` is not a layout of samples; {advice}")),
            None => self.error(&argument.name, format!("`layout` takes a word; {advice}")),
        }
        false
    }

    /// A number, or a list of at least one.
    fn numbers(&mut self, argument: &Argument, example: &str, is_valid: fn(f32) -> bool) -> Option<Vec<f32>> {
        let Form::Value(value) = &argument.form else {
            self.error(&argument.name, format!("`{}` takes numbers; write `{example}`", argument.name));
            return None;
        };
        let tokens: Vec<TokenTree> = value.clone().into_iter().collect();
        let parts = match &tokens[..] {
            [TokenTree::Group(list)] if list.delimiter() == Delimiter::Bracket => self.split(list.stream()),
            _ => vec![tokens],
        };
        let read = |part: &Vec<TokenTree>| {
            let (sign, rest) = match &part[..] {
                [TokenTree::Punct(minus), rest @ ..] if minus.as_char() == '-' => (-1.0, rest),
                rest => (1.0, rest),
            };
            number(rest.iter().cloned().collect::<TokenStream>())
                .map(|number| sign * number)
                .filter(|number| is_valid(*number))
        };
        let numbers: Option<Vec<f32>> = parts.iter().map(read).collect();
        let numbers = numbers.filter(|numbers| !numbers.is_empty());
        if numbers.is_none() {
            let kind = if is_valid(-1.0) { "numbers" } else { "numbers above 0" };
            let message =
                format!("`{}` takes {kind}, one for each channel or one for all; write `{example}`", argument.name);
            match value.is_empty() {
                true => self.error(&argument.name, message),
                false => self.error(value, message),
            }
        }
        numbers
    }
}

/// A sensor that no source file names.
pub fn unplaced(input: &str, samples: Samples) -> Sensor {
    Sensor {
        input: Spanned { value: input.to_owned(), span: Span::call_site() },
        samples,
        mean: vec![0.0],
        std: vec![1.0],
        full_scale: samples.full_scale(),
        channels_last: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_scaled_then_normalized() {
        let sensor = Sensor { mean: vec![0.5, 0.25], std: vec![0.5], ..unplaced("x", Samples::U8) };
        assert_eq!([sensor.real(0, 255), sensor.real(0, 0), sensor.real(1, 255)], [1.0, -1.0, 1.5]);
        assert_eq!(unplaced("x", Samples::I16).real(7, i16::MIN), -1.0);
        assert_eq!(Sensor { full_scale: 1.0, ..unplaced("x", Samples::I8) }.real(0, -5), -5.0);
    }
}
