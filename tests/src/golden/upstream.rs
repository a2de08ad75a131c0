//! A case's recordings: the prepared graph without its observers, and these beside the edges they sit on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Case;

/// The graph that was calibrated.
pub struct Prepared {
    /// In execution order: inputs, parameters, operators, and the node `output`.
    pub nodes: Vec<Node>,
    /// By identity.
    pub observers: BTreeMap<String, Observer>,
    /// Observers of inputs that nobody reads.
    pub unread: Vec<Edge>,
    /// Families of operators that upstream's integer lowering left outside: some of each are in float. `None` where it failed.
    pub outside: Option<Vec<String>>,
}

/// A node of the prepared graph.
pub struct Node {
    /// Unique in the graph.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Overload of the operator.
    pub target: String,
    /// Whether it makes real numbers.
    pub is_real: bool,
    /// Which tensor it takes, if it takes one out of a list.
    pub item: usize,
    /// Tensors that it reads, those in lists included.
    pub operands: Vec<Edge>,
}

/// Kinds of nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A model input.
    Input,
    /// A parameter or constant.
    Constant,
    /// An operator.
    Operator,
    /// Returns the model outputs.
    Output,
}

impl Node {
    /// Whether it takes one tensor out of a list.
    pub fn is_item(&self) -> bool {
        self.target.contains("getitem")
    }
}

/// A tensor that is read.
pub struct Edge {
    /// The node that makes it.
    pub source: String,
    /// Identities of the observers between the two, in order.
    pub observers: Vec<String>,
}

/// An observer.
#[derive(Clone)]
pub struct Observer {
    /// For a weight or bias instead of an activation.
    pub is_parameter: bool,
    /// Type of the codes.
    pub dtype: String,
    /// Smallest and largest code.
    pub range: [i64; 2],
    /// Of one quantum; several for weights.
    pub scale: f32,
    /// Code of zero.
    pub zero_point: i32,
}

impl Prepared {
    /// The recordings of a case.
    pub fn new(case: &Case) -> Self {
        let (qparams, graph) = (case.json("qparams.json"), case.json("prepared_graph.json"));
        let mut observers = BTreeMap::new();
        // A graph has a node for each place, observers may be at several.
        let (mut identities, mut unread) = (BTreeMap::new(), Vec::new());
        for observer in qparams["observers"].as_array().expect("a list") {
            let id = text(&observer["id"]);
            for edge in observer["edges"].as_array().expect("a list") {
                identities.insert(text(&edge["observer_node"]), id.clone());
                if edge["source_op"] == "placeholder" && edge["consumers"] == json!([]) {
                    unread.push(Edge { source: text(&edge["source"]), observers: vec![id.clone()] });
                }
            }
            observers.insert(id, Observer::new(observer));
        }
        let graph = graph.as_array().expect("a list");
        let by_name: BTreeMap<&str, &Value> =
            graph.iter().map(|node| (node["name"].as_str().expect("text"), node)).collect();
        let edge = |name: &str| {
            let (mut source, mut chain) = (name, Vec::new());
            while let Some(id) = identities.get(source) {
                chain.insert(0, id.clone());
                source = by_name[source]["args"][0]["node"].as_str().expect("an observer reads a node");
            }
            Edge { source: source.to_owned(), observers: chain }
        };
        let mut nodes = Vec::new();
        for node in graph.iter().filter(|node| node["op"] != "call_module") {
            let kind = match node["op"].as_str() {
                Some("placeholder") => Kind::Input,
                Some("get_attr") => Kind::Constant,
                Some("output") => Kind::Output,
                _ => Kind::Operator,
            };
            let mut names = Vec::new();
            references(&node["args"], &mut names);
            references(&node["kwargs"], &mut names);
            let operands = names.into_iter().map(edge).collect();
            let (name, target) = (text(&node["name"]), text(&node["target"]));
            let item = node["args"][1].as_u64().map_or(0, |index| index as usize); // below the length of a list
            nodes.push(Node { name, kind, target, is_real: node["dtype"] == "float32", item, operands });
        }
        let outside = &case.json("summary.json")["lowering_model_int"]["outside_delegate"];
        let family_of = |target: &Value| family(&text(target)).to_owned();
        let outside = outside.as_array().map(|outside| outside.iter().map(family_of).collect());
        Self { nodes, observers, unread, outside }
    }
}

impl Observer {
    fn new(json: &Value) -> Self {
        let number = |key: &str| json[key].as_i64().unwrap_or_default();
        let first = |key: &str| &json[key][0];
        Self {
            is_parameter: ["PerChannelMinMaxObserver", "MinMaxObserver"]
                .contains(&json["observer"].as_str().unwrap_or(""))
                || json["kind"] == "DerivedObserverOrFakeQuantize",
            dtype: text(&json["dtype"]),
            range: [number("quant_min"), number("quant_max")],
            scale: first("scale").as_f64().unwrap_or(f64::NAN) as f32,
            zero_point: first("zero_point").as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or_default(),
        }
    }
}

fn text(json: &Value) -> String {
    json.as_str().unwrap_or_else(|| panic!("{json} is not text")).to_owned()
}

/// Names of the nodes in an argument, in order.
fn references<'a>(json: &'a Value, names: &mut Vec<&'a str>) {
    match json {
        Value::Object(object) => match object.get("node").and_then(Value::as_str) {
            Some(name) => names.push(name),
            None => object.values().for_each(|value| references(value, names)),
        },
        Value::Array(list) => list.iter().for_each(|value| references(value, names)),
        _ => {}
    }
}

/// The operator of an overload: `aten.add_.Tensor` and `aten::add` are both `add`; all that only change the shape are `view`.
pub fn family(target: &str) -> &str {
    let name = target.trim_start_matches("aten.").trim_start_matches("aten::").trim_start_matches('_');
    let name = name.split('.').next().unwrap_or(name);
    let name = name.trim_end_matches("_copy").trim_end_matches('_');
    match name {
        "reshape" | "flatten" | "unflatten" | "squeeze" | "unsqueeze" | "view_as" | "unsafe_view" => "view",
        "addmm" | "mm" => "linear",
        "convolution" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose2d" => "conv",
        "max_pool2d_with_indices" => "max_pool2d",
        "scalar_tensor" => "full",
        "hardtanh" | "relu6" => "clamp",
        "t" | "transpose" => "permute",
        "and" => "bitwise_and",
        "chunk" | "split_with_sizes" => "split",
        "contiguous" | "dropout" => "clone",
        name => name,
    }
}
