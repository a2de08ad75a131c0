//! ONNX operators to rooms: operands and attributes read in the form of each opset.

mod attention;
mod elementwise;
mod fourier;
mod grid_sample;
mod indexing;
mod layers;
mod movement;
mod normalizations;
mod pools;
mod qdq;
mod recurrent;
mod reductions;
mod resize;

pub(super) use movement::{slices, split_sizes, squeezed, unsqueezed};

use super::tensor::wrap_index;
use super::{Entry, Importer, OnnxNode};
use crate::graph::{Data, Tensor, ValueId};
use crate::ops::{
    Op, abs::Abs, binary::Binary, bitwise::Bitwise, clamp::Clamp, compare::Compare, logical::Logical, neg::Neg,
    unary::Unary,
};

const OUTSIDE: &str = "has an axis outside its operand";

/// The results of a node, which are added to the network; the error says why it is not supported, or nothing where its name
/// says it all.
pub(super) type Import = fn(&mut Importer<'_>, &OnnxNode<'_>) -> Result<Vec<Entry>, String>;

/// An operator of ONNX: its name, the first opset whose form is imported, and the import.
pub(super) type Operator = (&'static str, i64, Import);

/// The operators that are imported, by their names in ONNX. Their forms in later opsets have the same meaning or more of it.
pub(super) const OPERATORS: &[Operator] = &[
    ("Abs", 1, |importer, node| unary(importer, node, Abs)),
    ("Acos", 7, |importer, node| unary(importer, node, Unary::Acos)),
    ("Acosh", 9, |importer, node| unary(importer, node, Unary::Acosh)),
    ("Add", 7, layers::add),
    ("And", 7, |importer, node| logical(importer, node, Logical::And)),
    ("ArgMax", 1, |importer, node| reductions::arg_max(importer, node, true)),
    ("ArgMin", 1, |importer, node| reductions::arg_max(importer, node, false)),
    ("Asin", 7, |importer, node| unary(importer, node, Unary::Asin)),
    ("Asinh", 9, |importer, node| unary(importer, node, Unary::Asinh)),
    ("Atan", 7, |importer, node| unary(importer, node, Unary::Atan)),
    ("Atanh", 9, |importer, node| unary(importer, node, Unary::Atanh)),
    ("Attention", 23, attention::attention),
    ("AveragePool", 7, pools::average_pool),
    ("BatchNormalization", 9, layers::batch_norm),
    ("BitwiseAnd", 18, |importer, node| bitwise(importer, node, Bitwise::And)),
    ("BitwiseOr", 18, |importer, node| bitwise(importer, node, Bitwise::Or)),
    ("BitwiseXor", 18, |importer, node| bitwise(importer, node, Bitwise::Xor)),
    ("Cast", 6, elementwise::cast),
    ("CastLike", 15, elementwise::cast_like),
    ("Ceil", 1, |importer, node| unary(importer, node, Unary::Ceil)),
    ("Celu", 12, elementwise::celu),
    ("CenterCropPad", 18, movement::center_crop_pad),
    ("Clip", 6, elementwise::clip),
    ("Compress", 9, indexing::compress),
    ("Concat", 4, movement::concat),
    ("Constant", 1, known_only),
    ("ConstantOfShape", 9, known_only),
    ("Conv", 1, layers::conv),
    ("ConvTranspose", 1, layers::conv_transpose),
    ("Cos", 7, |importer, node| unary(importer, node, Unary::Cos)),
    ("Cosh", 9, |importer, node| unary(importer, node, Unary::Cosh)),
    ("CumSum", 11, reductions::cumulative_sum),
    ("DFT", 17, fourier::dft),
    ("DepthToSpace", 1, movement::depth_to_space),
    ("DequantizeLinear", 10, qdq::dequantize),
    ("Div", 7, |importer, node| elementwise::binary(importer, node, Binary::Div)),
    ("Dropout", 7, dropout),
    ("Einsum", 12, layers::einsum),
    ("Elu", 1, elementwise::elu),
    ("Equal", 7, |importer, node| elementwise::compare(importer, node, Compare::Eq)),
    ("Erf", 9, |importer, node| unary(importer, node, Unary::Erf)),
    ("Exp", 1, |importer, node| unary(importer, node, Unary::Exp)),
    ("Expand", 8, movement::expand),
    ("EyeLike", 9, known_only),
    ("Flatten", 1, movement::flatten),
    ("Floor", 1, |importer, node| unary(importer, node, Unary::Floor)),
    ("GRU", 7, recurrent::gru),
    ("Gather", 1, movement::gather),
    ("GatherElements", 11, movement::gather_elements),
    ("GatherND", 11, indexing::gather_nd),
    ("Gelu", 20, elementwise::gelu),
    ("Gemm", 7, layers::gemm),
    ("GlobalAveragePool", 1, pools::global_average_pool),
    ("GlobalLpPool", 2, pools::global_lp_pool),
    ("GlobalMaxPool", 1, pools::global_max_pool),
    ("Greater", 7, |importer, node| elementwise::compare(importer, node, Compare::Gt)),
    ("GreaterOrEqual", 12, |importer, node| elementwise::compare(importer, node, Compare::Ge)),
    ("GridSample", 16, grid_sample::grid_sample),
    ("GroupNormalization", 18, normalizations::group_norm),
    ("HardSigmoid", 1, elementwise::hard_sigmoid),
    ("HardSwish", 14, |importer, node| unary(importer, node, Unary::HardSwish)),
    ("Hardmax", 13, reductions::hardmax),
    ("Identity", 1, identity),
    ("InstanceNormalization", 1, normalizations::instance_norm),
    ("IsInf", 10, elementwise::is_inf),
    ("IsNaN", 9, elementwise::is_nan),
    ("LRN", 1, normalizations::lrn),
    ("LSTM", 7, recurrent::lstm),
    ("LayerNormalization", 17, normalizations::layer_norm),
    ("LeakyRelu", 1, elementwise::leaky_relu),
    ("Less", 7, |importer, node| elementwise::compare(importer, node, Compare::Lt)),
    ("LessOrEqual", 12, |importer, node| elementwise::compare(importer, node, Compare::Le)),
    ("Log", 1, |importer, node| unary(importer, node, Unary::Log)),
    ("LogSoftmax", 1, |importer, node| normalizations::softmax(importer, node, true)),
    ("LpNormalization", 1, normalizations::lp_norm),
    ("LpPool", 2, pools::lp_pool),
    ("MatMul", 1, layers::matmul),
    ("Max", 1, |importer, node| elementwise::variadic(importer, node, Binary::Maximum)),
    ("MaxPool", 1, pools::max_pool),
    ("Mean", 1, elementwise::mean),
    ("MeanVarianceNormalization", 9, normalizations::mean_variance),
    ("Min", 1, |importer, node| elementwise::variadic(importer, node, Binary::Minimum)),
    ("Mish", 18, |importer, node| unary(importer, node, Unary::Mish)),
    ("Mod", 10, elementwise::modulo),
    ("Mul", 7, |importer, node| elementwise::binary(importer, node, Binary::Mul)),
    ("Neg", 1, |importer, node| unary(importer, node, Neg)),
    ("NonZero", 9, known_only),
    ("Not", 1, |importer, node| unary(importer, node, Logical::Not)),
    ("OneHot", 9, indexing::one_hot),
    ("Or", 7, |importer, node| logical(importer, node, Logical::Or)),
    ("PRelu", 7, elementwise::prelu),
    ("Pad", 2, movement::pad),
    ("Pow", 7, elementwise::pow),
    ("QuantizeLinear", 10, qdq::quantize),
    ("RMSNormalization", 23, normalizations::rms_norm),
    ("RNN", 7, recurrent::rnn),
    ("Range", 11, known_only),
    ("Reciprocal", 1, |importer, node| unary(importer, node, Unary::Reciprocal)),
    ("ReduceL1", 1, reductions::l1),
    ("ReduceL2", 1, reductions::l2),
    ("ReduceLogSum", 1, reductions::log_sum),
    ("ReduceLogSumExp", 1, reductions::log_sum_exp),
    ("ReduceMax", 1, |importer, node| reductions::extreme(importer, node, true)),
    ("ReduceMean", 1, reductions::mean),
    ("ReduceMin", 1, |importer, node| reductions::extreme(importer, node, false)),
    ("ReduceProd", 1, reductions::product),
    ("ReduceSum", 1, reductions::sum),
    ("ReduceSumSquare", 1, reductions::sum_square),
    ("Relu", 1, |importer, node| unary(importer, node, Clamp::RELU)),
    ("Reshape", 5, movement::reshape),
    ("Resize", 11, resize::resize),
    ("ReverseSequence", 10, indexing::reverse_sequence),
    ("RotaryEmbedding", 23, attention::rotary_embedding),
    ("Round", 11, |importer, node| unary(importer, node, Unary::Round)),
    ("STFT", 17, fourier::stft),
    ("ScatterElements", 11, indexing::scatter_elements),
    ("ScatterND", 11, indexing::scatter_nd),
    ("Selu", 6, elementwise::selu),
    ("SequenceAt", 11, movement::sequence_at),
    ("Shape", 1, known_only),
    ("Shrink", 9, elementwise::shrink),
    ("Sigmoid", 1, |importer, node| unary(importer, node, Unary::Sigmoid)),
    ("Sign", 9, |importer, node| unary(importer, node, Unary::Sign)),
    ("Sin", 7, |importer, node| unary(importer, node, Unary::Sin)),
    ("Sinh", 9, |importer, node| unary(importer, node, Unary::Sinh)),
    ("Size", 1, known_only),
    ("Slice", 1, movement::slice),
    ("Softmax", 1, |importer, node| normalizations::softmax(importer, node, false)),
    ("Softplus", 1, elementwise::softplus),
    ("Softsign", 1, elementwise::softsign),
    ("SpaceToDepth", 1, movement::space_to_depth),
    ("Split", 2, movement::split),
    ("SplitToSequence", 11, movement::split_to_sequence),
    ("Sqrt", 1, |importer, node| unary(importer, node, Unary::Sqrt)),
    ("Squeeze", 1, movement::squeeze),
    ("Sub", 7, |importer, node| elementwise::binary(importer, node, Binary::Sub)),
    ("Sum", 1, |importer, node| elementwise::variadic(importer, node, Binary::Add)),
    ("SwiGLU", 28, elementwise::swiglu),
    ("Swish", 24, elementwise::swish),
    ("Tan", 7, |importer, node| unary(importer, node, Unary::Tan)),
    ("Tanh", 1, |importer, node| unary(importer, node, Unary::Tanh)),
    ("ThresholdedRelu", 10, elementwise::thresholded_relu),
    ("Tile", 6, movement::tile),
    ("TopK", 10, reductions::top_k),
    ("Transpose", 1, movement::transpose),
    ("Trilu", 14, movement::trilu),
    ("Unsqueeze", 1, movement::unsqueeze),
    ("Upsample", 7, resize::upsample),
    ("Where", 9, elementwise::choose),
    ("Xor", 7, |importer, node| logical(importer, node, Logical::Xor)),
];

/// The operator of this name.
pub(super) fn find(op_type: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|(name, ..)| *name == op_type)
}

/// An operator of shapes and constants that [`super::fold`] did not compute.
fn known_only(_: &mut Importer<'_>, _: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    Err("it is computed from constants and shapes only".to_owned())
}

fn identity(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    importer.tensor(node, 0).map(same)
}

fn dropout(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let training = importer.known(node, 2).and_then(Data::truths).and_then(|truths| truths.first().copied());
    if node.has(2) && training != Some(false) {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let mut results = identity(importer, node)?;
    if node.proto.output.get(1).is_some_and(|name| !name.is_empty()) {
        let shape = shape_of(importer, importer.tensor(node, 0)?).to_vec();
        importer.spend(&shape)?;
        let kept = constant(importer, node, "mask", ndarray::ArrayD::from_elem(shape, true));
        results.push(Entry::Value(kept));
    }
    Ok(results)
}

/// The operand itself as the result.
fn same(id: ValueId) -> Vec<Entry> {
    vec![Entry::Value(id)]
}

fn unary(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: impl Into<Op>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    importer.push(node, op, vec![input])
}

/// An operation on two operands of truth values.
fn logical(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Logical) -> Result<Vec<Entry>, String> {
    let inputs = vec![importer.tensor(node, 0)?, importer.tensor(node, 1)?];
    importer.push(node, op, inputs)
}

/// An operation on the bits of two operands; of bits alone, so that it is the same for every width.
fn bitwise(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Bitwise) -> Result<Vec<Entry>, String> {
    let inputs = vec![importer.tensor(node, 0)?, importer.tensor(node, 1)?];
    importer.push(node, op, inputs)
}

/// The only result of an operator that was pushed.
fn one(results: Vec<Entry>) -> Result<ValueId, String> {
    match results[..] {
        [Entry::Value(id)] => Ok(id),
        _ => Err("has several results".to_owned()),
    }
}

/// The only result of an operator on these operands.
fn apply(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    op: impl Into<Op>,
    inputs: Vec<ValueId>,
) -> Result<ValueId, String> {
    one(importer.push(node, op, inputs)?)
}

/// A number as a constant operand beside one of this rank.
fn number(importer: &mut Importer<'_>, node: &OnnxNode<'_>, what: &str, value: f32, rank: usize) -> ValueId {
    constant(importer, node, what, Tensor::from_elem(vec![1; rank], value))
}

/// A constant operand that the import makes.
fn constant(importer: &mut Importer<'_>, node: &OnnxNode<'_>, what: &str, data: impl Into<Data>) -> ValueId {
    importer.graph.add_constant(format!("{}.{what}", node.scopes.name(node.proto)), data)
}

/// Axes of a tensor, which may count from the end.
fn axes_of(axes: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| wrap_index(axis, rank)).collect();
    axes.ok_or_else(|| OUTSIDE.to_owned())
}

/// Attribute `axis` of a tensor of this rank.
fn axis_of(node: &OnnxNode<'_>, default: i64, rank: usize) -> Result<usize, String> {
    wrap_index(node.int("axis", default), rank).ok_or_else(|| OUTSIDE.to_owned())
}

/// The numbers `0..count` along an axis of a tensor of this rank.
fn counting(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    count: usize,
    axis: usize,
    rank: usize,
) -> Result<ValueId, String> {
    let mut shape = vec![1; rank];
    shape[axis] = count;
    importer.spend(&shape)?;
    let numbers = ndarray::ArrayD::from_shape_fn(shape, |at| at[axis] as i64); // sizes of a tensor
    Ok(constant(importer, node, "counting", numbers))
}

fn shape_of<'a>(importer: &'a Importer<'_>, id: ValueId) -> &'a [usize] {
    &importer.graph.value(id).shape
}

/// A list of non-negative integers with a default for every element.
fn sizes(node: &OnnxNode<'_>, name: &str, count: usize, default: usize) -> Result<Vec<usize>, String> {
    let Some(values) = node.ints(name) else { return Ok(vec![default; count]) };
    let values: Option<Vec<usize>> = values.iter().map(|&value| size(value)).collect();
    values.filter(|values| values.len() == count).ok_or_else(|| format!("attribute `{name}` has an unexpected value"))
}

/// A number of elements: not negative and small enough that sums of a few do not overflow.
fn size(value: i64) -> Option<usize> {
    usize::try_from(value).ok().filter(|&value| value <= super::MAX_ELEMENTS)
}

fn pair(node: &OnnxNode<'_>, name: &str, default: usize) -> Result<[usize; 2], String> {
    let values = sizes(node, name, 2, default)?;
    if name != "pads" && values.contains(&0) {
        return Err(format!("attribute `{name}` contains 0"));
    }
    Ok([values[0], values[1]])
}
