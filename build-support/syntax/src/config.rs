//! Configurations such as `int8(per_channel)`: tokens → [`Config`].

use proc_macro2::{Delimiter, Group, Ident, TokenTree};

use crate::attr::{Config, Granularity, Spanned};
use crate::diagnostic::{alternatives, nearest};
use crate::parser::{Argument, Form, Parser, suggestion};

/// Configurations that later versions will understand, and what to write until then.
const LATER_CONFIGS: [(&str, &str); 4] = [
    ("a16w8", "use `int8` for int8 activations, or `None` to keep these nodes float"),
    ("a8w4", "use `int8` for int8 weights"),
    ("snorm", "use `int8`"),
    ("uint8", "use `int8` and convert outside, adding 128 to each value"),
];

/// Options of `int8(…)` that later versions will understand, and what to write until then.
const LATER_OPTIONS: [(&str, &str); 4] = [
    ("dynamic", "leave it out: ranges then come from the calibration samples"),
    ("qat", "leave it out: ranges then come from the calibration samples"),
    ("observer", "leave it out: the histogram observer is used"),
    ("eps", "leave it out: the default is used"),
];
const CONFIGS: &str = "write `int8`, `int8(per_channel)`, `int8(per_tensor)` or `None`";

impl Parser {
    pub(crate) fn config_argument(&mut self, argument: &Argument) -> Option<Spanned<Config>> {
        let Argument { name, form } = argument;
        let Form::Value(value) = form else {
            self.error(name, format!("`{name}` takes a configuration; write `{name} = int8` or `{name} = None`"));
            return None;
        };
        let mut tokens = value.clone().into_iter().peekable();
        let word = match tokens.next() {
            Some(TokenTree::Ident(word)) => word,
            Some(TokenTree::Literal(found)) => {
                let text = found.to_string();
                let message = match text.starts_with('"') {
                    true => format!(
                        "{text}: names from quantize.toml are not supported yet; write the configuration itself, such as `int8`"
                    ),
                    false => format!("`{text}` is not a configuration; {CONFIGS}"),
                };
                self.error(&found, message);
                return None;
            }
            Some(found) => {
                self.error(&found, format!("`{found}` is not a configuration; {CONFIGS}"));
                return None;
            }
            None => {
                self.error(name, format!("`{name}` has no value; write `{name} = int8` or `{name} = None`"));
                return None;
            }
        };
        let list = match tokens.peek() {
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => Some(list.clone()),
            _ => None,
        };
        if list.is_some() {
            tokens.next();
        }
        self.end(tokens);
        let config = self.config(&word, list.as_ref())?;
        Some(Spanned { value: config, span: word.span() })
    }

    fn config(&mut self, word: &Ident, options: Option<&Group>) -> Option<Config> {
        let name = word.to_string();
        match name.as_str() {
            "None" => {
                if let Some(options) = options {
                    self.error(options, "`None` has no options; remove these");
                }
                Some(Config::None)
            }
            "int8" => self.int8(options),
            _ => {
                if let Some((_, advice)) = LATER_CONFIGS.iter().find(|(known, _)| *known == name) {
                    self.error(word, format!("`{name}` is not supported yet; {advice}"));
                } else if is_weight_only(&name) {
                    self.error(word, weight_only(&name));
                } else {
                    let near = nearest(&name, &["int8", "None"]);
                    let advice = match near.is_empty() {
                        true => CONFIGS.to_owned(),
                        false => format!("did you mean {}?", alternatives(&near)),
                    };
                    self.error(word, format!("`{name}` is not a configuration; {advice}"));
                }
                None
            }
        }
    }

    fn int8(&mut self, options: Option<&Group>) -> Option<Config> {
        let mut granularity = None;
        let options = options.map(|options| self.arguments(options.stream())).unwrap_or_default();
        for option in options {
            let name = option.name.to_string();
            let chosen = match name.as_str() {
                "per_channel" => Granularity::PerChannel,
                "per_tensor" => Granularity::PerTensor,
                _ => {
                    self.other_option(&option.name, &name);
                    continue;
                }
            };
            if !matches!(option.form, Form::Bare) {
                self.error(&option.name, format!("`{name}` takes no value; write `int8({name})`"));
            }
            if granularity.replace(chosen).is_some() {
                self.error(&option.name, "weights are quantized either `per_channel` or `per_tensor`; keep one");
            }
        }
        Some(Config::Int8(granularity.unwrap_or(Granularity::PerChannel)))
    }

    fn other_option(&mut self, option: &Ident, name: &str) {
        if let Some((_, advice)) = LATER_OPTIONS.iter().find(|(known, _)| *known == name) {
            self.error(option, format!("`{name}` is not supported yet; {advice}"));
        } else if is_weight_only(name) {
            self.error(option, weight_only(name));
        } else {
            let advice = suggestion(name, &["per_channel", "per_tensor"], "its options are");
            self.error(option, format!("`{name}` is not an option of `int8`; {advice}"));
        }
    }
}

pub(crate) fn is_weight_only(word: &str) -> bool {
    word.contains("weight") || ["w8", "w4", "w8a32", "w4a32", "a32w8", "a32w4"].contains(&word)
}

pub(crate) fn weight_only(word: &str) -> String {
    format!(
        "`{word}` is not a configuration of the reference quantizer: TOSA's integer operators need int8 activations beside \
         int8 weights; use `int8`, or `None` to keep these nodes float"
    )
}
