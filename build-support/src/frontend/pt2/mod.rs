//! Exported programs of `torch.export.save` (`.pt2`) to float networks.
//!
//! The operators in the file are ATen's before any decomposition, so an import is a lookup: each overload has a function that
//! reads its arguments. Shapes come from the rooms' own rules; symbolic sizes are computed along the way, and what depends on
//! constants alone becomes a constant.

mod aliases;
mod archive;
mod schema;
mod scopes;
mod structure;
mod symbols;
mod tensor;

use super::aten::{self, Arg, Builder, Call, MAX_ELEMENTS, element_count, element_of, scalar_type};
use super::shapes::{self, Declared, Dim, Shapes};
use super::unsupported::{Unsupported, report_unsupported};
use super::{Failure, Import, Problem, ends};
use crate::graph::{Data, Graph, Output, Type, ValueId};
use aliases::{Aliases, Changed};
use archive::Archive;
use schema::{Argument, InputSpec, Int, OutputSpec};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

/// Reads a model.
///
/// # Errors
///
/// All that is wrong or unsupported; unsupported operators grouped by kind, with the nodes that use them.
pub fn import(shown: &str, bytes: &[u8], shapes: &Shapes) -> Result<Import, Failure> {
    let wrong = |reason: String| vec![Problem::from(format!("`{shown}` {reason}"))];
    let mut archive = Archive::open(bytes).map_err(wrong)?;
    let json = archive.program().map_err(wrong)?;
    let head: schema::Head = parse(json, "the program").map_err(wrong)?;
    let schema::Version { major, minor } = head.schema_version;
    if major != schema::MAJOR {
        let by =
            if head.torch_version.is_empty() { "an older torch" } else { &format!("torch {}", head.torch_version) };
        let reason = format!("has schema version {major}.{minor}, of {by}; the supported one is {}", schema::MAJOR);
        return Err(wrong(format!("{reason}: export the model again with torch 2.9 or later")).into());
    }
    let program: schema::Program = parse(json, "the program").map_err(wrong)?;
    let mut payloads =
        parse::<schema::Payloads>(archive.weights().map_err(wrong)?, "the table of weights").map_err(wrong)?;
    let constants = parse::<schema::Payloads>(archive.constants().map_err(wrong)?, "the table of constants");
    let mut folders: BTreeMap<String, &str> =
        payloads.config.keys().map(|name| (name.clone(), "data/weights")).collect();
    for (name, payload) in constants.map_err(wrong)?.config {
        folders.entry(name.clone()).or_insert("data/constants");
        payloads.config.entry(name).or_insert(payload);
    }
    let mut importer = Importer::new(bytes.len());
    importer.load(&program.graph_module.signature, &mut archive, &payloads, &folders);
    importer.import_inputs(&program, shapes);
    importer.import_nodes(&program.graph_module);
    importer.import_outputs(&program.graph_module);
    importer.finish(shown, &program.graph_module.signature)
}

fn parse<T: DeserializeOwned>(json: &[u8], what: &str) -> Result<T, String> {
    serde_json::from_slice(json).map_err(|error| format!("has {what} in a form that is not supported: {error}"))
}

/// Elements that constants may have beyond one a byte of the file, so that a small file makes no huge tensors.
const SPARE_ELEMENTS: usize = 1 << 26;

/// What a name in the program stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Entry {
    Tensor(ValueId),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// The result of an operator that could not be imported; what depends on it is not reported again.
    Missing,
}

struct Importer {
    graph: Graph,
    names: BTreeMap<String, Entry>,
    /// Elements that further constants may have.
    budget: usize,
    unsupported: Vec<Unsupported>,
    warnings: Vec<String>,
    errors: Vec<Problem>,
}

impl Importer {
    fn new(file_size: usize) -> Self {
        Self {
            graph: Graph::default(),
            names: BTreeMap::new(),
            budget: SPARE_ELEMENTS + file_size,
            unsupported: Vec::new(),
            warnings: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Reads parameters, buffers and constants.
    fn load(
        &mut self,
        signature: &schema::Signature,
        archive: &mut Archive<'_>,
        payloads: &schema::Payloads,
        folders: &BTreeMap<String, &str>,
    ) {
        let mut converted: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
        for spec in &signature.input_specs {
            let (arg, name) = match spec {
                InputSpec::Parameter { arg, parameter_name: name }
                | InputSpec::Buffer { arg, buffer_name: name }
                | InputSpec::TensorConstant { arg, tensor_constant_name: name } => (arg, name),
                InputSpec::CustomObj { custom_obj_name: name } => {
                    self.errors.push(format!("`{name}` is an object of Python, which is not supported").into());
                    continue;
                }
                InputSpec::UserInput { .. } | InputSpec::ConstantInput {} | InputSpec::Token {} => continue,
            };
            let entry = match self.load_payload(archive, payloads, folders, name) {
                Ok((data, dtype)) => {
                    if let Some(dtype) = dtype {
                        converted.entry(dtype).or_default().push(name);
                    }
                    Entry::Tensor(self.graph.add_constant(name.clone(), data))
                }
                Err(problem) => {
                    self.errors.push(format!("`{name}` {problem}").into());
                    Entry::Missing
                }
            };
            self.names.insert(arg.name.clone(), entry);
        }
        for (dtype, names) in converted {
            let count = names.len();
            let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
            let names = quantize_syntax::diagnostic::list(&names, 3);
            let tensors = if count == 1 { "1 tensor is" } else { &format!("{count} tensors are") };
            let becomes = if dtype == scalar_type::DOUBLE { "rounded" } else { "widened" };
            let dtype = scalar_type::name(dtype);
            self.warnings.push(format!("{tensors} {dtype} and {becomes} to float32: {names}"));
        }
    }

    fn builder(&mut self) -> Builder<'_> {
        Builder { graph: &mut self.graph, budget: &mut self.budget }
    }

    /// The data behind a name, and its data type where that changes.
    fn load_payload(
        &mut self,
        archive: &mut Archive<'_>,
        payloads: &schema::Payloads,
        folders: &BTreeMap<String, &str>,
        name: &str,
    ) -> Result<(Data, Option<i64>), String> {
        let payload = payloads.config.get(name).ok_or("has no data in the archive")?;
        if payload.use_pickle {
            return Err("is pickled: only plain tensors are supported".to_owned());
        }
        let meta = payload.tensor_meta.as_ref().ok_or("is no tensor")?;
        let storage = archive.entry(&format!("{}/{}", folders[name], payload.path_name))?;
        let tensor::Decoded { data, converted } = tensor::decode(meta, storage, self.budget)?;
        self.builder().spend(data.shape())?;
        Ok((data, converted))
    }

    fn import_inputs(&mut self, program: &schema::Program, shapes: &Shapes) {
        let module = &program.graph_module;
        let mut declared = Vec::new();
        let mut elements = Vec::new();
        for spec in &module.signature.input_specs {
            let InputSpec::UserInput { arg } = spec else { continue };
            let name = match arg {
                Argument::Tensor(name) => name,
                Argument::Int(Int::Named(name)) => {
                    self.errors
                        .push(format!("input `{name}` is a number; only tensors are supported as inputs").into());
                    continue;
                }
                _ => continue, // an argument that the export fixed
            };
            match declare(name, &module.graph, &program.range_constraints) {
                Ok((input, dtype)) => {
                    elements.push(dtype);
                    declared.push(input);
                }
                Err(problem) => self.errors.push(format!("input `{name}` {problem}").into()),
            }
        }
        let (resolved, problems) = shapes::resolve(&declared, shapes);
        self.errors.extend(problems);
        for ((input, dtype), shape) in declared.into_iter().zip(elements).zip(resolved) {
            let entry = match shape.map(|shape| self.input(&input.name, dtype, shape)) {
                Some(Ok(id)) => Entry::Tensor(id),
                Some(Err(problem)) => {
                    self.errors.push(format!("input `{}` {problem}", input.name).into());
                    Entry::Missing
                }
                None => Entry::Missing,
            };
            self.names.insert(input.name, entry);
        }
        if self.graph.inputs.is_empty() && self.errors.is_empty() {
            self.errors.push("the model has no inputs".to_owned().into());
        }
    }

    fn input(&mut self, name: &str, dtype: i64, shape: Vec<usize>) -> Result<ValueId, String> {
        let element = element_of(dtype)?;
        element_count(&shape, MAX_ELEMENTS)?;
        if shape.contains(&0) {
            return Err(format!("has shape {shape:?}"));
        }
        if matches!(dtype, scalar_type::HALF | scalar_type::BFLOAT16 | scalar_type::DOUBLE) {
            let dtype = scalar_type::name(dtype);
            self.warnings.push(format!("input `{name}` is {dtype} in the model; the program takes float32"));
        }
        let id = self.graph.add_value(name, Type { element, shape });
        self.graph.inputs.push(id);
        Ok(id)
    }

    fn import_nodes(&mut self, module: &schema::GraphModule) {
        let graph = &module.graph;
        let outputs = module.signature.output_specs.iter().filter_map(|spec| match spec {
            OutputSpec::UserOutput { arg } => Some(arg),
            _ => None,
        });
        let state = state_names(&module.signature);
        let mut aliases = Aliases::new(graph, outputs);
        for (index, node) in graph.nodes.iter().enumerate() {
            let target = node.target.strip_prefix("torch.ops.").unwrap_or(&node.target);
            let results = result_names(&node.outputs);
            let name = node.name.as_deref().or(results.first().copied()).unwrap_or(target);
            let mut call = Call { name, target, scopes: scopes::read(&node.metadata), args: Vec::new(), results };
            let args: Option<Vec<(&str, Arg<'_>)>> =
                node.inputs.iter().map(|input| Some((input.name.as_str(), self.resolve(&input.arg)?))).collect();
            let is_known = aten::import_of(target).is_some() || symbols::is_symbolic(target);
            // What reads a missing tensor is only looked at by name, so that one report has every unsupported operator.
            let passed = aliases.pass(index, node, |name| state.contains(name));
            let entries = match (passed, args) {
                (Err(problem), _) => Err(problem),
                (_, None) if is_known => Ok(Vec::new()),
                (_, None) => Err(advice(target)),
                (Ok(changed), Some(args)) => {
                    call.args = args;
                    self.import_call(&call, graph).and_then(|entries| {
                        self.change(&changed, &call, &entries, graph)?;
                        Ok(entries)
                    })
                }
            };
            let entries = entries.unwrap_or_else(|advice| {
                let node = call.label();
                self.unsupported.push(Unsupported { kind: target.to_owned(), advice, node });
                Vec::new()
            });
            let entries = entries.into_iter().chain(core::iter::repeat(Entry::Missing));
            self.names.extend(call.results.iter().map(|name| (*name).to_owned()).zip(entries));
        }
    }

    /// Gives names their new tensors after a node has changed the first one's: what a part belongs to is the old tensor with the part
    /// written over.
    fn change(
        &mut self,
        changed: &[Changed<'_>],
        call: &Call<'_>,
        entries: &[Entry],
        graph: &schema::Graph,
    ) -> Result<(), String> {
        let &[Entry::Tensor(mut value), ..] = entries else { return Ok(()) };
        for (index, Changed { name, part }) in changed.iter().enumerate() {
            self.names.insert((*name).to_owned(), Entry::Tensor(value));
            let Some(part) = part.filter(|_| index + 1 < changed.len()).map(|part| &graph.nodes[part]) else {
                continue;
            };
            let target = match part.target.contains(".select.") {
                true => "aten.select_scatter.default",
                false => "aten.slice_scatter.default",
            };
            let args = part.inputs.iter().map(|input| Some((input.name.as_str(), self.resolve(&input.arg)?)));
            let args: Option<Vec<_>> = args.collect();
            let Some(mut args) = args else { return Ok(()) };
            args.push(("src", Arg::Tensor(value)));
            let name = format!("{}.scatter", call.name);
            let call = Call { name: &name, target, scopes: call.scopes.clone(), args, results: Vec::new() };
            let import = aten::import_of(target).expect("in the table");
            value = import(&mut self.builder(), &call)?[0];
        }
        Ok(())
    }

    fn import_call(&mut self, call: &Call<'_>, graph: &schema::Graph) -> Result<Vec<Entry>, String> {
        if symbols::is_symbolic(call.target) {
            return symbols::compute(&self.graph, call);
        }
        let import = aten::import_of(call.target).ok_or_else(|| advice(call.target))?;
        let results = import(&mut self.builder(), call)?;
        for (name, &id) in call.results.iter().zip(&results) {
            self.compare(graph, name, id)?;
        }
        Ok(results.into_iter().map(Entry::Tensor).collect())
    }

    /// Makes sure that a result has the shape that torch recorded, where that is fixed.
    fn compare(&self, graph: &schema::Graph, name: &str, id: ValueId) -> Result<(), String> {
        let recorded = graph.tensor_values.get(name).and_then(|meta| tensor::dimensions(&meta.sizes).ok());
        let shape = &self.graph.value(id).shape;
        match recorded {
            Some(recorded) if recorded != *shape => {
                Err(format!("its result has shape {recorded:?} in the file and {shape:?} by its arguments"))
            }
            _ => Ok(()),
        }
    }

    /// Looks up the names in an argument; `None` if one is missing.
    fn resolve<'a>(&self, argument: &'a Argument) -> Option<Arg<'a>> {
        let entry = |name: &str| self.names.get(name).copied().filter(|entry| *entry != Entry::Missing);
        let tensor = |name: &str| match entry(name)? {
            Entry::Tensor(id) => Some(id),
            _ => None,
        };
        let int = |int: &Int| match int {
            Int::Known(value) => Some(*value),
            Int::Named(name) => match entry(name)? {
                Entry::Int(value) => Some(value),
                _ => None,
            },
        };
        Some(match argument {
            Argument::None => Arg::None,
            Argument::Tensor(name) => match entry(name)? {
                Entry::Tensor(id) => Arg::Tensor(id),
                Entry::Int(value) => Arg::Int(value),
                Entry::Float(value) => Arg::Float(value),
                Entry::Bool(value) => Arg::Bool(value),
                Entry::Missing => return None,
            },
            Argument::Tensors(names) => {
                let tensor = |name: &Option<String>| match name {
                    Some(name) => tensor(name).map(Some),
                    None => Some(None),
                };
                Arg::Tensors(names.iter().map(tensor).collect::<Option<_>>()?)
            }
            Argument::Int(value) => Arg::Int(int(value)?),
            Argument::Ints(values) => Arg::Ints(values.iter().map(int).collect::<Option<_>>()?),
            Argument::Float(value) => Arg::Float(*value),
            Argument::Floats(values) => Arg::Floats(values),
            Argument::Bool(value) => Arg::Bool(*value),
            Argument::Text(text) => Arg::Text(text),
            Argument::DataType(dtype) => Arg::DataType(*dtype),
            Argument::Graph | Argument::Other(_) => Arg::Other,
        })
    }

    fn import_outputs(&mut self, module: &schema::GraphModule) {
        let call = module.module_call_graph.iter().find(|call| call.fqn.is_empty());
        let spec = call.and_then(|call| call.signature.as_ref()).map_or("", |signature| &signature.out_spec);
        let names = structure::leaf_names(spec, &module.treespec_namedtuple_fields);
        let mut names = names.into_iter().chain(core::iter::repeat(None));
        for spec in &module.signature.output_specs {
            match spec {
                OutputSpec::UserOutput { arg } => {
                    let name = names.next().flatten();
                    let Argument::Tensor(tensor) = arg else { continue };
                    let own = |id| self.graph.value(id).name.clone();
                    match self.names.get(tensor) {
                        Some(&Entry::Tensor(value)) => {
                            let name = name.unwrap_or_else(|| own(value));
                            self.graph.outputs.push(Output { name, value });
                        }
                        Some(Entry::Missing) => self.import_end(tensor, name, &module.graph),
                        Some(_) => self.errors.push(format!("output `{tensor}` is no tensor").into()),
                        None => self.errors.push(format!("output `{tensor}` is computed by no node").into()),
                    }
                }
                OutputSpec::BufferMutation { buffer_name: name }
                | OutputSpec::ParameterMutation { parameter_name: name }
                | OutputSpec::UserInputMutation { user_input_name: name } => {
                    let message = format!("the model changes `{name}` while it runs; a program keeps no state yet");
                    self.errors.push(message.into());
                }
                OutputSpec::LossOutput {} | OutputSpec::GradientToParameter {} | OutputSpec::GradientToUserInput {} => {
                    self.errors.push("the program trains the model; export the model itself".to_owned().into());
                }
                OutputSpec::Token {} => {}
            }
        }
    }

    /// Notes an output that could not be computed, by the type that the file gives.
    fn import_end(&mut self, tensor: &str, name: Option<String>, graph: &schema::Graph) {
        let Some(meta) = graph.tensor_values.get(tensor) else { return };
        let fixed = |size: &schema::Size| match size {
            schema::Size::AsInt(size) => usize::try_from(*size).ok(),
            schema::Size::AsExpr(_) => None,
        };
        if let (Ok(element), Some(shape)) = (element_of(meta.dtype), meta.sizes.iter().map(fixed).collect()) {
            let value = self.graph.add_value(tensor, Type { element, shape });
            self.graph.outputs.push(Output { name: name.unwrap_or_else(|| tensor.to_owned()), value });
        }
    }

    fn finish(mut self, shown: &str, signature: &schema::Signature) -> Result<Import, Failure> {
        if !self.unsupported.is_empty() {
            self.errors.push(report_unsupported(shown, &self.unsupported).into());
        }
        if self.errors.is_empty() && self.graph.outputs.is_empty() {
            self.errors.push(format!("`{shown}` has no outputs").into());
        }
        if self.errors.is_empty() {
            self.graph.remove_dead_nodes();
            Ok(Import { graph: self.graph, warnings: self.warnings })
        } else {
            let is_tensor = |arg: &Argument| matches!(arg, Argument::Tensor(_));
            let inputs = signature
                .input_specs
                .iter()
                .filter(|spec| matches!(spec, InputSpec::UserInput { arg } if is_tensor(arg)));
            let outputs = signature
                .output_specs
                .iter()
                .filter(|spec| matches!(spec, OutputSpec::UserOutput { arg } if is_tensor(arg)));
            let ends = ends(self.graph, inputs.count(), outputs.count());
            Err(Failure { problems: self.errors, ends })
        }
    }
}

/// Names of the results, those of lists one by one.
fn result_names(outputs: &[Argument]) -> Vec<&str> {
    let mut names = Vec::new();
    for output in outputs {
        match output {
            Argument::Tensor(name) | Argument::Int(Int::Named(name)) => names.push(name.as_str()),
            Argument::Tensors(list) => names.extend(list.iter().flatten().map(String::as_str)),
            _ => {}
        }
    }
    names
}

/// Names in the graph of parameters, buffers and constants.
fn state_names(signature: &schema::Signature) -> BTreeSet<&str> {
    let states = signature.input_specs.iter().filter_map(|spec| match spec {
        InputSpec::Parameter { arg, .. } | InputSpec::Buffer { arg, .. } | InputSpec::TensorConstant { arg, .. } => {
            Some(arg.name.as_str())
        }
        _ => None,
    });
    states.collect()
}

/// Name, dimensions and data type of an input.
fn declare(
    name: &str,
    graph: &schema::Graph,
    ranges: &BTreeMap<String, schema::Range>,
) -> Result<(Declared, i64), String> {
    let meta = graph.tensor_values.get(name).ok_or("has no shape")?;
    element_of(meta.dtype)?;
    let mut dims = Vec::new();
    for size in &meta.sizes {
        dims.push(match size {
            schema::Size::AsInt(size) => {
                Dim::Fixed(usize::try_from(*size).map_err(|_| format!("has dimension {size}"))?)
            }
            schema::Size::AsExpr(expression) => {
                let symbol = expression.symbol();
                let range = ranges.get(symbol);
                let bound = |value: Option<&serde_json::Value>| usize::try_from(value?.as_i64()?).ok();
                // Below 3 the bound only says that the export did not look at sizes 0 and 1.
                let min = bound(range.map(|range| &range.min_val)).filter(|&min| min > 2).unwrap_or(0);
                let max = bound(range.map(|range| &range.max_val)).unwrap_or(usize::MAX);
                let (symbol, example) = (Some(symbol.to_owned()), expression.example());
                Dim::Dynamic { symbol, example, range: [min, max] }
            }
        });
    }
    Ok((Declared { name: name.to_owned(), dims }, meta.dtype))
}

/// What to do about an operator that is not imported.
fn advice(target: &str) -> String {
    match target.strip_prefix("higher_order.") {
        Some("cond" | "while_loop") => "control flow is not supported yet".to_owned(),
        _ => String::new(),
    }
}
