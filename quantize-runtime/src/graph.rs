//! A TOSA graph in memory: what the VGF reader decodes, the interpreter runs, and the build script writes.

pub use crate::element::{ElementType, Scalar};

use crate::Shape;
use crate::ops::Op;
use crate::tensor::fits_i48;
use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;
use core::ops::Range;

/// Index of a [`Value`] in [`Graph::values`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ValueId(pub u32);

/// A rule that a graph breaks, as a sentence about what was found.
pub type Rule = &'static str;

/// Largest number of bytes of a tensor (TOSA 1.0, level 8K).
const MAX_BYTES: usize = i32::MAX as usize;

/// A graph of TOSA operators in execution order.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Graph<'a> {
    /// All tensors: inputs, constants and results.
    pub values: Vec<Value<'a>>,
    /// Operators; each reads values that exist before it.
    pub nodes: Vec<Node>,
    /// Model inputs in binding order.
    pub inputs: Vec<Port>,
    /// Model outputs in binding order.
    pub outputs: Vec<Port>,
}

/// A tensor.
#[derive(Clone, PartialEq, Debug)]
pub struct Value<'a> {
    /// Element type.
    pub element: ElementType,
    /// Shape, NHWC where the operator asks for it.
    pub shape: Shape,
    /// The data, when it is known before execution.
    pub constant: Option<Constant<'a>>,
}

/// Data of a constant tensor: little-endian, row-major, packed.
#[derive(Clone, Debug)]
pub struct Constant<'a> {
    /// The bytes.
    pub data: Cow<'a, [u8]>,
    /// Where they lie in the VGF file they were read from; `None` for inline and new constants.
    pub range: Option<Range<usize>>,
}

impl PartialEq for Constant<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

/// An operator and the tensors it makes.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Operator with attributes and operands.
    pub op: Op,
    /// Its results, as many as [`Op::results`] says.
    pub outputs: Vec<ValueId>,
}

impl Node {
    /// The first result, of most operators the only one.
    ///
    /// # Panics
    /// If there is none, which no valid graph has.
    pub fn output(&self) -> ValueId {
        self.outputs[0]
    }
}

/// A named input or output.
#[derive(Clone, PartialEq, Debug)]
pub struct Port {
    /// The model's own name.
    pub name: String,
    /// The tensor.
    pub value: ValueId,
    /// For the caller the bits of the i8 or i16 elements are unsigned numbers; only RESCALE can read or write such ones.
    pub unsigned: bool,
}

/// The first fault of a graph.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Invalid {
    /// Index of the operator in [`Graph::nodes`]; `None` when a tensor, input or output of the graph is at fault.
    pub node: Option<usize>,
    /// Name of the operator, such as "CONV2D"; empty without one.
    pub operator: &'static str,
    /// What was found.
    pub rule: Rule,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(f, "operator {node} ({}): {}", self.operator, self.rule),
            None => f.write_str(self.rule),
        }
    }
}

impl core::error::Error for Invalid {}

/// Turns a broken condition into the sentence that says so.
pub(crate) fn require(holds: bool, rule: Rule) -> Result<(), Rule> {
    if holds { Ok(()) } else { Err(rule) }
}

impl Graph<'_> {
    /// Checks that the graph is sound and that every operator is valid TOSA 1.0.
    ///
    /// Afterwards all ids are in range, each tensor is made once and before it is used, shapes and element types agree,
    /// and constants have the bytes their shape asks for.
    ///
    /// # Errors
    /// The first fault, in the order of values, inputs, nodes and outputs.
    pub fn validate(&self) -> Result<(), Invalid> {
        let of_graph = |rule| Invalid { node: None, operator: "", rule };
        for value in &self.values {
            check_value(value).map_err(of_graph)?;
        }
        let mut exists: Vec<bool> = self.values.iter().map(|value| value.constant.is_some()).collect();
        for port in self.inputs.iter().chain(&self.outputs) {
            self.check_port(port).map_err(of_graph)?;
        }
        for input in &self.inputs {
            define(&mut exists, input.value).map_err(of_graph)?;
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let of_node = |rule| Invalid { node: Some(index), operator: node.op.name(), rule };
            self.check_node(node, &exists).map_err(of_node)?;
            for &output in &node.outputs {
                define(&mut exists, output).map_err(of_node)?;
            }
        }
        require(!self.outputs.is_empty(), "the graph has no output").map_err(of_graph)?;
        for output in &self.outputs {
            let made = exists.get(output.value.0 as usize) == Some(&true);
            require(made, "an output of the graph is not made").map_err(of_graph)?;
        }
        Ok(())
    }

    fn check_port(&self, port: &Port) -> Result<(), Rule> {
        let element = self.value(port.value)?.element;
        let can_be_unsigned = matches!(element, ElementType::I8 | ElementType::I16);
        require(!port.unsigned || can_be_unsigned, "an unsigned input or output is neither i8 nor i16")
    }

    fn check_node(&self, node: &Node, exists: &[bool]) -> Result<(), Rule> {
        for input in node.op.inputs() {
            require(exists.get(input.0 as usize) == Some(&true), "an operand is used before it is made")?;
        }
        require(node.outputs.len() == node.op.results(), "the operator has another number of results")?;
        for &output in &node.outputs {
            let result = self.value(output)?;
            let shape = node.op.infer(self, result.element)?;
            require(shape == result.shape, "the result is declared with another shape than the operator gives")?;
        }
        Ok(())
    }

    /// The tensor with this id.
    pub(crate) fn value(&self, id: ValueId) -> Result<&Value<'_>, Rule> {
        self.values.get(id.0 as usize).ok_or("an operand does not exist")
    }

    /// The shape of an operand that must have this element type.
    pub(crate) fn operand(&self, id: ValueId, element: ElementType) -> Result<&Shape, Rule> {
        let value = self.value(id)?;
        require(value.element == element, "an operand has the wrong element type")?;
        Ok(&value.shape)
    }

    /// The shape of an operand that only moves: of this element type, which is not i48.
    ///
    /// Source: TOSA 1.0, the data layout operators.
    pub(crate) fn moved(&self, id: ValueId, element: ElementType) -> Result<&Shape, Rule> {
        require(element != ElementType::I48, "an i48 tensor can only be rescaled")?;
        self.operand(id, element)
    }

    /// The bytes of an operand that must be constant.
    pub(crate) fn constant(&self, id: ValueId) -> Result<&[u8], Rule> {
        let constant = self.value(id)?.constant.as_ref().ok_or("an operand is not constant")?;
        Ok(&constant.data)
    }
}

fn check_value(value: &Value<'_>) -> Result<(), Rule> {
    let bytes = value.shape.len().saturating_mul(value.element.size());
    require(bytes <= MAX_BYTES, "a tensor has 2^31 bytes or more")?;
    let given = value.constant.as_ref().map_or(bytes, |constant| constant.data.len());
    require(given == bytes, "a constant has not the number of bytes that its shape asks for")?;
    let data = value.constant.as_ref().map_or(&[][..], |constant| &constant.data);
    match value.element {
        ElementType::Bool => require(data.iter().all(|byte| *byte <= 1), "a truth value is neither 0 nor 1"),
        ElementType::I48 => {
            let mut words = data.as_chunks().0.iter().map(|word| i64::from_le_bytes(*word));
            require(words.all(fits_i48), "a number of a constant has more than 48 bits")
        }
        ElementType::I8 | ElementType::I16 | ElementType::I32 | ElementType::F32 => Ok(()),
    }
}

fn define(exists: &mut [bool], id: ValueId) -> Result<(), Rule> {
    let exists = exists.get_mut(id.0 as usize).ok_or("a tensor does not exist")?;
    require(!*exists, "a tensor is made twice")?;
    *exists = true;
    Ok(())
}
