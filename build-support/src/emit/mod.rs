//! Writes the Rust code of a plan: constants that point into the embedded VGF file, and one call of a kernel per step.

mod declare;
mod docs;
#[cfg(test)]
mod generated;
mod image;
mod names;
mod step;

pub use declare::declare;
pub use image::Image;
pub use step::names as step_names;

use crate::config::Dtype;
use crate::plan::{BufferId, Kernel, Parts, Plan, Source};
use crate::sensor;
use proc_macro2::{Ident, TokenStream};
use quantize_runtime::Aligned;
use quantize_runtime::graph::Graph;
use quantize_syntax::attr::{Embed, Layout};
use quantize_syntax::sensor::Sensor;
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
    /// What of the VGF file is embedded.
    pub embed: Embed,
    /// In which order the program has constants.
    pub layout: Layout,
    /// The inputs, in the model's order.
    pub inputs: Vec<PortInfo>,
    /// The outputs, in the model's order.
    pub outputs: Vec<PortInfo>,
}

impl Interface {
    /// Bytes of RAM of a runner: the arena and the results, as they lie in its `Memory`.
    pub fn memory_bytes(&self, plan: &Plan<'_>) -> usize {
        let alignment = align_of::<Aligned<()>>();
        (plan.arena_bytes.next_multiple_of(alignment) + self.result_bytes()).next_multiple_of(alignment)
    }

    /// The largest arena with which a runner needs no more than so many bytes of RAM.
    pub fn arena_within(&self, memory_bytes: usize) -> usize {
        let alignment = align_of::<Aligned<()>>();
        let whole = |bytes: usize| bytes / alignment * alignment;
        whole(whole(memory_bytes).saturating_sub(self.result_bytes()))
    }

    /// Bytes of the outputs as the user gets them.
    fn result_bytes(&self) -> usize {
        let bytes = |port: &PortInfo| {
            let size = match port.content {
                Content::Truths => 1,
                content if content.is_wide() => 4 + 2,
                _ => 4,
            };
            size * port.shape.iter().product::<usize>()
        };
        self.outputs.iter().map(bytes).sum()
    }

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
    /// The sensor whose samples `run` takes for it.
    pub sensor: Option<Sensor>,
}

impl PortInfo {
    /// The element type of generated functions.
    fn element(&self, form: Form) -> TokenStream {
        match &self.sensor {
            Some(sensor) if form == Form::Real => format_ident!("{}", sensor.samples.word()).into_token_stream(),
            _ => self.content.element(form),
        }
    }

    /// Dimensions in the layout of what `run` takes.
    fn dimensions(&self, form: Form) -> String {
        match &self.sensor {
            Some(sensor) if form == Form::Real && sensor.channels_last => {
                let mut shape = self.shape.clone();
                shape[1..].rotate_left(1);
                format!("{} with the channels last", dimensions(&shape))
            }
            _ => format!("{} as exported", dimensions(&self.shape)),
        }
    }
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
    /// Bytes of a code.
    fn bytes(self) -> usize {
        if self.dtype == Dtype::Int16 { 2 } else { 1 }
    }

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
    /// What is embedded of it.
    pub image: &'a Image<'a>,
    /// By output: the hash for the self test; `None` where there is none.
    pub expected: Option<&'a [u64]>,
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
    let name = names::identifier(&interface.struct_name);
    let plan = program.plan;
    let places =
        |buffers: &[BufferId]| buffers.iter().map(|buffer| plan.places[buffer.0 as usize].clone()).collect::<Vec<_>>();
    let [mut inputs, outputs] = sides(interface, [places(&plan.inputs), places(&plan.outputs)]);
    let moved = moved_by_sensor(interface, program);
    if let Some((index, place)) = &moved {
        inputs.ports[*index].moved = Some(place.clone());
    }
    let types = [inputs.types(), outputs.types()];

    let abi = literal(quantize_runtime::abi::VERSION);
    let steps = plan.steps.iter().enumerate();
    let steps: Vec<step::Code> = steps.map(|(index, step)| step::Code::new(index, step, program)).collect();
    let (constants, calls) = (steps.iter().map(|step| &step.constants), steps.iter().map(|step| &step.call));
    let (first, calls): (Vec<_>, Vec<_>) = calls.enumerate().partition(|(index, _)| moved.is_some() && *index == 0);
    let [first, calls] = [first, calls].map(|calls| calls.into_iter().map(|(_, call)| call).collect::<Vec<_>>());
    let infer_moved = moved.is_some().then(|| {
        quote! {
            fn infer_moved(arena: &mut [u8; Self::ARENA_BYTES]) {
                #(#calls)*
            }
        }
    });
    let rest = if moved.is_some() { quote!(Self::infer_moved(arena);) } else { quote!(#(#calls)*) };
    let looks = inputs.ports.iter().filter_map(Port::looks);
    let memory = memory(&name, &outputs, plan);
    let body = |form: Form| run_body(&inputs, &outputs, form);
    let [embedded, vgf] = embedding(program.image, program.file, vgf_name);
    let self_test = program.expected.map(|expected| self_test_body(&inputs, &outputs, expected));
    let new = quote!(Self { memory });
    let runner = runner(&inputs, &outputs, &vgf, plan.arena_bytes, &new, body, self_test);
    let arena_bytes = literal(plan.arena_bytes);
    let has_pairs = plan.steps.iter().any(|step| step.outputs.len() == 2);
    let pair = has_pairs.then(|| quote!(type AccessPair<const READS: usize> = arena::AccessPair<#arena_bytes, READS>;));
    let is_in_place = plan.steps.iter().any(|step| matches!(step.in_place, Some((_, parts)) if parts != Parts::Whole));
    let in_place = is_in_place
        .then(|| quote!(type AccessInPlace<const READS: usize> = in_place::AccessInPlace<#arena_bytes, READS>;));
    let runtime = interface.runtime();
    let tokens = quote! {
        use #runtime::rescale::GeneralRescale;
        use #runtime::{
            Aligned, Model, PlainInfo, Rescale, Shape, TensorInfo, abi, arena, bytes, epilogue, in_place, kernels, operators,
            port, self_test, sensor, steps, strips, vgf::NotEmbedded,
        };

        const _: () = abi::check(#abi);

        #embedded

        type Access<const READS: usize> = arena::Access<#arena_bytes, READS>;
        #pair
        #in_place

        #(#constants)*
        #(#looks)*
        #memory
        #(#types)*

        impl super::#name {
            #runner

            fn infer(arena: &mut [u8; Self::ARENA_BYTES]) {
                #(#first)*
                #rest
            }

            #infer_moved
        }
    };
    Emitted {
        code: file(interface, tokens),
        exports: exports(&inputs, &outputs),
        docs: Some(docs::markdown(interface, program)),
    }
}

/// The file, the static with what is embedded of it, and the constant `VGF` of the struct.
fn embedding(image: &Image<'_>, file: &[u8], vgf_name: &str) -> [TokenStream; 2] {
    let len = literal(file.len());
    // The compiler reads it, and keeps only what is used when the program runs.
    let file = quote!(const FILE: &[u8; #len] = ::core::include_bytes!(#vgf_name););
    match image.parts() {
        None => [quote!(#file static EMBEDDED: &Aligned<[u8]> = &Aligned(*FILE);), vgf(&quote!(&EMBEDDED.0))],
        Some(parts) => {
            let (len, parts) = (literal(image.bytes()), literal(parts));
            let embedded = quote!(static EMBEDDED: &Aligned<[u8; #len]> = &Aligned(bytes::joined(FILE, &#parts)););
            [quote!(#file #embedded), no_vgf()]
        }
    }
}

/// The constant with the file's bytes.
fn vgf(bytes: &TokenStream) -> TokenStream {
    quote! {
        /// The embedded VGF file: SPIR-V graph module and constants, which the kernels read in place.
        pub const VGF: &'static [u8] = #bytes;
    }
}

/// What stands for it where there are none: its type and the note tell why.
fn no_vgf() -> TokenStream {
    quote! {
        /// Not the VGF file: `embed = constants` and `layout = packed` leave it out of the program. It is in `OUT_DIR/quantize`.
        #[deprecated = "`embed = constants` and `layout = packed` leave the VGF file out of the program; without them it is there"]
        pub const VGF: NotEmbedded = NotEmbedded;
    }
}

/// The input whose sensor has the channels last, if all that the first step does is to move them there, and what it writes.
fn moved_by_sensor(interface: &Interface, program: Program<'_>) -> Option<(usize, Range<usize>)> {
    let Program { graph, plan, .. } = program;
    let step = plan.steps.first()?;
    let (Kernel::Transpose(transpose), None | Some((_, Parts::Whole)), Source::Buffer(to)) =
        (&step.kernel, &step.in_place, &step.output().source)
    else {
        return None;
    };
    let [value] = graph.nodes[step.node?].op.inputs()[..] else { return None };
    let index = graph.inputs.iter().position(|port| port.value == value)?;
    let reads = graph.nodes.iter().flat_map(|node| node.op.inputs()).filter(|read| *read == value);
    let is_read_once = reads.count() == 1 && graph.outputs.iter().all(|port| port.value != value);

    let PortInfo { shape, sensor, .. } = &interface.inputs[index];
    let dims = transpose.input.dims();
    let perms = transpose.perms.iter().take(dims.len()).copied().map(usize::from);
    let is_to_the_end = perms.eq([0].into_iter().chain(2..dims.len()).chain([1]));
    let is_same = dims.iter().take(2).map(|&dim| dim as usize).eq(shape.iter().copied().take(2));
    let is_moved = sensor.as_ref().is_some_and(|sensor| sensor.channels_last);
    (is_moved && is_to_the_end && is_same && is_read_once).then(|| (index, plan.places[to.0 as usize].clone()))
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
    self_test: Option<TokenStream>,
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
    let sensors = inputs.ports.iter().filter(|port| port.info.sensor.is_some());
    let sensors: String = sensors
        .map(|port| format!(" `{}` takes samples of its sensor, {}.", port.info.name, port.info.dimensions(Form::Real)))
        .collect();
    let layout_docs = format!(
        " Elements are in the exporter's layout, row-major. Where an input is quantized, NaN counts as 0 and values out of range \
         saturate.{sensors}"
    );
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
    let self_test = self_test.map(|body| {
        quote! {
            /// Runs the network on made-up inputs and compares its outputs, bit for bit, with those that the reference
            /// interpreter computed from the VGF file when the program was built.
            ///
            /// # Errors
            ///
            /// The first output that differs.
            pub fn self_test(&mut self) -> Result<(), self_test::Mismatch> {
                #body
            }
        }
    });
    quote! {
        #(#info)*

        #vgf

        /// Bytes of the arena: quantized inputs, outputs and everything between.
        pub const ARENA_BYTES: usize = #arena_bytes;

        /// A runner in this memory, which `Arena::take` gives.
        pub fn new(memory: &'static mut <Self as Model>::Memory) -> Self {
            #new
        }

        #[doc = #run_docs]
        ///
        #[doc = #layout_docs]
        pub fn run(&mut self, #real_inputs) -> #real_outputs {
            Self::run_in(self.memory, #given)
        }

        /// [`Self::run`] in memory that is lent to it, such as that which models share by `arena::Either`.
        pub fn run_in<'m>(memory: &'m mut <Self as Model>::Memory, #real_inputs) -> #lent {
            #run
        }

        #run_quantized

        #self_test
    }
}

/// What a self test does: made-up inputs into the arena, the steps, and a look at each output.
fn self_test_body(inputs: &Side<'_>, outputs: &Side<'_>, expected: &[u64]) -> TokenStream {
    let fill = inputs.ports.iter().map(|port| {
        let (element, place) = (port.info.content.element(Form::Quantized), port.place_mut());
        quote!(samples.fill::<#element>(#place);)
    });
    let check = outputs.ports.iter().zip(expected).map(|(port, &expected)| {
        let (element, place) = (port.info.content.element(Form::Quantized), literal(&port.place));
        let (name, expected) = (port.constant_name(), literal(expected));
        quote!(self_test::check::<#element>(&memory.arena.0[#place], Self::#name.name, #expected)?;)
    });
    quote! {
        let mut samples = self_test::Samples::new();
        let memory = &mut *self.memory;
        #(#fill)*
        Self::infer(&mut memory.arena.0);
        #(#check)*
        Ok(())
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
    let is_moved = form == Form::Real && inputs.ports.iter().any(|port| port.moved.is_some());
    let infer = if is_moved { format_ident!("infer_moved") } else { format_ident!("infer") };
    quote! {
        #(#store)*
        Self::#infer(&mut memory.arena.0);
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
    /// The place of the first step's output, where that step only moves this input's channels to the end as its sensor has them.
    moved: Option<Range<usize>>,
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
        let ports = ports.map(|((info, field), place)| Port {
            info,
            field,
            what,
            is_alone: infos.len() == 1,
            place,
            moved: None,
        });
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
                let (field, len, element) = (&port.field, port.len(), port.info.element(form));
                let docs = format!(" `{}`, {}.", port.info.name, port.info.dimensions(form));
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
                let (field, element, len) = (&port.field, port.info.element(form), port.len());
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
        let PortInfo { name, shape, content, .. } = self.info;
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

    /// Name of the table of a sensor's codes.
    fn looks_name(&self) -> Ident {
        format_ident!("{}_LOOKS", self.constant_name())
    }

    /// How samples are looked up, where `run` takes some.
    fn looks(&self) -> Option<TokenStream> {
        let PortInfo { shape, content, sensor, .. } = self.info;
        let (Some(from), Content::Quantized(codes)) = (sensor, content) else { return None };
        let looks = sensor::looks(from, *codes, shape);
        let (name, count, width) = (self.looks_name(), literal(looks.len()), literal(codes.bytes()));
        let is_table = matches!(looks[..], [sensor::Look::Table(_), ..]);
        let look = if is_table { quote!([[u8; #width]; 256]) } else { quote!(sensor::Rises<'static>) };
        let looks = looks.iter().map(|look| match look {
            sensor::Look::Table(codes) => literal(codes),
            sensor::Look::Rises(first, thresholds) => {
                let (first, thresholds) = (literal(first), literal(thresholds));
                quote!(sensor::Rises { first: #first, thresholds: &#thresholds })
            }
        });
        Some(quote!(static #name: [#look; #count] = [#(#looks),*];))
    }

    /// Puts an input into the arena.
    fn store(&self, value: TokenStream, form: Form) -> TokenStream {
        let place = self.place_mut();
        match (self.info.content, form) {
            (Content::Quantized(codes), Form::Real) if self.info.sensor.is_some() => {
                let (looks, width) = (self.looks_name(), literal(codes.bytes()));
                let channels = sensor::Channels::new(&self.info.shape);
                let [count, inner] = [channels.count, channels.inner].map(literal);
                let in_samples = literal(self.info.sensor.as_ref().is_some_and(|sensor| sensor.channels_last));
                let in_arena = literal(self.moved.is_some());
                let place = self.moved.as_ref().map_or(place, |moved| {
                    let moved = literal(moved);
                    quote!(&mut memory.arena.0[#moved])
                });
                quote! {
                    const CHANNELS: sensor::Channels = sensor::Channels {
                        count: #count,
                        inner: #inner,
                        last_in_samples: #in_samples,
                        last_in_arena: #in_arena,
                    };
                    sensor::store::<#width, _, _>(CHANNELS, &#looks, #value, #place);
                }
            }
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
pub fn dimensions<T: ToString>(shape: &[T]) -> String {
    if shape.is_empty() {
        return "one number".to_owned();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// `1 280 000`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(" ")
}
