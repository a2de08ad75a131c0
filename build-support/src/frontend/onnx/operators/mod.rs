//! ONNX operators to rooms: operands and attributes read in the form of each opset.

mod elementwise;
mod layers;
mod movement;
mod pools;
mod reductions;

pub(super) use movement::{slices, split_sizes, squeezed, unsqueezed};

use super::{Entry, Importer, OnnxNode};
use crate::graph::ValueId;
use crate::ops::{Op, adaptive_avg_pool2d::AdaptiveAvgPool2d, binary::Binary, clamp::Clamp, unary::Unary};

/// The results of a node, which are added to the network; the error says why it is not supported, or nothing where its name
/// says it all.
pub(super) type Import = fn(&mut Importer<'_>, &OnnxNode<'_>) -> Result<Vec<Entry>, String>;

/// The operators that are imported, by their names in ONNX.
const IMPORTS: [(&str, Import); 39] = [
    ("Add", layers::add),
    ("AveragePool", pools::average_pool),
    ("BatchNormalization", layers::batch_norm),
    ("Cast", elementwise::cast),
    ("CastLike", elementwise::cast_like),
    ("Clip", elementwise::clip),
    ("Concat", movement::concat),
    ("Conv", layers::conv),
    ("Dropout", identity),
    ("Erf", |importer, node| unary(importer, node, Unary::Erf)),
    ("Exp", |importer, node| unary(importer, node, Unary::Exp)),
    ("Expand", movement::expand),
    ("Flatten", movement::flatten),
    ("Gather", movement::gather),
    ("Gemm", layers::gemm),
    ("GlobalAveragePool", |importer, node| unary(importer, node, AdaptiveAvgPool2d { output: [1, 1] })),
    ("HardSigmoid", elementwise::hard_sigmoid),
    ("HardSwish", |importer, node| unary(importer, node, Unary::HardSwish)),
    ("Identity", identity),
    ("MatMul", layers::matmul),
    ("Max", |importer, node| elementwise::variadic(importer, node, Binary::Maximum)),
    ("MaxPool", pools::max_pool),
    ("Min", |importer, node| elementwise::variadic(importer, node, Binary::Minimum)),
    ("Mul", |importer, node| elementwise::binary(importer, node, Binary::Mul)),
    ("Pad", movement::pad),
    ("ReduceMean", reductions::mean),
    ("ReduceSum", reductions::sum),
    ("Relu", |importer, node| unary(importer, node, Clamp::RELU)),
    ("Reshape", movement::reshape),
    ("SequenceAt", movement::sequence_at),
    ("Sigmoid", |importer, node| unary(importer, node, Unary::Sigmoid)),
    ("Slice", movement::slice),
    ("Split", movement::split),
    ("SplitToSequence", movement::split_to_sequence),
    ("Squeeze", movement::squeeze),
    ("Sub", |importer, node| elementwise::binary(importer, node, Binary::Sub)),
    ("Tanh", |importer, node| unary(importer, node, Unary::Tanh)),
    ("Transpose", movement::transpose),
    ("Unsqueeze", movement::unsqueeze),
];

/// The import of an operator of ONNX.
pub(super) fn import_of(op_type: &str) -> Option<Import> {
    IMPORTS.iter().find(|(name, _)| *name == op_type).map(|(_, import)| *import)
}

fn identity(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    importer.tensor(node, 0).map(same)
}

/// The operand itself as the result.
fn same(id: ValueId) -> Vec<Entry> {
    vec![Entry::Value(id)]
}

fn unary(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: impl Into<Op>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    importer.push(node, op, vec![input])
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
