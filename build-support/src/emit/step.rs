//! One step of a plan: the constant that describes it and the call of its kernel.

use super::{Image, Program, dimensions, literal, thousands};
use crate::plan::{Convolution, Epilogue, Kernel, Operand, Parts, Source, Step, Strip, Weights, Window, cosines};
use proc_macro2::{Ident, TokenStream};
use quantize_runtime::graph::ElementType::{self, Bool, F32, I8, I16, I32, I48};
use quantize_runtime::graph::Scalar;
use quantize_runtime::rescale::{GeneralRescale, Rescale};
use quantize_runtime::strips::{Layer, Lines, Read, Rows};
use quantize_runtime::{Shape, bytes, steps};
use quantize_syntax::attr;
use quote::{ToTokens, format_ident, quote};
use std::fmt::Debug;

/// The code of a step.
pub(super) struct Code {
    /// What is computed, and where its operands are in the arena.
    pub(super) constants: TokenStream,
    /// The statements that run it.
    pub(super) call: TokenStream,
}

impl Code {
    pub(super) fn new(index: usize, step: &Step<'_>, program: Program<'_>) -> Self {
        if let Some(strip) = program.plan.strips.iter().find(|strip| strip.steps.contains(&index)) {
            return Self::in_turn(index, strip, program);
        }
        let is_by_rows = matches!(step.in_place, Some((_, Parts::Rows(_))));
        let name = constant(index, step);
        let (function, way) = callee(step, &name, program);
        let file = Embedded::new(step, is_by_rows, program);
        // An operand under the result is borrowed with it.
        let over = step.in_place.map(|(operand, _)| operand);
        let is_read = |(index, operand): &(usize, &Operand<'_>)| {
            Some(*index) != over && matches!(operand.source, Source::Buffer(_))
        };
        let reads: Vec<(usize, &Operand<'_>)> = step.inputs.iter().enumerate().filter(is_read).collect();
        let places: Vec<TokenStream> = reads.iter().map(|(_, operand)| place(operand, program)).collect();
        let names: Vec<Ident> = ["x", "y", "z"].map(|name| format_ident!("{name}")).into_iter().collect();
        let borrowed: Vec<&Ident> = reads.iter().map(|(index, _)| &names[*index]).collect();
        let count = literal(reads.len());

        let views = step.inputs.iter().zip(&names).map(|(operand, name)| match (&operand.source, step.in_place) {
            (Source::Constant(data), None) => {
                let constant = file.elements(operand.element, data);
                quote!(const { #constant })
            }
            _ => viewed(operand.element, &name.to_token_stream()),
        });
        let views: Vec<TokenStream> = views.collect();
        // One output, or the parts of a Fourier transform.
        let outputs: Vec<Ident> = match step.outputs[..] {
            [_] => vec![format_ident!("output")],
            _ => ["real", "imaginary"].map(|name| format_ident!("{name}")).to_vec(),
        };
        let written = step.outputs.iter().zip(&outputs).map(|(operand, name)| match view(operand.element) {
            Some(view) => {
                let view = format_ident!("{view}_mut");
                quote!(bytes::#view(#name))
            }
            None => quote!(#name),
        });

        let is_whole = matches!(step.in_place, Some((_, Parts::Whole)));
        let description = if is_whole { None } else { file.kernel(&step.kernel, step.output().element) };
        let argument = description.as_ref().map(|_| quote!(&#name,));
        let (docs, at) = (docs(step, program), format_ident!("AT_{index}"));
        let writes: Vec<TokenStream> = step.outputs.iter().map(|operand| place(operand, program)).collect();
        let access = match (&writes[..], step.in_place) {
            ([write], None | Some((_, Parts::Whole))) => {
                quote!(const #at: Access<#count> = Access::new([#(#places),*], #write);)
            }
            ([write], Some((operand, parts))) => {
                let operand = place(&step.inputs[operand], program);
                let parts = match parts {
                    Parts::Elements | Parts::Pairs => quote!(elements([#(#places),*], #operand, #write)),
                    Parts::Rows(_) => quote!(rows([#(#places),*], #operand, #write, #name.windows())),
                    Parts::Channels(_) => quote!(channels([#(#places),*], #operand, #write, #name.windows())),
                    Parts::Whole => unreachable!("such a step has one part"),
                };
                quote!(const #at: AccessInPlace<#count> = AccessInPlace::#parts;)
            }
            _ => quote!(const #at: AccessPair<#count> = AccessPair::new([#(#places),*], [#(#writes),*]);),
        };
        let constants = match description {
            Some((kind, value)) => quote! {
                #[doc = #docs]
                const #name: #kind = #value;
                #access
            },
            None => quote! {
                #[doc = #docs]
                #access
            },
        };
        let results = match (&outputs[..], step.in_place) {
            ([output], None | Some((_, Parts::Whole))) => quote!(#output),
            (_, Some(_)) => quote!(memory),
            (parts, None) => quote!([#(#parts),*]),
        };
        let split = quote!(let ([#(#borrowed),*], #results) = #at.split(arena););
        let call = match step.in_place {
            None => quote!(kernels::#function(#way #argument #(#views,)* #(#written),*);),
            Some((operand, parts)) => {
                let sizes = literal([step.inputs[operand].element.size(), step.output().element.size()]);
                match parts {
                    Parts::Whole => {
                        let function = format_ident!("{function}_in_place");
                        let (sizes, size) = (literal(swapped(&step.kernel)), literal(step.output().element.size()));
                        quote!(kernels::#function(#sizes, #size, output);)
                    }
                    Parts::Elements => quote! {
                        memory.by_elements(#sizes, |x, output| {
                            kernels::#function(#argument #(#views,)* #(#written),*);
                        });
                    },
                    Parts::Rows(_) => quote! {
                        memory.by_rows(&#name, |step, x, output| {
                            kernels::#function(#way step, #(#views,)* #(#written),*);
                        });
                    },
                    Parts::Channels(_) => {
                        let function = format_ident!("{function}_in_place");
                        quote!(kernels::#function(#way const { &#name.upright() }, memory);)
                    }
                    Parts::Pairs => {
                        let other = match &step.inputs[1 - operand].source {
                            Source::Buffer(_) => names[1 - operand].to_token_stream(),
                            Source::Constant(data) => {
                                let constant = file.bytes(data);
                                quote!(const { #constant })
                            }
                        };
                        quote! {
                            memory.by_pairs(&#name, #sizes, #operand, #other, |step, x, y, output| {
                                kernels::#function(#way step, #(#views,)* #(#written),*);
                            });
                        }
                    }
                }
            }
        };
        Self { constants, call: quote!(#split #call) }
    }

    /// The code of a step that is computed in turn with others: the first one calls all.
    fn in_turn(index: usize, strip: &Strip, program: Program<'_>) -> Self {
        let step = &program.plan.steps[index];
        let description = Embedded::new(step, true, program).kernel(&step.kernel, step.output().element);
        let (docs, name) = (docs(step, program), constant(index, step));
        let description = description.map(|(kind, value)| quote!(#[doc = #docs] const #name: #kind = #value;));
        if index != strip.steps.start {
            return Self { constants: description.into_token_stream(), call: TokenStream::new() };
        }
        let strips = format_ident!("STRIPS_{index}");
        let (docs, arena_bytes) = (strip_docs(strip, program), literal(program.plan.arena_bytes));
        let (tensors, layers) = (strip.tensors.iter().map(lines), strip.layers.iter().map(layer));
        let constants = quote! {
            #[doc = #docs]
            const #strips: strips::Strips<'static> =
                strips::Strips::new::<#arena_bytes>(&[#(#tensors),*], &[#(#layers),*]);
            #description
        };
        let arms = strip.steps.clone().enumerate().map(|(layer, index)| {
            let (layer, call) = (literal(layer), row_call(index, program));
            quote!(#layer => { #call; })
        });
        let call = quote! {
            let mut turns = strips::Turns::new(&#strips);
            while let Some(turn) = turns.next(arena) {
                match turn.layer {
                    #(#arms)*
                    _ => {}
                }
            }
        };
        Self { constants, call }
    }
}

/// The name of a step's constant.
fn constant(index: usize, step: &Step<'_>) -> Ident {
    format_ident!("{}_{index}", function(step).to_uppercase())
}

/// The call of a step's kernel for a row whose turn it is.
fn row_call(index: usize, program: Program<'_>) -> TokenStream {
    let step = &program.plan.steps[index];
    let name = constant(index, step);
    let (function, way) = callee(step, &name, program);
    let argument = match step.kernel {
        Kernel::Convolution(_) | Kernel::AvgPool2d(_) | Kernel::MaxPool2d(_) | Kernel::MaxPool2dNumber(_) => {
            quote!(&in_place::ByRows::row(&#name, turn.at),)
        }
        Kernel::Cast => TokenStream::new(),
        _ => quote!(&#name,),
    };
    let views = step.inputs.iter().enumerate().map(|(index, operand)| match &operand.source {
        Source::Constant(data) => {
            let constant = Embedded::new(step, true, program).elements(operand.element, data);
            quote!(const { #constant })
        }
        Source::Buffer(_) => {
            let index = literal(index);
            viewed(operand.element, &quote!(turn.reads[#index]))
        }
    });
    let written = match view(step.output().element) {
        Some(view) => {
            let view = format_ident!("{view}_mut");
            quote!(bytes::#view(turn.output))
        }
        None => quote!(turn.output),
    };
    quote!(kernels::#function(#way #argument #(#views,)* #written))
}

/// "6 layers computed in turn, a row at a time: 3 840 bytes for the tensors between them instead of 92 160."
fn strip_docs(strip: &Strip, program: Program<'_>) -> String {
    let results = &program.plan.steps[strip.steps.start..strip.steps.end - 1];
    let whole = results.iter().map(|step| step.output().shape.len() * step.output().element.size()).sum::<usize>();
    let lines = &strip.tensors[strip.tensors.len() - strip.layers.len()..strip.tensors.len() - 1];
    let kept = lines.iter().map(|lines| lines.rows * lines.row_bytes).sum::<usize>();
    let [kept, whole] = [kept, whole].map(|bytes| thousands(bytes as u64));
    let count = strip.layers.len();
    format!(
        " {count} layers computed in turn, a row at a time: {kept} bytes for the tensors between them instead of {whole}."
    )
}

fn lines(lines: &Lines) -> TokenStream {
    let [start, rows, row_bytes] = [lines.start, lines.rows, lines.row_bytes].map(literal);
    quote!(strips::Lines { start: #start, rows: #rows, row_bytes: #row_bytes })
}

fn layer(layer: &Layer) -> TokenStream {
    let reads = layer.reads.iter().map(|read| match read {
        Some(Read { tensor, rows: Rows { input, output, stride, extent, before } }) => {
            let tensor = literal(tensor);
            let [input, output, stride, extent, before] = [input, output, stride, extent, before].map(literal);
            quote! {
                Some(strips::Read {
                    tensor: #tensor,
                    rows: strips::Rows {
                        input: #input,
                        output: #output,
                        stride: #stride,
                        extent: #extent,
                        before: #before,
                    },
                })
            }
        }
        None => quote!(None),
    });
    let rows = literal(layer.rows);
    quote!(strips::Layer { reads: [#(#reads),*], rows: #rows })
}

/// The sizes of a step that is done in place as a whole.
fn swapped(kernel: &Kernel<'_>) -> [usize; 4] {
    match kernel {
        Kernel::Transpose(step) => step.swapped().expect("the plan has no other in place"),
        _ => unreachable!("no other step is done as a whole"),
    }
}

/// The function of `quantize_runtime::bytes` that shows bytes as such elements; `None` where they are bytes.
fn view(element: ElementType) -> Option<Ident> {
    match element {
        Bool => None,
        I8 => Some(format_ident!("as_i8s")),
        I16 => Some(format_ident!("as_halves")),
        I32 | F32 => Some(format_ident!("as_words")),
        I48 => Some(format_ident!("as_longs")),
    }
}

/// These bytes as elements.
fn viewed(element: ElementType, of: &TokenStream) -> TokenStream {
    match view(element) {
        Some(view) => quote!(bytes::#view(#of)),
        None => quote!(#of),
    }
}

/// The range of a buffer in the arena.
fn place(operand: &Operand<'_>, program: Program<'_>) -> TokenStream {
    match operand.source {
        Source::Buffer(id) => literal(&program.plan.places[id.0 as usize]),
        Source::Constant(_) => unreachable!("constants have no place in the arena"),
    }
}

/// "`blocks.0.conv`: CONV2D, 1×8×8×1 → 1×8×8×16, 9 216 MACs."
fn docs(step: &Step<'_>, program: Program<'_>) -> String {
    let (label, operator) = names(step, program);
    let inputs: Vec<String> = step.inputs.iter().map(|operand| dimensions(operand.shape.dims())).collect();
    let macs = if step.macs > 0 { format!(", {} MACs", thousands(step.macs)) } else { String::new() };
    let output = dimensions(step.output().shape.dims());
    format!(" `{label}`: {operator}, {} → {output}{macs}.", inputs.join(" and "))
}

/// What the step was made from, and its TOSA operator.
pub fn names<'a>(step: &Step<'_>, program: Program<'a>) -> (&'a str, &'a str) {
    match step.node {
        Some(node) => (&program.labels[node], program.graph.nodes[node].op.name()),
        None => ("output", "copy"),
    }
}

/// The function of `quantize_runtime::kernels`, and its first argument where that is which kernels are to be linked.
fn callee(step: &Step<'_>, name: &Ident, program: Program<'_>) -> (Ident, Option<TokenStream>) {
    let function = function(step);
    if let Kernel::Convolution(convolution) = &step.kernel
        && let (Window::Conv2d { .. } | Window::DepthwiseConv2d { .. }, Epilogue::Rescale(_)) =
            (convolution.window, &convolution.epilogue)
    {
        let way = if is_packed(convolution, program.image) { quote!(packed_way) } else { quote!(way) };
        return (format_ident!("{function}_i8"), Some(quote!(const { #name.#way() },)));
    }
    let pairs = match step.kernel {
        Kernel::BinaryF32(_) => quote!(#name),
        Kernel::RescaledBinary(_) => quote!(#name.binary),
        _ => return (format_ident!("{function}"), None),
    };
    (format_ident!("{function}_of"), Some(quote!(kernels::Pairs::<{ #pairs.meet() }>,)))
}

/// What a step does, as in the names of constants.
fn function(step: &Step<'_>) -> &'static str {
    match &step.kernel {
        Kernel::Convolution(step) => match step.window {
            Window::Conv2d { .. } => "conv2d",
            Window::DepthwiseConv2d { .. } => "depthwise_conv2d",
            Window::Conv3d { .. } => "conv3d",
            Window::TransposeConv2d { .. } => "transpose_conv2d",
        },
        Kernel::MatMul(_) => "matmul",
        Kernel::AvgPool2d(_) => "avg_pool2d",
        Kernel::MaxPool2d(_) => match step.output().element {
            I16 => "max_pool2d_i16",
            F32 => "max_pool2d_f32",
            _ => "max_pool2d",
        },
        Kernel::MaxPool2dNumber(_) => "max_pool2d_number",
        Kernel::ArgMax(_) => "arg_max",
        Kernel::ArgMaxNumber(_) => "arg_max_number",
        Kernel::ResizeNearest(_) => "resize_nearest",
        Kernel::ResizeBilinear(_) => "resize_bilinear",
        Kernel::Gather(_) => "gather",
        Kernel::Scatter(_) => "scatter",
        Kernel::Fft2d { .. } => "fft2d",
        Kernel::Rfft2d { .. } => "rfft2d",
        Kernel::Reverse(_) => "reverse",
        Kernel::Tile(_) => "tile",
        Kernel::Clamp(_) => "clamp",
        Kernel::ClampI16(_) => "clamp_i16",
        Kernel::ClampF32(_) => "clamp_f32",
        Kernel::ClampNumber(_) => "clamp_number",
        Kernel::Table(_) => "table",
        Kernel::TableI16(_) => "table_i16",
        Kernel::Rescale(_) => match [step.inputs[0].element, step.output().element] {
            [I8, I8] => "rescale_i8",
            [I8, I32] => "rescale_i8_to_i32",
            [I32, I8] => "rescale_i32_to_i8",
            [I32, I32] => "rescale_i32",
            _ => unreachable!("other element types are general"),
        },
        Kernel::GeneralRescale(_) => "rescale",
        Kernel::Unary(_) => "unary",
        Kernel::UnaryF32(_) => "unary_f32",
        Kernel::Binary(_) => "binary",
        Kernel::BinaryF32(_) => "binary_f32",
        Kernel::CompareF32(_) => "compare_f32",
        Kernel::Select(_) => "select",
        Kernel::Cast => match [step.inputs[0].element, step.output().element] {
            [F32, _] => "cast_from_f32",
            [_, F32] => "cast_to_f32",
            _ => "cast",
        },
        Kernel::Quantize(_) => "quantize",
        Kernel::Dequantize(_) => "dequantize",
        Kernel::RescaledBinary(_) => "rescaled_binary",
        Kernel::Reduce(_) => "reduce",
        Kernel::ReduceF32(_) => "reduce_f32",
        Kernel::RescaledSum(_) => "rescaled_sum",
        Kernel::Concat(_) => "concat",
        Kernel::Pad(_) => "pad",
        Kernel::Slice(_) => "slice",
        Kernel::Transpose(_) => "transpose",
        Kernel::Copy => "copy",
    }
}

/// A struct of `quantize_runtime::steps` as code, from the code of its fields.
macro_rules! record {
    ($name:ident { $($field:ident: $code:expr),* $(,)? }) => {{
        let fields = [$((format_ident!("{}", stringify!($field)), $code)),*];
        let fields = fields.iter().map(|(name, code)| quote!(#name: #code));
        quote!(steps::$name { #(#fields,)* })
    }};
}

/// [`record!`] of a convolution: the fields that all have, and those of its window.
macro_rules! convolution {
    ($name:ident, $file:expr, $step:expr, $epilogue:expr, [$($field:ident),*]) => {{
        let [weights, bias] = $file.layer($step);
        record!($name {
            input: shape(&$step.input),
            output: shape(&$step.output),
            $($field: literal($field),)*
            input_zero_point: literal(if $file.is_folded { 0 } else { $step.input_zero_point }),
            weights: weights,
            bias: bias,
            epilogue: $epilogue,
        })
    }};
}

/// Most weights of a layer whose biases are computed when the program is compiled.
const MAX_FOLDED: usize = 1 << 17;

/// Whether the weights of a convolution are a constant in the order that the target's kernels read fastest.
fn is_packed(convolution: &Convolution<'_>, image: &Image<'_>) -> bool {
    image.layout() == attr::Layout::Packed
        && matches!(
            convolution,
            Convolution {
                window: Window::Conv2d { .. },
                epilogue: Epilogue::Rescale(_),
                weights: Weights::Stored(_),
                ..
            }
        )
}

/// Whether the bias of a step is to contain the zero point of its input: of a product without padding that is computed for one
/// place, or a row at a time, which would else add up the weights for a few results only, or that is packed.
fn is_folded(step: &Step<'_>, is_by_rows: bool, image: &Image<'_>) -> bool {
    let Kernel::Convolution(convolution) = &step.kernel else { return false };
    let Window::Conv2d { pad: [0, 0, 0, 0], .. } = convolution.window else { return false };
    let Weights::Stored(weights) = convolution.weights else { return false };
    let [.., channels] = convolution.output.sizes::<4>();
    let is_short = is_by_rows || convolution.output.len() == channels || is_packed(convolution, image);
    let is_i8 = matches!(convolution.epilogue, Epilogue::Rescale(_));
    is_i8 && is_short && convolution.input_zero_point != 0 && weights.len() <= MAX_FOLDED
}

/// What is embedded, for constants that are parts of it.
#[derive(Clone, Copy)]
struct Embedded<'a> {
    image: &'a Image<'a>,
    /// Whether constants are read when the program is compiled, for others that are made from them.
    is_compiled: bool,
    /// Whether the bias of the step contains the zero point of its input.
    is_folded: bool,
}

impl<'a> Embedded<'a> {
    /// For the constants of a step, which is computed a row at a time or not.
    fn new(step: &Step<'_>, is_by_rows: bool, program: Program<'a>) -> Self {
        Self { image: program.image, is_compiled: false, is_folded: is_folded(step, is_by_rows, program.image) }
    }

    /// Type and value of the step's constant; `None` where the kernel needs none.
    fn kernel(self, kernel: &Kernel<'_>, element: ElementType) -> Option<(TokenStream, TokenStream)> {
        let (kind, value) = match kernel {
            Kernel::Convolution(step) => self.convolution(step),
            Kernel::MatMul(step) => {
                let (kind, epilogue) = self.epilogue(&step.epilogue);
                let record = record!(MatMul {
                    a: shape(&step.a),
                    b: shape(&step.b),
                    zero_points: literal(step.zero_points),
                    epilogue: epilogue,
                });
                (quote!(MatMul<#kind>), record)
            }
            Kernel::AvgPool2d(step) => (quote!(AvgPool2d), avg_pool2d(step)),
            Kernel::MaxPool2d(step) | Kernel::MaxPool2dNumber(step) => (quote!(MaxPool2d), max_pool2d(step)),
            Kernel::ArgMax(step) | Kernel::ArgMaxNumber(step) => {
                (quote!(ArgMax), record!(ArgMax { input: shape(&step.input), axis: literal(step.axis) }))
            }
            Kernel::ResizeNearest(step) | Kernel::ResizeBilinear(step) => (quote!(Resize), resize(step)),
            Kernel::Gather(step) => {
                (quote!(Gather), record!(Gather { values: shape(&step.values), indices: shape(&step.indices) }))
            }
            Kernel::Scatter(step) => {
                (quote!(Scatter), record!(Scatter { values: shape(&step.values), indices: shape(&step.indices) }))
            }
            Kernel::Fft2d { shape: of, inverse } => {
                let record = record!(Fft2d { shape: shape(of), cosines: table(of), inverse: literal(inverse) });
                (quote!(Fft2d<'static>), record)
            }
            Kernel::Rfft2d { input } => {
                (quote!(Rfft2d<'static>), record!(Rfft2d { input: shape(input), cosines: table(input) }))
            }
            Kernel::Reverse(step) => {
                (quote!(Reverse), record!(Reverse { input: shape(&step.input), axis: literal(step.axis) }))
            }
            Kernel::Tile(step) => {
                (quote!(Tile), record!(Tile { input: shape(&step.input), output: shape(&step.output) }))
            }
            Kernel::Clamp(step) => (quote!(Clamp), clamp(step, literal)),
            Kernel::ClampI16(step) => (quote!(Clamp<i16>), clamp(step, literal)),
            Kernel::ClampF32(step) | Kernel::ClampNumber(step) => (quote!(Clamp<f32>), clamp(step, real)),
            Kernel::TableI16(step) => {
                (quote!(TableI16<'static>), record!(TableI16 { table: self.elements(I16, step.table.as_flattened()) }))
            }
            Kernel::Table(step) => (quote!(Table<'static>), record!(Table { table: self.table(step.table) })),
            Kernel::Rescale(rescale) => {
                return Some((quote!(Rescale<'static>), self.rescale(rescale)));
            }
            Kernel::GeneralRescale(rescale) => {
                return Some((quote!(GeneralRescale<'static>), self.general_rescale(rescale)));
            }
            Kernel::Unary(operator) => return Some(operator_code(operator)),
            Kernel::UnaryF32(operator) => return Some(operator_code(operator)),
            Kernel::Binary(step) => binary(step),
            Kernel::BinaryF32(step) => binary(step),
            Kernel::CompareF32(step) => binary(step),
            Kernel::RescaledBinary(step) => self.rescaled_binary(step),
            Kernel::Select(step) => (quote!(Select), select(step)),
            Kernel::Quantize(step) => {
                let record = record!(Quantize {
                    factor: real(step.factor),
                    zero_point: real(step.zero_point),
                    min: real(step.min),
                    max: real(step.max),
                });
                (quote!(Quantize), record)
            }
            Kernel::Dequantize(step) => {
                let (zero_point, scale) = (literal(step.zero_point), real(step.scale));
                (quote!(Dequantize), record!(Dequantize { zero_point: zero_point, scale: scale }))
            }
            Kernel::Reduce(step) => reduce(step),
            Kernel::ReduceF32(step) => reduce(step),
            Kernel::RescaledSum(step) => (quote!(RescaledSum<'static>), self.rescaled_sum(step)),
            Kernel::Concat(step) => (quote!(Concat), concat(step)),
            Kernel::Pad(step) => pad(step, element),
            Kernel::Slice(step) => (quote!(Slice), slice(step)),
            Kernel::Transpose(step) => {
                (quote!(Transpose), record!(Transpose { input: shape(&step.input), perms: literal(step.perms) }))
            }
            Kernel::Cast | Kernel::Copy => return None,
        };
        Some((quote!(steps::#kind), value))
    }

    /// Type and value of a convolution.
    fn convolution(self, step: &Convolution<'_>) -> (TokenStream, TokenStream) {
        let (kind, epilogue) = self.epilogue(&step.epilogue);
        match step.window {
            Window::Conv2d { kernel, stride, dilation, pad } => {
                let record = convolution!(Conv2d, self, step, epilogue, [kernel, stride, dilation, pad]);
                let kind = quote!(Conv2d<'static, #kind>);
                match step.weights {
                    Weights::Stored(stored) if is_packed(step, self.image) => {
                        let len = literal(stored.len());
                        let packed = quote!({
                            const CANONICAL: steps::#kind = #record;
                            #[allow(long_running_const_eval)]
                            const PACKED: [i8; #len] = {
                                let mut packed = [0; #len];
                                CANONICAL.pack(&mut packed);
                                packed
                            };
                            steps::Conv2d { weights: &PACKED, ..CANONICAL }
                        });
                        (kind, packed)
                    }
                    _ => (kind, record),
                }
            }
            Window::DepthwiseConv2d { kernel, stride, dilation, pad } => {
                let record = convolution!(DepthwiseConv2d, self, step, epilogue, [kernel, stride, dilation, pad]);
                (quote!(DepthwiseConv2d<'static, #kind>), record)
            }
            Window::Conv3d { kernel, stride, dilation, pad } => {
                let record = convolution!(Conv3d, self, step, epilogue, [kernel, stride, dilation, pad]);
                (quote!(Conv3d<'static, #kind>), record)
            }
            Window::TransposeConv2d { kernel, stride, out_pad } => {
                let record = convolution!(TransposeConv2d, self, step, epilogue, [kernel, stride, out_pad]);
                (quote!(TransposeConv2d<'static, #kind>), record)
            }
        }
    }

    /// Weights and bias of a convolution.
    fn layer(self, step: &Convolution<'_>) -> [TokenStream; 2] {
        let [weight, bias] = match step.epilogue {
            Epilogue::Rescale(_) | Epilogue::ToI32 => [I8, I32],
            Epilogue::GeneralRescale(_) | Epilogue::ToI48 => [I8, I48],
            Epilogue::ToF32 => [F32, F32],
        };
        let compiled = Self { is_compiled: true, ..self };
        let weights = match step.weights {
            Weights::Stored(stored) if is_packed(step, self.image) => {
                self.image.copy(stored.len());
                compiled.elements(weight, stored)
            }
            Weights::Stored(stored) => self.elements(weight, stored),
            Weights::ByChannel { stored, channels } => {
                self.image.copy(stored.len());
                let (len, channels) = (literal(stored.len()), literal(channels));
                let stored = compiled.elements(weight, stored);
                quote!(&bytes::by_channel::<#len>(#stored, #channels))
            }
        };
        let (true, Weights::Stored(stored)) = (self.is_folded, step.weights) else {
            return [weights, self.elements(bias, step.bias)];
        };
        let [.., channels] = step.output.sizes::<4>();
        self.image.copy(channels * bias.size());
        let (bias, stored) = (compiled.elements(bias, step.bias), compiled.elements(weight, stored));
        let [channels, zero_point] = [literal(channels), literal(step.input_zero_point)];
        let folded = quote!(&Aligned(bytes::folded::<#channels>(#bias, #stored, #zero_point)).0);
        [weights, folded]
    }

    /// Type and value of an epilogue.
    fn epilogue(self, epilogue: &Epilogue<'_>) -> (TokenStream, TokenStream) {
        match epilogue {
            Epilogue::Rescale(rescale) => (quote!(Rescale<'static>), self.rescale(rescale)),
            Epilogue::GeneralRescale(rescale) => (quote!(GeneralRescale<'static>), self.general_rescale(rescale)),
            Epilogue::ToI32 => (quote!(epilogue::ToI32), quote!(epilogue::ToI32)),
            Epilogue::ToI48 => (quote!(epilogue::ToI48), quote!(epilogue::ToI48)),
            Epilogue::ToF32 => (quote!(epilogue::ToF32), quote!(epilogue::ToF32)),
        }
    }

    fn rescaled_binary<P: Debug>(self, step: &steps::RescaledBinary<'_, P>) -> (TokenStream, TokenStream) {
        let [first, second] = step.input_rescales.each_ref().map(|rescale| self.rescale(rescale));
        let (kind, _) = operator_code(&step.binary.operator);
        let (_, binary) = binary(&step.binary);
        let record = record!(RescaledBinary {
            binary: binary,
            input_rescales: quote!([#first, #second]),
            rescale: self.rescale(&step.rescale),
        });
        (quote!(RescaledBinary<'static, #kind>), record)
    }

    fn general_rescale(self, rescale: &GeneralRescale<'_>) -> TokenStream {
        let (multiplier, shift) = (self.bytes(rescale.multiplier), self.i8s(rescale.shift));
        let [scale32, double_round] = [rescale.scale32, rescale.double_round].map(literal);
        let [wrap, min, max] = [rescale.input_wrap, rescale.min, rescale.max].map(literal);
        let [input_zero_point, output_zero_point] = [rescale.input_zero_point, rescale.output_zero_point].map(literal);
        quote! {
            GeneralRescale {
                multiplier: #multiplier,
                shift: #shift,
                scale32: #scale32,
                double_round: #double_round,
                input_wrap: #wrap,
                input_zero_point: #input_zero_point,
                output_zero_point: #output_zero_point,
                min: #min,
                max: #max,
            }
        }
    }

    fn rescaled_sum(self, step: &steps::RescaledSum<'_>) -> TokenStream {
        record!(RescaledSum {
            input: shape(&step.input),
            axes: literal(step.axes),
            input_rescale: self.rescale(&step.input_rescale),
            rescale: self.rescale(&step.rescale),
        })
    }

    fn rescale(self, rescale: &Rescale<'_>) -> TokenStream {
        let (multiplier, shift) = (self.words(rescale.multiplier), self.i8s(rescale.shift));
        let [input_zero_point, output_zero_point] = [rescale.input_zero_point, rescale.output_zero_point].map(literal);
        quote! {
            Rescale {
                multiplier: #multiplier,
                shift: #shift,
                input_zero_point: #input_zero_point,
                output_zero_point: #output_zero_point,
            }
        }
    }

    /// A whole constant as elements of this type.
    fn elements(self, element: ElementType, data: &[u8]) -> TokenStream {
        match element {
            Bool => self.bytes(data),
            I8 => self.i8s(bytes::as_i8s(data)),
            I16 => self.part(bytes::as_halves(data), |from, offset, len| quote!(bytes::halves(#from, #offset, #len))),
            I32 | F32 => self.words(bytes::as_words(data)),
            I48 => self.part(bytes::as_longs(data), |from, offset, len| quote!(bytes::longs(#from, #offset, #len))),
        }
    }

    fn bytes(self, data: &[u8]) -> TokenStream {
        self.part(data, |from, offset, len| quote!(bytes::bytes(#from, #offset, #len)))
    }

    fn i8s(self, elements: &[i8]) -> TokenStream {
        self.part(elements, |from, offset, len| quote!(bytes::i8s(#from, #offset, #len)))
    }

    fn words(self, words: &[[u8; 4]]) -> TokenStream {
        self.part(words, |from, offset, len| quote!(bytes::words(#from, #offset, #len)))
    }

    fn table(self, table: &[i8; 256]) -> TokenStream {
        self.part(table, |from, offset, _| quote!(bytes::i8_array(#from, #offset)))
    }

    /// `view` of the file or of what is embedded of it, by offset and length in bytes. What is no part of it, such as a constant
    /// inside the SPIR-V code, is written out.
    fn part<T: Debug>(
        self,
        part: &[T],
        view: impl Fn(TokenStream, TokenStream, TokenStream) -> TokenStream,
    ) -> TokenStream {
        let (from, place) = match self.is_compiled {
            true => (quote!(FILE), self.image.range(part).map(|range| range.start)),
            false => (quote!(&EMBEDDED.0), self.image.place(part)),
        };
        match place {
            Some(offset) => view(from, literal(offset), literal(size_of_val(part))),
            None => {
                let elements = literal(part);
                quote!(&#elements)
            }
        }
    }
}

fn avg_pool2d(step: &steps::AvgPool2d) -> TokenStream {
    record!(AvgPool2d {
        input: shape(&step.input),
        output: shape(&step.output),
        kernel: literal(step.kernel),
        stride: literal(step.stride),
        pad: literal(step.pad),
        input_zero_point: literal(step.input_zero_point),
        output_zero_point: literal(step.output_zero_point),
    })
}

fn max_pool2d(step: &steps::MaxPool2d) -> TokenStream {
    record!(MaxPool2d {
        input: shape(&step.input),
        output: shape(&step.output),
        kernel: literal(step.kernel),
        stride: literal(step.stride),
        pad: literal(step.pad),
    })
}

fn resize(step: &steps::Resize) -> TokenStream {
    record!(Resize {
        input: shape(&step.input),
        output: shape(&step.output),
        scale: literal(step.scale),
        offset: literal(step.offset),
    })
}

/// Type and value of an operator, which prints as Rust.
fn operator_code(operator: &impl Debug) -> (TokenStream, TokenStream) {
    let text = format!("{operator:?}");
    let name = format_ident!("{}", text.split(' ').next().unwrap_or_default());
    let value = literal(operator);
    (quote!(operators::#name), quote!(operators::#value))
}

fn binary<P: Debug>(step: &steps::Binary<P>) -> (TokenStream, TokenStream) {
    let (kind, operator) = operator_code(&step.operator);
    let [first, second] = step.inputs.each_ref().map(shape);
    let record = record!(Binary { operator: operator, inputs: quote!([#first, #second]), output: shape(&step.output) });
    (quote!(Binary<#kind>), record)
}

fn reduce<P: Debug>(step: &steps::Reduce<P>) -> (TokenStream, TokenStream) {
    let (kind, operator) = operator_code(&step.operator);
    let record = record!(Reduce { operator: operator, input: shape(&step.input), axis: literal(step.axis) });
    (quote!(Reduce<#kind>), record)
}

fn clamp<T: Copy>(step: &steps::Clamp<T>, literal: impl Fn(T) -> TokenStream) -> TokenStream {
    record!(Clamp { min: literal(step.min), max: literal(step.max) })
}

fn select(step: &steps::Select) -> TokenStream {
    let inputs = step.inputs.iter().map(shape);
    record!(Select { inputs: quote!([#(#inputs),*]), output: shape(&step.output) })
}

/// A number as Rust writes it, infinite ones included.
fn real(value: f32) -> TokenStream {
    match value {
        f32::INFINITY => quote!(f32::INFINITY),
        f32::NEG_INFINITY => quote!(f32::NEG_INFINITY),
        value if value.is_nan() => quote!(f32::NAN),
        value => literal(value),
    }
}

fn concat(step: &steps::Concat) -> TokenStream {
    record!(Concat {
        input: shape(&step.input),
        output: shape(&step.output),
        axis: literal(step.axis),
        start: literal(step.start),
    })
}

/// Type and value of PAD, whose border is of the kernel's element type.
fn pad(step: &steps::Pad<Scalar>, element: ElementType) -> (TokenStream, TokenStream) {
    let bytes = &step.value.to_bits().to_le_bytes()[..element.size()];
    let (kind, value) = match element {
        Bool => (quote!(u8), literal(bytes[0])),
        I8 => (quote!(i8), literal(bytes[0].cast_signed())),
        I16 | I32 | I48 | F32 => {
            let size = literal(bytes.len());
            (quote!([u8; #size]), literal(bytes))
        }
    };
    let record = record!(Pad {
        input: shape(&step.input),
        output: shape(&step.output),
        before: literal(step.before),
        value: value,
    });
    (quote!(Pad<#kind>), record)
}

fn slice(step: &steps::Slice) -> TokenStream {
    record!(Slice { input: shape(&step.input), output: shape(&step.output), start: literal(step.start) })
}

/// The cosines of a Fourier transform of tensors `[N, H, W]`.
fn table(shape: &Shape) -> TokenStream {
    let cosines = literal(cosines(shape));
    quote!(&#cosines)
}

fn shape(shape: &Shape) -> TokenStream {
    match shape.dims() {
        [n, h, w, c] => {
            let [n, h, w, c] = [n, h, w, c].map(literal);
            quote!(Shape::nhwc(#n, #h, #w, #c))
        }
        dims => {
            let dims = literal(dims);
            quote!(Shape::new(&#dims).unwrap())
        }
    }
}
