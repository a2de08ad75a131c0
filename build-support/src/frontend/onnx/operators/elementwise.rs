//! Functions of one element of each operand.

use super::{apply, number, one, same, shape_of, unary};
use crate::frontend::onnx::{Entry, Importer, OnnxNode, proto, tensor};
use crate::graph::{Data, Element, ValueId};
use crate::ops::abs::Abs;
use crate::ops::binary::Binary;
use crate::ops::cast::Cast;
use crate::ops::choose::Choose;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::compare::Compare;
use crate::ops::neg::Neg;
use crate::ops::prelu::Prelu;
use crate::ops::unary::Unary;
use crate::ops::view::View;

pub(super) fn binary(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Binary) -> Result<Vec<Entry>, String> {
    let inputs = lifted(importer, node, [0, 1])?;
    importer.push(node, op, inputs)
}

/// Two operands. Scalars become tensors of the other operand's rank, as upstream lifts them.
fn lifted(importer: &mut Importer<'_>, node: &OnnxNode<'_>, indices: [usize; 2]) -> Result<Vec<ValueId>, String> {
    let inputs = [importer.tensor(node, indices[0])?, importer.tensor(node, indices[1])?];
    let mut lifted = inputs.to_vec();
    for index in 0..2 {
        let rank = shape_of(importer, inputs[1 - index]).len();
        if let Some(data) = &importer.graph.value(inputs[index]).constant
            && data.shape().is_empty()
        {
            let data = super::super::fold::lifted(data, rank);
            let given = importer.graph.value(inputs[index]).given.clone();
            lifted[index] = importer.graph.add_constant(node.proto.input[indices[index]].clone(), data);
            if let Some(given) = given {
                importer.graph.give(lifted[index], given);
            }
        }
    }
    Ok(lifted)
}

/// A function of two operands, applied to one or more from the left.
pub(super) fn variadic(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Binary) -> Result<Vec<Entry>, String> {
    if node.inputs.len() == 2 {
        return binary(importer, node, op);
    }
    let mut result = importer.tensor(node, 0)?;
    for index in 1..node.inputs.len() {
        let operand = importer.tensor(node, index)?;
        result = apply(importer, node, op, vec![result, operand])?;
    }
    Ok(same(result))
}

pub(super) fn mean(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let sum = one(variadic(importer, node, Binary::Add)?)?;
    let rank = shape_of(importer, sum).len();
    let factor = number(importer, node, "factor", 1.0 / node.inputs.len() as f32, rank); // a few operands
    importer.push(node, Binary::Mul, vec![sum, factor])
}

/// A function of one operand where the exponent is one constant.
pub(super) fn pow(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let exponent = importer.known(node, 1).and_then(|data| match data {
        Data::F32(array) if array.len() == 1 => array.first().map(|&exponent| f64::from(exponent)),
        Data::I64(array) if array.len() == 1 => array.first().map(|&exponent| exponent as f64), // of a few bits
        _ => None,
    });
    let rank = importer.kind(node, 1).map_or(0, |kind| kind.shape.len());
    match exponent {
        Some(exponent) if rank <= importer.kind(node, 0).map_or(0, |kind| kind.shape.len()) => {
            unary(importer, node, Unary::Pow { exponent })
        }
        _ => {
            let mut inputs = lifted(importer, node, [0, 1])?;
            if importer.graph.value(inputs[1]).element == Element::I64 {
                inputs[1] = apply(importer, node, Cast { element: Element::F32 }, vec![inputs[1]])?;
            }
            importer.push(node, Binary::Pow, inputs)
        }
    }
}

pub(super) fn prelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, slope) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?);
    let (shape, mut slopes) = (shape_of(importer, input), shape_of(importer, slope));
    // One slope, or one for each channel in the form `[C, 1, …]` with or without a batch of 1.
    let count: usize = slopes.iter().product();
    if let [1, rest @ ..] = slopes
        && slopes.len() == shape.len()
    {
        slopes = rest;
    }
    let per_channel = shape.len() >= 2
        && slopes.len() == shape.len() - 1
        && slopes[0] == shape[1]
        && slopes[1..].iter().all(|&dim| dim == 1);
    if count != 1 && !per_channel {
        // `max(x, 0) + slope · min(x, 0)`
        let above = unary(importer, node, Clamp::RELU)?;
        let below = unary(importer, node, Clamp { min: None, max: Some(0.0), kind: ClampKind::Clamp })?;
        let scaled = apply(importer, node, Binary::Mul, vec![one(below)?, slope])?;
        return importer.push(node, Binary::Add, vec![one(above)?, scaled]);
    }
    let slope = apply(importer, node, View { shape: vec![count] }, vec![slope])?;
    importer.push(node, Prelu, vec![input, slope])
}

pub(super) fn celu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    unary(importer, node, Unary::Celu { alpha: node.float("alpha", 1.0).into() })
}

pub(super) fn elu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    unary(importer, node, Unary::elu(node.float("alpha", 1.0).into()))
}

pub(super) fn gelu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    match node.text("approximate") {
        None | Some("none") => unary(importer, node, Unary::Gelu),
        Some("tanh") => unary(importer, node, Unary::GeluTanh),
        Some(other) => Err(format!("approximates by `{other}`")),
    }
}

pub(super) fn leaky_relu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    unary(importer, node, Unary::LeakyRelu { slope: node.float("alpha", 0.01).into() })
}

pub(super) fn selu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let given = |name: &str| node.attribute(name).map(|attribute| f64::from(attribute.f));
    match (given("alpha"), given("gamma")) {
        (None, None) => unary(importer, node, Unary::Selu),
        (alpha, gamma) => {
            let Unary::Elu { alpha: own_alpha, scale, input_scale } = Unary::SELU else { unreachable!("an elu") };
            let (alpha, scale) = (alpha.unwrap_or(own_alpha), gamma.unwrap_or(scale));
            unary(importer, node, Unary::Elu { alpha, scale, input_scale })
        }
    }
}

pub(super) fn softplus(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    unary(importer, node, Unary::Softplus { beta: 1.0, threshold: 20.0 })
}

pub(super) fn swish(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    match node.float("alpha", 1.0) {
        1.0 => unary(importer, node, Unary::Silu),
        alpha => {
            let input = importer.tensor(node, 0)?;
            let scaled = times(importer, node, input, alpha)?;
            let gate = apply(importer, node, Unary::Sigmoid, vec![scaled])?;
            importer.push(node, Binary::Mul, vec![input, gate])
        }
    }
}

/// `swish(a) · b`
pub(super) fn swiglu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let gate = one(swish(importer, node)?)?;
    let value = importer.tensor(node, 1)?;
    importer.push(node, Binary::Mul, vec![gate, value])
}

/// A tensor times a number.
fn times(importer: &mut Importer<'_>, node: &OnnxNode<'_>, input: ValueId, factor: f32) -> Result<ValueId, String> {
    let rank = shape_of(importer, input).len();
    let factor = number(importer, node, "factor", factor, rank);
    apply(importer, node, Binary::Mul, vec![input, factor])
}

/// A tensor plus a number.
fn plus(importer: &mut Importer<'_>, node: &OnnxNode<'_>, input: ValueId, summand: f32) -> Result<ValueId, String> {
    let rank = shape_of(importer, input).len();
    let summand = number(importer, node, "summand", summand, rank);
    apply(importer, node, Binary::Add, vec![input, summand])
}

/// A tensor where it is above a bound, zero elsewhere.
pub(super) fn thresholded_relu(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let (bound, zero) = (node.float("alpha", 1.0), number(importer, node, "zero", 0.0, rank));
    let bound = number(importer, node, "bound", bound, rank);
    let is_above = apply(importer, node, Compare::Gt, vec![input, bound])?;
    importer.push(node, Choose, vec![is_above, input, zero])
}

/// A tensor moved towards zero by `bias` where it is further than `lambd` from it, zero elsewhere.
pub(super) fn shrink(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let (bound, bias) = (node.float("lambd", 0.5), node.float("bias", 0.0));
    let mut result = number(importer, node, "zero", 0.0, rank);
    for (compare, bound, bias) in [(Compare::Gt, bound, -bias), (Compare::Lt, -bound, bias)] {
        let moved = plus(importer, node, input, bias)?;
        let bound = number(importer, node, "bound", bound, rank);
        let is_far = apply(importer, node, compare, vec![input, bound])?;
        result = apply(importer, node, Choose, vec![is_far, moved, result])?;
    }
    Ok(same(result))
}

/// What is not a number is not equal to itself.
pub(super) fn is_nan(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    importer.push(node, Compare::Ne, vec![input, input])
}

/// What is beyond the largest number.
pub(super) fn is_inf(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    match (node.int("detect_negative", 1) != 0, node.int("detect_positive", 1) != 0) {
        (true, true) => input = apply(importer, node, Abs, vec![input])?,
        (true, false) => input = apply(importer, node, Neg, vec![input])?,
        (false, true) => {}
        (false, false) => return Err("detects neither sign".to_owned()),
    }
    let rank = shape_of(importer, input).len();
    let largest = number(importer, node, "largest", f32::MAX, rank);
    importer.push(node, Compare::Gt, vec![input, largest])
}

/// The remainder with the sign of the dividend, `a - trunc(a / b) · b`.
pub(super) fn modulo(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.int("fmod", 0) == 0 {
        return Err("integers are computed at build time only".to_owned());
    }
    let inputs = lifted(importer, node, [0, 1])?;
    let quotient = apply(importer, node, Binary::DivTrunc, inputs.clone())?;
    let multiple = apply(importer, node, Binary::Mul, vec![quotient, inputs[1]])?;
    importer.push(node, Binary::Sub, vec![inputs[0], multiple])
}

pub(super) fn clip(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let bound = |index: usize| match importer.known_scalar(node, index) {
        None if node.has(index) => Err("its bounds are no float constants"),
        bound => Ok(bound),
    };
    // Attributes before opset 11.
    let attribute = |name| node.attribute(name).map(|attribute| attribute.f);
    let (min, max) = (bound(1)?.or_else(|| attribute("min")), bound(2)?.or_else(|| attribute("max")));
    // With crossed bounds the upper one wins.
    let min = min.zip(max).map(|(min, max)| min.min(max)).or(min);
    let kind = match node.scopes.target.as_deref() {
        Some("aten.relu6.default") => ClampKind::Relu6,
        Some(target) if target.starts_with("aten.clamp") => ClampKind::Clamp,
        _ => ClampKind::Hardtanh,
    };
    unary(importer, node, Clamp { min, max, kind })
}

pub(super) fn hard_sigmoid(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
    if (alpha - 1.0 / 6.0).abs() > 1e-6 || beta != 0.5 {
        let input = importer.tensor(node, 0)?;
        let scaled = times(importer, node, input, alpha)?;
        let moved = plus(importer, node, scaled, beta)?;
        return importer.push(node, Clamp { min: Some(0.0), max: Some(1.0), kind: ClampKind::Clamp }, vec![moved]);
    }
    unary(importer, node, Unary::HardSigmoid)
}

/// A conversion to another type; between types that are computed as the same one nothing changes.
pub(super) fn cast(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    convert(importer, node, i32::try_from(node.int("to", 0)).unwrap_or_default())
}

/// A conversion to the type of operand 1.
pub(super) fn cast_like(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let like = importer.tensor(node, 1)?;
    let to = node.proto.input.get(1).and_then(|name| importer.data_types.get(name)).copied();
    let to = to.unwrap_or(match importer.graph.value(like).element {
        Element::F32 => proto::data_type::FLOAT,
        Element::I64 => proto::data_type::INT64,
        Element::Bool => proto::data_type::BOOL,
    });
    convert(importer, node, to)
}

fn convert(importer: &mut Importer<'_>, node: &OnnxNode<'_>, to: i32) -> Result<Vec<Entry>, String> {
    let (input, element) = (importer.tensor(node, 0)?, tensor::element(to)?);
    let from = importer.graph.value(input).element;
    let narrows = tensor::integer_range(to).is_some_and(|(min, _)| min > i64::from(i32::MIN));
    if narrows && from != Element::Bool {
        return Err(format!("to {}, whose numbers wrap around", proto::data_type::name(to)));
    }
    if from == element {
        return Ok(same(input));
    }
    importer.push(node, Cast { element }, vec![input])
}

pub(super) fn compare(importer: &mut Importer<'_>, node: &OnnxNode<'_>, op: Compare) -> Result<Vec<Entry>, String> {
    let inputs = lifted(importer, node, [0, 1])?;
    importer.push(node, op, inputs)
}

pub(super) fn choose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let condition = importer.tensor(node, 0)?;
    let mut inputs = vec![condition];
    inputs.extend(lifted(importer, node, [1, 2])?);
    importer.push(node, Choose, inputs)
}

/// `x / (1 + |x|)`
pub(super) fn softsign(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let size = apply(importer, node, Abs, vec![input])?;
    let divisor = plus(importer, node, size, 1.0)?;
    importer.push(node, Binary::Div, vec![input, divisor])
}
