//! Functions of one element of each operand.

use super::{Arg, Builder, Call, converted, fold, number, real, unary};
use crate::graph::{Data, Element, Tensor, ValueId};
use crate::ops::add_alpha::AddAlpha;
use crate::ops::binary::Binary;
use crate::ops::bitwise::Bitwise;
use crate::ops::choose::Choose;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::compare::Compare;
use crate::ops::logical::Logical;
use crate::ops::masked_fill::MaskedFill;
use crate::ops::unary::Unary;
use ndarray::{ArrayD, IxDyn};

/// `relu6`, the function.
pub(super) const RELU6: Clamp = Clamp { min: Some(0.0), max: Some(6.0), kind: ClampKind::Relu6 };

/// Functions of one operand without other arguments, by name.
pub(super) fn function_of(name: &str) -> Option<Unary> {
    Some(match name {
        "acos" => Unary::Acos,
        "acosh" => Unary::Acosh,
        "asin" => Unary::Asin,
        "asinh" => Unary::Asinh,
        "atan" => Unary::Atan,
        "atanh" => Unary::Atanh,
        "ceil" => Unary::Ceil,
        "cos" => Unary::Cos,
        "cosh" => Unary::Cosh,
        "erf" => Unary::Erf,
        "erfinv" => Unary::Erfinv,
        "exp" => Unary::Exp,
        "expm1" => Unary::Expm1,
        "floor" => Unary::Floor,
        "hardsigmoid" => Unary::HardSigmoid,
        "hardswish" => Unary::HardSwish,
        "log" => Unary::Log,
        "log10" => Unary::Log10,
        "log1p" => Unary::Log1p,
        "log2" => Unary::Log2,
        "log_sigmoid" => Unary::LogSigmoid,
        "mish" => Unary::Mish,
        "reciprocal" => Unary::Reciprocal,
        "round" => Unary::Round,
        "rsqrt" => Unary::Rsqrt,
        "selu" => Unary::Selu,
        "sigmoid" => Unary::Sigmoid,
        "sign" => Unary::Sign,
        "silu" => Unary::Silu,
        "sin" => Unary::Sin,
        "sinh" => Unary::Sinh,
        "sqrt" => Unary::Sqrt,
        "square" => Unary::Square,
        "tan" => Unary::Tan,
        "tanh" => Unary::Tanh,
        _ => return None,
    })
}

pub(super) fn function(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let name = call.target.split('.').nth(1).map(super::functional);
    let decimals = call.int("decimals", 0)?;
    if decimals != 0 {
        return round(builder, call, decimals);
    }
    unary(builder, call, name.and_then(function_of).expect("it was found by this name"))
}

/// To so many decimals, or to tens, hundreds and so on where they are negative.
///
/// Source: torch's `round_decimals`, whose factor is a whole power of ten.
fn round(builder: &mut Builder<'_>, call: &Call<'_>, decimals: i64) -> Result<Vec<ValueId>, String> {
    // Beyond these, the factor is no f32.
    let exponent = i32::try_from(decimals).ok().filter(|decimals| (-38..=38).contains(decimals));
    let exponent = exponent.ok_or_else(|| format!("rounds to {decimals} decimals; supported are -38 to 38"))?;
    let factor = number(builder, call, "factor", libm::pow(10.0, exponent.abs().into()))?;
    let [first, last] = if exponent > 0 { [Binary::Mul, Binary::Div] } else { [Binary::Div, Binary::Mul] };
    let input = real(builder, call, call.tensor("self")?)?;
    let scaled = builder.push_piece(call, "scaled", first, &[input, factor])?;
    let whole = builder.push_piece(call, "whole", Unary::Round, &[scaled])?;
    builder.push(call, last, &[whole, factor])
}

pub(super) fn celu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    unary(builder, call, Unary::Celu { alpha: call.float("alpha", 1.0)? })
}

pub(super) fn elu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let alpha = call.float("alpha", 1.0)?;
    let (scale, input_scale) = (call.float("scale", 1.0)?, call.float("input_scale", 1.0)?);
    unary(builder, call, Unary::Elu { alpha, scale, input_scale })
}

pub(super) fn gelu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    match call.text("approximate", "none")? {
        "none" => unary(builder, call, Unary::Gelu),
        "tanh" => unary(builder, call, Unary::GeluTanh),
        other => Err(format!("unknown approximation `{other}`")),
    }
}

pub(super) fn leaky_relu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    unary(builder, call, Unary::LeakyRelu { slope: call.float("negative_slope", 0.01)? })
}

pub(super) fn logit(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let eps = if call.has("eps") { Some(call.float("eps", 0.0)?) } else { None };
    if eps.is_some_and(|eps| !(0.0..=0.5).contains(&eps)) {
        return Err("its eps is not from 0 to 0.5".to_owned());
    }
    unary(builder, call, Unary::Logit { eps })
}

pub(super) fn softplus(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    unary(builder, call, Unary::Softplus { beta: call.float("beta", 1.0)?, threshold: call.float("threshold", 20.0)? })
}

pub(super) fn hardshrink(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    unary(builder, call, Unary::HardShrink { lambda: call.float("lambd", 0.5)? })
}

pub(super) fn softshrink(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    unary(builder, call, Unary::SoftShrink { lambda: call.float("lambd", 0.5)? })
}

pub(super) fn threshold(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (threshold, value) = (call.float("threshold", 0.0)?, call.float("value", 0.0)?);
    unary(builder, call, Unary::Threshold { threshold, value })
}

pub(super) fn clamp(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    // Torch computes with bounds of the tensor's float32.
    let bound = |name| Ok::<_, String>(if call.has(name) { Some(call.float(name, 0.0)? as f32) } else { None });
    clamped(builder, call, bound("min")?, bound("max")?, ClampKind::Clamp)
}

pub(super) fn hardtanh(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (min, max) = (call.float("min_val", -1.0)? as f32, call.float("max_val", 1.0)? as f32); // as for `clamp`
    clamped(builder, call, Some(min), Some(max), ClampKind::Hardtanh)
}

fn clamped(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    min: Option<f32>,
    max: Option<f32>,
    kind: ClampKind,
) -> Result<Vec<ValueId>, String> {
    // With crossed bounds the upper one wins.
    let min = min.zip(max).map(|(min, max)| min.min(max)).or(min);
    unary(builder, call, Clamp { min, max, kind })
}

/// An operand that is a tensor or a number. Numbers and real constants without dimensions become tensors of the other operand's
/// rank, as the reference quantizer lifts them.
fn operand(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    name: &str,
    rank: usize,
    kind: Element,
) -> Result<ValueId, String> {
    let dims = vec![1; rank];
    let shape = IxDyn(&dims);
    let data = match call.arg(name) {
        Some(Arg::Tensor(id)) => {
            let value = builder.graph.value(*id);
            match &value.constant {
                Some(data) if value.shape.is_empty() => fold::reshaped(data.clone(), &dims),
                _ => return Ok(*id),
            }
        }
        Some(Arg::Bool(value)) if kind == Element::Bool => Data::Bool(ArrayD::from_elem(shape, *value)),
        Some(Arg::Int(value)) if kind != Element::F32 => Data::I64(ArrayD::from_elem(shape, *value)),
        Some(Arg::Bool(value)) => Data::I64(ArrayD::from_elem(shape, i64::from(*value))),
        // Torch computes in the tensor's float32.
        Some(Arg::Int(_) | Arg::Float(_)) => Data::F32(Tensor::from_elem(shape, call.float(name, 0.0)? as f32)),
        _ => return Err(format!("argument `{name}` is neither a tensor nor a number")),
    };
    builder.constant(format!("{}.{name}", call.name), data)
}

/// The operands of an operator on two tensors of one element type, at least one of them a tensor.
fn operands(builder: &mut Builder<'_>, call: &Call<'_>, names: [&str; 2]) -> Result<[ValueId; 2], String> {
    let tensor = |name| call.arg(name).and_then(|arg| if let Arg::Tensor(id) = arg { Some(*id) } else { None });
    let kind = |id: ValueId| (builder.shape(id).len(), builder.graph.value(id).element);
    let kinds = names.map(|name| tensor(name).map(kind));
    let (first, second) = (kinds[0].or(kinds[1]), kinds[1].or(kinds[0]));
    let ((rank_a, kind_a), (rank_b, kind_b)) = first.zip(second).ok_or("has no operand that is a tensor")?;
    let inputs = [operand(builder, call, names[0], rank_b, kind_b)?, operand(builder, call, names[1], rank_a, kind_a)?];
    promoted(builder, call, inputs)
}

/// Two tensors with elements of one type: real numbers before integers before truth values.
fn promoted(builder: &mut Builder<'_>, call: &Call<'_>, inputs: [ValueId; 2]) -> Result<[ValueId; 2], String> {
    let kinds = inputs.map(|id| builder.graph.value(id).element);
    let order = [Element::F32, Element::I64, Element::Bool];
    let common = order.into_iter().find(|element| kinds.contains(element)).expect("one of all element types");
    Ok([converted(builder, call, inputs[0], common)?, converted(builder, call, inputs[1], common)?])
}

pub(super) fn binary(builder: &mut Builder<'_>, call: &Call<'_>, op: Binary) -> Result<Vec<ValueId>, String> {
    let inputs = operands(builder, call, ["self", "other"])?;
    push_binary(builder, call, op, inputs)
}

fn push_binary(
    builder: &mut Builder<'_>,
    call: &Call<'_>,
    op: Binary,
    inputs: [ValueId; 2],
) -> Result<Vec<ValueId>, String> {
    let values = inputs.map(|id| builder.graph.value(id).constant.as_ref());
    if let [Some(Data::I64(a)), Some(Data::I64(b))] = values {
        let result = fold::binary(op, a, b).ok_or("computes integers that do not fit")?;
        return Ok(vec![builder.constant(call.name.to_owned(), result)?]);
    }
    builder.push(call, op, &inputs)
}

/// `self ± alpha · other`
pub(super) fn add(builder: &mut Builder<'_>, call: &Call<'_>, subtract: bool) -> Result<Vec<ValueId>, String> {
    let inputs = operands(builder, call, ["self", "other"])?;
    let alpha = call.float("alpha", 1.0)?;
    if alpha != 1.0 {
        let inputs = [real(builder, call, inputs[0])?, real(builder, call, inputs[1])?];
        return builder.push(call, AddAlpha { alpha, subtract }, &inputs);
    }
    push_binary(builder, call, if subtract { Binary::Sub } else { Binary::Add }, inputs)
}

/// `other - self`
pub(super) fn rsub(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.float("alpha", 1.0)? != 1.0 {
        return Err("a factor of its first operand is not supported".to_owned());
    }
    binary(builder, call, Binary::Rsub)
}

pub(super) fn div(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let op = match call.text("rounding_mode", "")? {
        "" => {
            let [a, b] = operands(builder, call, ["self", "other"])?;
            let inputs = [real(builder, call, a)?, real(builder, call, b)?];
            return builder.push(call, Binary::Div, &inputs);
        }
        "floor" => Binary::DivFloor,
        "trunc" => Binary::DivTrunc,
        other => return Err(format!("unknown rounding mode `{other}`")),
    };
    binary(builder, call, op)
}

pub(super) fn pow(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if matches!(call.arg("exponent"), Some(Arg::Int(_) | Arg::Float(_))) {
        return unary(builder, call, Unary::Pow { exponent: call.float("exponent", 1.0)? });
    }
    let inputs = operands(builder, call, ["self", "exponent"])?;
    push_binary(builder, call, Binary::Pow, inputs)
}

pub(super) fn remainder(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let is_real = |id| builder.graph.value(id).element == Element::F32;
    if call.tensor("self").is_ok_and(is_real) && matches!(call.arg("other"), Some(Arg::Int(_) | Arg::Float(_))) {
        return unary(builder, call, Unary::Remainder { divisor: call.float("other", 1.0)? });
    }
    binary(builder, call, Binary::Remainder)
}

pub(super) fn compare(builder: &mut Builder<'_>, call: &Call<'_>, op: Compare) -> Result<Vec<ValueId>, String> {
    let inputs = operands(builder, call, ["self", "other"])?;
    builder.push(call, op, &inputs)
}

pub(super) fn logical(builder: &mut Builder<'_>, call: &Call<'_>, op: Logical) -> Result<Vec<ValueId>, String> {
    let [a, b] = operands(builder, call, ["self", "other"])?;
    let inputs = [converted(builder, call, a, Element::Bool)?, converted(builder, call, b, Element::Bool)?];
    builder.push(call, op, &inputs)
}

pub(super) fn not(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = converted(builder, call, call.tensor("self")?, Element::Bool)?;
    builder.push(call, Logical::Not, &[input])
}

/// An operation on bits: that on truth values where the operands are such.
pub(super) fn bitwise(builder: &mut Builder<'_>, call: &Call<'_>, op: Bitwise) -> Result<Vec<ValueId>, String> {
    let is_not = op == Bitwise::Not;
    let inputs = match is_not {
        true => vec![call.tensor("self")?],
        false => operands(builder, call, ["self", "other"])?.to_vec(),
    };
    let logical = match op {
        _ if builder.graph.value(inputs[0]).element != Element::Bool => None,
        Bitwise::And => Some(Logical::And),
        Bitwise::Or => Some(Logical::Or),
        Bitwise::Xor => Some(Logical::Xor),
        Bitwise::Not => Some(Logical::Not),
        Bitwise::ShiftLeft | Bitwise::ShiftRight => None,
    };
    match logical {
        Some(logical) => builder.push(call, logical, &inputs),
        None => builder.push(call, op, &inputs),
    }
}

/// `where(condition, self, other)`
pub(super) fn choose(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let condition = call.tensor("condition")?;
    let condition = converted(builder, call, condition, Element::Bool)?;
    let is_tensor = |name| matches!(call.arg(name), Some(Arg::Tensor(_)));
    let inputs = if is_tensor("self") || is_tensor("other") {
        operands(builder, call, ["self", "other"])?
    } else {
        let rank = builder.shape(condition).len();
        let is_int = |name| matches!(call.arg(name), Some(Arg::Int(_) | Arg::Bool(_)));
        let kind = if is_int("self") && is_int("other") { Element::I64 } else { Element::F32 };
        [operand(builder, call, "self", rank, kind)?, operand(builder, call, "other", rank, kind)?]
    };
    builder.push(call, Choose, &[condition, inputs[0], inputs[1]])
}

pub(super) fn masked_fill(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let value = match call.arg("value") {
        Some(Arg::Tensor(id)) => {
            let data = builder.graph.value(*id).constant.as_ref().map(|data| fold::cast(data, Element::F32));
            let value = data.as_ref().and_then(Data::real).filter(|data| data.len() == 1).and_then(|data| data.first());
            *value.ok_or("its value is computed at run time")?
        }
        _ => call.float("value", 0.0)? as f32, // torch computes in the tensor's float32
    };
    let input = real(builder, call, call.tensor("self")?)?;
    let mask = converted(builder, call, call.tensor("mask")?, Element::Bool)?;
    builder.push(call, MaskedFill { value }, &[input, mask])
}
