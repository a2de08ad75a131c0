//! Sizes that the program computes from those of its inputs, all of them known here; and its assertions about them.

use super::Entry;
use crate::frontend::aten::{Arg, Call, floor_divide};
use crate::graph::Graph;

/// Whether a target computes or checks numbers instead of tensors.
pub(super) fn is_symbolic(target: &str) -> bool {
    ["_operator.", "math.", "torch.sym_"].iter().any(|prefix| target.starts_with(prefix))
        || SIZES.contains(&target)
        || ASSERTIONS.contains(&target)
}

const SIZES: [&str; 4] =
    ["aten.sym_size.int", "aten.sym_numel.default", "aten.sym_stride.int", "aten.sym_storage_offset.default"];

const ASSERTIONS: [&str; 8] = [
    "aten._assert_async.default",
    "aten._assert_async.msg",
    "aten._assert_scalar.default",
    "aten._assert_tensor_metadata.default",
    "aten.sym_constrain_range.default",
    "aten.sym_constrain_range_for_size.default",
    "torch.sym_constrain_range",
    "torch.sym_constrain_range_for_size",
];

/// The results of a symbolic node, none for an assertion that holds.
pub(super) fn compute(graph: &Graph, call: &Call<'_>) -> Result<Vec<Entry>, String> {
    if ASSERTIONS.contains(&call.target) {
        return assert(call).map(|()| Vec::new());
    }
    let not_supported = || "this computation with sizes is not supported".to_owned();
    if SIZES.contains(&call.target) {
        let shape = &graph.value(call.tensor("self")?).shape;
        let size = match call.target {
            "aten.sym_size.int" => shape[call.axis("dim", 0, shape.len())?],
            "aten.sym_numel.default" => shape.iter().product(),
            _ => return Err(not_supported()),
        };
        return Ok(vec![Entry::Int(size as i64)]); // tensors have fewer than 2^31 elements
    }
    let numbers: Option<Vec<Number>> = call.args.iter().map(|(_, arg)| number(arg)).collect();
    let numbers = numbers.ok_or_else(not_supported)?;
    let name = call.target.rsplit_once('.').map_or(call.target, |(_, name)| name);
    let result = match numbers[..] {
        [a] => unary(name, a),
        [a, b] => binary(name, a, b),
        _ => None,
    };
    Ok(vec![result.ok_or_else(not_supported)?])
}

/// Sizes are integers, but ratios of sizes occur.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    fn to_float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64, // as Python converts it
            Self::Float(value) => value,
        }
    }
}

fn number(arg: &Arg<'_>) -> Option<Number> {
    match arg {
        Arg::Int(value) => Some(Number::Int(*value)),
        Arg::Bool(value) => Some(Number::Int(i64::from(*value))),
        Arg::Float(value) => Some(Number::Float(*value)),
        _ => None,
    }
}

/// Source: Python's `operator` and `math`, torch's `sym_*`.
fn unary(name: &str, a: Number) -> Option<Entry> {
    Some(match (name, a) {
        ("neg", Number::Int(a)) => Entry::Int(a.checked_neg()?),
        ("neg", Number::Float(a)) => Entry::Float(-a),
        ("sym_not", Number::Int(a)) => Entry::Bool(a == 0),
        ("sym_float", a) => Entry::Float(a.to_float()),
        ("sym_int" | "trunc", a) => whole(libm::trunc(a.to_float()))?,
        ("ceil", a) => whole(libm::ceil(a.to_float()))?,
        ("floor", a) => whole(libm::floor(a.to_float()))?,
        ("sym_sqrt" | "_sym_sqrt" | "sqrt", a) => Entry::Float(libm::sqrt(a.to_float())),
        _ => return None,
    })
}

fn binary(name: &str, a: Number, b: Number) -> Option<Entry> {
    if let (Number::Int(a), Number::Int(b)) = (a, b) {
        let result = match name {
            "add" => a.checked_add(b),
            "sub" => a.checked_sub(b),
            "mul" => a.checked_mul(b),
            "floordiv" => floor_divide(a, b),
            "mod" => floor_divide(a, b).and_then(|quotient| a.checked_sub(quotient.checked_mul(b)?)),
            "pow" => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            "sym_max" => Some(a.max(b)),
            "sym_min" => Some(a.min(b)),
            _ => return compare(name, a, b).or_else(|| float(name, a as f64, b as f64)),
        };
        return result.map(Entry::Int);
    }
    let (a, b) = (a.to_float(), b.to_float());
    compare(name, a, b).or_else(|| float(name, a, b))
}

fn float(name: &str, a: f64, b: f64) -> Option<Entry> {
    Some(Entry::Float(match name {
        "add" => a + b,
        "sub" => a - b,
        "mul" => a * b,
        "truediv" if b != 0.0 => a / b,
        "floordiv" if b != 0.0 => libm::floor(a / b),
        "sym_max" => a.max(b),
        "sym_min" => a.min(b),
        _ => return None,
    }))
}

fn compare<T: PartialOrd>(name: &str, a: T, b: T) -> Option<Entry> {
    Some(Entry::Bool(match name {
        "eq" => a == b,
        "ne" => a != b,
        "lt" => a < b,
        "le" => a <= b,
        "gt" => a > b,
        "ge" => a >= b,
        _ => return None,
    }))
}

/// A float without fraction as an integer.
fn whole(value: f64) -> Option<Entry> {
    let fits = value.abs() < 9e15; // below 2^53, where doubles still have every integer
    fits.then_some(Entry::Int(value as i64))
}

/// An assertion on sizes must hold; those on the elements of tensors are left out, as the reference quantizer leaves them out.
fn assert(call: &Call<'_>) -> Result<(), String> {
    let broken = |what: &str| Err(format!("the model does not work with these shapes: {what}"));
    match call.args.first() {
        Some((_, Arg::Bool(false))) => broken(call.text("assert_msg", "an assertion of the model fails")?),
        Some((_, Arg::Int(size))) if call.target.contains("constrain_range") => {
            let (min, max) = (call.int("min", i64::MIN)?, call.int("max", i64::MAX)?);
            if (min..=max).contains(size) { Ok(()) } else { broken(&format!("{size} is not in {min}..={max}")) }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_divide_as_in_python() {
        for (a, b, quotient, rest) in [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-8, 2, -4, 0)] {
            let compute = |name| binary(name, Number::Int(a), Number::Int(b));
            assert_eq!(compute("floordiv"), Some(Entry::Int(quotient)), "{a} // {b}");
            assert_eq!(compute("mod"), Some(Entry::Int(rest)), "{a} % {b}");
        }
    }

    #[test]
    fn what_has_no_result_is_none() {
        let cases =
            [("floordiv", 1, 0), ("mod", 1, 0), ("mul", i64::MAX, 2), ("floordiv", i64::MIN, -1), ("pow", 2, -1)];
        for (name, a, b) in cases {
            assert_eq!(binary(name, Number::Int(a), Number::Int(b)), None, "{name} {a} {b}");
        }
    }

    #[test]
    fn ratios_are_floats() {
        assert_eq!(binary("truediv", Number::Int(3), Number::Int(2)), Some(Entry::Float(1.5)));
        assert_eq!(unary("ceil", Number::Float(1.5)), Some(Entry::Int(2)));
        assert_eq!(binary("ge", Number::Float(0.5), Number::Int(1)), Some(Entry::Bool(false)));
    }
}
