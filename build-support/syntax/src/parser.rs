//! The attribute's tokens → arguments of the forms `name`, `name = value` and `name(…)`, collecting mistakes.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::LitStr;

use crate::attr::Spanned;

/// `name`, `name = value` or `name(list)`.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    pub(crate) form: Form,
}

pub(crate) enum Form {
    Bare,
    Value(TokenStream),
    List(Group),
}

/// Collects mistakes while the parts of the attribute are read.
#[derive(Default)]
pub(crate) struct Parser {
    pub(crate) errors: Option<syn::Error>,
    /// Whether something in the current list was not understood: it may be what otherwise seems to be missing.
    pub(crate) unclear: bool,
}

impl Parser {
    pub(crate) fn error(&mut self, at: &impl ToTokens, message: impl Into<String>) {
        self.push(syn::Error::new_spanned(at, message.into()));
    }

    pub(crate) fn error_at(&mut self, at: Span, message: &str) {
        self.push(syn::Error::new(at, message));
    }

    pub(crate) fn missing(&mut self, message: &str) {
        self.error_at(Span::call_site(), message);
    }

    fn push(&mut self, error: syn::Error) {
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    /// Splits a list at its commas and reads the shape of each part; malformed parts are reported and left out.
    pub(crate) fn arguments(&mut self, list: TokenStream) -> Vec<Argument> {
        let parts = self.split(list);
        parts.into_iter().filter_map(|part| self.argument(part)).collect()
    }

    /// Splits a list at its commas, the last of which may be trailing.
    pub(crate) fn split(&mut self, list: TokenStream) -> Vec<Vec<TokenTree>> {
        let mut parts = vec![Vec::new()];
        for token in list {
            match &token {
                TokenTree::Punct(comma) if comma.as_char() == ',' => {
                    if parts.last().is_some_and(Vec::is_empty) {
                        self.error(&token, "`,` has no argument before it; remove it");
                    } else {
                        parts.push(Vec::new());
                    }
                }
                _ => parts.last_mut().expect("starts with one part").push(token),
            }
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    pub(crate) fn argument(&mut self, part: Vec<TokenTree>) -> Option<Argument> {
        let mut tokens = part.into_iter();
        let name = match tokens.next()? {
            TokenTree::Ident(name) => name,
            other => {
                self.error(&other, format!("`{other}` is not an argument; write `name = value` or `name(…)`"));
                return None;
            }
        };
        let form = match tokens.next() {
            None => Form::Bare,
            Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => {
                return Some(Argument { name, form: Form::Value(tokens.collect()) });
            }
            Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Parenthesis => Form::List(list),
            Some(other) => {
                self.error(&other, format!("`{name}` is followed by neither `=` nor `(`"));
                return None;
            }
        };
        self.end(tokens);
        Some(Argument { name, form })
    }

    /// Reports what follows a complete value.
    pub(crate) fn end(&mut self, mut rest: impl Iterator<Item = TokenTree>) {
        if let Some(token) = rest.next() {
            self.unclear = true;
            self.error(&token, format!("`{token}` follows without a comma; write `,` before it"));
        }
    }

    /// The word of `name = word`; `None` for any other form.
    pub(crate) fn word(&mut self, argument: &Argument) -> Option<Ident> {
        let Form::Value(value) = &argument.form else { return None };
        let mut tokens = value.clone().into_iter();
        let Some(TokenTree::Ident(word)) = tokens.next() else { return None };
        self.end(tokens);
        Some(word)
    }

    pub(crate) fn string_argument(&mut self, argument: &Argument, example: &str) -> Option<Spanned<String>> {
        let Argument { name, form } = argument;
        match form {
            Form::Value(value) => self.string(name, value.clone(), example),
            Form::List(list) => {
                self.error(list, format!("`{name}` takes one string; write `{name} = \"{example}\"`"));
                None
            }
            Form::Bare => {
                self.error(name, format!("`{name}` has no value; write `{name} = \"{example}\"`"));
                None
            }
        }
    }

    pub(crate) fn string(&mut self, name: &Ident, value: TokenStream, example: &str) -> Option<Spanned<String>> {
        let mut tokens = value.clone().into_iter();
        let Some(first) = tokens.next() else {
            self.error(name, format!("`{name}` has no value; write `{name} = \"{example}\"`"));
            return None;
        };
        let Ok(literal) = syn::parse2::<LitStr>(first.into()) else {
            self.error(&value, format!("`{name}` takes a string literal; write `{name} = \"{example}\"`"));
            return None;
        };
        self.end(tokens);
        if literal.value().is_empty() {
            self.error(&literal, format!("`{name}` is empty; write `{name} = \"{example}\"`"));
            return None;
        }
        Some(Spanned { value: literal.value(), span: literal.span() })
    }
}
