//! The float network between import and quantization: nodes in execution order, values by id.

mod data;

pub use data::{Data, Element, Tensor, Type};

/// Index of a [`Value`] in its [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ValueId(pub u32);

/// Index of a [`Node`] in its [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub u32);

impl ValueId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl NodeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A tensor of the network.
#[derive(Clone, Debug)]
pub struct Value {
    /// Name in the model, or that of the node which makes it.
    pub name: String,
    /// Dimensions, outermost first; never dynamic.
    pub shape: Vec<usize>,
    /// What its elements are; only f32 tensors are quantized.
    pub element: Element,
    /// The data of a parameter or constant.
    pub constant: Option<Data>,
    /// The parameters that the model itself quantizes the tensor with; no samples are needed for these.
    pub given: Option<Given>,
}

/// Parameters of int8 codes that came with a model: `real = (code - zero_point) · scale`, for codes -128..=127.
#[derive(Clone, PartialEq, Debug)]
pub struct Given {
    /// One for the tensor, or one for each index of `axis`.
    pub scales: Vec<f32>,
    /// The axis of several scales.
    pub axis: usize,
    /// The code of zero.
    pub zero_point: i32,
}

impl Value {
    /// The data of a float constant.
    pub fn real(&self) -> Option<&Tensor> {
        self.constant.as_ref().and_then(Data::real)
    }
}

/// One module on the call stack of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// Path from the root module, `""` for the root, `"block1.conv"` below.
    pub path: String,
    /// Fully qualified class name, `"torch.nn.modules.conv.Conv2d"`.
    pub class: String,
}

/// An operator.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it computes.
    pub op: crate::ops::Op,
    /// What it reads.
    pub inputs: Vec<ValueId>,
    /// What it makes; most operators have one result.
    pub outputs: Vec<ValueId>,
    /// Name of the ATen node, `"conv2d_1"`, or of the ONNX node.
    pub name: String,
    /// Overload of the ATen operator, `"aten.conv2d.default"`.
    pub target: String,
    /// Call stack of modules, root first; empty where the exporter wrote none.
    pub scopes: Vec<Scope>,
}

impl Node {
    /// The first result, which is the only one of most operators.
    pub fn output(&self) -> ValueId {
        self.outputs[0]
    }

    /// Path of the innermost module.
    pub fn module(&self) -> &str {
        self.scopes.last().map_or("", |scope| &scope.path)
    }

    /// How messages and documentation call this node: its module path, or its own name outside any module.
    pub fn label(&self) -> String {
        match self.module() {
            "" => self.name.clone(),
            module => module.to_owned(),
        }
    }
}

/// A network. Nodes are in execution order; a value has at most one producer.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    /// Operators, each after what it reads.
    pub nodes: Vec<Node>,
    values: Vec<Value>,
    /// Model inputs in order.
    pub inputs: Vec<ValueId>,
    /// Model outputs in order, with their names.
    pub outputs: Vec<Output>,
}

/// A model output.
#[derive(Clone, Debug)]
pub struct Output {
    /// The model's own name for it.
    pub name: String,
    /// The tensor.
    pub value: ValueId,
}

impl Graph {
    /// Adds a tensor that a node or the caller of the model provides.
    pub fn add_value(&mut self, name: impl Into<String>, kind: Type) -> ValueId {
        let Type { element, shape } = kind;
        self.push_value(Value { name: name.into(), shape, element, constant: None, given: None })
    }

    /// Adds a tensor known at build time.
    pub fn add_constant(&mut self, name: impl Into<String>, data: impl Into<Data>) -> ValueId {
        let data = data.into();
        let (shape, element) = (data.shape().to_vec(), data.element());
        self.push_value(Value { name: name.into(), shape, element, constant: Some(data), given: None })
    }

    fn push_value(&mut self, value: Value) -> ValueId {
        let id = ValueId(u32::try_from(self.values.len()).expect("fewer than 2^32 tensors"));
        self.values.push(value);
        id
    }

    /// The tensor behind an id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// Notes the parameters that the model gives a tensor.
    pub(crate) fn give(&mut self, id: ValueId, given: Given) {
        self.values[id.index()].given = Some(given);
    }

    /// Whether the model brings parameters of its own.
    pub fn is_quantized(&self) -> bool {
        self.values.iter().any(|value| value.given.is_some())
    }

    /// Types of some tensors.
    pub fn kinds(&self, ids: &[ValueId]) -> Vec<Type> {
        let kind = |value: &Value| Type { element: value.element, shape: value.shape.clone() };
        ids.iter().map(|&id| kind(self.value(id))).collect()
    }

    /// Number of tensors, one more than the largest id.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The operator behind an id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Ids of all operators in execution order.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// For each value, which nodes read it, in order and once per operand; model outputs are not in the list.
    pub fn consumers(&self) -> Vec<Vec<NodeId>> {
        let mut consumers = vec![Vec::new(); self.values.len()];
        for id in self.node_ids() {
            for input in &self.node(id).inputs {
                consumers[input.index()].push(id);
            }
        }
        consumers
    }

    /// For each value, the node that makes it.
    pub fn producers(&self) -> Vec<Option<NodeId>> {
        let mut producers = vec![None; self.values.len()];
        for id in self.node_ids() {
            for output in &self.node(id).outputs {
                producers[output.index()] = Some(id);
            }
        }
        producers
    }

    /// Whether the caller of the model sees this tensor.
    pub fn is_output(&self, id: ValueId) -> bool {
        self.outputs.iter().any(|output| output.value == id)
    }

    /// Gives outputs names of their own: a tensor that the model returns twice is the second time `name_1`.
    pub(crate) fn name_outputs_apart(&mut self) {
        for index in 1..self.outputs.len() {
            let (before, rest) = self.outputs.split_at_mut(index);
            let (name, behind) = (&rest[0].name, &rest[1..]);
            let is_taken = |name: &str| before.iter().any(|output| output.name == name);
            if is_taken(name) {
                let is_free = |name: &String| !is_taken(name) && behind.iter().all(|output| output.name != *name);
                let free = (1..).map(|number| format!("{name}_{number}")).find(is_free);
                rest[0].name = free.expect("there are enough numbers");
            }
        }
    }

    /// Renames a node, and its results that bear its name.
    pub(crate) fn rename(&mut self, id: NodeId, name: String) {
        let node = &mut self.nodes[id.index()];
        let old = core::mem::replace(&mut node.name, name.clone());
        for output in &node.outputs {
            let value = &mut self.values[output.index()];
            if value.name == old {
                value.name.clone_from(&name);
            }
        }
    }

    /// Replaces each element of a float constant.
    pub(crate) fn map_constant(&mut self, id: ValueId, function: impl Fn(f32) -> f32) {
        if let Some(Data::F32(tensor)) = &mut self.values[id.index()].constant {
            tensor.mapv_inplace(function);
        }
    }

    /// Makes every reader of `old`, the model's outputs included, read `new`.
    pub(crate) fn replace_uses(&mut self, old: ValueId, new: ValueId) {
        let operands = self.nodes.iter_mut().flat_map(|node| &mut node.inputs);
        for operand in operands.chain(self.outputs.iter_mut().map(|output| &mut output.value)) {
            if *operand == old {
                *operand = new;
            }
        }
    }

    /// Removes operators whose results nobody reads.
    pub(crate) fn remove_dead_nodes(&mut self) {
        let mut live = vec![false; self.values.len()];
        for output in &self.outputs {
            live[output.value.index()] = true;
        }
        let mut keep = vec![false; self.nodes.len()];
        for (node, keep) in self.nodes.iter().zip(&mut keep).rev() {
            *keep = node.outputs.iter().any(|output| live[output.index()]);
            if *keep {
                for input in &node.inputs {
                    live[input.index()] = true;
                }
            }
        }
        let mut keep = keep.into_iter();
        self.nodes.retain(|_| keep.next().expect("one flag a node"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_of_one_name_are_numbered_around_others() {
        let mut graph = Graph::default();
        let value = graph.add_value("x", Type::real(vec![1]));
        graph.outputs =
            ["x", "x", "x_1", "x", "y"].map(|name| Output { name: name.to_owned(), value }).into_iter().collect();
        graph.name_outputs_apart();
        let names: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, ["x", "x_2", "x_1", "x_3", "y"]);
    }
}
