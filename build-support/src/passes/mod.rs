//! Rewrites of the float network before annotation, in order.

mod decompose_adaptive_avg_pool2d;
mod decompose_mean;
mod fold_batch_norm;
pub(crate) mod pad_avg_pool;
mod split_constants;

use crate::annotate;
use crate::config::Recipe;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::Op;

/// Runs all passes. Composite operators are decomposed only where a rule quantizes them: float ones stay whole.
///
/// Source of the list and its order: oracle of VgfQuantizer, sections 7 and 8.
pub fn run(graph: &mut Graph, recipe: &Recipe) {
    // Before rules are read: upstream folds whatever the configuration says.
    fold_batch_norm::run(graph);
    let quantized = annotate::decomposable(graph, recipe);
    rewrite(graph, &quantized, |builder, node| {
        let result = match &node.op {
            Op::Mean(mean) => decompose_mean::run(builder, node, mean),
            Op::AdaptiveAvgPool2d(pool) => decompose_adaptive_avg_pool2d::run(builder, node, pool),
            Op::AvgPool2d(pool) => pad_avg_pool::run(builder, node, *pool),
            _ => None,
        };
        result.map(|result| vec![result])
    });
    // After decompositions, which make constants: each use of a constant has an observer of its own.
    split_constants::run(graph);
}

/// Inserts the pieces of a decomposed node where the node was.
pub(crate) struct Builder<'a> {
    graph: &'a mut Graph,
    pieces: Vec<Node>,
}

impl Builder<'_> {
    /// Shape of a tensor.
    pub(crate) fn shape(&self, id: ValueId) -> &[usize] {
        &self.graph.value(id).shape
    }

    /// Adds a node in the place and the modules of `origin`.
    pub(crate) fn push(&mut self, origin: &Node, op: impl Into<Op>, inputs: &[ValueId]) -> ValueId {
        let op = op.into();
        let kinds = op.infer(&self.graph.kinds(inputs)).expect("pieces of a valid operator are valid");
        let name = format!("{}.{}{}", origin.name, op.name(), self.pieces.len());
        let outputs: Vec<ValueId> = kinds.into_iter().map(|kind| self.graph.add_value(name.clone(), kind)).collect();
        let output = outputs[0];
        let (target, scopes) = (op.target().to_owned(), origin.scopes.clone());
        self.pieces.push(Node { op, inputs: inputs.to_vec(), outputs, name, target, scopes });
        output
    }

    /// A constant of one element and this rank.
    pub(crate) fn scalar(&mut self, origin: &Node, value: f32, rank: usize) -> ValueId {
        let data = crate::graph::Tensor::from_elem(vec![1; rank], value);
        self.graph.add_constant(format!("{}.constant", origin.name), data)
    }
}

/// Replaces each selected node for which `decompose` gives new results by the pieces it pushed.
fn rewrite(graph: &mut Graph, selected: &[bool], decompose: impl Fn(&mut Builder<'_>, &Node) -> Option<Vec<ValueId>>) {
    let mut replaced: Vec<(ValueId, ValueId)> = Vec::new();
    let nodes = core::mem::take(&mut graph.nodes);
    let mut result = Vec::with_capacity(nodes.len());
    for (mut node, &selected) in nodes.into_iter().zip(selected) {
        for input in &mut node.inputs {
            if let Some((_, new)) = replaced.iter().find(|(old, _)| old == input) {
                *input = *new;
            }
        }
        let mut builder = Builder { graph: &mut *graph, pieces: Vec::new() };
        match if selected { decompose(&mut builder, &node) } else { None } {
            None => result.push(node),
            Some(new) => {
                result.append(&mut builder.pieces);
                replaced.extend(node.outputs.into_iter().zip(new));
            }
        }
    }
    graph.nodes = result;
    for (old, new) in replaced {
        graph.replace_uses(old, new);
    }
}
