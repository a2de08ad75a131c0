//! `include_quantized!("Kws")` → the struct, as the attribute would make it.

use crate::{Runtime, join, parse_head, path_at, renamed_runtime, results, with_errors};
use proc_macro2::{Ident, TokenStream};
use quantize_syntax::diagnostic::suggestion;
use quantize_syntax::manifest::{self, BUILD_SCRIPT, Head};
use quantize_syntax::{Attr, Level};
use quote::{ToTokens, quote};
use std::fs;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, DeriveInput, Error, LitStr, Path, Token, Visibility, parse_quote};

/// What stands in the parentheses.
pub(crate) struct Included {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: LitStr,
    ident: Ident,
    /// Path of the runtime crate, where one is given.
    runtime: Option<TokenStream>,
}

impl Parse for Included {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (attrs, vis) = (input.call(Attribute::parse_outer)?, input.parse()?);
        let name: LitStr = input.parse().map_err(|error| {
            let message =
                "write the name of a model of build.rs, such as `include_quantized!(\"Kws\")` or `(pub \"Kws\")`";
            Error::new(error.span(), message)
        })?;
        let ident = name.parse::<Ident>().map_err(|_| Error::new(name.span(), "a struct cannot have this name"))?;
        Ok(Self { attrs, vis, name, ident, runtime: runtime(input)? })
    }
}

/// What may follow the name: `, crate = firmware::nn`.
fn runtime(input: ParseStream<'_>) -> syn::Result<Option<TokenStream>> {
    if input.is_empty() {
        return Ok(None);
    }
    let path = |input: ParseStream<'_>| {
        input.parse::<Token![,]>()?;
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        let path = input.call(Path::parse_mod_style)?;
        input.parse::<Option<Token![,]>>()?;
        if input.is_empty() { Ok(Some(path.into_token_stream())) } else { Err(input.error("")) }
    };
    path(input).map_err(|error| {
        let message = "after the name only the path of a renamed runtime crate may follow, such as `, crate = firmware::nn`; \
                       attributes and `pub` stand before it";
        Error::new(error.span(), message)
    })
}

impl Included {
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { attrs, vis, name, ident, runtime } = self;
        let unit: DeriveInput = parse_quote!(#(#attrs)* #vis struct #ident;);
        let head = read(&name.value()).map_err(|message| Error::new(name.span(), message));
        let errors = match &head {
            Ok(head) => self.recorded(head),
            Err(error) => Some(error.clone()),
        };
        let found = || head.as_ref().ok().and_then(renamed_runtime).map(|path| path_at(&path));
        let runtime = runtime.clone().or_else(found).unwrap_or_else(|| quote!(::quantize_runtime));
        with_errors(&unit, head.ok(), errors, &Runtime::imported(&runtime, ident))
    }

    /// Errors of the build script, each with the call that caused it.
    fn recorded(&self, head: &Head) -> Option<Error> {
        let attr = head.attribute.parse().ok().and_then(|text| Attr::read(text).attr);
        let errors = head.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error);
        let error = |diagnostic: &quantize_syntax::Diagnostic| {
            let call = attr.as_ref().map(|attr| attr.call_of(&diagnostic.at)).unwrap_or_default();
            Error::new(self.name.span(), format!("{BUILD_SCRIPT}, `{call}`: {}", diagnostic.message))
        };
        errors.map(error).reduce(join)
    }
}

/// Reads what the build script left for the model.
fn read(name: &str) -> Result<Head, String> {
    let call = format!("quantize_build::Compiler::new().model({name:?}, …).compile()");
    let folder = results(name, &call)?;
    let Some((file, text)) = manifest::find(&folder, name, Some(BUILD_SCRIPT)) else {
        let names = models(&folder);
        let advice = match names.is_empty() {
            true => format!("write `{call}` there"),
            false => suggestion(name, &names, "its models are"),
        };
        return Err(format!("`{name}`: {BUILD_SCRIPT} names no model of this name; {advice}"));
    };
    parse_head(name, &file, &text)
}

/// The models that the build script names, sorted.
fn models(folder: &std::path::Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let manifests = files.filter(|file| file.extension().is_some_and(|extension| extension == "toml"));
    let is_named = |file: &std::path::Path| {
        let text = fs::read_to_string(file).unwrap_or_default();
        Head::parse(&text).is_ok_and(|head| head.source == BUILD_SCRIPT)
    };
    let names = manifests.filter(|file| is_named(file)).filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
