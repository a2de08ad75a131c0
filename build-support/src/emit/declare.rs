//! Writes the interface of a model without its program, so that code which uses a model with errors type-checks.

use super::{Emitted, Interface, exports, file, names, no_vgf, runner, sides, vgf};
use quantize_syntax::attr::Embed;
use quote::quote;

/// Writes constants, types and functions as [`emit`](super::emit()) does; nothing is embedded and no function returns.
///
/// The macro raises the model's errors beside it, so that it is never run.
pub fn declare(interface: &Interface) -> Emitted {
    let name = names::identifier(&interface.struct_name);
    let nowhere = |ports: &[super::PortInfo]| vec![0..0; ports.len()];
    let [inputs, outputs] = sides(interface, [nowhere(&interface.inputs), nowhere(&interface.outputs)]);
    let types = [inputs.types(), outputs.types()];
    let vgf = match interface.embed {
        Embed::Vgf => vgf(&quote!(&[])),
        Embed::Constants => no_vgf(),
    };
    let never = quote!(::core::unreachable!("the model has errors"));
    let runner = runner(&inputs, &outputs, &vgf, 0, &never, |_| never.clone(), Some(never.clone()));
    let runtime = interface.runtime();
    let tokens = quote! {
        use #runtime::{Model, PlainInfo, TensorInfo, self_test, vgf::NotEmbedded};

        /// What a runner works in.
        pub struct Memory;

        impl Model for super::#name {
            type Memory = Memory;
            const EMPTY: Memory = Memory;
        }

        #(#types)*

        impl super::#name {
            #runner
        }
    };
    Emitted { code: file(interface, tokens), exports: exports(&inputs, &outputs), docs: None }
}
