//! Raises what torch decomposed back to the ATen operator it came from.
//!
//! torch quantizes before it decomposes, so that a rule speaks of `gelu` where the file has Div, Erf, Add and Mul. All ONNX
//! nodes of one ATen node carry its name and its text. A group of them is replaced by the operator of the text where the file
//! agrees: the group reads no tensor but the text's operands, and its result has the shape that the file gives. Elsewhere (a
//! tool has changed the file, or the operator is not known) the ONNX nodes are imported one by one.

use super::fx::{self, Value};
use super::scopes::Scopes;
use super::{Entry, Importer, proto, signatures};
use crate::frontend::aten::{self, Arg, Builder};
use crate::graph::{Data, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// Elements of a list that are looked at.
const MAX_ITEMS: usize = 1 << 12;

/// Operators whose result is a list of tensors, in the file too.
const LISTS: [&str; 4] =
    ["aten.chunk.default", "aten.split.Tensor", "aten.split_with_sizes.default", "aten.unsafe_split.Tensor"];

/// Comparisons of two tensors, and those of a tensor and a number.
const COMPARISONS: [(&str, &str); 6] = [
    ("aten.eq.Tensor", "aten.eq.Scalar"),
    ("aten.ge.Tensor", "aten.ge.Scalar"),
    ("aten.gt.Tensor", "aten.gt.Scalar"),
    ("aten.le.Tensor", "aten.le.Scalar"),
    ("aten.lt.Tensor", "aten.lt.Scalar"),
    ("aten.ne.Tensor", "aten.ne.Scalar"),
];

/// How the exporter calls the tensors that it makes of numbers; torch's own are called `scalar_tensor`.
const NUMBER: &str = "scalar_tensor_default";

/// The ONNX nodes of one ATen node.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Indices in the graph, ascending.
    pub(super) nodes: Vec<usize>,
    pub(super) call: fx::Call<'a>,
    /// Tensors that it reads and another group, or nobody, makes.
    pub(super) reads: BTreeSet<&'a str>,
    /// Tensors that it makes for others, in order.
    pub(super) makes: Vec<&'a str>,
    /// Where it makes a list: which elements are taken out, and how torch calls them.
    items: Vec<(usize, &'a str)>,
}

/// The groups of a graph, by the index of their last node.
pub(super) fn groups(graph: &proto::Graph) -> BTreeMap<usize, Group<'_>> {
    let mut texts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        // Constants may have readers in other groups.
        if let Some(text) = text(node).filter(|_| node.op_type != "Constant") {
            texts.entry(text).or_default().push(index);
        }
    }
    let mut readers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        node.input.iter().for_each(|name| readers.entry(name).or_default().push(index));
    }
    let returned: BTreeSet<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let mut groups = BTreeMap::new();
    for (text, nodes) in texts {
        let Some(call) = fx::Call::parse(text) else { continue };
        let last = nodes[nodes.len() - 1];
        let is_outside = |reader: &&usize| nodes.binary_search(reader).is_err();
        let made: BTreeSet<&str> = names(graph, &nodes, |node| &node.output).collect();
        let reads = names(graph, &nodes, |node| &node.input).filter(|name| !made.contains(name)).collect();
        let is_for_others = |name: &&str| {
            returned.contains(name) || readers.get(name).is_some_and(|readers| readers.iter().any(|r| is_outside(&r)))
        };
        let makes: Vec<&str> = names(graph, &nodes, |node| &node.output).filter(is_for_others).collect();
        // The group is imported where its last node is: nobody may need a result before.
        let first_reader = makes.iter().flat_map(|name| readers.get(name)).flatten().filter(is_outside).min();
        if first_reader.is_none_or(|&reader| reader > last) {
            groups.insert(last, Group { nodes, call, reads, makes, items: Vec::new() });
        }
    }
    name_items(&mut groups);
    merge(graph, &mut groups);
    groups
}

fn text(node: &proto::Node) -> Option<&str> {
    let entry = node.metadata_props.iter().find(|entry| entry.key == "pkg.torch.onnx.fx_node")?;
    Some(&entry.value)
}

/// Names that the nodes read or make, without those of absent operands.
fn names<'a>(
    graph: &'a proto::Graph,
    nodes: &[usize],
    of: impl Fn(&'a proto::Node) -> &'a Vec<String>,
) -> impl Iterator<Item = &'a str> {
    let names: Vec<&str> = nodes.iter().flat_map(|&index| of(&graph.node[index])).map(String::as_str).collect();
    names.into_iter().filter(|name| !name.is_empty())
}

/// Notes the names of what is taken out of lists.
fn name_items(groups: &mut BTreeMap<usize, Group<'_>>) {
    let mut items: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
    for group in groups.values().filter(|group| group.call.target == "operator.getitem") {
        if let [Value::Node(list), Value::Int(index)] = group.call.args[..]
            && let Ok(index) = usize::try_from(index)
            && index < MAX_ITEMS
        {
            items.entry(list).or_default().push((index, group.call.name));
        }
    }
    for group in groups.values_mut() {
        group.items = items.remove(group.call.name).unwrap_or_default();
    }
}

/// Joins what torch's own decompositions, which run before the export, made of one operator.
fn merge<'a>(graph: &'a proto::Graph, groups: &mut BTreeMap<usize, Group<'a>>) {
    let lasts: Vec<usize> = groups.keys().copied().collect();
    for last in lasts {
        let Some(second) = groups.get(&last) else { continue };
        let Some(Value::Node(source)) = second.call.args.first() else { continue };
        let is_source =
            |group: &Group<'_>| group.call.name == *source && second.reads.iter().any(|r| group.makes == [*r]);
        let Some((&before, first)) = groups.range(..last).rev().find(|(_, group)| is_source(group)) else { continue };
        let Some(call) = joined(&first.call, &second.call) else { continue };
        // The operand is made for this group alone.
        let is_operand = |name: &String| *name == first.makes[0];
        let mut readers = (0..).zip(&graph.node).filter(|(_, node)| node.input.iter().any(is_operand));
        if readers.any(|(index, _)| !second.nodes.contains(&index))
            || graph.output.iter().any(|output| is_operand(&output.name))
        {
            continue;
        }
        let first = groups.remove(&before).expect("found above");
        let second = groups.get_mut(&last).expect("found above");
        second.call = call;
        second.reads.retain(|name| !first.makes.contains(name));
        second.reads.extend(first.reads);
        second.nodes.splice(0..0, first.nodes);
    }
}

/// The mean of an image of one row, on the way to `adaptive_avg_pool1d`.
const ROW_MEAN: &str = "mean of a row";

/// The operator that torch decomposed into these two, under the name of the second.
fn joined<'a>(first: &fx::Call<'a>, second: &fx::Call<'a>) -> Option<fx::Call<'a>> {
    // A variance: operand, axes, and the correction.
    let variance = |target, keepdim: Option<(&'a str, Value<'a>)>| {
        let correction = first.args.get(2).map(|correction| ("correction", correction.clone()));
        let kwargs = correction.into_iter().chain(first.kwargs.iter().cloned()).chain(keepdim);
        let args = first.args.iter().take(2).cloned().collect();
        fx::Call { name: second.name, target, args, kwargs: kwargs.collect() }
    };
    Some(match (first.target, second.target) {
        // A reshape of what is not contiguous.
        ("aten.clone.default", "aten._unsafe_view.default") => {
            let args = first.args.iter().take(1).chain(second.args.iter().skip(1)).cloned().collect();
            fx::Call { target: "aten.reshape.default", args, ..second.clone() }
        }
        // `padding="same"` where one more row or column is needed behind than before.
        ("aten.constant_pad_nd.default", "aten.convolution.default") => {
            let [input, Value::List(pads), ..] = &first.args[..] else { return None };
            let [_, weight, bias, stride, _, dilation, Value::Bool(false), _, groups] = &second.args[..] else {
                return None;
            };
            let is_one_behind = |pads: &[Value<'_>]| matches!(pads, [Value::Int(0), Value::Int(0 | 1)]);
            let is_zero = first.args.get(2).is_none_or(|value| matches!(value, Value::Float(0.0) | Value::Int(0)));
            let target = match pads.len() {
                2 => "aten.conv1d.padding",
                4 => "aten.conv2d.padding",
                _ => return None,
            };
            if !is_zero || !pads.chunks(2).all(is_one_behind) {
                return None;
            }
            let args = [input, weight, bias, stride, &Value::Word("same"), dilation, groups].map(Clone::clone);
            fx::Call { target, args: args.into(), ..second.clone() }
        }
        // `adaptive_avg_pool1d(x, 1)` is the mean of an image of one row, without the row.
        ("aten.unsqueeze.default", "aten.mean.dim") => {
            let ([input, Value::Int(-2)], [_, Value::List(axes), Value::Bool(true)]) =
                (&first.args[..], &second.args[..])
            else {
                return None;
            };
            if axes[..] != [Value::Int(-1), Value::Int(-2)] {
                return None;
            }
            fx::Call { target: ROW_MEAN, args: vec![input.clone()], ..second.clone() }
        }
        (ROW_MEAN, "aten.squeeze.dim") if second.args.get(1) == Some(&Value::Int(-2)) => {
            let args = vec![first.args[0].clone(), Value::List(vec![Value::Int(1)])];
            fx::Call { target: "aten.adaptive_avg_pool1d.default", args, ..second.clone() }
        }
        // The axes stay, if the result has the shape that the file gives.
        ("prims.var.default", "prims.broadcast_in_dim.default") => {
            variance("aten.var.correction", Some(("keepdim", Value::Bool(true))))
        }
        ("prims.var.default" | "aten.var.correction", "aten.sqrt.default") => variance("aten.std.correction", None),
        _ => return None,
    })
}

/// An operator of ATen, as the shared table knows it.
struct Operator<'a> {
    target: &'a str,
    args: Vec<(&'a str, Arg<'a>)>,
}

impl Importer<'_> {
    /// Imports a group as one operator. `None`, and nothing has changed: its nodes are to be imported one by one.
    pub(super) fn import_group(&mut self, source: &proto::Graph, group: &Group<'_>) -> Option<()> {
        let scopes = Scopes::read(&source.node[group.nodes[0]]);
        let operator = self.operator(&group.call, &scopes)?;
        self.agrees(group, &operator)?;
        if stem(group.call.name) == NUMBER {
            return None;
        }
        let (first, name) = (self.graph.nodes.len(), group.call.name);
        let renamed = base(operator.target) != stem(name);
        let call = aten::Call {
            name: if renamed { base(operator.target) } else { name },
            target: operator.target,
            scopes: scopes.modules,
            args: operator.args,
            results: result_names(source, group)?,
        };
        let import = aten::import_of(call.target)?;
        let results = import(&mut Builder { graph: &mut self.graph, budget: &mut self.budget }, &call);
        let results = results.ok().and_then(|results| {
            let places = places(source, group, results.len())?;
            self.has_shapes(source, group, &places, &results).then_some((places, results))
        });
        let Some((places, results)) = results else {
            self.graph.nodes.truncate(first);
            return None;
        };
        if renamed {
            self.renamed.extend([base(operator.target).to_owned(), stem(name).to_owned()]);
        }
        for (&place, make) in places.iter().zip(&group.makes) {
            let entry = match is_sequence(source, group, make) {
                true => Entry::Sequence(results.clone()),
                false => Entry::Value(results[place]),
            };
            self.names.insert((*make).to_owned(), entry);
        }
        Some(())
    }

    /// Whether the group reads nothing but the operator's operands and small constants, which belong to the decomposition.
    fn agrees(&self, group: &Group<'_>, operator: &Operator<'_>) -> Option<()> {
        let operands: BTreeSet<ValueId> = operator.args.iter().flat_map(|(_, arg)| arg.tensors()).collect();
        let is_fine = |name: &&str| match self.names.get(*name) {
            Some(Entry::Value(id)) => {
                let constant = self.graph.value(*id).constant.as_ref();
                operands.contains(id) || constant.is_some_and(|data| data.real().is_none_or(|array| array.len() == 1))
            }
            _ => false,
        };
        group.reads.iter().all(is_fine).then_some(())
    }

    /// Whether the results have the shapes that the file gives them.
    fn has_shapes(&self, source: &proto::Graph, group: &Group<'_>, places: &[usize], results: &[ValueId]) -> bool {
        let declared = |name: &str| source.value_info.iter().chain(&source.output).find(|value| value.name == name);
        places.iter().zip(&group.makes).all(|(&place, make)| {
            let Some(&id) = results.get(place) else { return false };
            let shape = declared(make).and_then(|value| value.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref());
            let own = &self.graph.value(id).shape;
            is_sequence(source, group, make)
                || shape.is_none_or(|shape| {
                    // A symbol stands for any size.
                    let fits = |(dim, &own): (&proto::Dimension, &usize)| {
                        dim.dim_value.is_none_or(|size| usize::try_from(size) == Ok(own))
                    };
                    shape.dim.len() == own.len() && shape.dim.iter().zip(own).all(fits)
                })
        })
    }

    /// The operator of a text with its arguments looked up, as torch had it before the export.
    fn operator<'a>(&self, call: &fx::Call<'a>, scopes: &Scopes) -> Option<Operator<'a>> {
        let names = signatures::arguments(call.target)?.split(' ');
        let mut args = Vec::new();
        for (name, value) in names.zip(&call.args).chain(call.kwargs.iter().map(|(name, value)| (*name, value))) {
            args.push((name, self.argument(value)?));
        }
        let plain = Operator { target: call.target, args };
        Some(self.before_export(plain, scopes))
    }

    fn argument<'a>(&self, value: &Value<'a>) -> Option<Arg<'a>> {
        Some(match value {
            Value::None => Arg::None,
            Value::Bool(value) => Arg::Bool(*value),
            Value::Int(value) => Arg::Int(*value),
            Value::Float(value) => Arg::Float(*value),
            Value::Word(word) => data_type(word).map_or(Arg::Text(word), Arg::DataType),
            Value::Node(name) => match self.number(name) {
                Some(number) => number,
                None => Arg::Tensor(self.node_result(name)?),
            },
            Value::List(items) => self.list(items)?,
        })
    }

    /// A list of tensors, some of which may be absent, or of integers, some of which may be sizes that the file computes.
    fn list<'a>(&self, items: &[Value<'_>]) -> Option<Arg<'a>> {
        let size = |item: &Value<'_>| match item {
            Value::Int(value) => Some(*value),
            Value::Node(name) => match self.graph.value(self.node_result(name)?).constant.as_ref()? {
                Data::I64(array) if array.len() == 1 => array.first().copied(),
                _ => None,
            },
            _ => None,
        };
        let tensor = |item: &Value<'_>| match item {
            Value::None => Some(None),
            Value::Node(name) => self.node_result(name).map(Some),
            _ => None,
        };
        let has_numbers = items.iter().any(|item| matches!(item, Value::Int(_)));
        match items.iter().map(tensor).collect::<Option<Vec<_>>>() {
            Some(tensors) if !tensors.is_empty() && !has_numbers => Some(Arg::Tensors(tensors)),
            _ => items.iter().map(size).collect::<Option<Vec<_>>>().map(Arg::Ints),
        }
    }

    /// The tensor of a node of the text: torch calls parameters otherwise than the file does.
    fn node_result(&self, name: &str) -> Option<ValueId> {
        let own = self.placeholders.get(name).map_or(name, String::as_str);
        match self.names.get(own)? {
            Entry::Value(id) => Some(*id),
            _ => None,
        }
    }

    /// A number that the exporter made a tensor of.
    fn number<'a>(&self, name: &str) -> Option<Arg<'a>> {
        let id = (stem(name) == NUMBER).then(|| self.node_result(name))??;
        match self.graph.value(id).constant.as_ref()? {
            Data::F32(data) => data.first().map(|&value| Arg::Float(f64::from(value))),
            Data::I64(data) => data.first().map(|&value| Arg::Int(value)),
            Data::Bool(_) => None,
        }
    }

    /// What torch rewrites before it exports is turned back.
    fn before_export<'a>(&self, operator: Operator<'a>, scopes: &Scopes) -> Operator<'a> {
        let Operator { target, mut args } = operator;
        let shape = |args: &[(&str, Arg<'_>)]| match args.first() {
            Some((_, Arg::Tensor(id))) => self.graph.value(*id).shape.clone(),
            _ => Vec::new(),
        };
        let target = match target {
            // `adaptive_avg_pool2d(x, 1)`: a mean that was written as one has other axes.
            "aten.mean.dim" if shape(&args).len() == 4 && is_pooling_mean(&args) => {
                args.truncate(1);
                args.push(("output_size", Arg::Ints(vec![1, 1])));
                "aten.adaptive_avg_pool2d.default"
            }
            "aten.avg_pool2d.default" => match adaptive_output(&args, &shape(&args), scopes) {
                Some(output) => {
                    args.truncate(1);
                    args.push(("output_size", Arg::Ints(output)));
                    "aten.adaptive_avg_pool2d.default"
                }
                None => target,
            },
            "aten._native_batch_norm_legit_no_training.default" => "aten.batch_norm.default",
            "aten.clone.default" if scopes.class() == "torch.nn.modules.dropout.Dropout" => {
                args.truncate(1);
                args[0].0 = "input";
                "aten.dropout.default"
            }
            "aten.convolution.default" => {
                let transposed = args.iter().any(|arg| matches!(arg, ("transposed", Arg::Bool(true))));
                args.retain(|(name, _)| *name != "transposed" && (transposed || *name != "output_padding"));
                match (transposed, shape(&args).len()) {
                    // `conv1d.default` keeps its name.
                    (false, 3) => "aten.conv1d.padding",
                    (false, 4) => "aten.conv2d.default",
                    (false, 5) => "aten.conv3d.default",
                    (true, 3) => "aten.conv_transpose1d.default",
                    (true, 4) => "aten.conv_transpose2d.input",
                    _ => target,
                }
            }
            // A number less a tensor.
            "aten.sub.Tensor" if args.first().is_some_and(is_number) => {
                args.swap(0, 1);
                args[0].0 = "self";
                args[1].0 = "other";
                "aten.rsub.Scalar"
            }
            "aten.clone.default" if args.contains(&("memory_format", Arg::Text("torch.contiguous_format"))) => {
                "aten.contiguous.default"
            }
            "aten.view.default" if scopes.class() == "torch.nn.modules.flatten.Flatten" => {
                let shape = shape(&args);
                flatten(&mut args, &shape)
            }
            "aten._to_copy.default" | "prims.convert_element_type.default" => {
                args.iter_mut().take(1).for_each(|(name, _)| *name = "self");
                "aten.to.dtype"
            }
            "prims.var.default" => {
                args.iter_mut().for_each(|(name, _)| {
                    *name = match *name {
                        "inp" => "self",
                        "dims" => "dim",
                        other => other,
                    }
                });
                "aten.var.correction"
            }
            other => match COMPARISONS.iter().find(|(tensor, _)| *tensor == other) {
                Some((_, scalar)) if args.get(1).is_some_and(is_number) => scalar,
                _ => other,
            },
        };
        Operator { target, args }
    }

    /// Numbers the nodes anew whose names an operator turned back has taken or left.
    pub(super) fn renumber(&mut self) {
        for base in core::mem::take(&mut self.renamed) {
            let mut count = 0;
            for node in &mut self.graph.nodes {
                let number = node.name.strip_prefix(&base).map(|rest| rest.strip_prefix('_').unwrap_or(rest));
                if number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit())) {
                    node.name = if count == 0 { base.clone() } else { format!("{base}_{count}") };
                    count += 1;
                }
            }
        }
    }
}

/// The name that torch makes node names of: that of the operator without its overload.
fn base(target: &str) -> &str {
    target.split('.').nth(1).unwrap_or(target)
}

/// A node's name without its number.
fn stem(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((stem, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    }
}

/// Names of the operator's results; `None` for a list where the file does not say which elements are used.
fn result_names<'a>(source: &proto::Graph, group: &Group<'a>) -> Option<Vec<&'a str>> {
    let named = |places: Vec<(usize, &'a str)>| {
        let count = places.iter().map(|(place, _)| place + 1).max().unwrap_or(0);
        let mut names = vec![group.call.name; count];
        places.into_iter().for_each(|(place, name)| names[place] = name);
        names
    };
    let places =
        group.makes.iter().map(|make| Some((position(source, group, make)?, *make))).collect::<Option<Vec<_>>>();
    match (&group.makes[..], places) {
        (&[make], _) if is_sequence(source, group, make) => Some(named(group.items.clone())),
        (_, Some(places)) => Some(named(places)),
        _ if LISTS.contains(&group.call.target) => None,
        _ => Some(group.makes.clone()),
    }
}

/// The places of what a group makes among the results of its operator; `None` where the file does not say.
fn places(source: &proto::Graph, group: &Group<'_>, results: usize) -> Option<Vec<usize>> {
    match group.makes[..] {
        [make] if is_sequence(source, group, make) => Some(vec![0]),
        [_] if results == 1 => Some(vec![0]),
        // All are there, and torch makes them in order.
        _ if results == group.makes.len() => {
            let places: Option<Vec<usize>> = group.makes.iter().map(|make| position(source, group, make)).collect();
            Some(places.unwrap_or_else(|| (0..results).collect()))
        }
        _ => group.makes.iter().map(|make| position(source, group, make).filter(|&place| place < results)).collect(),
    }
    .filter(|places| places.iter().collect::<BTreeSet<_>>().len() == places.len())
}

/// The place of a tensor among the results of the ONNX operator that has several.
fn position(source: &proto::Graph, group: &Group<'_>, name: &str) -> Option<usize> {
    let mut name = name;
    // Through what only changes the form of a result; each step goes back in the file.
    for _ in 0..=group.nodes.len() {
        let makes = |node: &&proto::Node| node.output.iter().any(|output| output == name);
        let node = group.nodes.iter().map(|&index| &source.node[index]).find(makes)?;
        match node.op_type.as_str() {
            "Transpose" | "Reshape" | "Squeeze" | "Unsqueeze" | "Concat" | "Identity" | "Cast" => {
                name = node.input.first()?
            }
            "ArgMax" | "ArgMin" => return Some(1),
            "ReduceMax" | "ReduceMin" => return Some(0),
            "LSTM" | "GRU" | "RNN" | "TopK" | "MaxPool" | "Split" => {
                return node.output.iter().position(|output| output == name);
            }
            _ => return None,
        }
    }
    None
}

/// Whether a tensor is a list of tensors in the file.
fn is_sequence(source: &proto::Graph, group: &Group<'_>, name: &str) -> bool {
    let mut nodes = group.nodes.iter().map(|&index| &source.node[index]);
    nodes.any(|node| node.op_type == "SplitToSequence" && node.output.iter().any(|output| output == name))
}

/// torch's number of a data type.
fn data_type(word: &str) -> Option<i64> {
    use aten::scalar_type;
    Some(match word.strip_prefix("torch.")? {
        "uint8" => scalar_type::BYTE,
        "int8" => scalar_type::CHAR,
        "int16" => scalar_type::SHORT,
        "int32" => scalar_type::INT,
        "int64" => scalar_type::LONG,
        "float16" => scalar_type::HALF,
        "float32" => scalar_type::FLOAT,
        "float64" => scalar_type::DOUBLE,
        "bool" => scalar_type::BOOL,
        "bfloat16" => scalar_type::BFLOAT16,
        _ => return None,
    })
}

fn is_number((_, arg): &(&str, Arg<'_>)) -> bool {
    matches!(arg, Arg::Int(_) | Arg::Float(_))
}

fn is_pooling_mean(args: &[(&str, Arg<'_>)]) -> bool {
    let has = |name: &str, is: &dyn Fn(&Arg<'_>) -> bool| args.iter().any(|(known, arg)| *known == name && is(arg));
    has("dim", &|arg| matches!(arg, Arg::Ints(axes) if axes[..] == [-1, -2]))
        && has("keepdim", &|arg| matches!(arg, Arg::Bool(true)))
}

/// The result's size, if the pool was `adaptive_avg_pool2d`, which torch exports as a pool with a kernel, an equal stride and no
/// other argument. A module says which one it was; a function with just these arguments is taken for the adaptive one, as
/// `avg_pool2d(x, k)` is written without the stride.
fn adaptive_output(args: &[(&str, Arg<'_>)], shape: &[usize], scopes: &Scopes) -> Option<Vec<i64>> {
    let [_, (_, Arg::Ints(kernel)), (_, Arg::Ints(stride))] = args else { return None };
    let class = scopes.class();
    if class.starts_with("torch.nn.modules.pooling.") && class != "torch.nn.modules.pooling.AdaptiveAvgPool2d" {
        return None;
    }
    let &[_, _, height, width] = shape else { return None };
    let outputs = [height, width].into_iter().zip(kernel).map(|(size, &kernel)| {
        let size = i64::try_from(size).ok()?;
        (kernel > 0 && size % kernel == 0).then(|| size / kernel)
    });
    if kernel != stride || kernel.len() != 2 { None } else { outputs.collect() }
}

/// The module `Flatten` calls `flatten`, which torch exports as a view: the axes are those that became one.
fn flatten<'a>(args: &mut Vec<(&'a str, Arg<'a>)>, shape: &[usize]) -> &'a str {
    let Some((_, Arg::Ints(wanted))) = args.get(1) else { return "aten.view.default" };
    let same = |(a, b): &(&usize, &i64)| i64::try_from(**a) == Ok(**b);
    let start = shape.iter().zip(wanted).take_while(same).count().min(shape.len().saturating_sub(1));
    let end = shape.len().saturating_sub(wanted.len()) + start;
    let axes = [("start_dim", start), ("end_dim", end)];
    args.truncate(1);
    args.extend(axes.map(|(name, axis)| (name, Arg::Int(axis as i64)))); // of a few dimensions
    "aten.flatten.using_ints"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op_type: &str, inputs: &[&str], output: &str, text: &str) -> proto::Node {
        let entry = proto::Entry { key: "pkg.torch.onnx.fx_node".to_owned(), value: text.to_owned() };
        proto::Node {
            op_type: op_type.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            metadata_props: vec![entry],
            ..Default::default()
        }
    }

    fn call(name: &str, target: &str, args: &str) -> String {
        format!("%{name} : [num_users=1] = call_function[target=torch.ops.{target}](args = ({args}), kwargs = {{}})")
    }

    fn graph(node: Vec<proto::Node>, output: &str) -> proto::Graph {
        let output = proto::ValueInfo { name: output.to_owned(), ..Default::default() };
        proto::Graph { node, output: vec![output], ..Default::default() }
    }

    #[test]
    fn nodes_of_one_text_are_a_group() {
        let text = call("rsqrt", "aten.rsqrt.default", "%x,");
        let nodes = vec![node("Sqrt", &["x"], "val_0", &text), node("Reciprocal", &["val_0"], "rsqrt", &text)];
        let graph = graph(nodes, "rsqrt");
        let groups = groups(&graph);
        let group = &groups[&1];
        assert_eq!(
            (group.call.target, &group.nodes[..], &group.makes[..]),
            ("aten.rsqrt.default", &[0, 1][..], &["rsqrt"][..])
        );
        assert_eq!(group.reads, BTreeSet::from(["x"]));
    }

    #[test]
    fn a_result_needed_inside_another_operator_leaves_the_nodes_alone() {
        let (first, second) = (call("a", "aten.rsqrt.default", "%x,"), call("b", "aten.relu.default", "%a,"));
        let nodes = vec![
            node("Sqrt", &["x"], "val_0", &first),
            node("Relu", &["val_0"], "b", &second),
            node("Reciprocal", &["val_0"], "a", &first),
        ];
        assert!(!groups(&graph(nodes, "a")).contains_key(&2));
    }

    #[test]
    fn the_root_of_a_variance_that_keeps_its_axes_is_a_standard_deviation() {
        let texts = [
            call("var", "prims.var.default", "%x, [1], 0.0"),
            call("broadcast_in_dim", "prims.broadcast_in_dim.default", "%var, [2, 1], [0]"),
            call("sqrt", "aten.sqrt.default", "%broadcast_in_dim,"),
        ];
        let nodes = vec![
            node("ReduceMean", &["x"], "val_0", &texts[0]),
            node("Mul", &["val_0", "val_0"], "var", &texts[0]),
            node("Expand", &["var"], "broadcast_in_dim", &texts[1]),
            node("Sqrt", &["broadcast_in_dim"], "sqrt", &texts[2]),
        ];
        let whole = graph(nodes.clone(), "sqrt");
        let whole = groups(&whole);
        assert_eq!(whole.keys().collect::<Vec<_>>(), [&3]);
        let std = &whole[&3];
        assert_eq!((std.call.target, &std.nodes[..]), ("aten.std.correction", &[0, 1, 2, 3][..]));
        assert_eq!(std.call.kwargs, [("correction", Value::Float(0.0)), ("keepdim", Value::Bool(true))]);

        // A variance that somebody else reads stays one.
        let returned = graph(nodes, "var");
        assert_eq!(groups(&returned).keys().collect::<Vec<_>>(), [&1, &2, &3]);
    }

    #[test]
    fn a_convolution_behind_one_more_row_has_padding_of_the_same_size() {
        let convolution = "%constant_pad_nd, %p_w, None, [1, 1], [0, 1], [1, 1], False, [0, 0], 1";
        let joined_with = |pads: &str| {
            let pad = call("constant_pad_nd", "aten.constant_pad_nd.default", &format!("%x, {pads}"));
            let texts = [pad, call("convolution", "aten.convolution.default", convolution)];
            let nodes = vec![
                node("Pad", &["x"], "constant_pad_nd", &texts[0]),
                node("Conv", &["constant_pad_nd", "w"], "convolution", &texts[1]),
            ];
            let graph = graph(nodes, "convolution");
            let groups = groups(&graph);
            let args = groups[&1].call.args.clone();
            (groups[&1].call.target.to_owned(), args.first().cloned() == Some(Value::Node("x")))
        };
        assert_eq!(joined_with("[0, 0, 0, 1]"), ("aten.conv2d.padding".to_owned(), true));
        // Padding before the first row is a layer's own.
        for other in ["[0, 0, 1, 0]", "[0, 0, 0, 1], 0.5"] {
            assert_eq!(joined_with(other), ("aten.convolution.default".to_owned(), false), "{other}");
        }
    }

    #[test]
    fn a_number_that_the_exporter_made_a_tensor_of_is_a_number() {
        let texts = [
            call("scalar_tensor_default", "aten.scalar_tensor.default", "2,"),
            call("sub", "aten.sub.Tensor", "%scalar_tensor_default, %x"),
        ];
        let nodes = vec![
            node("Cast", &["two"], "scalar_tensor_default", &texts[0]),
            node("Sub", &["scalar_tensor_default", "x"], "sub", &texts[1]),
        ];
        let two = proto::Tensor {
            name: "two".to_owned(),
            data_type: proto::data_type::FLOAT,
            float_data: vec![2.0],
            ..Default::default()
        };
        let dim = vec![proto::Dimension { dim_value: Some(3), ..Default::default() }];
        let kind = proto::TensorType { elem_type: proto::data_type::FLOAT, shape: Some(proto::TensorShape { dim }) };
        let kind = proto::Type { tensor_type: Some(kind) };
        let x = proto::ValueInfo { name: "x".to_owned(), r#type: Some(kind), ..Default::default() };
        let mut graph = graph(nodes, "sub");
        graph.node[0].attribute =
            vec![proto::Attribute { name: "to".to_owned(), i: proto::data_type::FLOAT.into(), ..Default::default() }];
        let graph = proto::Graph { initializer: vec![two], input: vec![x], ..graph };
        let opset = proto::OperatorSet { domain: String::new(), version: 18 };
        let model =
            proto::Model { ir_version: Some(10), opset_import: vec![opset], graph: Some(graph), ..Default::default() };
        let model = prost::Message::encode_to_vec(&model);
        let graph =
            super::super::import("m", &model, &Default::default(), &Default::default()).expect("supported").graph;
        let targets: Vec<&str> = graph.nodes.iter().map(|node| node.target.as_str()).collect();
        assert_eq!(targets, ["aten.rsub.Scalar"]);
        assert_eq!(graph.value(graph.nodes[0].inputs[1]).constant.as_ref().map(Data::shape), Some(&[1][..]));
    }

    #[test]
    fn a_clone_for_a_view_is_a_reshape() {
        let (first, second) = (
            call("clone", "aten.clone.default", "%x,"),
            call("_unsafe_view", "aten._unsafe_view.default", "%clone, [6]"),
        );
        let nodes = vec![
            node("Identity", &["x"], "clone", &first),
            node("Reshape", &["clone", "shape"], "_unsafe_view", &second),
        ];
        let graph = graph(nodes, "_unsafe_view");
        let groups = groups(&graph);
        assert_eq!(groups.keys().collect::<Vec<_>>(), [&1]);
        let group = &groups[&1];
        assert_eq!((group.call.target, &group.nodes[..]), ("aten.reshape.default", &[0, 1][..]));
        assert_eq!(group.reads, BTreeSet::from(["shape", "x"]));
    }
}
