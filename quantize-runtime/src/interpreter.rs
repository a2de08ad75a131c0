//! Runs a graph operator by operator with the reference kernels.

pub use crate::tensor::Tensor;

use crate::Shape;
use crate::graph::{Graph, Invalid, Value, ValueId};
use crate::tensor::Element;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Why a run gave no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// The inputs are not as many as the graph's.
    InputCount {
        /// Number of inputs of the graph.
        expected: usize,
        /// Number of inputs given.
        found: usize,
    },
    /// An input has another element type or number of elements than the graph's.
    Input {
        /// Index of the input.
        index: usize,
    },
    /// A sum, product or rescaled value left the range in which TOSA defines the result.
    Unpredictable {
        /// Index of the operator in [`Graph::nodes`].
        node: usize,
        /// Its name, such as "CONV2D".
        operator: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputCount { expected, found } => write!(f, "{found} inputs given, the graph has {expected}"),
            Self::Input { index } => write!(f, "input {index} has another element type or size than the graph's"),
            Self::Unpredictable { node, operator } => {
                write!(f, "operator {node} ({operator}): a value leaves the range in which TOSA defines the result")
            }
        }
    }
}

impl core::error::Error for Error {}

/// An operator met values for which TOSA does not define a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unpredictable;

/// The tensors that operators read while a graph runs.
pub(crate) struct Environment<'a> {
    graph: &'a Graph<'a>,
    tensors: &'a [Option<Tensor>],
}

impl<'a> Environment<'a> {
    /// The shape of an operand.
    pub(crate) fn shape(&self, id: ValueId) -> &'a Shape {
        &self.graph.values[id.0 as usize].shape
    }

    /// An operand that the graph's order has made before.
    pub(crate) fn tensor(&self, id: ValueId) -> &'a Tensor {
        self.tensors[id.0 as usize].as_ref().expect("a valid graph makes operands before their use")
    }

    /// The elements of an operand that is of this type because the graph is valid.
    pub(crate) fn elements<T: Element>(&self, id: ValueId) -> &'a [T] {
        T::elements(self.tensor(id))
    }

    /// The elements of an operand of any integer type, by position.
    pub(crate) fn integers(&self, id: ValueId) -> Box<dyn Fn(usize) -> i64 + 'a> {
        match self.tensor(id) {
            Tensor::I8(elements) => Box::new(|at| elements[at].into()),
            Tensor::I16(elements) => Box::new(|at| elements[at].into()),
            Tensor::I32(elements) => Box::new(|at| elements[at].into()),
            Tensor::I48(elements) => Box::new(|at| elements[at]),
            Tensor::Bool(_) | Tensor::F32(_) => unreachable!("a valid graph has integers here"),
        }
    }
}

/// Runs a valid graph.
///
/// ```
/// use quantize_runtime::graph::{ElementType, Graph, Node, Port, Value, ValueId};
/// use quantize_runtime::interpreter::{Interpreter, Tensor};
/// use quantize_runtime::{Shape, ops};
///
/// let value = Value { element: ElementType::I8, shape: Shape::new(&[4]).unwrap(), constant: None };
/// let port = |name: &str, id| Port { name: name.into(), value: ValueId(id), unsigned: false };
/// let graph = Graph {
///     values: vec![value.clone(), value],
///     nodes: vec![Node {
///         op: ops::Clamp { min: 0.into(), max: 6.into(), input: ValueId(0), ..Default::default() }.into(),
///         outputs: vec![ValueId(1)],
///     }],
///     inputs: vec![port("x", 0)],
///     outputs: vec![port("y", 1)],
/// };
/// let outputs = Interpreter::new(&graph)?.run(&[Tensor::I8(vec![-3, 2, 6, 7])])?;
/// assert_eq!(outputs, [Tensor::I8(vec![0, 2, 6, 6])]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interpreter<'a> {
    graph: &'a Graph<'a>,
    /// One per value; the constants, in the order of elements.
    constants: Vec<Option<Tensor>>,
}

impl<'a> Interpreter<'a> {
    /// Checks the graph and takes its constants.
    ///
    /// # Errors
    /// The first fault of the graph.
    pub fn new(graph: &'a Graph<'a>) -> Result<Self, Invalid> {
        graph.validate()?;
        let constant = |value: &Value<'_>| {
            value.constant.as_ref().map(|constant| Tensor::from_le_bytes(value.element, &constant.data))
        };
        Ok(Self { graph, constants: graph.values.iter().map(constant).collect() })
    }

    /// Runs the graph on inputs in binding order and gives the outputs in binding order.
    ///
    /// # Errors
    /// Inputs that do not fit the graph, and values for which TOSA leaves the result open.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let graph = self.graph;
        if inputs.len() != graph.inputs.len() {
            return Err(Error::InputCount { expected: graph.inputs.len(), found: inputs.len() });
        }
        let mut tensors = self.constants.clone();
        for (index, (port, input)) in graph.inputs.iter().zip(inputs).enumerate() {
            let at = port.value.0 as usize;
            if !input.fits(&graph.values[at]) {
                return Err(Error::Input { index });
            }
            tensors[at] = Some(input.clone());
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            let environment = Environment { graph, tensors: &tensors };
            let results = node.op.evaluate(&environment, &graph.values[node.output().0 as usize]);
            let unpredictable = |Unpredictable| Error::Unpredictable { node: index, operator: node.op.name() };
            for (output, result) in node.outputs.iter().zip(results.map_err(unpredictable)?) {
                tensors[output.0 as usize] = Some(result);
            }
        }
        let environment = Environment { graph, tensors: &tensors };
        Ok(graph.outputs.iter().map(|port| environment.tensor(port.value).clone()).collect())
    }
}
