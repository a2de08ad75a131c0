//! The operators of a float network, one room each.
//!
//! A room holds the attributes, the shape rule, the float arithmetic that calibration runs, the import from each format,
//! how upstream's quantizer annotates the operator, and its lowering to TOSA. The list below makes [`Op`] and dispatches;
//! a new operator is a file and a line.

use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;

/// What one operator is; implemented by each room.
///
/// Most rooms work on real numbers alone and have one result: they implement `infer` and `evaluate`. Others implement
/// `infer_all` and `evaluate_all` instead; those that move elements of any type are written with [`rearrangement!`].
pub(crate) trait Room {
    /// Name as in ATen, for messages.
    const NAME: &'static str;

    /// Whether codes with common parameters go through it like the real numbers that they stand for.
    const EXACT_ON_CODES: bool = false;

    /// Whether passes take it apart where it is quantized, as it has no integer form of its own.
    const COMPOSITE: bool = false;

    /// Shape of the only result, or why these operands do not fit.
    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String>;

    /// The float result, with a fixed order of operations and no fused multiply-add.
    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor;

    /// Types of all results, or why these operands do not fit.
    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        Ok(vec![Type::real(self.infer(&shapes_of(inputs, Element::F32)?)?)])
    }

    /// About how many steps one element of the results takes, for operands of these shapes.
    fn work(&self, _: &[&[usize]]) -> usize {
        1
    }

    /// All results.
    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let inputs: Vec<&Tensor> = inputs.iter().map(|input| input.real().expect("checked at import")).collect();
        vec![self.evaluate(&inputs).into()]
    }

    /// The ATen overload that torch's exporter and decompositions write for it.
    fn target(&self) -> &'static str;

    /// How the quantizer treats it.
    fn pattern(&self) -> Pattern;

    /// Writes the integer form. Parameters of all operands are known.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String>;

    /// Writes the float form, for a node that no rule quantizes.
    fn lower_float(&self, _: &mut Lowering<'_>, _: &Node) -> Result<(), String> {
        Err("has no float form in this version".to_owned())
    }
}

/// The part of a [`Room`] whose operator moves elements without looking at them: `rearrange` is written once, for elements
/// of any type, and the float form is the integer form.
macro_rules! rearrangement {
    () => {
        const EXACT_ON_CODES: bool = true;

        fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
            self.rearrange(&inputs.iter().map(|input| input.view()).collect::<Vec<_>>())
        }

        fn infer_all(&self, inputs: &[$crate::graph::Type]) -> Result<Vec<$crate::graph::Type>, String> {
            let element = inputs[0].element;
            if inputs.iter().any(|input| input.element != element) {
                return Err("operands of different element types".to_owned());
            }
            let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
            Ok(vec![$crate::graph::Type { element, shape: self.infer(&shapes)? }])
        }

        fn evaluate_all(&self, inputs: &[&$crate::graph::Data]) -> Vec<$crate::graph::Data> {
            use $crate::graph::Data;
            let result = match inputs[0] {
                Data::F32(_) => {
                    let arrays = inputs.iter().filter_map(|input| input.real()).map(|array| array.view());
                    Data::F32(self.rearrange(&arrays.collect::<Vec<_>>()))
                }
                Data::I64(_) => {
                    let arrays = inputs.iter().filter_map(|input| input.integers()).map(|array| array.view());
                    Data::I64(self.rearrange(&arrays.collect::<Vec<_>>()))
                }
                Data::Bool(_) => {
                    let arrays = inputs.iter().filter_map(|input| input.truths()).map(|array| array.view());
                    Data::Bool(self.rearrange(&arrays.collect::<Vec<_>>()))
                }
            };
            vec![result]
        }

        fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
            self.lower(lowering, node)
        }
    };
}

/// The part of a [`Room`] whose operator upstream takes apart before it observes: a pass replaces it where it is quantized.
macro_rules! composite {
    () => {
        const COMPOSITE: bool = true;

        fn pattern(&self) -> Pattern {
            Pattern::Own
        }

        fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
            Err(lowering.not_decomposed(node))
        }
    };
}

/// Like [`composite!`], for an operator that upstream leaves whole and in float.
macro_rules! float_composite {
    () => {
        const COMPOSITE: bool = true;

        fn pattern(&self) -> Pattern {
            Pattern::Float
        }

        fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
            Err(lowering.not_decomposed(node))
        }
    };
}

/// How upstream's quantizer annotates an operator.
///
/// Source: oracle of VgfQuantizer, sections 2, 4 and 6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// Linear and convolution: operand 1 is a weight, operand 2 a bias, and a following activation may fuse.
    Weighted,
    /// Clamps from zero: fuse into a [`Pattern::Weighted`] before them, else like [`Pattern::Shared`].
    Activation,
    /// Every operand is observed, the result has parameters of its own; composite operators until they are taken apart.
    Own,
    /// Like [`Pattern::Own`] where all operands hold real numbers, else left alone: sums, products, matrix products.
    Arithmetic,
    /// Maximum and minimum: like [`Pattern::Own`] where a rule is about them, else like [`Pattern::Shared`].
    Extremum,
    /// Comparisons: both operands have one observer, the result is no real number. Like [`Pattern::Shared`] without a rule.
    Comparison,
    /// The operand is observed, the result has the same parameters.
    SharesInput,
    /// The operand has fixed parameters, the result parameters of its own.
    FixedInput(FixedRange),
    /// Change of element type: like [`Pattern::SharesInput`] from real numbers to real numbers, else left in float.
    Cast,
    /// All operands and the result have the same parameters, taken from a neighbour.
    Shared,
    /// Left in float, although it has an integer form: like [`Pattern::Own`] where a rule names the very operator.
    Forgotten,
    /// Left in float like [`Pattern::Forgotten`], else like [`Pattern::Weighted`] without an activation.
    ForgottenLayer,
    /// Left in float.
    Float,
}

impl Pattern {
    /// Whether operand 1 is a weight and operand 2 a bias.
    pub(crate) fn is_layer(self) -> bool {
        matches!(self, Self::Weighted | Self::ForgottenLayer)
    }

    /// Whether the operator joins a group of operators with shared parameters when no rule takes it.
    pub(crate) fn may_share(self) -> bool {
        matches!(self, Self::Shared | Self::Activation | Self::Extremum | Self::Comparison)
    }
}

/// Domains of functions that upstream quantizes with fixed parameters; the zero point is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FixedRange {
    /// Inverse sine and cosine: -1 to 1.
    Closed,
    /// Inverse hyperbolic tangent: just inside of -1 to 1.
    Open,
}

impl FixedRange {
    /// Size of one quantum of 8 or 16 bits.
    pub fn scale(self, bits: u32) -> f32 {
        let largest = match self {
            Self::Closed => 1.0,
            Self::Open if bits == 8 => 0.999,
            Self::Open => 0.99999,
        };
        (2.0 * largest / f64::from(1_u32 << bits)) as f32 // rounded once, as upstream's constant is
    }
}

mod indexing;
mod row;
#[cfg(test)]
mod tests;

macro_rules! rooms {
    ($($module:ident::$room:ident,)*) => {
        $(pub(crate) mod $module;)*

        /// An operator with its attributes.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(missing_docs)] // the rooms carry the documentation
        pub enum Op {
            $($room($module::$room),)*
        }

        $(impl From<$module::$room> for Op {
            fn from(room: $module::$room) -> Self {
                Self::$room(room)
            }
        })*

        impl Op {
            /// Name as in ATen.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$room(_) => <$module::$room as Room>::NAME,)* }
            }

            /// Types of all results, or why these operands do not fit.
            pub(crate) fn infer(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
                match self { $(Self::$room(room) => room.infer_all(inputs),)* }
            }

            /// All results, computed in float.
            pub(crate) fn evaluate(&self, inputs: &[&Data]) -> Vec<Data> {
                match self { $(Self::$room(room) => room.evaluate_all(inputs),)* }
            }

            /// About how many steps one element of the results takes, for operands of these shapes.
            pub(crate) fn work(&self, inputs: &[&[usize]]) -> usize {
                match self { $(Self::$room(room) => room.work(inputs),)* }
            }

            /// The ATen overload that torch's exporter and decompositions write for the operator.
            pub fn target(&self) -> &'static str {
                match self { $(Self::$room(room) => room.target(),)* }
            }

            /// Whether codes with common parameters go through the operator like the real numbers that they stand for.
            pub(crate) fn is_exact_on_codes(&self) -> bool {
                match self { $(Self::$room(_) => <$module::$room as Room>::EXACT_ON_CODES,)* }
            }

            /// Whether passes take the operator apart where it is quantized, as it has no integer form of its own.
            pub(crate) fn is_composite(&self) -> bool {
                match self { $(Self::$room(_) => <$module::$room as Room>::COMPOSITE,)* }
            }

            /// How the quantizer treats the operator.
            pub fn pattern(&self) -> Pattern {
                match self { $(Self::$room(room) => room.pattern(),)* }
            }

            pub(crate) fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
                match self { $(Self::$room(room) => room.lower(lowering, node),)* }
            }

            pub(crate) fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
                match self { $(Self::$room(room) => room.lower_float(lowering, node),)* }
            }
        }
    };
}

rooms! {
    abs::Abs,
    adaptive_avg_pool1d::AdaptiveAvgPool1d,
    adaptive_avg_pool2d::AdaptiveAvgPool2d,
    adaptive_max_pool2d::AdaptiveMaxPool2d,
    add_alpha::AddAlpha,
    addmm::Addmm,
    amax::Amax,
    any::Any,
    argmax::ArgMax,
    as_strided::AsStrided,
    attention::Attention,
    avg_pool1d::AvgPool1d,
    avg_pool2d::AvgPool2d,
    batch_norm::BatchNorm,
    binary::Binary,
    bitwise::Bitwise,
    cast::Cast,
    cat::Cat,
    choose::Choose,
    clamp::Clamp,
    compare::Compare,
    constant::Constant,
    conv1d::Conv1d,
    conv2d::Conv2d,
    conv3d::Conv3d,
    conv_transpose2d::ConvTranspose2d,
    cosine_similarity::CosineSimilarity,
    cumsum::Cumsum,
    dft::Dft,
    einsum::Einsum,
    embedding::Embedding,
    expand::Expand,
    flip::Flip,
    gather::Gather,
    glu::Glu,
    grid_sampler::GridSampler,
    group_norm::GroupNorm,
    identity::Identity,
    index::Index,
    index_put::IndexPut,
    index_select::IndexSelect,
    instance_norm::InstanceNorm,
    layer_norm::LayerNorm,
    linear::Linear,
    logical::Logical,
    masked_fill::MaskedFill,
    matmul::MatMul,
    max_all::MaxAll,
    max_dim::MaxDim,
    max_pool1d::MaxPool1d,
    max_pool2d::MaxPool2d,
    mean::Mean,
    neg::Neg,
    pad::Pad,
    permute::Permute,
    pixel_shuffle::PixelShuffle,
    prelu::Prelu,
    prod::Prod,
    recurrent::Recurrent,
    recurrent_cell::RecurrentCell,
    repeat::Repeat,
    repeat_interleave::RepeatInterleave,
    rms_norm::RmsNorm,
    roll::Roll,
    scatter::Scatter,
    select::Select,
    slice::Slice,
    softmax::Softmax,
    stack::Stack,
    strided_slice::StridedSlice,
    sum::Sum,
    tril::Tril,
    unary::Unary,
    unfold::Unfold,
    upsample::Upsample,
    var::Var,
    vector_norm::VectorNorm,
    view::View,
}

/// Elements of the largest operand: steps of what may read all of it for each element of its result.
fn largest(inputs: &[&[usize]]) -> usize {
    inputs.iter().map(|shape| shape.iter().product()).max().unwrap_or(1)
}

/// Size of a sliding window's result along one axis; the exporter's floor division.
pub(crate) fn window_output(
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: [usize; 2],
) -> Option<usize> {
    let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
    Some((input.checked_add(pad[0])?.checked_add(pad[1])?.checked_sub(reach)?).checked_div(stride)? + 1)
}

/// The shape of which two shapes are parts: dimensions from the last one on are equal, or one of them is 1.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (x, y) if x == y || y == 1 => Some(x),
            (1, y) => Some(y),
            _ => None,
        })
        .collect()
}

/// The shape that so many operands broadcast to.
pub(crate) fn joint_shape(inputs: &[&[usize]], operands: usize) -> Result<Vec<usize>, String> {
    let shape = inputs.iter().try_fold(Vec::new(), |shape, input| broadcast_shape(&shape, input));
    shape.filter(|_| inputs.len() == operands).ok_or_else(|| format!("operands of shapes {inputs:?}"))
}

/// The shapes of operands whose elements are all of this type.
pub(crate) fn shapes_of(inputs: &[Type], element: Element) -> Result<Vec<&[usize]>, String> {
    let elements = match element {
        Element::F32 => "real numbers",
        Element::I64 => "integers",
        Element::Bool => "truth values",
    };
    match inputs.iter().position(|input| input.element != element) {
        Some(index) => Err(format!("operand {index} holds no {elements}")),
        None => Ok(inputs.iter().map(|input| input.shape.as_slice()).collect()),
    }
}
