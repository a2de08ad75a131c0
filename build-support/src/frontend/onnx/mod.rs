//! ONNX models to float networks: constants folded, torch's decompositions raised back to ATen operators.

mod external;
mod fold;
mod fx;
#[cfg(test)]
mod node_tests;
mod operators;
mod proto;
mod raise;
mod scopes;
mod signatures;
mod tensor;

use super::aten::{MAX_ELEMENTS, element_count};
use super::shapes::{self, Declared, Dim, Shapes};
use super::unsupported::{Unsupported, report_unsupported};
use super::{Failure, Import, Problem, ends};
use crate::graph::{Data, Element, Given, Graph, Output, Scope, Type, ValueId};
use crate::ops::Op;
pub use external::External;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Opsets with operators that are imported; each has a first one in [`operators`].
const OPSETS: core::ops::RangeInclusive<i64> = 1..=28;

/// The opsets whose form of an operator is imported; `None` for an operator that is not.
pub fn opsets(operator: &str) -> Option<core::ops::RangeInclusive<i64>> {
    let (_, first, _) = operators::OPERATORS.iter().find(|(name, ..)| *name == operator)?;
    Some(*first..=*OPSETS.end())
}

/// Calls of functions and branches inside each other: more is a cycle.
const MAX_DEPTH: usize = 64;

/// Nodes of a network after its functions are inlined.
const MAX_NODES: usize = 1 << 20;

/// Reads the files that a model in `folder` refers to.
pub(super) fn external(bytes: &[u8], folder: &Path) -> External {
    proto::Model::decode(bytes).map_or_else(|_| External::default(), |model| External::read(&model, folder))
}

/// Reads a model.
///
/// # Errors
///
/// All that is wrong or unsupported; unsupported operators grouped by kind, with the nodes that use them.
pub fn import(shown: &str, bytes: &[u8], external: &External, shapes: &Shapes) -> Result<Import, Failure> {
    let not_onnx = |reason: &str| vec![Problem::from(format!("`{shown}` is not an ONNX model: {reason}"))];
    let model = proto::Model::decode(bytes).map_err(|error| {
        let advice = "write one with `torch.onnx.export` or `torch.export.save`";
        vec![Problem::from(format!("`{shown}` is neither an ONNX model ({error}) nor a `.pt2` file; {advice}"))]
    })?;
    let (Some(source), Some(_)) = (&model.graph, model.ir_version) else {
        return Err(not_onnx("it has no graph or no IR version").into());
    };
    let opset = model.opset_import.iter().find(|set| is_standard(&set.domain));
    let opset = opset.map(|set| set.version).ok_or_else(|| not_onnx("it names no operator set"))?;
    if !OPSETS.contains(&opset) {
        let (first, last) = (OPSETS.start(), OPSETS.end());
        let message =
            format!("`{shown}` uses opset {opset}; supported are {first} to {last}: export it with one of these");
        return Err(vec![message.into()].into());
    }
    let size = external.contents().map(|(_, bytes)| bytes.len()).sum::<usize>().saturating_add(bytes.len());
    let mut importer = Importer {
        opset,
        external,
        functions: &model.functions,
        graph: Graph::default(),
        names: BTreeMap::new(),
        placeholders: BTreeMap::new(),
        renamed: BTreeSet::new(),
        data_types: BTreeMap::new(),
        // What an honest model computes from its weights is not much larger than these.
        budget: size.saturating_mul(4).saturating_add(1 << 24),
        nodes: 0,
        narrowed: Vec::new(),
        unsupported: Vec::new(),
        errors: Vec::new(),
    };
    importer.import(source, shapes);
    importer.finish(shown, source)
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

/// What a name in the file stands for.
#[derive(Clone, Debug)]
enum Entry {
    /// A tensor; one known at build time is a constant of the network.
    Value(ValueId),
    /// A list of tensors.
    Sequence(Vec<ValueId>),
    /// The codes of a tensor, before they are dequantized.
    Quantized(ValueId, Given),
    /// A result that its operator's import does not compute.
    Absent,
    /// The result of an operator that could not be imported; what depends on it is not reported again.
    Missing,
}

struct Importer<'a> {
    opset: i64,
    external: &'a External,
    functions: &'a [proto::Function],
    graph: Graph,
    names: BTreeMap<String, Entry>,
    /// Names of parameters in the file, by those that torch's exporter has for them.
    placeholders: BTreeMap<String, String>,
    /// Operators of which some were turned back into others: numbers in the names of nodes have shifted.
    renamed: BTreeSet<String>,
    /// The data types of constants in the file.
    data_types: BTreeMap<String, i32>,
    /// Elements that constant folding may still make.
    budget: usize,
    /// Nodes imported so far.
    nodes: usize,
    /// Tensors of other floating-point types, and these types.
    narrowed: Vec<(String, i32)>,
    unsupported: Vec<Unsupported>,
    errors: Vec<Problem>,
}

/// A node of the file with its operands resolved.
struct OnnxNode<'a> {
    proto: &'a proto::Node,
    inputs: Vec<Option<Entry>>,
    scopes: scopes::Scopes,
}

impl<'a> Importer<'a> {
    fn import(&mut self, source: &'a proto::Graph, shapes: &Shapes) {
        self.import_initializers(source);
        self.import_inputs(&inputs(source), shapes);
        if self.graph.inputs.is_empty() && self.errors.is_empty() {
            self.error("the model has no inputs".to_owned());
        }
        self.note_placeholders(source);
        let groups = raise::groups(source);
        let grouped: BTreeSet<usize> = groups.values().flat_map(|group| &group.nodes).copied().collect();
        for (index, node) in source.node.iter().enumerate() {
            match groups.get(&index) {
                Some(group) => {
                    if self.import_group(source, group).is_none() {
                        group.nodes.iter().for_each(|&node| self.import_nodes(&source.node[node..=node], None, 0));
                    }
                }
                // The others of a group wait for its last node.
                None if grouped.contains(&index) => {}
                None => self.import_nodes(core::slice::from_ref(node), None, 0),
            }
        }
        self.renumber();
        for output in &source.output {
            let name = &output.name;
            match self.names.get(name) {
                Some(Entry::Value(value)) => self.graph.outputs.push(Output { name: name.clone(), value: *value }),
                Some(Entry::Sequence(_)) => self.error(format!("output `{name}` is a list of tensors")),
                Some(Entry::Quantized(..)) => self.error(format!("output `{name}` is quantized; dequantize it")),
                Some(Entry::Absent) => self.error(format!("output `{name}` is a result that is not supported")),
                Some(Entry::Missing) => self.import_end(output),
                None => self.error(format!("output `{name}` is computed by no node")),
            }
        }
    }

    /// Notes an output that could not be computed, by the type that the file gives.
    fn import_end(&mut self, output: &proto::ValueInfo) {
        let Ok((Declared { name, dims }, _, element)) = declare(output) else { return };
        let fixed = |dim: Dim| if let Dim::Fixed(size) = dim { Some(size) } else { None };
        if let Some(shape) = dims.into_iter().map(fixed).collect() {
            let value = self.graph.add_value(name.clone(), Type { element, shape });
            self.graph.outputs.push(Output { name, value });
        }
    }

    fn import_initializers(&mut self, source: &proto::Graph) {
        for tensor in &source.initializer {
            let entry = match tensor::decode(tensor, self.external) {
                Ok(data) => {
                    self.note_type(&tensor.name, tensor.data_type);
                    Entry::Value(self.graph.add_constant(tensor.name.clone(), data))
                }
                Err(problem) => {
                    self.error(format!("initializer `{}` {problem}", tensor.name));
                    Entry::Missing
                }
            };
            self.names.insert(tensor.name.clone(), entry);
        }
        for name in source.sparse_initializer.iter().filter_map(|sparse| Some(&sparse.values.as_ref()?.name)) {
            self.error(format!("initializer `{name}` is sparse, which is not supported"));
            self.names.insert(name.clone(), Entry::Missing);
        }
    }

    fn import_inputs(&mut self, inputs: &[&proto::ValueInfo], shapes: &Shapes) {
        let mut declared = Vec::new();
        let mut elements = Vec::new();
        for input in inputs {
            // Replaced below by the tensor, unless there is something wrong with it.
            self.names.insert(input.name.clone(), Entry::Missing);
            match declare(input) {
                Ok((input, kind, element)) => {
                    self.note_type(&input.name, kind);
                    declared.push(input);
                    elements.push(element);
                }
                Err(problem) => self.error(format!("input `{}` {problem}", input.name)),
            }
        }
        let (resolved, problems) = shapes::resolve(&declared, shapes);
        self.errors.extend(problems);
        for ((Declared { name, .. }, element), shape) in declared.into_iter().zip(elements).zip(resolved) {
            let Some(shape) = shape else { continue };
            if shape.contains(&0) || element_count(&shape, MAX_ELEMENTS).is_err() {
                self.error(format!("input `{name}` has shape {shape:?}"));
                continue;
            }
            let value = self.graph.add_value(name.clone(), Type { element, shape });
            self.graph.inputs.push(value);
            self.names.insert(name, Entry::Value(value));
        }
    }

    fn error(&mut self, message: String) {
        self.errors.push(message.into());
    }

    /// Reads how torch calls parameters and inputs, whose names in the file are those of the model.
    fn note_placeholders(&mut self, source: &proto::Graph) {
        for value in source.value_info.iter().chain(&source.input) {
            let is_name = |entry: &&proto::Entry| entry.key == "pkg.torch.onnx.original_node_name";
            if let Some(entry) = value.metadata_props.iter().find(is_name) {
                self.placeholders.insert(entry.value.clone(), value.name.clone());
            }
        }
        // `p_fc_weight: PARAMETER target='fc.weight'`, a line each.
        let is_signature = |entry: &&proto::Entry| entry.key == "pkg.torch.export.ExportedProgram.graph_signature";
        let signature = source.metadata_props.iter().find(is_signature).map_or("", |entry| &entry.value);
        for line in signature.lines() {
            if let Some((name, rest)) = line.split_once(": ")
                && let Some((_, target)) = rest.split_once("target='")
            {
                let target = target.split('\'').next().unwrap_or(target);
                self.placeholders.insert(name.to_owned(), target.to_owned());
            }
        }
    }

    fn note_type(&mut self, name: &str, kind: i32) {
        self.data_types.insert(name.to_owned(), kind);
        if kind != proto::data_type::FLOAT && tensor::element(kind) == Ok(Element::F32) {
            self.narrowed.push((name.to_owned(), kind));
        }
    }

    /// Imports nodes in their order; `caller` is where a function that contains them is called.
    fn import_nodes(&mut self, nodes: &[proto::Node], caller: Option<&scopes::Scopes>, depth: usize) {
        for proto in nodes {
            if self.nodes == MAX_NODES {
                return; // reported where it was reached
            }
            self.nodes += 1;
            if self.nodes == MAX_NODES || depth > MAX_DEPTH {
                self.error("its functions call each other without an end, or it is too large".to_owned());
                self.nodes = MAX_NODES;
                return;
            }
            self.import_node(proto, caller, depth);
        }
    }

    fn import_node(&mut self, proto: &proto::Node, caller: Option<&scopes::Scopes>, depth: usize) {
        let mut scopes = scopes::Scopes::read(proto);
        if let Some(caller) = caller.filter(|_| scopes.is_empty()) {
            scopes = caller.clone();
        }
        let mut inputs = Vec::new();
        for name in &proto.input {
            let entry = match (name.as_str(), self.names.get(name)) {
                ("", _) => None,
                (_, Some(Entry::Absent)) => {
                    let label = scopes.label(proto);
                    self.error(format!("`{label}` reads `{name}`, a result that is not supported"));
                    Some(Entry::Missing)
                }
                (_, Some(entry)) => Some(entry.clone()),
                (_, None) => {
                    let label = scopes.label(proto);
                    self.error(format!("`{label}` reads `{name}`, which no node before it makes"));
                    Some(Entry::Missing)
                }
            };
            inputs.push(entry);
        }
        let node = OnnxNode { proto, inputs, scopes };
        let is_cut_off = node.inputs.iter().flatten().any(|entry| matches!(entry, Entry::Missing));
        let functions = self.functions;
        let function = functions.iter().find(|function| function.is_called_by(proto));
        let operator = if is_standard(&proto.domain) { operators::find(&proto.op_type) } else { None };
        // What reads a missing tensor is only looked at by name, so that one report has every unsupported operator.
        let results = if is_cut_off && (operator.is_some() || function.is_some()) {
            Ok(vec![Entry::Missing; proto.output.len()])
        } else if let Some(function) = function {
            Ok(self.import_function(&node, function, depth))
        } else if node.is("If") {
            self.import_branch(&node, depth)
        } else {
            self.import_operator(&node, operator)
        };
        let results = results.unwrap_or_else(|advice| {
            let domain = if is_standard(&proto.domain) { String::new() } else { format!("{}.", proto.domain) };
            self.unsupported.push(Unsupported {
                kind: format!("{domain}{} (opset {})", proto.op_type, self.opset),
                advice,
                node: node.scopes.label(proto),
            });
            vec![Entry::Missing; proto.output.len()]
        });
        for (index, name) in proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            self.names.insert(name.clone(), results.get(index).cloned().unwrap_or(Entry::Absent));
        }
    }

    fn import_operator(
        &mut self,
        node: &OnnxNode<'_>,
        operator: Option<&operators::Operator>,
    ) -> Result<Vec<Entry>, String> {
        if node.is("Constant") {
            let data = fold::constant(node, self.external)?;
            if let Some(tensor) = node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
                node.proto.output.first().into_iter().for_each(|name| self.note_type(name, tensor.data_type));
            }
            return Ok(vec![self.constant(node, data)]);
        }
        let &(_, since, import) = operator.ok_or_else(String::new)?;
        if self.opset < since {
            return Err(format!("its form of opset {since} and later ones are supported"));
        }
        match fold::fold(self, node) {
            Some(results) => Ok(results.into_iter().map(|data| self.constant(node, data)).collect()),
            None => import(self, node),
        }
    }

    /// A local function in place of its call. Its names are its own.
    fn import_function(&mut self, node: &OnnxNode<'_>, function: &proto::Function, depth: usize) -> Vec<Entry> {
        let nodes: Vec<proto::Node> = function.node.iter().map(|body| function.bind(body, node.proto)).collect();
        let mut inner = BTreeMap::new();
        for (index, name) in function.input.iter().enumerate() {
            if let Some(Some(entry)) = node.inputs.get(index) {
                inner.insert(name.clone(), entry.clone());
            }
        }
        let outer = core::mem::replace(&mut self.names, inner);
        self.import_nodes(&nodes, Some(&node.scopes), depth + 1);
        let inner = core::mem::replace(&mut self.names, outer);
        function.output.iter().map(|name| inner.get(name).cloned().unwrap_or(Entry::Missing)).collect()
    }

    /// The branch of an If whose condition is known.
    fn import_branch(&mut self, node: &OnnxNode<'_>, depth: usize) -> Result<Vec<Entry>, String> {
        let condition = self.known(node, 0).and_then(Data::truths).and_then(|truths| truths.first().copied());
        let condition = condition.ok_or("its condition is computed at run time")?;
        let branch = node.attribute(if condition { "then_branch" } else { "else_branch" });
        let branch = branch.and_then(|attribute| attribute.g.as_ref()).ok_or("a branch is missing")?;
        self.import_initializers(branch);
        self.import_nodes(&branch.node, Some(&node.scopes), depth + 1);
        let result = |output: &proto::ValueInfo| self.names.get(&output.name).cloned().unwrap_or(Entry::Missing);
        Ok(branch.output.iter().map(result).collect())
    }

    /// A constant that a node makes.
    fn constant(&mut self, node: &OnnxNode<'_>, data: impl Into<Data>) -> Entry {
        let name = node.proto.output.first().cloned().unwrap_or_default();
        Entry::Value(self.graph.add_constant(name, data))
    }

    /// Adds an operator for a node of the file; one that reads only constants is computed.
    fn push(&mut self, node: &OnnxNode<'_>, op: impl Into<Op>, inputs: Vec<ValueId>) -> Result<Vec<Entry>, String> {
        self.push_op(node, op.into(), inputs)
    }

    fn push_op(&mut self, node: &OnnxNode<'_>, op: Op, inputs: Vec<ValueId>) -> Result<Vec<Entry>, String> {
        let kinds = op.infer(&self.graph.kinds(&inputs))?;
        let mut size = 0_usize;
        for kind in &kinds {
            if kind.shape.contains(&0) {
                return Err(format!("its result has shape {:?}", kind.shape));
            }
            let elements =
                element_count(&kind.shape, MAX_ELEMENTS).map_err(|problem| format!("its result {problem}"))?;
            size = size.saturating_add(elements);
        }
        let name = node.scopes.name(node.proto);
        if size <= self.budget && inputs.iter().all(|&id| self.graph.value(id).constant.is_some()) {
            self.budget -= size;
            let constants = inputs.iter().filter_map(|&id| self.graph.value(id).constant.as_ref());
            let results = op.evaluate(&constants.collect::<Vec<_>>());
            return Ok(results.into_iter().map(|data| self.constant(node, data)).collect());
        }
        let outputs: Vec<ValueId> = kinds.into_iter().map(|kind| self.graph.add_value(name.clone(), kind)).collect();
        let entries = outputs.iter().copied().map(Entry::Value).collect();
        let target = node.scopes.target.clone().unwrap_or_else(|| op.target().to_owned());
        let scopes = node.scopes.modules.clone();
        self.graph.nodes.push(crate::graph::Node { op, inputs, outputs, name, target, scopes });
        Ok(entries)
    }

    /// Takes elements that an import makes from the budget.
    fn spend(&mut self, dims: &[usize]) -> Result<(), String> {
        let count = element_count(dims, self.budget).map_err(|_| "makes a larger constant than a model needs")?;
        self.budget -= count;
        Ok(())
    }

    /// A tensor operand.
    fn tensor(&self, node: &OnnxNode<'_>, index: usize) -> Result<ValueId, String> {
        match node.inputs.get(index).and_then(Option::as_ref) {
            Some(Entry::Value(id)) => Ok(*id),
            Some(Entry::Sequence(_)) => Err(format!("operand {index} is a list of tensors")),
            Some(Entry::Quantized(..)) => Err(format!("operand {index} is quantized and is not dequantized")),
            _ => Err(format!("operand {index} is missing")),
        }
    }

    /// The type of an operand.
    fn kind(&self, node: &OnnxNode<'_>, index: usize) -> Option<Type> {
        self.tensor(node, index).ok().map(|id| self.graph.kinds(&[id]).remove(0))
    }

    /// The data of a constant operand.
    fn known(&self, node: &OnnxNode<'_>, index: usize) -> Option<&Data> {
        self.graph.value(self.tensor(node, index).ok()?).constant.as_ref()
    }

    /// The integers of a constant operand, in order.
    fn known_integers(&self, node: &OnnxNode<'_>, index: usize) -> Option<Vec<i64>> {
        Some(self.known(node, index)?.integers()?.iter().copied().collect())
    }

    /// The only element of a constant operand of real numbers.
    fn known_scalar(&self, node: &OnnxNode<'_>, index: usize) -> Option<f32> {
        let values = self.known(node, index)?.real()?;
        values.first().copied().filter(|_| values.len() == 1)
    }

    fn finish(mut self, shown: &str, source: &proto::Graph) -> Result<Import, Failure> {
        if !self.unsupported.is_empty() {
            self.errors.push(report_unsupported(shown, &self.unsupported).into());
        }
        if self.errors.is_empty() && self.graph.outputs.is_empty() {
            self.error(format!("`{shown}` has no outputs"));
        }
        if !self.errors.is_empty() {
            let ends = ends(self.graph, inputs(source).len(), source.output.len());
            return Err(Failure { problems: self.errors, ends });
        }
        self.graph.remove_dead_nodes();
        let warnings = report_precision(shown, &self.narrowed).into_iter().collect();
        Ok(Import { graph: self.graph, warnings })
    }
}

/// The inputs of the model: older files list initializers among them.
fn inputs(source: &proto::Graph) -> Vec<&proto::ValueInfo> {
    let sparse = source.sparse_initializer.iter().filter_map(|sparse| Some(&sparse.values.as_ref()?.name));
    let given: BTreeSet<&String> = source.initializer.iter().map(|tensor| &tensor.name).chain(sparse).collect();
    source.input.iter().filter(|input| !given.contains(&input.name)).collect()
}

/// Name and dimensions of an input or output, its data type, and what its elements are.
fn declare(input: &proto::ValueInfo) -> Result<(Declared, i32, Element), String> {
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).map(|shape| &shape.dim);
    let (tensor, dims) = tensor.zip(dims).ok_or("is no tensor with a shape")?;
    let element = tensor::element(tensor.elem_type)?;
    let dim = |dim: &proto::Dimension| match dim.dim_value.and_then(|size| usize::try_from(size).ok()) {
        Some(size) if size > 0 => Dim::Fixed(size),
        _ => Dim::any(dim.dim_param.clone().filter(|symbol| !symbol.is_empty())),
    };
    let declared = Declared { name: input.name.clone(), dims: dims.iter().map(dim).collect() };
    Ok((declared, tensor.elem_type, element))
}

impl proto::Function {
    fn is_called_by(&self, node: &proto::Node) -> bool {
        self.name == node.op_type && self.domain == node.domain && self.overload == node.overload
    }

    /// A node of the body with the attributes of a call.
    fn bind(&self, body: &proto::Node, call: &proto::Node) -> proto::Node {
        let given = |name: &str| {
            let find = |list: &[proto::Attribute]| list.iter().find(|attribute| attribute.name == name).cloned();
            find(&call.attribute).or_else(|| find(&self.attribute_proto))
        };
        let attribute = body.attribute.iter().filter_map(|attribute| match attribute.ref_attr_name.as_str() {
            "" => Some(attribute.clone()),
            name => given(name).map(|value| proto::Attribute { name: attribute.name.clone(), ..value }),
        });
        proto::Node { attribute: attribute.collect(), ..body.clone() }
    }
}

impl OnnxNode<'_> {
    fn is(&self, op_type: &str) -> bool {
        is_standard(&self.proto.domain) && self.proto.op_type == op_type
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

    /// Whether an optional operand is given.
    fn has(&self, index: usize) -> bool {
        self.inputs.get(index).is_some_and(Option::is_some)
    }
}

/// A warning about numbers that are not computed in the type the model has for them.
fn report_precision(shown: &str, narrowed: &[(String, i32)]) -> Option<String> {
    let (first, kind) = narrowed.first()?;
    let kind = proto::data_type::name(*kind);
    let others = match narrowed.len() {
        1 => String::new(),
        count => format!(" and {} other tensors", count - 1),
    };
    Some(format!("`{shown}` holds {kind} numbers (`{first}`{others}), which are computed as float32"))
}

/// Module path and class names of a node, root first.
fn scope_list(paths: Vec<String>, classes: Vec<String>) -> Vec<Scope> {
    paths.into_iter().zip(classes).map(|(path, class)| Scope { path, class }).collect()
}
