//! ONNX models to float networks: constants folded, torch's decompositions raised back to ATen operators.

mod fold;
mod operators;
mod proto;
mod scopes;
mod tensor;

use super::shapes::{self, Declared, Dim, Shapes};
use super::unsupported::{Unsupported, report_unsupported};
use super::{Import, Problem};
use crate::graph::{Graph, Output, Scope, Type, ValueId};
use crate::ops::Op;
use prost::Message;
use std::collections::BTreeMap;
use tensor::Constant;

/// Reads a model.
///
/// # Errors
///
/// All that is wrong or unsupported; unsupported operators grouped by kind, with the nodes that use them.
pub fn import(shown: &str, bytes: &[u8], shapes: &Shapes) -> Result<Import, Vec<Problem>> {
    let not_onnx = |reason: &str| vec![Problem::from(format!("`{shown}` is not an ONNX model: {reason}"))];
    let model = proto::Model::decode(bytes).map_err(|error| not_onnx(&error.to_string()))?;
    let (Some(source), Some(_)) = (model.graph, model.ir_version) else {
        return Err(not_onnx("it has no graph or no IR version"));
    };
    let opset = model.opset_import.iter().find(|set| set.domain.is_empty() || set.domain == "ai.onnx");
    let opset = opset.map(|set| set.version).ok_or_else(|| not_onnx("it names no operator set"))?;
    if !OPSETS.contains(&opset) {
        let (first, last) = (OPSETS.start(), OPSETS.end());
        let message =
            format!("`{shown}` uses opset {opset}; supported are {first} to {last}: export it with one of these");
        return Err(vec![message.into()]);
    }
    let mut importer = Importer::new(opset);
    importer.import(&source, shapes);
    importer.finish(shown)
}

/// Opsets whose operators have the meaning that the rooms implement.
const OPSETS: core::ops::RangeInclusive<i64> = 13..=25;

/// What a name in the file stands for.
#[derive(Clone, Debug)]
enum Entry {
    Known(Constant),
    Computed(ValueId),
    /// The result of an operator that could not be imported; what depends on it is not reported again.
    Missing,
}

struct Importer {
    opset: i64,
    graph: Graph,
    names: BTreeMap<String, Entry>,
    unsupported: Vec<Unsupported>,
    errors: Vec<Problem>,
}

/// A node of the file with its operands resolved.
struct OnnxNode<'a> {
    proto: &'a proto::Node,
    inputs: Vec<Option<Entry>>,
    scopes: scopes::Scopes,
}

impl Importer {
    fn new(opset: i64) -> Self {
        Self { opset, graph: Graph::default(), names: BTreeMap::new(), unsupported: Vec::new(), errors: Vec::new() }
    }

    fn import(&mut self, source: &proto::Graph, shapes: &Shapes) {
        for tensor in &source.initializer {
            let entry = match Constant::decode(tensor) {
                Ok(constant) => Entry::Known(constant),
                Err(problem) => {
                    self.errors.push(format!("initializer `{}` {problem}", tensor.name).into());
                    Entry::Missing
                }
            };
            self.names.insert(tensor.name.clone(), entry);
        }
        let inputs = source.input.iter().filter(|input| !self.names.contains_key(&input.name));
        self.import_inputs(&inputs.collect::<Vec<_>>(), shapes);
        if self.graph.inputs.is_empty() && self.errors.is_empty() {
            self.errors.push("the model has no inputs".to_owned().into());
        }
        for node in &source.node {
            self.import_node(node);
        }
        for output in &source.output {
            match self.names.get(&output.name).cloned() {
                Some(Entry::Computed(value)) => {
                    self.graph.outputs.push(Output { name: output.name.clone(), value });
                }
                Some(Entry::Known(constant)) => match constant.to_f32() {
                    Some(data) => {
                        let value = self.graph.add_constant(output.name.clone(), data);
                        self.graph.outputs.push(Output { name: output.name.clone(), value });
                    }
                    None => {
                        let message = format!("output `{}` is an integer constant; only float32", output.name);
                        self.errors.push(message.into());
                    }
                },
                Some(Entry::Missing) => {}
                None => self.errors.push(format!("output `{}` is computed by no node", output.name).into()),
            }
        }
    }

    fn import_inputs(&mut self, inputs: &[&proto::ValueInfo], shapes: &Shapes) {
        let mut declared = Vec::new();
        for input in inputs {
            match declare(input) {
                Ok(input) => declared.push(input),
                Err(message) => self.errors.push(message.into()),
            }
        }
        let (resolved, problems) = shapes::resolve(&declared, shapes);
        self.errors.extend(problems);
        for (Declared { name, .. }, shape) in declared.into_iter().zip(resolved) {
            let Some(shape) = shape else { continue };
            let value = self.graph.add_value(name.clone(), Type::real(shape));
            self.graph.inputs.push(value);
            self.names.insert(name, Entry::Computed(value));
        }
    }

    fn import_node(&mut self, proto: &proto::Node) {
        let resolve = |name: &String| match name.as_str() {
            "" => None,
            name => Some(self.names.get(name).cloned().unwrap_or(Entry::Missing)),
        };
        let inputs: Vec<_> = proto.input.iter().map(resolve).collect();
        let node = OnnxNode { proto, inputs, scopes: scopes::Scopes::read(proto) };
        let is_cut_off = node.inputs.iter().flatten().any(|entry| matches!(entry, Entry::Missing));
        let import = if node.is_standard() { operators::import_of(&proto.op_type) } else { None };
        let is_known = import.is_some() || node.is_standard() && fold::is_foldable(&proto.op_type);
        // What reads a missing tensor is only looked at by name, so that one report has every unsupported operator.
        let result = match is_cut_off && is_known {
            true => Ok(Entry::Missing),
            false => self.import_standard(&node, import),
        };
        let entry = result.unwrap_or_else(|advice| {
            let domain = if node.is_standard() { String::new() } else { format!("{}.", proto.domain) };
            self.unsupported.push(Unsupported {
                kind: format!("{domain}{} (opset {})", proto.op_type, self.opset),
                advice,
                node: node.scopes.label(proto),
            });
            Entry::Missing
        });
        self.name_outputs(proto, &entry);
    }

    fn import_standard(&mut self, node: &OnnxNode<'_>, import: Option<operators::Import>) -> Result<Entry, String> {
        if node.is_standard()
            && let Some(constant) = fold::fold(node, &self.graph)
        {
            return Ok(Entry::Known(constant));
        }
        import.map_or(Err(String::new()), |import| import(self, node))
    }

    /// Binds the first result; others (indices of a pool, statistics of a normalization) have no meaning here.
    fn name_outputs(&mut self, proto: &proto::Node, entry: &Entry) {
        for (index, name) in proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let entry = if index == 0 { entry.clone() } else { Entry::Missing };
            self.names.insert(name.clone(), entry);
        }
    }

    /// Adds an operator for a node of the file.
    fn push(&mut self, node: &OnnxNode<'_>, op: impl Into<Op>, inputs: Vec<ValueId>) -> Result<Entry, String> {
        let op = op.into();
        let kinds = op.infer(&self.graph.kinds(&inputs))?;
        if let Some(empty) = kinds.iter().find(|kind| kind.shape.contains(&0)) {
            return Err(format!("its result has shape {:?}", empty.shape));
        }
        let name = node.scopes.name(node.proto);
        let outputs: Vec<ValueId> = kinds.into_iter().map(|kind| self.graph.add_value(name.clone(), kind)).collect();
        let output = outputs[0];
        let target = node.scopes.target.clone().unwrap_or_else(|| op.target().to_owned());
        let scopes = node.scopes.modules.clone();
        self.graph.nodes.push(crate::graph::Node { op, inputs, outputs, name, target, scopes });
        Ok(Entry::Computed(output))
    }

    /// A tensor operand; constants become constants of the network.
    fn tensor(&mut self, node: &OnnxNode<'_>, index: usize) -> Result<ValueId, String> {
        match node.inputs.get(index).and_then(Option::as_ref) {
            Some(Entry::Computed(id)) => Ok(*id),
            Some(Entry::Known(constant)) => match constant.to_f32() {
                Some(data) => Ok(self.graph.add_constant(node.proto.input[index].clone(), data)),
                None => Err("works on integers".to_owned()),
            },
            _ => Err(format!("operand {index} is missing")),
        }
    }

    fn finish(mut self, shown: &str) -> Result<Import, Vec<Problem>> {
        if !self.unsupported.is_empty() {
            self.errors.push(report_unsupported(shown, &self.unsupported).into());
        }
        if self.errors.is_empty() && self.graph.outputs.is_empty() {
            self.errors.push(format!("`{shown}` has no outputs").into());
        }
        if self.errors.is_empty() {
            self.graph.remove_dead_nodes();
            Ok(Import { graph: self.graph, warnings: Vec::new() })
        } else {
            Err(self.errors)
        }
    }
}

/// Name and dimensions of an input.
fn declare(input: &proto::ValueInfo) -> Result<Declared, String> {
    let name = &input.name;
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| &shape.dim);
    let (Some(tensor), Some(dims)) = (tensor, dims) else {
        return Err(format!("input `{name}` is no tensor with a shape"));
    };
    if tensor.elem_type != proto::data_type::FLOAT {
        let found = proto::data_type::name(tensor.elem_type);
        return Err(format!("input `{name}` has data type {found}; only float32 inputs are supported yet"));
    }
    let dim = |dim: &proto::Dimension| match dim.dim_value.and_then(|size| usize::try_from(size).ok()) {
        Some(size) if size > 0 => Dim::Fixed(size),
        _ => Dim::any(dim.dim_param.clone().filter(|symbol| !symbol.is_empty())),
    };
    Ok(Declared { name: name.clone(), dims: dims.iter().map(dim).collect() })
}

impl OnnxNode<'_> {
    fn is_standard(&self) -> bool {
        matches!(self.proto.domain.as_str(), "" | "ai.onnx")
    }

    fn attribute(&self, name: &str) -> Option<&proto::Attribute> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|attribute| core::str::from_utf8(&attribute.s).ok())
    }

    /// A constant operand.
    fn known(&self, index: usize) -> Option<&Constant> {
        match self.inputs.get(index)? {
            Some(Entry::Known(constant)) => Some(constant),
            _ => None,
        }
    }

    /// Whether an optional operand is given.
    fn has(&self, index: usize) -> bool {
        self.inputs.get(index).is_some_and(Option::is_some)
    }
}

/// Module path and class names of a node, root first.
fn scope_list(paths: Vec<String>, classes: Vec<String>) -> Vec<Scope> {
    paths.into_iter().zip(classes).map(|(path, class)| Scope { path, class }).collect()
}
