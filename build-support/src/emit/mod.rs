//! Writes the Rust code of a plan: constants that point into the embedded VGF file, and one call of a kernel per step.

mod declare;
mod docs;
#[cfg(test)]
mod generated;
mod names;
mod step;

pub use declare::declare;

use crate::config::Dtype;
use crate::plan::{BufferId, Plan};
use proc_macro2::{Ident, TokenStream};
use quantize_runtime::graph::Graph;
use quote::{ToTokens, format_ident, quote};
use std::fmt::Debug;
use std::ops::Range;

/// The runtime crate where nobody renamed it.
pub const RUNTIME: &str = "::quantize_runtime";

/// What a user sees of a model.
pub struct Interface {
    /// The struct with the attribute.
    pub struct_name: String,
    /// The model's file as the attribute names it.
    pub model_path: String,
    /// Path of the runtime crate from a module beside the struct, usually [`RUNTIME`].
    pub runtime: String,
    /// The inputs, in the model's order.
    pub inputs: Vec<PortInfo>,
    /// The outputs, in the model's order.
    pub outputs: Vec<PortInfo>,
}

impl Interface {
    /// The path of the runtime crate.
    fn runtime(&self) -> TokenStream {
        self.runtime.parse().expect("a path is tokens")
    }
}

/// An input or output of the model.
pub struct PortInfo {
    /// The model's own name.
    pub name: String,
    /// Dimensions in the exporter's layout.
    pub shape: Vec<usize>,
    /// What it holds.
    pub content: Content,
}

/// What an input or output holds in the VGF file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Content {
    /// Real numbers as codes.
    Quantized(Codes),
    /// Real numbers as f32.
    Real,
    /// i32.
    Integers,
    /// Truth values.
    Truths,
}

/// Integers that stand for real numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Codes {
    /// Their type: int8, uint8 or int16.
    pub dtype: Dtype,
    /// Real distance between neighbouring codes.
    pub scale: f32,
    /// The code of real 0.
    pub zero_point: i32,
    /// The smallest code; the largest is the type's.
    pub min: i32,
}

impl Codes {
    fn element(self) -> Ident {
        match self.dtype {
            Dtype::Int8 => format_ident!("i8"),
            Dtype::Uint8 => format_ident!("u8"),
            Dtype::Int16 => format_ident!("i16"),
            Dtype::Int32 => unreachable!("activations have at most 16 bits"),
        }
    }
}

impl Content {
    /// The element type of generated functions.
    fn element(self, form: Form) -> TokenStream {
        match (self, form) {
            (Self::Quantized(codes), Form::Quantized) => codes.element().into_token_stream(),
            (Self::Quantized(_) | Self::Real, _) => quote!(f32),
            (Self::Integers, _) => quote!(i32),
            (Self::Truths, _) => quote!(bool),
        }
    }

    fn is_quantized(self) -> bool {
        matches!(self, Self::Quantized(_))
    }

    /// Whether its quantized elements are taken out of the arena: those of one byte are given as they lie there.
    fn is_wide(self) -> bool {
        matches!(self, Self::Quantized(Codes { dtype: Dtype::Int16, .. }))
    }

    /// The real number, integer or truth value in fresh memory.
    fn zero(self) -> TokenStream {
        match self {
            Self::Quantized(_) | Self::Real => quote!(0.0),
            Self::Integers => quote!(0),
            Self::Truths => quote!(false),
        }
    }
}

/// A program: the file that was decoded, what each of its operators was made from, and the plan for them.
#[derive(Clone, Copy)]
pub struct Program<'a> {
    /// Bytes of the VGF file.
    pub file: &'a [u8],
    /// The graph in it.
    pub graph: &'a Graph<'a>,
    /// Parallel to the nodes of the graph: module path or name.
    pub labels: &'a [String],
    /// The plan of the graph.
    pub plan: &'a Plan<'a>,
}

/// What the macro needs of the generated code.
pub struct Emitted {
    /// Text of the Rust file.
    pub code: String,
    /// Its public types that the user names.
    pub exports: Vec<String>,
    /// Documentation of the struct, in Markdown; none without a program.
    pub docs: Option<String>,
}

/// Writes the code for a file `vgf_name` that lies beside it.
pub fn emit(interface: &Interface, program: Program<'_>, vgf_name: &str) -> Emitted {
    let name = format_ident!("{}", interface.struct_name);
    let plan = program.plan;
    let places =
        |buffers: &[BufferId]| buffers.iter().map(|buffer| plan.places[buffer.0 as usize].clone()).collect::<Vec<_>>();
    let [inputs, outputs] = sides(interface, [places(&plan.inputs), places(&plan.outputs)]);
    let types = [inputs.types(), outputs.types()];

    let abi = literal(quantize_runtime::abi::VERSION);
    let steps = plan.steps.iter().enumerate();
    let steps: Vec<step::Code> = steps.map(|(index, step)| step::Code::new(index, step, program)).collect();
    let (constants, calls) = (steps.iter().map(|step| &step.constants), steps.iter().map(|step| &step.call));
    let memory = memory(&name, &outputs, plan);
    let body = |form: Form| run_body(&inputs, &outputs, form);
    let vgf = quote!(&VGF.0);
    let runner = runner(&inputs, &outputs, &vgf, plan.arena_bytes, &quote!(Self { memory }), body);
    let arena_bytes = literal(plan.arena_bytes);
    let has_pairs = plan.steps.iter().any(|step| step.outputs.len() == 2);
    let pair = has_pairs.then(|| quote!(type AccessPair<const READS: usize> = arena::AccessPair<#arena_bytes, READS>;));
    let is_in_place = plan.steps.iter().any(|step| step.in_place.is_some());
    let in_place = is_in_place
        .then(|| quote!(type AccessInPlace<const READS: usize> = in_place::AccessInPlace<#arena_bytes, READS>;));
    let runtime = interface.runtime();
    let tokens = quote! {
        use #runtime::rescale::GeneralRescale;
        use #runtime::{
            Aligned, Model, PlainInfo, Rescale, Shape, TensorInfo, abi, arena, bytes, epilogue, in_place, kernels, operators,
            port, steps,
        };

        const _: () = abi::check(#abi);

        static VGF: &Aligned<[u8]> = &Aligned(*::core::include_bytes!(#vgf_name));

        type Access<const READS: usize> = arena::Access<#arena_bytes, READS>;
        #pair
        #in_place

        #(#constants)*
        #memory
        #(#types)*

        impl super::#name {
            #runner

            fn infer(arena: &mut [u8; Self::ARENA_BYTES]) {
                #(#calls)*
            }
        }
    };
    Emitted {
        code: file(interface, tokens),
        exports: exports(&inputs, &outputs),
        docs: Some(docs::markdown(interface, program)),
    }
}

/// The inputs and outputs, in memory at these places.
fn sides(interface: &Interface, [inputs, outputs]: [Vec<Range<usize>>; 2]) -> [Side<'_>; 2] {
    let name = &interface.struct_name;
    let mut sides =
        [Side::new(name, "Input", &interface.inputs, inputs), Side::new(name, "Output", &interface.outputs, outputs)];
    let is_quantized = sides.iter().any(Side::is_quantized);
    sides.iter_mut().for_each(|side| side.is_needed_quantized = is_quantized);
    sides
}

/// Names of the types beside the struct that a user needs.
fn exports(inputs: &Side<'_>, outputs: &Side<'_>) -> Vec<String> {
    [inputs, outputs].into_iter().flat_map(Side::exports).map(|name| name.to_string()).collect()
}

/// The text of a file of these items.
fn file(interface: &Interface, tokens: TokenStream) -> String {
    let file = syn::parse2(tokens).expect("the templates of this module are Rust");
    let header = format!(
        "// @generated by quantize-build {} from {}; do not edit.\n\n",
        env!("CARGO_PKG_VERSION"),
        interface.model_path.escape_debug()
    );
    header + &prettyplease::unparse(&file)
}

/// The arena, and the results as the user gets them.
fn memory(name: &Ident, outputs: &Side<'_>, plan: &Plan<'_>) -> TokenStream {
    let arena_bytes = literal(plan.arena_bytes);
    let results: Vec<Ident> = outputs.ports.iter().map(Port::result).collect();
    let lengths: Vec<TokenStream> = outputs.ports.iter().map(Port::len).collect();
    let elements = outputs.ports.iter().map(|port| port.info.content.element(Form::Real));
    let zeros = outputs.ports.iter().map(|port| port.info.content.zero());
    let wide = outputs.ports.iter().filter(|port| port.info.content.is_wide());
    let (codes, code_lengths): (Vec<Ident>, Vec<TokenStream>) = wide.map(|port| (port.codes(), port.len())).unzip();
    quote! {
        /// What a runner works in.
        pub struct Memory {
            arena: Aligned<[u8; #arena_bytes]>,
            #(#results: [#elements; #lengths],)*
            #(#codes: [i16; #code_lengths],)*
        }

        impl Model for super::#name {
            type Memory = Memory;
            const EMPTY: Memory = Memory {
                arena: Aligned([0; #arena_bytes]),
                #(#results: [#zeros; #lengths],)*
                #(#codes: [0; #code_lengths],)*
            };
        }
    }
}

/// The constants and functions of the user's struct, with these bodies.
fn runner(
    inputs: &Side<'_>,
    outputs: &Side<'_>,
    vgf: &TokenStream,
    arena_bytes: usize,
    new: &TokenStream,
    body: impl Fn(Form) -> TokenStream,
) -> TokenStream {
    let arena_bytes = literal(arena_bytes);
    let info = inputs.ports.iter().chain(&outputs.ports).map(Port::constant);
    let (real_inputs, quantized_inputs) = (inputs.argument(Form::Real), inputs.argument(Form::Quantized));
    let (real_outputs, quantized_outputs) = (outputs.result(Form::Real, None), outputs.result(Form::Quantized, None));
    let is_quantized = inputs.is_needed_quantized;
    let run_docs = match is_quantized {
        true => " Quantizes the inputs, runs the network and dequantizes its outputs.",
        false => " Runs the network.",
    };
    let lent_outputs = |form: Form| outputs.result(form, Some(&quote!('m)));
    let (run, lent) = (body(Form::Real), lent_outputs(Form::Real));
    let given = inputs.given();
    // Without anything quantized it would be `run` again.
    let run_quantized = is_quantized.then(|| {
        let (run_quantized, lent) = (body(Form::Quantized), lent_outputs(Form::Quantized));
        quote! {
            /// Runs the network on inputs as the VGF file has them, and gives its outputs likewise: what is quantized as codes.
            pub fn run_quantized(&mut self, #quantized_inputs) -> #quantized_outputs {
                Self::run_quantized_in(self.memory, #given)
            }

            /// [`Self::run_quantized`] in memory that is lent to it.
            pub fn run_quantized_in<'m>(memory: &'m mut <Self as Model>::Memory, #quantized_inputs) -> #lent {
                #run_quantized
            }
        }
    });
    quote! {
        #(#info)*

        /// The embedded VGF file: SPIR-V graph module and constants, which the kernels read in place.
        pub const VGF: &'static [u8] = #vgf;

        /// Bytes of the arena: quantized inputs, outputs and everything between.
        pub const ARENA_BYTES: usize = #arena_bytes;

        /// A runner in this memory, which `Arena::take` gives.
        pub fn new(memory: &'static mut <Self as Model>::Memory) -> Self {
            #new
        }

        #[doc = #run_docs]
        ///
        /// Elements are in the exporter's layout, row-major. Where an input is quantized, NaN counts as 0 and values out of
        /// range saturate.
        pub fn run(&mut self, #real_inputs) -> #real_outputs {
            Self::run_in(self.memory, #given)
        }

        /// [`Self::run`] in memory that is lent to it, such as that which models share by `arena::Either`.
        pub fn run_in<'m>(memory: &'m mut <Self as Model>::Memory, #real_inputs) -> #lent {
            #run
        }

        #run_quantized
    }
}

/// What a run does: inputs into the arena, the steps, outputs out of it.
fn run_body(inputs: &Side<'_>, outputs: &Side<'_>, form: Form) -> TokenStream {
    let store = inputs.ports.iter().map(|port| port.store(inputs.access(port), form));
    let load = outputs.ports.iter().map(|port| port.load(form));
    let result = outputs.value(form, |port| match (form, port.info.content) {
        (Form::Quantized, Content::Quantized(Codes { dtype: Dtype::Int8, .. })) => {
            port.place(format_ident!("elements"))
        }
        (Form::Quantized, Content::Quantized(Codes { dtype: Dtype::Uint8, .. })) => port.place(format_ident!("octets")),
        (Form::Quantized, Content::Quantized(_)) => port.reference(&port.codes()),
        (Form::Quantized, Content::Real | Content::Integers | Content::Truths) | (Form::Real, _) => {
            port.reference(&port.result())
        }
    });
    quote! {
        #(#store)*
        Self::infer(&mut memory.arena.0);
        #(#load)*
        #result
    }
}

/// Elements as the user has them.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Real,
    Quantized,
}

/// The inputs or the outputs of a model: one alone is an array, several are the fields of a struct.
struct Side<'a> {
    struct_name: &'a str,
    /// "Input" or "Output".
    what: &'static str,
    ports: Vec<Port<'a>>,
    /// Whether there is a function that takes and gives what is quantized as it is.
    is_needed_quantized: bool,
}

/// One of them.
struct Port<'a> {
    info: &'a PortInfo,
    /// Its name as a Rust identifier.
    field: Ident,
    /// "Input" or "Output".
    what: &'static str,
    is_alone: bool,
    place: Range<usize>,
}

impl<'a> Side<'a> {
    fn new(struct_name: &'a str, what: &'static str, infos: &'a [PortInfo], places: Vec<Range<usize>>) -> Self {
        let mut fields = names::fields(infos.iter().map(|info| info.name.as_str()));
        // A single one is a parameter beside that of the memory.
        if let [field] = &mut fields[..]
            && field == "memory"
        {
            *field = format_ident!("{}", what.to_lowercase());
        }
        let ports = infos.iter().zip(fields).zip(places);
        let ports = ports.map(|((info, field), place)| Port { info, field, what, is_alone: infos.len() == 1, place });
        Self { struct_name, what, ports: ports.collect(), is_needed_quantized: false }
    }

    fn is_struct(&self) -> bool {
        self.ports.len() > 1
    }

    fn type_name(&self, form: Form) -> Ident {
        match form {
            Form::Real => format_ident!("{}{}s", self.struct_name, self.what),
            Form::Quantized => format_ident!("{}Quantized{}s", self.struct_name, self.what),
        }
    }

    fn is_quantized(&self) -> bool {
        self.ports.iter().any(|port| port.info.content.is_quantized())
    }

    /// The forms in which functions take or give it.
    fn forms(&self) -> &'static [Form] {
        if self.is_needed_quantized { &[Form::Real, Form::Quantized] } else { &[Form::Real] }
    }

    /// The names of its types.
    fn exports(&self) -> Vec<Ident> {
        if !self.is_struct() {
            return Vec::new();
        }
        self.forms().iter().map(|&form| self.type_name(form)).collect()
    }

    /// The structs that hold several inputs or outputs.
    fn types(&self) -> TokenStream {
        if !self.is_struct() {
            return TokenStream::new();
        }
        let types = self.forms().iter().map(|&form| {
            let name = self.type_name(form);
            let kind = if form == Form::Real { "" } else { " as the VGF file has them" };
            let docs = format!(
                " The {}s of [`{}`](super::{}){kind}.",
                self.what.to_lowercase(),
                self.struct_name,
                self.struct_name
            );
            let fields = self.ports.iter().map(|port| {
                let (field, len, element) = (&port.field, port.len(), port.info.content.element(form));
                let docs = format!(" `{}`, {} as exported.", port.info.name, dimensions(&port.info.shape));
                quote!(#[doc = #docs] pub #field: &'a [#element; #len])
            });
            quote! {
                #[doc = #docs]
                #[derive(Clone, Copy, Debug, PartialEq)]
                pub struct #name<'a> { #(#fields,)* }
            }
        });
        quote!(#(#types)*)
    }

    /// The parameter of a function that takes the inputs.
    fn argument(&self, form: Form) -> TokenStream {
        match self.ports.as_slice() {
            [port] => {
                let (field, element, len) = (&port.field, port.info.content.element(form), port.len());
                quote!(#field: &[#element; #len])
            }
            _ => {
                let name = self.type_name(form);
                quote!(inputs: &#name<'_>)
            }
        }
    }

    /// An input inside the function.
    fn access(&self, port: &Port<'_>) -> TokenStream {
        let field = &port.field;
        if self.is_struct() { quote!(inputs.#field) } else { quote!(#field) }
    }

    /// The inputs as a function hands them on.
    fn given(&self) -> TokenStream {
        match self.ports.as_slice() {
            [port] => port.field.to_token_stream(),
            _ => quote!(inputs),
        }
    }

    /// The type of a function's result, which borrows for this lifetime, or for the only one that there is.
    fn result(&self, form: Form, lifetime: Option<&TokenStream>) -> TokenStream {
        match self.ports.as_slice() {
            [port] => {
                let (element, len) = (port.info.content.element(form), port.len());
                quote!(&#lifetime [#element; #len])
            }
            _ => {
                let (name, lifetime) = (self.type_name(form), lifetime.cloned().unwrap_or_else(|| quote!('_)));
                quote!(#name<#lifetime>)
            }
        }
    }

    /// The result itself, of a reference to each output.
    fn value(&self, form: Form, output: impl Fn(&Port<'_>) -> TokenStream) -> TokenStream {
        match self.ports.as_slice() {
            [port] => output(port),
            ports => {
                let (name, fields) = (self.type_name(form), ports.iter().map(|port| &port.field));
                let values = ports.iter().map(output);
                quote!(#name { #(#fields: #values,)* })
            }
        }
    }
}

impl Port<'_> {
    fn len(&self) -> TokenStream {
        literal(self.info.shape.iter().product::<usize>())
    }

    /// `INPUT`, or `INPUT_MASK` among several.
    fn constant_name(&self) -> Ident {
        let what = self.what.to_uppercase();
        if self.is_alone { format_ident!("{what}") } else { format_ident!("{what}_{}", names::upper(&self.field)) }
    }

    /// The field of `Memory` with the real numbers of an output.
    fn result(&self) -> Ident {
        if self.is_alone { format_ident!("output") } else { format_ident!("output_{}", names::bare(&self.field)) }
    }

    /// The field of `Memory` with the codes of an output.
    fn codes(&self) -> Ident {
        format_ident!("{}_codes", self.result())
    }

    fn constant(&self) -> TokenStream {
        let PortInfo { name, shape, content } = self.info;
        let docs = format!(" The {} `{name}`, {} as exported.", self.what.to_lowercase(), dimensions(shape));
        let (constant, shape) = (self.constant_name(), literal(shape));
        let Content::Quantized(codes) = content else {
            return quote! {
                #[doc = #docs]
                pub const #constant: PlainInfo = PlainInfo { name: #name, shape: &#shape };
            };
        };
        let (scale, zero_point, min) = (literal(codes.scale), literal(codes.zero_point), literal(codes.min));
        let element = codes.element();
        quote! {
            #[doc = #docs]
            pub const #constant: TensorInfo<#element> = TensorInfo {
                name: #name,
                shape: &#shape,
                scale: #scale,
                zero_point: #zero_point,
                min: #min,
            };
        }
    }

    /// Puts an input into the arena.
    fn store(&self, value: TokenStream, form: Form) -> TokenStream {
        let place = self.place_mut();
        match (self.info.content, form) {
            (Content::Quantized(_), Form::Real) => {
                let constant = self.constant_name();
                quote!(Self::#constant.params().store(#value, #place);)
            }
            _ => quote!(port::store(#value, #place);),
        }
    }

    /// Takes an output out of the arena, unless the user gets it as it is there.
    fn load(&self, form: Form) -> TokenStream {
        let (result, place) = (self.result(), literal(&self.place));
        match (self.info.content, form) {
            (Content::Quantized(_), Form::Real) => {
                let constant = self.constant_name();
                quote!(Self::#constant.params().load(&memory.arena.0[#place], &mut memory.#result);)
            }
            (content @ Content::Quantized(_), Form::Quantized) if content.is_wide() => {
                let codes = self.codes();
                quote!(port::load(&memory.arena.0[#place], &mut memory.#codes);)
            }
            (Content::Quantized(_), Form::Quantized) => TokenStream::new(),
            (Content::Real | Content::Integers | Content::Truths, _) => {
                quote!(port::load(&memory.arena.0[#place], &mut memory.#result);)
            }
        }
    }

    /// A reference to a field of `Memory`.
    fn reference(&self, field: &Ident) -> TokenStream {
        quote!(&memory.#field)
    }

    /// Its quantized elements in the arena, as an array that this function of the runtime's `arena` gives.
    fn place(&self, view: Ident) -> TokenStream {
        let (at, len) = (literal(self.place.start), self.len());
        quote!(arena::#view::<{ Self::ARENA_BYTES }, #at, #len>(&memory.arena.0))
    }

    /// Its bytes in the arena, to be written.
    fn place_mut(&self) -> TokenStream {
        let place = literal(&self.place);
        quote!(&mut memory.arena.0[#place])
    }
}

/// A value as Rust writes it: numbers, arrays, ranges.
fn literal(value: impl Debug) -> TokenStream {
    format!("{value:?}").parse().expect("numbers, arrays and ranges print as Rust")
}

/// `1×3×32×32`
fn dimensions<T: ToString>(shape: &[T]) -> String {
    if shape.is_empty() {
        return "one number".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// `1 280 000`
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
}
