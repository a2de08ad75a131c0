//! `#[quantize(…)]`: a unit struct → the runner that the build script generated for it.

mod included;
mod unknown;

use std::env;
use std::path::{Path, PathBuf};

use proc_macro2::{Ident, TokenStream, TokenTree};
use quantize_syntax::attr::Spanned;
use quantize_syntax::manifest::{self, Head};
use quantize_syntax::{Attr, Level};
use quote::{format_ident, quote};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Fields, Meta, Token};

/// Turns a unit struct into a runner of the model that its arguments name.
///
/// The build script (`quantize_build::compile()`) reads the same attribute, does the work and leaves Rust code and a manifest;
/// this macro includes the code, and raises what the build script found at the argument that caused it.
/// The arguments are described in the documentation of `quantize-runtime`.
#[proc_macro_attribute]
pub fn quantize(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let item = TokenStream::from(item);
    let output = match (unit_struct(&item), syn::parse2(item.clone())) {
        (Ok(unit), _) => expand(arguments.into(), &unit),
        (Err(error), Ok(other)) => unknown::item(&other, &conditions(&other.attrs), &Runtime::default(), error),
        (Err(error), Err(_)) => {
            let error = error.into_compile_error();
            quote!(#item #error)
        }
    };
    output.into()
}

/// The runner of a model that the build script names: `include_quantized!("Kws")` is `struct Kws`.
///
/// Before the name may stand what may stand before a struct, behind it the path of a runtime crate that has another name:
///
/// ```ignore
/// firmware::nn::include_quantized!(
///     /// Finds the keyword in a second of speech.
///     pub "Kws",
///     crate = firmware::nn
/// );
/// ```
///
/// The build script calls `quantize_build::Compiler::new().model("Kws", …).compile()`; what it found wrong is raised here, with
/// the call that caused it.
#[proc_macro]
pub fn include_quantized(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    match syn::parse::<included::Included>(input) {
        Ok(included) => included.expand().into(),
        Err(error) => error.into_compile_error().into(),
    }
}

fn unit_struct(item: &TokenStream) -> syn::Result<DeriveInput> {
    let advice = "write `struct Name;` under it";
    let Ok(unit) = syn::parse2::<DeriveInput>(item.clone()) else {
        return Err(syn::Error::new_spanned(item, format!("`#[quantize]` is for a unit struct; {advice}")));
    };
    let name = &unit.ident;
    match &unit.data {
        Data::Struct(data) if !matches!(data.fields, Fields::Unit) => {
            let message = format!("`{name}` has fields, but `#[quantize]` gives it its own; write `struct {name};`");
            Err(syn::Error::new_spanned(&data.fields, message))
        }
        Data::Struct(_) if unit.generics.params.is_empty() => Ok(unit),
        Data::Struct(_) => {
            let message = format!("`{name}` is generic, but one model has one type; write `struct {name};`");
            Err(syn::Error::new_spanned(&unit.generics, message))
        }
        Data::Enum(_) | Data::Union(_) => {
            Err(syn::Error::new_spanned(item, format!("`{name}` is not a struct; write `struct {name};`")))
        }
    }
}

/// The struct with the generated code and all errors. With errors the code may be what the build script knows of the interface.
fn expand(arguments: TokenStream, unit: &DeriveInput) -> TokenStream {
    let name = unit.ident.to_string();
    let name = name.trim_start_matches("r#");
    let reading = Attr::read(arguments.clone());
    let head = read_head(name);
    let canonical = reading.canonical();
    let recorded = match (&reading.attr, &head) {
        // The arguments may be why there is nothing.
        (_, Err(_)) if reading.mistakes.is_some() => None,
        (_, Err(message)) => Some(syn::Error::new_spanned(&unit.ident, message)),
        (Some(attr), Ok(head)) if canonical.as_ref() == Some(&head.attribute) => recorded_errors(attr, head),
        // An old report is about other arguments.
        (_, Ok(_)) if reading.mistakes.is_some() => None,
        (_, Ok(head)) => {
            let message =
                format!("`{name}`: generated code is stale; build again to replace the code for `{}`", head.attribute);
            Some(syn::Error::new_spanned(arguments, message))
        }
    };
    let errors = [reading.mistakes, recorded].into_iter().flatten().reduce(join);
    let found = head.as_ref().ok().and_then(renamed_runtime);
    let path = reading.attr.and_then(|attr| attr.runtime).or(found);
    let runtime = path.map_or_else(Runtime::default, |path| Runtime::imported(&path_at(&path), &unit.ident));
    with_errors(unit, head.ok(), errors, &runtime)
}

/// The struct with the code that a manifest names, and errors beside it.
fn with_errors(unit: &DeriveInput, head: Option<Head>, errors: Option<syn::Error>, runtime: &Runtime) -> TokenStream {
    let conditions = conditions(&unit.attrs);
    match (head, errors) {
        (Some(Head { code: Some(code), exports, docs, .. }), errors) => {
            let runner = runner(unit, &conditions, runtime, &code, &exports, docs.as_deref());
            let errors = errors.map(|errors| {
                let errors = errors.into_compile_error();
                if conditions.is_empty() { errors } else { quote!(#(#conditions)* const _: () = { #errors };) }
            });
            quote!(#runner #errors)
        }
        (_, errors) => {
            let message = format!("`{}`: no code was generated; build again", unit.ident);
            unknown::item(
                unit,
                &conditions,
                runtime,
                errors.unwrap_or_else(|| syn::Error::new_spanned(&unit.ident, message)),
            )
        }
    }
}

fn join(mut all: syn::Error, other: syn::Error) -> syn::Error {
    all.combine(other);
    all
}

/// Errors of the build script at the arguments they name. Warnings are its own to print: a macro cannot on stable Rust.
fn recorded_errors(attr: &Attr, head: &Head) -> Option<syn::Error> {
    let errors = head.diagnostics.iter().filter(|diagnostic| diagnostic.level == Level::Error);
    errors.map(|diagnostic| syn::Error::new(attr.span_of(&diagnostic.at), &diagnostic.message)).reduce(join)
}

/// The struct as generated code expects it, the code, and its further public types beside the struct.
fn runner(
    unit: &DeriveInput,
    conditions: &[TokenStream],
    runtime: &Runtime,
    code: &str,
    exports: &[String],
    docs: Option<&str>,
) -> TokenStream {
    let DeriveInput { attrs, vis, ident, .. } = unit;
    let import = runtime.import.as_ref().map(|import| quote!(#(#conditions)* #import));
    let runtime = &runtime.name;
    // The blank line parts it from what the user wrote.
    let docs = docs.map(|docs| format!("\n\n{docs}")).map(|docs| quote!(#[doc = #docs]));
    let module = format_ident!("__quantize_{}", ident);
    let code = format!("/{}/{code}", manifest::FOLDER);
    let exports = exports.iter().map(|export| {
        let export = format_ident!("{export}");
        quote!(#(#conditions)* #[allow(unused_imports)] #vis use #module::#export;)
    });
    quote! {
        #(#attrs)*
        #docs
        #vis struct #ident {
            memory: &'static mut <#ident as #runtime::Model>::Memory,
        }

        #import

        // `warnings` does not reach lints that the crate raises to `deny`, hence the groups by name.
        #(#conditions)*
        #[doc(hidden)]
        #[allow(
            warnings, nonstandard_style, unreachable_pub, unused, unused_qualifications,
            clippy::all, clippy::nursery, clippy::pedantic, clippy::restriction
        )]
        mod #module {
            ::core::include!(::core::concat!(::core::env!("OUT_DIR"), #code));
        }

        #(#exports)*
    }
}

/// The runtime crate.
struct Runtime {
    /// How it is named beside the struct.
    name: TokenStream,
    /// What gives it this name, where it has another path than usual. Generated code, which is in a module of its own, finds it by the
    /// name too; and a path that is wrong is one error.
    import: Option<TokenStream>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { name: quote!(::quantize_runtime), import: None }
    }
}

impl Runtime {
    /// By its path from where the struct is.
    fn imported(path: &TokenStream, structure: &Ident) -> Self {
        let name = format_ident!("{}{}", manifest::RUNTIME_ALIAS, structure);
        let import = quote!(#[doc(hidden)] #[allow(unused_imports)] use #path as #name;);
        Self { name: quote!(#name), import: Some(import) }
    }
}

/// The path of the runtime crate that the build script found in Cargo.toml.
fn renamed_runtime(head: &Head) -> Option<Spanned<String>> {
    Attr::read(head.effective.parse().ok()?).attr?.runtime
}

/// The path that `crate = …` names, at its place.
fn path_at(Spanned { value, span }: &Spanned<String>) -> TokenStream {
    let tokens: TokenStream = value.parse().expect("the parser took it as a path");
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(*span);
            token
        })
        .collect()
}

/// The `cfg` of the struct, which the compiler has not looked at yet where they stand below the attribute: whatever stands beside
/// the struct needs them too.
fn conditions(attributes: &[Attribute]) -> Vec<TokenStream> {
    attributes.iter().filter_map(|attribute| condition(&attribute.meta)).map(|meta| quote!(#[#meta])).collect()
}

/// What of `cfg(…)` or `cfg_attr(…)` decides whether the item is there.
fn condition(meta: &Meta) -> Option<TokenStream> {
    match meta {
        Meta::List(list) if list.path.is_ident("cfg") => Some(quote!(#list)),
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let mut tokens = list.tokens.clone().into_iter();
            let is_before = |token: &TokenTree| !matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',');
            let predicate: TokenStream = tokens.by_ref().take_while(is_before).collect();
            let metas = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens.collect()).ok()?;
            let conditions: Vec<TokenStream> = metas.iter().filter_map(condition).collect();
            (!conditions.is_empty()).then(|| quote!(cfg_attr(#predicate, #(#conditions),*)))
        }
        _ => None,
    }
}

/// The folder of what the build script left, or why there is none.
///
/// `call` is what the build script calls for it.
fn results(name: &str, call: &str) -> Result<PathBuf, String> {
    let Some(out_dir) = env::var_os("OUT_DIR") else {
        return Err(format!("`{name}`: this crate has no build.rs, which generates the code\n{}", set_up(call)));
    };
    let folder = Path::new(&out_dir).join(manifest::FOLDER);
    match folder.is_dir() {
        true => Ok(folder),
        false => Err(format!("`{name}`: build.rs does not call `{call}`, which generates the code\n{}", set_up(call))),
    }
}

/// Reads what the build script left for the struct, or says why there is nothing.
fn read_head(name: &str) -> Result<Head, String> {
    match manifest::find(&results(name, "quantize_build::compile()")?, name, source().as_deref()) {
        Some((file, text)) => parse_head(name, &file, &text),
        None => Err(format!(
            "`{name}`: not found by build.rs, which follows the `mod` declarations of the crate's targets\n  \
             it cannot see a struct inside a function, made by a macro, in a file read with `include!`,\n  \
             or with the attribute under another name; write `#[quantize(…)]` in a module of the crate\n  \
             a `Compiler` looks for attributes after `.scan()` only\n  \
             a target added since build.rs last ran is seen after `touch build.rs`"
        )),
    }
}

fn parse_head(name: &str, file: &Path, text: &str) -> Result<Head, String> {
    Head::parse(text).map_err(|reason| {
        format!(
            "`{name}`: cannot read {}: {reason}\n  use the same version of quantize-build as of quantize-runtime, and build again",
            file.display()
        )
    })
}

fn set_up(call: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "  write in Cargo.toml:  [build-dependencies]\n                        quantize-build = \"{version}\"\n  \
         and in build.rs:      fn main() {{ {call} }}"
    )
}

/// The file of the attribute, relative to the crate's folder.
fn source() -> Option<String> {
    let file = proc_macro::Span::call_site().local_file()?;
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    // The compiler's paths are relative to its own folder, which for a member of a workspace is the workspace's.
    let file = if file.exists() { file } else { crate_folder.join(file) };
    Some(manifest::source_path(&crate_folder, &file))
}
