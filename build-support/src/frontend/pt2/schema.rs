//! The parts of torch's export schema, version 8, that an import needs.
//!
//! Source: `torch/_export/serde/schema.py` of torch 2.13. Unknown fields are ignored, unknown kinds of argument are kept by
//! name: the minor version of the schema counts additions.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Major version of the schema that is read.
pub(super) const MAJOR: i64 = 8;

#[derive(Deserialize)]
pub(super) struct Version {
    pub(super) major: i64,
    pub(super) minor: i64,
}

/// What is read of a program of any version.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) schema_version: Version,
    #[serde(default)]
    pub(super) torch_version: String,
}

#[derive(Deserialize)]
pub(super) struct Program {
    pub(super) graph_module: GraphModule,
    #[serde(default)]
    pub(super) range_constraints: BTreeMap<String, Range>,
}

/// Smallest and largest value of a symbol; absent or a text where there is none.
#[derive(Deserialize)]
pub(super) struct Range {
    pub(super) min_val: Value,
    pub(super) max_val: Value,
}

#[derive(Deserialize)]
pub(super) struct GraphModule {
    pub(super) graph: Graph,
    pub(super) signature: Signature,
    #[serde(default)]
    pub(super) module_call_graph: Vec<ModuleCall>,
    #[serde(default)]
    pub(super) treespec_namedtuple_fields: BTreeMap<String, NamedTuple>,
}

#[derive(Deserialize)]
pub(super) struct NamedTuple {
    pub(super) field_names: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct ModuleCall {
    pub(super) fqn: String,
    pub(super) signature: Option<CallSignature>,
}

#[derive(Deserialize)]
pub(super) struct CallSignature {
    /// The structure of what the module returns, as JSON in a text.
    pub(super) out_spec: String,
}

#[derive(Deserialize)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) tensor_values: BTreeMap<String, TensorMeta>,
}

#[derive(Deserialize)]
pub(super) struct Node {
    pub(super) target: String,
    pub(super) inputs: Vec<NamedArgument>,
    pub(super) outputs: Vec<Argument>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NamedArgument {
    /// Name in the operator's schema.
    pub(super) name: String,
    pub(super) arg: Argument,
}

/// A value of a node, an input or an output.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>")]
pub(super) enum Argument {
    None,
    /// A tensor, or a number or truth value that a node computes.
    Tensor(String),
    /// A list of tensors; `None` where one is left out.
    Tensors(Vec<Option<String>>),
    Int(Int),
    Ints(Vec<Int>),
    Float(f64),
    Floats(Vec<f64>),
    Bool(bool),
    Text(String),
    /// A data type, as the number of `ScalarType`.
    DataType(i64),
    /// A branch or a loop's body.
    Graph,
    /// A kind that is not read, by its key.
    Other(String),
}

/// An integer, or the name of one that a node computes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Int {
    Known(i64),
    Named(String),
}

impl TryFrom<BTreeMap<String, Value>> for Argument {
    type Error = String;

    fn try_from(union: BTreeMap<String, Value>) -> Result<Self, String> {
        let mut union = union.into_iter();
        let (Some((key, value)), None) = (union.next(), union.next()) else {
            return Err("an argument with one kind was expected".to_owned());
        };
        read_argument(&key, &value).ok_or_else(|| format!("argument of kind `{key}` with value `{value}`"))
    }
}

fn read_argument(key: &str, value: &Value) -> Option<Argument> {
    let name = |value: &Value| Some(value.get("name")?.as_str()?.to_owned());
    let optional = |value: &Value| match value.get("as_tensor") {
        Some(tensor) => name(tensor).map(Some),
        None => value.get("as_none").map(|_| None),
    };
    let symbolic = |value: &Value| match value.get("as_name") {
        Some(name) => Some(Int::Named(name.as_str()?.to_owned())),
        None => value.get("as_int")?.as_i64().map(Int::Known),
    };
    Some(match key {
        "as_none" => Argument::None,
        "as_tensor" => Argument::Tensor(name(value)?),
        "as_tensors" => Argument::Tensors(list(value, |value| name(value).map(Some))?),
        "as_optional_tensor" => optional(value)?.map_or(Argument::None, Argument::Tensor),
        "as_optional_tensors" => Argument::Tensors(list(value, optional)?),
        "as_int" => Argument::Int(Int::Known(value.as_i64()?)),
        "as_ints" => Argument::Ints(list(value, |value| value.as_i64().map(Int::Known))?),
        "as_sym_int" => Argument::Int(symbolic(value)?),
        "as_sym_ints" => Argument::Ints(list(value, symbolic)?),
        "as_sym_bool" | "as_sym_float" => match value.get("as_name") {
            Some(name) => Argument::Tensor(name.as_str()?.to_owned()),
            None => value.as_object()?.iter().next().and_then(|(key, value)| read_argument(key, value))?,
        },
        "as_float" => Argument::Float(float(value)?),
        "as_floats" => Argument::Floats(list(value, float)?),
        "as_bool" => Argument::Bool(value.as_bool()?),
        "as_string" => Argument::Text(value.as_str()?.to_owned()),
        "as_scalar_type" => Argument::DataType(value.as_i64()?),
        "as_graph" => Argument::Graph,
        other => Argument::Other(other.to_owned()),
    })
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(read).collect()
}

/// A number; JSON has no infinities, so torch writes them as text.
fn float(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some("NaN") => Some(f64::NAN),
        Some(_) => None,
        None => value.as_f64(),
    }
}

#[derive(Deserialize)]
pub(super) struct TensorMeta {
    /// The number of `ScalarType`.
    pub(super) dtype: i64,
    pub(super) sizes: Vec<Size>,
    #[serde(default)]
    pub(super) strides: Vec<Size>,
    #[serde(default)]
    pub(super) storage_offset: Option<Size>,
    #[serde(default)]
    pub(super) layout: Option<i64>,
}

/// A dimension or stride.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Size {
    AsInt(i64),
    AsExpr(Expression),
}

/// A formula over symbols.
#[derive(Deserialize)]
pub(super) struct Expression {
    /// `Symbol('s77', positive=True, integer=True)`, or a formula in the same notation.
    pub(super) expr_str: String,
    /// Its value in the example that was exported.
    #[serde(default)]
    pub(super) hint: Option<Value>,
}

impl Size {
    pub(super) fn known(&self) -> Option<i64> {
        if let Self::AsInt(size) = self { Some(*size) } else { None }
    }
}

impl Expression {
    /// The symbol that the formula consists of, else the formula.
    pub(super) fn symbol(&self) -> &str {
        let quoted = self.expr_str.strip_prefix("Symbol('").and_then(|rest| rest.split_once('\''));
        match quoted {
            Some((symbol, rest)) if !rest.contains("Symbol(") => symbol,
            _ => &self.expr_str,
        }
    }

    pub(super) fn example(&self) -> Option<usize> {
        usize::try_from(self.hint.as_ref()?.get("as_int")?.as_i64()?).ok()
    }
}

#[derive(Deserialize)]
pub(super) struct Signature {
    pub(super) input_specs: Vec<InputSpec>,
    pub(super) output_specs: Vec<OutputSpec>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InputSpec {
    Parameter {
        arg: Named,
        parameter_name: String,
    },
    Buffer {
        arg: Named,
        buffer_name: String,
    },
    TensorConstant {
        arg: Named,
        tensor_constant_name: String,
    },
    UserInput {
        arg: Argument,
    },
    /// An argument that the export fixed.
    ConstantInput {},
    CustomObj {
        custom_obj_name: String,
    },
    Token {},
}

#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputSpec {
    UserOutput { arg: Argument },
    BufferMutation { buffer_name: String },
    ParameterMutation { parameter_name: String },
    UserInputMutation { user_input_name: String },
    LossOutput {},
    GradientToParameter {},
    GradientToUserInput {},
    Token {},
}

/// Where the data of parameters or constants are.
#[derive(Deserialize)]
pub(super) struct Payloads {
    pub(super) config: BTreeMap<String, Payload>,
}

#[derive(Deserialize)]
pub(super) struct Payload {
    pub(super) path_name: String,
    pub(super) use_pickle: bool,
    pub(super) tensor_meta: Option<TensorMeta>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(json: &str) -> Result<Argument, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_of_every_kind_are_read() {
        let named = |name: &str| name.to_owned();
        let cases = [
            (r#"{"as_none": true}"#, Argument::None),
            (r#"{"as_tensor": {"name": "x"}}"#, Argument::Tensor(named("x"))),
            (
                r#"{"as_optional_tensors": [{"as_none": true}, {"as_tensor": {"name": "x"}}]}"#,
                Argument::Tensors(vec![None, Some(named("x"))]),
            ),
            (
                r#"{"as_sym_ints": [{"as_name": "s"}, {"as_int": -1}]}"#,
                Argument::Ints(vec![Int::Named(named("s")), Int::Known(-1)]),
            ),
            (r#"{"as_sym_bool": {"as_name": "eq"}}"#, Argument::Tensor(named("eq"))),
            (r#"{"as_sym_float": {"as_float": 0.5}}"#, Argument::Float(0.5)),
            (r#"{"as_float": "-Infinity"}"#, Argument::Float(f64::NEG_INFINITY)),
            (r#"{"as_float": 1}"#, Argument::Float(1.0)),
            (r#"{"as_complex": {"real": 1.0, "imag": 0.0}}"#, Argument::Other(named("as_complex"))),
        ];
        for (json, expected) in cases {
            assert_eq!(argument(json), Ok(expected), "{json}");
        }
        assert!(argument(r#"{"as_int": "three"}"#).is_err());
        assert!(argument("{}").is_err());
    }

    #[test]
    fn a_symbol_is_told_from_a_formula() {
        let symbol = |text: &str| Expression { expr_str: text.to_owned(), hint: None }.symbol().to_owned();
        assert_eq!(symbol("Symbol('s77', positive=True, integer=True)"), "s77");
        assert_eq!(symbol("s0"), "s0");
        let formula = "Mul(Integer(2), Symbol('s0', positive=True, integer=True))";
        assert_eq!(symbol(formula), formula);
    }
}
