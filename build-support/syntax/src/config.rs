//! Configurations such as `int8(per_channel)`: tokens → [`Config`].

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::Lit;

use crate::attr::{Config, Granularity, Observer, Quantized, Scheme, Spanned};
use crate::diagnostic::{alternatives, nearest, suggestion};
use crate::parser::{Argument, Form, Parser};

/// Options of a configuration that later versions will understand, and what to write until then.
const LATER_OPTIONS: [(&str, &str); 2] = [
    ("dynamic", "leave it out: ranges then come from the calibration samples"),
    ("qat", "leave it out: ranges then come from the calibration samples"),
];

const OPTIONS: [&str; 4] = ["per_channel", "per_tensor", "observer", "eps"];
const OBSERVERS: &str =
    "write `histogram`, which is the default, `minmax`, `moving_average`, `percentile(99.99)` or `mse`";
pub(crate) const CONFIGS: &str =
    "write `int8`, `int8(per_channel)`, `int8(per_tensor)`, `snorm`, `a16w8`, `a8w4` or `None`";

impl Parser {
    /// The configuration of operators.
    pub(crate) fn operator_config(&mut self, argument: &Argument) -> Option<Spanned<Config>> {
        let config = self.config_argument(argument)?;
        if let Some(message) = config.value.not_for_operators() {
            self.error_at(config.span, message);
            return None;
        }
        Some(config)
    }

    /// A configuration of operators, or of model inputs and outputs.
    pub(crate) fn config_argument(&mut self, argument: &Argument) -> Option<Spanned<Config>> {
        let Argument { name, form } = argument;
        let Form::Value(value) = form else {
            self.error(name, format!("`{name}` takes a configuration; write `{name} = int8` or `{name} = None`"));
            return None;
        };
        let mut tokens = value.clone().into_iter().peekable();
        let word = match tokens.next() {
            Some(TokenTree::Ident(word)) => word,
            Some(TokenTree::Literal(found)) if found.to_string().starts_with('"') => {
                let named = self.string(name, value.clone(), "careful")?;
                return Some(Spanned { value: Config::Named(named.value), span: named.span });
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
            _ => {
                if let Some(scheme) = Scheme::ALL.into_iter().find(|scheme| scheme.word() == name) {
                    return Some(Config::Quantized(self.options(scheme, options)));
                }
                if is_weight_only(&name) {
                    self.error(word, weight_only(&name));
                } else {
                    let known: Vec<&str> = Config::words().collect();
                    let near = nearest(&name, &known);
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

    fn options(&mut self, scheme: Scheme, options: Option<&Group>) -> Quantized {
        let config = scheme.word();
        let mut chosen = Quantized { scheme, ..Quantized::default() };
        let mut granularity = None;
        let mut seen: Vec<String> = Vec::new();
        let options = options.map(|options| self.arguments(options.stream())).unwrap_or_default();
        for option in options {
            let name = option.name.to_string();
            match name.as_str() {
                "per_channel" | "per_tensor" if scheme == Scheme::Uint8 => {
                    self.error(
                        &option.name,
                        format!("`{name}` is about weights, which `uint8` does not quantize; remove it"),
                    );
                }
                "per_channel" | "per_tensor" => {
                    if !matches!(option.form, Form::Bare) {
                        self.error(&option.name, format!("`{name}` takes no value; write `{config}({name})`"));
                    }
                    let per_channel = name == "per_channel";
                    chosen.granularity = if per_channel { Granularity::PerChannel } else { Granularity::PerTensor };
                    if granularity.replace(per_channel).is_some() {
                        self.error(
                            &option.name,
                            "weights are quantized either `per_channel` or `per_tensor`; keep one",
                        );
                    }
                }
                _ if seen.contains(&name) => self.error(&option.name, format!("`{name}` is given twice; keep one")),
                "observer" => chosen.observer = self.observer(&option).unwrap_or_default(),
                "eps" => chosen.eps = self.eps(&option),
                _ => self.other_option(config, &option.name, &name),
            }
            seen.push(name);
        }
        chosen
    }

    fn observer(&mut self, option: &Argument) -> Option<Observer> {
        let Form::Value(value) = &option.form else {
            self.error(&option.name, format!("`observer` has no value; {OBSERVERS}"));
            return None;
        };
        // The same form as an argument: a word, with a list in parentheses for `percentile`.
        let found = self.argument(value.clone().into_iter().collect())?;
        let observer = match (found.name.to_string().as_str(), &found.form) {
            ("histogram", Form::Bare) => Observer::Histogram,
            ("minmax", Form::Bare) => Observer::MinMax,
            ("moving_average", Form::Bare) => Observer::MovingAverage,
            ("mse", Form::Bare) => Observer::Mse,
            ("percentile", Form::List(list)) => {
                let share = number(list.stream()).filter(|share| *share > 50.0 && *share <= 100.0);
                if share.is_none() {
                    self.error(list, "`percentile` takes a share above 50 and at most 100; write `percentile(99.99)`");
                }
                Observer::Percentile(share?)
            }
            ("percentile", _) => {
                self.error(&found.name, "`percentile` has no share; write `percentile(99.99)`");
                return None;
            }
            (name @ ("histogram" | "minmax" | "moving_average" | "mse"), _) => {
                self.error(&found.name, format!("`{name}` has no options; write `observer = {name}`"));
                return None;
            }
            (name, _) => {
                self.error(&found.name, format!("`{name}` is not an observer; {OBSERVERS}"));
                return None;
            }
        };
        Some(observer)
    }

    fn eps(&mut self, option: &Argument) -> Option<f32> {
        let eps = match &option.form {
            Form::Value(value) => number(value.clone()).filter(|eps| *eps > 0.0),
            Form::Bare | Form::List(_) => None,
        };
        if eps.is_none() {
            self.error(&option.name, "`eps` is the smallest scale, a number above 0; write `eps = 1.5e-5`");
        }
        eps
    }

    fn other_option(&mut self, config: &str, option: &Ident, name: &str) {
        if let Some((_, advice)) = LATER_OPTIONS.iter().find(|(known, _)| *known == name) {
            self.error(option, format!("`{name}` is not supported yet; {advice}"));
        } else if is_weight_only(name) {
            self.error(option, weight_only(name));
        } else {
            let advice = suggestion(name, &OPTIONS, "its options are");
            self.error(option, format!("`{name}` is not an option of `{config}`; {advice}"));
        }
    }
}

/// A literal number that f32 can hold.
pub(crate) fn number(tokens: TokenStream) -> Option<f32> {
    let literal = syn::parse2::<Lit>(tokens).ok()?;
    let number = match &literal {
        Lit::Float(number) => number.base10_parse::<f32>(),
        Lit::Int(number) => number.base10_parse::<f32>(),
        _ => return None,
    };
    number.ok().filter(|number| number.is_finite())
}

pub(crate) fn is_weight_only(word: &str) -> bool {
    word.contains("weight") || ["w8", "w4", "w8a32", "w4a32", "a32w8", "a32w4"].contains(&word)
}

pub(crate) fn weight_only(word: &str) -> String {
    format!(
        "`{word}` is not a configuration of the reference quantizer: TOSA's integer operators need integer activations beside \
         int8 weights; use `int8`, or `None` to keep these nodes float"
    )
}
