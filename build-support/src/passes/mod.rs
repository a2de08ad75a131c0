//! Rewrites of the float network before annotation, in order.

mod convert_elu_family;
mod decompose_adaptive_avg_pool2d;
mod decompose_add_alpha;
mod decompose_batch_norm;
mod decompose_cosine_similarity;
mod decompose_div;
mod decompose_div_mode;
mod decompose_glu;
mod decompose_layer_norm;
mod decompose_logit;
mod decompose_matmul;
mod decompose_mean;
mod decompose_prelu;
mod decompose_remainder;
mod decompose_sqrt;
mod decompose_var;
mod decompose_vector_norm;
mod fold_batch_norm;
mod names;
pub(crate) mod pad_avg_pool;
mod split_constants;

use crate::annotate::annotate;
use crate::config::Recipe;
use crate::graph::{Graph, Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::constant::Constant;
use names::Names;

/// Gives the tensors that replace a node's results, made by the pieces it pushed; `None` leaves the node as it is.
type Decompose = fn(&mut Builder<'_>, &Node) -> Option<Vec<ValueId>>;

/// A rewrite of single nodes.
struct Pass {
    decompose: Decompose,
    /// Whether it is for float nodes too.
    everywhere: bool,
}

const fn quantized(decompose: Decompose) -> Pass {
    Pass { decompose, everywhere: false }
}

const fn everywhere(decompose: Decompose) -> Pass {
    Pass { decompose, everywhere: true }
}

/// Each goes over the whole network before the next: a piece meets the passes behind its own.
const PASSES: [Pass; 19] = [
    quantized(decompose_logit::run),
    quantized(decompose_remainder::run),
    quantized(decompose_div_mode::run),
    quantized(decompose_add_alpha::run),
    quantized(convert_elu_family::run),
    quantized(decompose_layer_norm::run),
    quantized(decompose_batch_norm::run),
    quantized(decompose_var::run),
    quantized(decompose_mean::run),
    quantized(decompose_adaptive_avg_pool2d::run),
    quantized(pad_avg_pool::run),
    quantized(decompose_prelu::run),
    everywhere(decompose_add_alpha::reverse),
    quantized(decompose_cosine_similarity::run),
    quantized(decompose_glu::run),
    quantized(decompose_div::run),
    quantized(decompose_vector_norm::run),
    quantized(decompose_sqrt::run),
    quantized(decompose_matmul::run),
];

/// Overloads that upstream writes for its pieces.
const RESHAPE: &str = "aten.reshape.default";
const SLICE_COPY: &str = "aten.slice_copy.Tensor";
const VIEW_COPY: &str = "aten.view_copy.default";

/// Runs all passes. Composite operators are decomposed only where they are quantized: float ones stay whole.
///
/// Names are then those of upstream's transformed graph, which rules by node name see too.
///
/// Source of the list and its order: oracle of VgfQuantizer, sections 7 and 8.
pub fn run(graph: &mut Graph, recipe: &Recipe) {
    // Before rules are read: upstream folds whatever the configuration says.
    fold_batch_norm::run(graph);
    let float = annotate(graph, recipe).float;
    let mut selected: Vec<bool> = graph.node_ids().map(|id| !float.contains(&id)).collect();
    let mut changed = graph.nodes.iter().any(has_scalar(graph));
    for pass in &PASSES {
        changed |= rewrite(graph, &mut selected, pass);
    }
    graph.remove_dead_nodes();
    // Upstream builds a changed graph anew.
    if changed {
        names::renumber(graph);
    }
    // After decompositions, which make constants: each use of a constant has an observer of its own.
    split_constants::run(graph);
}

/// Whether an operand is a number that upstream makes a tensor of.
fn has_scalar(graph: &Graph) -> impl Fn(&Node) -> bool {
    |node| {
        let is_scalar = |&id: &ValueId| graph.value(id).real().is_some_and(|data| data.len() == 1);
        matches!(node.op, Op::Binary(_)) && node.inputs.iter().any(is_scalar)
    }
}

/// Inserts the pieces of a decomposed node where the node was.
pub(crate) struct Builder<'a> {
    graph: &'a mut Graph,
    names: &'a mut Names,
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
        let target = op.target();
        self.push_as(target, origin, op, inputs)
    }

    /// Like [`Self::push`], for an operator that upstream writes as another overload than its room's.
    pub(crate) fn push_as(
        &mut self,
        target: &'static str,
        origin: &Node,
        op: impl Into<Op>,
        inputs: &[ValueId],
    ) -> ValueId {
        let op = op.into();
        let kinds = op.infer(&self.graph.kinds(inputs)).expect("pieces of a valid operator are valid");
        let name = self.names.of_piece(origin, target);
        let outputs: Vec<ValueId> = kinds.into_iter().map(|kind| self.graph.add_value(name.clone(), kind)).collect();
        let output = outputs[0];
        let (target, scopes) = (target.to_owned(), origin.scopes.clone());
        self.pieces.push(Node { op, inputs: inputs.to_vec(), outputs, name, target, scopes });
        output
    }

    /// A number as a tensor of shape `[1]` that the network makes: upstream's form of an operand of overloads `Scalar`.
    pub(crate) fn number(&mut self, origin: &Node, value: f64) -> ValueId {
        self.push(origin, Constant::number(value), &[])
    }

    /// A number as a constant of one element and this rank: upstream's form of an operand of overloads `Tensor`.
    pub(crate) fn scalar(&mut self, origin: &Node, value: f64, rank: usize) -> ValueId {
        let data = Tensor::from_elem(vec![1; rank], value as f32);
        self.graph.add_constant(format!("{}.constant", origin.name), data)
    }
}

/// The node without its modules: upstream loses them for some pieces, which rules about modules then do not reach.
pub(crate) fn without_scopes(node: &Node) -> Node {
    Node { scopes: Vec::new(), ..node.clone() }
}

/// Replaces each selected node for which the pass gives new results by the pieces it pushed, which are selected in turn.
fn rewrite(graph: &mut Graph, selected: &mut Vec<bool>, pass: &Pass) -> bool {
    let mut names = Names::new(graph);
    let mut replaced: Vec<(ValueId, ValueId)> = Vec::new();
    let nodes = core::mem::take(&mut graph.nodes);
    let mut result = Vec::with_capacity(nodes.len());
    let mut result_selected = Vec::with_capacity(nodes.len());
    for (mut node, &selected) in nodes.into_iter().zip(&*selected) {
        for input in &mut node.inputs {
            if let Some((_, new)) = replaced.iter().find(|(old, _)| old == input) {
                *input = *new;
            }
        }
        let mut builder = Builder { graph: &mut *graph, names: &mut names, pieces: Vec::new() };
        let new = if selected || pass.everywhere { (pass.decompose)(&mut builder, &node) } else { None };
        match new {
            None => result.push(node),
            Some(new) => {
                result.append(&mut builder.pieces);
                replaced.extend(node.outputs.into_iter().zip(new));
            }
        }
        result_selected.resize(result.len(), selected);
    }
    graph.nodes = result;
    *selected = result_selected;
    for &(old, new) in &replaced {
        graph.replace_uses(old, new);
    }
    !replaced.is_empty()
}
