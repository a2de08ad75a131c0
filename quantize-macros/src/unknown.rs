//! An item whose model's interface is not known → what type-checks in use beside the error.
//!
//! The trick is a type that the compiler knows to be wrong: it reports no second error about whatever a program does with it.

use crate::Runtime;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{DeriveInput, Error};

/// The item as written, with the constants and functions that every runner has, of a type that stands for any other.
///
/// `conditions` are the `cfg` that the item stands under. Names that only the model knows are missing: constants such as `Kws::INPUT_MASK` where there are several inputs.
pub(crate) fn item(item: &DeriveInput, conditions: &[TokenStream], runtime: &Runtime, error: Error) -> TokenStream {
    let DeriveInput { vis, ident, generics, .. } = item;
    let (impl_generics, arguments, bounds) = generics.split_for_impl();
    let error = error.into_compile_error();
    let import = runtime.import.as_ref().map(|import| quote!(#(#conditions)* #import));
    let runtime = &runtime.name;
    let module = format_ident!("__quantize_{}", ident);
    let types =
        ["Inputs", "Outputs", "QuantizedInputs", "QuantizedOutputs"].map(|kind| format_ident!("{}{kind}", ident));
    quote! {
        #item

        #(#conditions)*
        #[doc(hidden)]
        #[allow(warnings, nonstandard_style, unreachable_pub, unused, clippy::all, clippy::pedantic)]
        mod #module {
            /// Its argument is where the errors are raised.
            pub struct Cause<const ERROR: usize>;

            pub trait Known {
                type Type;
            }

            impl Known for Cause<0> {
                type Type = ();
            }

            /// Taken as equal to any type, because its own definition is wrong.
            pub type Unknown = <Cause<{ #error }> as Known>::Type;

            pub struct Memory;

            pub mod exports {
                #(pub type #types<'a> = super::Unknown;)*
            }
        }

        // By the asterisk they give way to the user's own types of these names.
        #(#conditions)*
        #[allow(unused_imports)]
        #vis use #module::exports::*;

        #import

        #(#conditions)*
        impl #impl_generics #runtime::Model for #ident #arguments #bounds {
            type Memory = #module::Memory;
            const EMPTY: #module::Memory = #module::Memory;
        }

        #(#conditions)*
        #[allow(dead_code, unused_variables, missing_docs, clippy::all, clippy::pedantic)]
        impl #impl_generics #ident #arguments #bounds {
            pub const VGF: &'static [u8] = &[];
            pub const ARENA_BYTES: usize = 0;
            pub const INPUT: #module::Unknown = ::core::unreachable!();
            pub const OUTPUT: #module::Unknown = ::core::unreachable!();

            pub fn new(memory: &'static mut #module::Memory) -> Self {
                ::core::unreachable!()
            }

            pub fn run(&mut self, inputs: #module::Unknown) -> #module::Unknown {
                ::core::unreachable!()
            }

            pub fn self_test(&mut self) -> #module::Unknown {
                ::core::unreachable!()
            }

            pub fn run_quantized(&mut self, inputs: #module::Unknown) -> #module::Unknown {
                ::core::unreachable!()
            }
        }
    }
}
