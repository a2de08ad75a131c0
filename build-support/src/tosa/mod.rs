//! The TOSA graph between lowering and the VGF writer: built node by node, rewritten, validated.

mod cancel_transposes;
#[cfg(test)]
mod reference;
mod remove_dead;
#[cfg(test)]
pub(crate) mod samples;
mod separate_outputs;

use quantize_runtime::Shape;
use quantize_runtime::graph::{Constant, ElementType, Graph, Node, Port, Value, ValueId};
use quantize_runtime::ops::Op;
use std::borrow::Cow;

/// A TOSA graph, and for each of its nodes the module path or name of what it was made from.
#[derive(Clone, Default, Debug)]
pub struct Lowered {
    /// Operators in execution order.
    pub graph: Graph<'static>,
    /// Parallel to `graph.nodes`.
    pub labels: Vec<String>,
}

impl Lowered {
    /// Adds a model input.
    pub fn input(&mut self, name: impl Into<String>, element: ElementType, shape: Shape) -> ValueId {
        let value = self.value(Value { element, shape, constant: None });
        self.graph.inputs.push(Port { name: name.into(), value, unsigned: false });
        value
    }

    /// Makes a value the next model output.
    pub fn output(&mut self, name: impl Into<String>, value: ValueId) {
        self.graph.outputs.push(Port { name: name.into(), value, unsigned: false });
    }

    /// A constant int8 tensor; equal constants are one value.
    ///
    /// # Panics
    ///
    /// When there are more or fewer elements than `shape` says.
    pub fn constant_i8(&mut self, shape: Shape, data: Vec<i8>) -> ValueId {
        self.constant(ElementType::I8, shape, data.into_iter().map(|x| x.cast_unsigned()).collect())
    }

    /// A constant i32 tensor; equal constants are one value.
    ///
    /// # Panics
    ///
    /// When there are more or fewer elements than `shape` says.
    pub fn constant_i32(&mut self, shape: Shape, data: Vec<i32>) -> ValueId {
        self.constant(ElementType::I32, shape, data.into_iter().flat_map(i32::to_le_bytes).collect())
    }

    /// A constant f32 tensor; equal constants are one value.
    ///
    /// # Panics
    ///
    /// When there are more or fewer elements than `shape` says.
    pub fn constant_f32(&mut self, shape: Shape, data: Vec<f32>) -> ValueId {
        self.constant(ElementType::F32, shape, data.into_iter().flat_map(f32::to_le_bytes).collect())
    }

    /// A constant tensor of these little-endian elements; equal constants are one value.
    ///
    /// # Panics
    ///
    /// When there are more or fewer bytes than `shape` says.
    pub fn constant(&mut self, element: ElementType, shape: Shape, data: Vec<u8>) -> ValueId {
        assert_eq!(data.len(), shape.len() * element.size(), "a constant of shape {shape:?}");
        let equal = |value: &Value<'_>| {
            value.element == element
                && value.shape == shape
                && value.constant.as_ref().is_some_and(|constant| *constant.data == *data)
        };
        match self.graph.values.iter().position(equal) {
            Some(index) => id(index),
            None => {
                let constant = Some(Constant { data: Cow::Owned(data), range: None });
                self.value(Value { element, shape, constant })
            }
        }
    }

    /// Adds an operator behind all others and returns its first result, which has this element type and shape.
    pub fn push(&mut self, op: Op, element: ElementType, shape: Shape, label: impl Into<String>) -> ValueId {
        self.push_all(op, element, shape, label)[0]
    }

    /// Adds an operator behind all others and returns its results, each of this element type and shape.
    pub fn push_all(&mut self, op: Op, element: ElementType, shape: Shape, label: impl Into<String>) -> Vec<ValueId> {
        let value = Value { element, shape, constant: None };
        let outputs: Vec<ValueId> = (0..op.results()).map(|_| self.value(value.clone())).collect();
        self.graph.nodes.push(Node { op, outputs: outputs.clone() });
        self.labels.push(label.into());
        outputs
    }

    fn value(&mut self, value: Value<'static>) -> ValueId {
        self.graph.values.push(value);
        id(self.graph.values.len() - 1)
    }

    fn shape(&self, value: ValueId) -> Shape {
        self.graph.values[value.0 as usize].shape
    }
}

/// Rewrites that make the graph smaller without changing a result.
pub fn rewrite(lowered: &Lowered) -> Lowered {
    // Sinking can copy a TRANSPOSE into several branches, so it has to earn its place.
    let smallest = [true, false]
        .map(|sink| remove_dead::remove_dead(&cancel_transposes::cancel_transposes(lowered, sink)))
        .into_iter()
        .min_by_key(cancel_transposes::moved_bytes)
        .expect("two candidates");
    // Last: its RESHAPEs change nothing, so the rewrites before would remove them.
    separate_outputs::separate_outputs(smallest)
}

/// A graph that satisfies every rule of TOSA and of the writer.
#[derive(Clone, Debug)]
pub struct Valid(Lowered);

impl Valid {
    /// The graph.
    pub fn graph(&self) -> &Graph<'static> {
        &self.0.graph
    }

    /// What each node was made from.
    pub fn labels(&self) -> &[String] {
        &self.0.labels
    }
}

/// Checks a graph: names and ranks of inputs and outputs, and the first operator that is not valid TOSA.
///
/// A violation is a fault of the lowering, not of the user's model.
pub fn validate(lowered: Lowered) -> Result<Valid, Vec<String>> {
    let mut errors = Vec::new();
    let graph = &lowered.graph;
    for (ports, what) in [(&graph.inputs, "inputs"), (&graph.outputs, "outputs")] {
        for (i, port) in ports.iter().enumerate() {
            if ports[..i].iter().any(|other| other.name == port.name) {
                errors.push(format!("two {what} of the model are called `{}`", port.name));
            }
            // A rank is the length of an array in SPIR-V, and arrays have at least one element.
            if graph.values[port.value.0 as usize].shape.rank() == 0 {
                errors.push(format!("`{}` has rank 0; give it shape [1]", port.name));
            }
        }
    }
    if let Err(invalid) = graph.validate() {
        errors.push(match invalid.node {
            Some(node) => format!("`{}`: {}: {}", lowered.labels[node], invalid.operator, invalid.rule),
            None => invalid.rule.to_owned(),
        });
    }
    if errors.is_empty() { Ok(Valid(lowered)) } else { Err(errors) }
}

fn id(index: usize) -> ValueId {
    ValueId(u32::try_from(index).expect("fewer than 2^32 tensors"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use samples::{Random, interpret};

    #[test]
    fn rewriting_changes_no_result() {
        let mut compared = 0;
        for seed in 0..1500 {
            let lowered = samples::random(seed, 12);
            let rewritten = rewrite(&lowered);
            assert_eq!(rewritten.labels.len(), rewritten.graph.nodes.len());
            let moved = [&lowered, &rewritten].map(cancel_transposes::moved_bytes);
            assert!(moved[1] <= moved[0], "seed {seed}: {moved:?}");
            let inputs = Random::new(seed).inputs(&lowered);
            if let Some(expected) = interpret(&lowered, &inputs) {
                assert_eq!(interpret(&rewritten, &inputs), Some(expected), "seed {seed}");
                compared += 1;
            }
        }
        assert!(compared > 1200, "{compared}");
    }
}
