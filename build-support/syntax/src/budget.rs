//! `budget(flash = "96 KiB", ram = "64 KiB", macs = "5 M")` ↔ limits of what a model may cost.

use std::fmt::{Display, Formatter, Result};

use syn::ext::IdentExt;

use crate::attr::Spanned;
use crate::diagnostic::suggestion;
use crate::parser::{Argument, Form, Parser};

/// What a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Bytes of flash.
    Flash,
    /// Bytes of RAM.
    Ram,
    /// Multiply-accumulates of one run.
    Macs,
}

/// Units of bytes, ascending.
const BYTES: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// Units of numbers, ascending.
const NUMBERS: [(&str, u64); 4] = [("", 1), ("k", 1000), ("M", 1_000_000), ("G", 1_000_000_000)];

impl Resource {
    /// Every resource, in the order of the canonical text.
    pub const ALL: [Self; 3] = [Self::Flash, Self::Ram, Self::Macs];

    /// The word in the attribute.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Ram => "ram",
            Self::Macs => "macs",
        }
    }

    /// The resource with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.word() == word)
    }

    /// What to write.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Flash => "flash = \"96 KiB\"",
            Self::Ram => "ram = \"64 KiB\"",
            Self::Macs => "macs = \"5 M\"",
        }
    }

    const fn units(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Flash | Self::Ram => &BYTES,
            Self::Macs => &NUMBERS,
        }
    }

    /// Reads an amount, such as `96 KiB`, `1.5 MB` or `5 M`; what is less than one is left out.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, and what to write.
    pub fn amount(self, text: &str) -> std::result::Result<u64, String> {
        let is_number = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == '_';
        let end = text.find(|letter| !is_number(letter)).unwrap_or(text.len());
        let (number, unit) = (text[..end].replace('_', ""), text[end..].trim());
        let scale = self.units().iter().find(|(known, _)| *known == unit).map(|(_, scale)| *scale);
        let amount = scale.and_then(|scale| {
            let (whole, fraction) = number.split_once('.').unwrap_or((&number, "0"));
            let tenths = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
            u64::try_from(digits.checked_mul(u128::from(scale))? / tenths).ok()
        });
        amount.filter(|amount| *amount > 0).ok_or_else(|| {
            let units: Vec<&str> = self.units().iter().map(|(unit, _)| *unit).filter(|unit| !unit.is_empty()).collect();
            let kind = if self == Self::Macs { "number" } else { "size" };
            format!(
                "`{text}` is no {kind} above 0; write a number and one of {}, as in `{}`",
                units.join(", "),
                self.example()
            )
        })
    }

    /// The shortest text of an amount that [`Resource::amount`] reads back: `96 KiB`.
    pub fn text(self, amount: u64) -> String {
        let exact = self.units().iter().rev().find(|(_, scale)| amount.is_multiple_of(*scale));
        let (unit, scale) = exact.expect("every amount is a multiple of 1");
        format!("{} {unit}", amount / scale).trim_end().to_owned()
    }
}

impl Display for Resource {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.word())
    }
}

impl Parser {
    /// `budget(…)`: the limits, at most one of each resource, in the order of [`Resource::ALL`].
    pub(crate) fn budget(&mut self, argument: &Argument) -> Vec<(Resource, Spanned<u64>)> {
        let example = Resource::ALL.map(Resource::example).join(", ");
        let mut limits: Vec<(Resource, Spanned<u64>)> = Vec::new();
        let Form::List(list) = &argument.form else {
            self.error(&argument.name, format!("`budget` takes limits; write `budget({example})`"));
            return limits;
        };
        let parts = self.split(list.stream());
        if parts.is_empty() {
            self.error(list, format!("`budget` has no limit; write `budget({example})`"));
        }
        for part in parts {
            let Some(argument) = self.argument(part) else { continue };
            let word = argument.name.unraw().to_string();
            let Some(resource) = Resource::from_word(&word) else {
                let advice = suggestion(&word, &Resource::ALL.map(Resource::word), "its limits are");
                self.error(&argument.name, format!("`{word}` is not a limit of `budget`; {advice}"));
                continue;
            };
            let (_, text) = resource.example().split_once(" = ").expect("examples are arguments");
            let Some(text) = self.string_argument(&argument, text.trim_matches('"')) else { continue };
            if limits.iter().any(|(known, _)| *known == resource) {
                self.error(&argument.name, format!("`{word}` is given twice; keep one"));
                continue;
            }
            match resource.amount(&text.value) {
                Ok(value) => limits.push((resource, Spanned { value, span: text.span })),
                Err(message) => self.error_at(text.span, &message),
            }
        }
        limits.sort_by_key(|(resource, _)| *resource);
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_units() {
        let cases = [
            (Resource::Flash, "96 KiB", 98_304, "96 KiB"),
            (Resource::Ram, "64kB", 64_000, "64 kB"),
            (Resource::Flash, "1.5 MiB", 1_572_864, "1536 KiB"),
            (Resource::Flash, "1_000 B", 1000, "1 kB"),
            (Resource::Ram, "0.0015 kB", 1, "1 B"),
            (Resource::Macs, "5 M", 5_000_000, "5 M"),
            (Resource::Macs, "2.75 k", 2750, "2750"),
            (Resource::Macs, "7", 7, "7"),
        ];
        for (resource, text, amount, canonical) in cases {
            assert_eq!(resource.amount(text), Ok(amount), "{text}");
            assert_eq!(resource.text(amount), canonical);
            assert_eq!(resource.amount(canonical), Ok(amount), "{canonical}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", "KiB", "96", "96 KB", "96 kb", "-1 B", "0 B", "1.2.3 B", "1 M", "1e3 B", "99999999999999999999 GiB"]
        {
            assert!(Resource::Flash.amount(text).is_err(), "{text}");
        }
        let message = "`5 KiB` is no number above 0; write a number and one of k, M, G, as in `macs = \"5 M\"`";
        assert_eq!(Resource::Macs.amount("5 KiB"), Err(message.to_owned()));
    }
}
