//! The model's own names as Rust identifiers.

use proc_macro2::{Ident, Span};

/// One field name for each, all different: what is no letter or digit becomes `_`.
pub(super) fn fields<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Ident> {
    let mut fields: Vec<Ident> = Vec::new();
    for name in names {
        let word: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
        let word = word.trim_matches('_');
        let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
        let word = if is_word { word.to_owned() } else { format!("tensor_{word}").trim_end_matches('_').to_owned() };
        let mut candidates = (1..).map(|n| identifier(&if n == 1 { word.clone() } else { format!("{word}_{n}") }));
        fields.push(candidates.find(|candidate| !fields.contains(candidate)).expect("there are enough numbers"));
    }
    fields
}

/// An identifier, raw where the word is a keyword; the few keywords that cannot be raw get a `_` behind them.
pub(super) fn identifier(word: &str) -> Ident {
    if syn::parse_str::<Ident>(word).is_ok() {
        return Ident::new(word, Span::call_site());
    }
    match word {
        "self" | "super" | "crate" => Ident::new(&format!("{word}_"), Span::call_site()),
        _ => Ident::new_raw(word, Span::call_site()),
    }
}

/// An identifier without what marks it as raw, as a part of a longer one.
pub(super) fn bare(name: &Ident) -> String {
    name.to_string().trim_start_matches("r#").to_owned()
}

/// The name as a part of a constant's.
pub(super) fn upper(name: &Ident) -> String {
    bare(name).to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_exporters_become_identifiers() {
        let names = ["features", "input.1", "Input_1", "onnx::Gemm_0", "type", "self", "0", "", "größe"];
        let fields: Vec<String> = fields(names.into_iter()).iter().map(ToString::to_string).collect();
        let expected =
            ["features", "input_1", "input_1_2", "onnx__gemm_0", "r#type", "self_", "tensor_0", "tensor", "gr__e"];
        assert_eq!(fields, expected);
    }
}
