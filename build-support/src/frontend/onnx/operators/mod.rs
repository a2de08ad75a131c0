//! ONNX operators to rooms: operands and attributes read in the form of each opset.

mod elementwise;
mod layers;
mod movement;
mod normalizations;
mod pools;
mod qdq;
mod recurrent;
mod reductions;
mod resize;

pub(super) use movement::{slices, split_sizes, squeezed, unsqueezed};

use super::{Entry, Importer, OnnxNode};
use crate::graph::{Data, ValueId};
use crate::ops::{
    Op, abs::Abs, binary::Binary, clamp::Clamp, compare::Compare, logical::Logical, neg::Neg, unary::Unary,
};

/// The results of a node, which are added to the network; the error says why it is not supported, or nothing where its name
/// says it all.
pub(super) type Import = fn(&mut Importer<'_>, &OnnxNode<'_>) -> Result<Vec<Entry>, String>;

/// The operators that are imported, by their names in ONNX.
const IMPORTS: &[(&str, Import)] = &[
    ("Abs", |importer, node| unary(importer, node, Abs)),
    ("Acos", |importer, node| unary(importer, node, Unary::Acos)),
    ("Acosh", |importer, node| unary(importer, node, Unary::Acosh)),
    ("Add", layers::add),
    ("And", |importer, node| logical(importer, node, Logical::And)),
    ("Asin", |importer, node| unary(importer, node, Unary::Asin)),
    ("Asinh", |importer, node| unary(importer, node, Unary::Asinh)),
    ("Atan", |importer, node| unary(importer, node, Unary::Atan)),
    ("Atanh", |importer, node| unary(importer, node, Unary::Atanh)),
    ("ArgMax", reductions::arg_max),
    ("AveragePool", pools::average_pool),
    ("BatchNormalization", layers::batch_norm),
    ("Cast", elementwise::cast),
    ("CastLike", elementwise::cast_like),
    ("Ceil", |importer, node| unary(importer, node, Unary::Ceil)),
    ("Celu", elementwise::celu),
    ("Clip", elementwise::clip),
    ("Concat", movement::concat),
    ("Conv", layers::conv),
    ("ConvTranspose", layers::conv_transpose),
    ("Cos", |importer, node| unary(importer, node, Unary::Cos)),
    ("Cosh", |importer, node| unary(importer, node, Unary::Cosh)),
    ("CumSum", reductions::cumulative_sum),
    ("DepthToSpace", movement::depth_to_space),
    ("DequantizeLinear", qdq::dequantize),
    ("Div", |importer, node| elementwise::binary(importer, node, Binary::Div)),
    ("Dropout", dropout),
    ("Elu", elementwise::elu),
    ("Equal", |importer, node| elementwise::compare(importer, node, Compare::Eq)),
    ("Erf", |importer, node| unary(importer, node, Unary::Erf)),
    ("Exp", |importer, node| unary(importer, node, Unary::Exp)),
    ("Expand", movement::expand),
    ("Flatten", movement::flatten),
    ("Floor", |importer, node| unary(importer, node, Unary::Floor)),
    ("GRU", recurrent::gru),
    ("Gather", movement::gather),
    ("GatherElements", movement::gather_elements),
    ("Gelu", elementwise::gelu),
    ("Gemm", layers::gemm),
    ("GlobalAveragePool", pools::global_average_pool),
    ("GlobalMaxPool", pools::global_max_pool),
    ("Greater", |importer, node| elementwise::compare(importer, node, Compare::Gt)),
    ("GreaterOrEqual", |importer, node| elementwise::compare(importer, node, Compare::Ge)),
    ("GroupNormalization", normalizations::group_norm),
    ("HardSigmoid", elementwise::hard_sigmoid),
    ("HardSwish", |importer, node| unary(importer, node, Unary::HardSwish)),
    ("Identity", identity),
    ("InstanceNormalization", normalizations::instance_norm),
    ("LSTM", recurrent::lstm),
    ("LayerNormalization", normalizations::layer_norm),
    ("LeakyRelu", elementwise::leaky_relu),
    ("Less", |importer, node| elementwise::compare(importer, node, Compare::Lt)),
    ("LessOrEqual", |importer, node| elementwise::compare(importer, node, Compare::Le)),
    ("Log", |importer, node| unary(importer, node, Unary::Log)),
    ("LogSoftmax", |importer, node| normalizations::softmax(importer, node, true)),
    ("LpNormalization", normalizations::lp_norm),
    ("MatMul", layers::matmul),
    ("Max", |importer, node| elementwise::variadic(importer, node, Binary::Maximum)),
    ("MaxPool", pools::max_pool),
    ("Mean", elementwise::mean),
    ("Min", |importer, node| elementwise::variadic(importer, node, Binary::Minimum)),
    ("Mish", |importer, node| unary(importer, node, Unary::Mish)),
    ("Mul", |importer, node| elementwise::binary(importer, node, Binary::Mul)),
    ("Neg", |importer, node| unary(importer, node, Neg)),
    ("Not", |importer, node| unary(importer, node, Logical::Not)),
    ("Or", |importer, node| logical(importer, node, Logical::Or)),
    ("PRelu", elementwise::prelu),
    ("Pad", movement::pad),
    ("Pow", elementwise::pow),
    ("QuantizeLinear", qdq::quantize),
    ("RMSNormalization", normalizations::rms_norm),
    ("RNN", recurrent::rnn),
    ("Reciprocal", |importer, node| unary(importer, node, Unary::Reciprocal)),
    ("ReduceL1", reductions::l1),
    ("ReduceL2", reductions::l2),
    ("ReduceLogSum", reductions::log_sum),
    ("ReduceLogSumExp", reductions::log_sum_exp),
    ("ReduceMax", |importer, node| reductions::extreme(importer, node, true)),
    ("ReduceMean", reductions::mean),
    ("ReduceMin", |importer, node| reductions::extreme(importer, node, false)),
    ("ReduceProd", reductions::product),
    ("ReduceSum", reductions::sum),
    ("ReduceSumSquare", reductions::sum_square),
    ("Relu", |importer, node| unary(importer, node, Clamp::RELU)),
    ("Reshape", movement::reshape),
    ("Resize", resize::resize),
    ("Round", |importer, node| unary(importer, node, Unary::Round)),
    ("Selu", elementwise::selu),
    ("SequenceAt", movement::sequence_at),
    ("Sigmoid", |importer, node| unary(importer, node, Unary::Sigmoid)),
    ("Sign", |importer, node| unary(importer, node, Unary::Sign)),
    ("Sin", |importer, node| unary(importer, node, Unary::Sin)),
    ("Sinh", |importer, node| unary(importer, node, Unary::Sinh)),
    ("Slice", movement::slice),
    ("Softmax", |importer, node| normalizations::softmax(importer, node, false)),
    ("Softplus", elementwise::softplus),
    ("Softsign", elementwise::softsign),
    ("SpaceToDepth", movement::space_to_depth),
    ("Split", movement::split),
    ("SplitToSequence", movement::split_to_sequence),
    ("Sqrt", |importer, node| unary(importer, node, Unary::Sqrt)),
    ("Squeeze", movement::squeeze),
    ("Sub", |importer, node| elementwise::binary(importer, node, Binary::Sub)),
    ("Sum", |importer, node| elementwise::variadic(importer, node, Binary::Add)),
    ("Swish", elementwise::swish),
    ("Tan", |importer, node| unary(importer, node, Unary::Tan)),
    ("Tanh", |importer, node| unary(importer, node, Unary::Tanh)),
    ("Tile", movement::tile),
    ("Transpose", movement::transpose),
    ("Trilu", movement::trilu),
    ("Unsqueeze", movement::unsqueeze),
    ("Where", elementwise::choose),
    ("Xor", |importer, node| logical(importer, node, Logical::Xor)),
];

/// The import of an operator of ONNX.
pub(super) fn import_of(op_type: &str) -> Option<Import> {
    IMPORTS.iter().find(|(name, _)| *name == op_type).map(|(_, import)| *import)
}

fn identity(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    importer.tensor(node, 0).map(same)
}

fn dropout(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let training = importer.known(node, 2).and_then(Data::truths).and_then(|truths| truths.first().copied());
    if node.has(2) && training != Some(false) {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    identity(importer, node)
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

/// The only result of an operator that was pushed.
fn one(results: Vec<Entry>) -> Result<ValueId, String> {
    match results[..] {
        [Entry::Value(id)] => Ok(id),
        _ => Err("has several results".to_owned()),
    }
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
