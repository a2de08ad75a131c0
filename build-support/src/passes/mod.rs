//! Rewrites of the float network before annotation, in order.

mod convert_elu_family;
mod convert_max_dim;
mod decompose_adaptive_avg_pool2d;
mod decompose_add_alpha;
mod decompose_addmm;
mod decompose_attention;
mod decompose_batch_norm;
mod decompose_cosine_similarity;
mod decompose_div;
mod decompose_div_mode;
mod decompose_einsum;
mod decompose_embedding;
mod decompose_float_norm;
mod decompose_glu;
mod decompose_layer_norm;
mod decompose_logit;
mod decompose_masked_fill;
mod decompose_matmul;
mod decompose_mean;
mod decompose_not_equal;
mod decompose_prelu;
mod decompose_remainder;
mod decompose_scatter;
mod decompose_sign;
mod decompose_softmax;
mod decompose_sqrt;
mod decompose_tril;
mod decompose_var;
mod decompose_vector_norm;
mod fill_compared_number;
mod fold_batch_norm;
mod fold_scale_into_conv;
mod move_codes;
mod names;
pub(crate) mod pad_avg_pool;
mod replace_infinities;
mod split_constants;
mod spread_parameters;
mod unroll_recurrent;

use crate::annotate;
use crate::config::Recipe;
use crate::graph::{Element, Graph, Node, NodeId, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::constant::Constant;
use crate::quantize::QuantGraph;
use names::Names;
use std::collections::BTreeMap;

/// Gives the tensors that replace a node's results, made by the pieces it pushed; `None` leaves the node as it is.
type Decompose = fn(&mut Builder<'_>, &Node) -> Option<Vec<ValueId>>;

/// A rewrite of single nodes.
struct Pass {
    decompose: Decompose,
    of: Of,
}

/// The nodes that a rewrite is for.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    /// Those that are quantized, and float ones when they are lowered.
    Quantized,
    /// All.
    All,
    /// Float ones when they are lowered.
    Float,
}

const fn quantized(decompose: Decompose) -> Pass {
    Pass { decompose, of: Of::Quantized }
}

const fn everywhere(decompose: Decompose) -> Pass {
    Pass { decompose, of: Of::All }
}

const fn float(decompose: Decompose) -> Pass {
    Pass { decompose, of: Of::Float }
}

/// Each goes over the whole network before the next: a piece meets the passes behind its own.
const PASSES: &[Pass] = &[
    // Upstream's quantizer knows one of these cells.
    float(unroll_recurrent::run_cell),
    everywhere(decompose_scatter::run),
    quantized(decompose_embedding::run),
    quantized(decompose_attention::run),
    quantized(decompose_logit::run),
    quantized(decompose_sign::run),
    everywhere(decompose_tril::run),
    quantized(decompose_addmm::run),
    quantized(decompose_remainder::run),
    quantized(decompose_div_mode::run),
    quantized(decompose_einsum::run),
    quantized(decompose_add_alpha::run),
    quantized(convert_elu_family::run),
    quantized(decompose_float_norm::run),
    quantized(decompose_layer_norm::run),
    quantized(decompose_batch_norm::run),
    quantized(decompose_var::run),
    quantized(decompose_mean::run),
    quantized(decompose_adaptive_avg_pool2d::run),
    quantized(pad_avg_pool::run),
    quantized(decompose_prelu::run),
    everywhere(fill_compared_number::run),
    everywhere(decompose_add_alpha::reverse),
    quantized(unroll_recurrent::run),
    quantized(decompose_not_equal::run),
    quantized(decompose_cosine_similarity::run),
    quantized(decompose_glu::run),
    quantized(decompose_div::run),
    quantized(decompose_vector_norm::run),
    quantized(decompose_sqrt::run),
    float(decompose_softmax::guard),
    quantized(decompose_softmax::run),
    quantized(convert_max_dim::run),
];

/// Behind all of these.
const MATMUL: Pass = quantized(decompose_matmul::run);
/// Behind the replacement of infinities.
const MASKED_FILL: Pass = everywhere(decompose_masked_fill::run);

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
    let mut selected = annotate::decomposable(graph, recipe);
    fold_scale_into_conv::run(graph, &mut selected);
    let mut is_rebuilt = graph.nodes.iter().any(has_scalar(graph));
    for pass in PASSES.iter().filter(|pass| pass.of != Of::Float) {
        is_rebuilt |= !rewrite(graph, &mut selected, pass).replaced.is_empty();
    }
    // Most of upstream's passes build a graph anew, which numbers the names; that for products of matrices edits it.
    if is_rebuilt {
        names::renumber(graph);
    }
    rewrite(graph, &mut selected, &MATMUL);
    replace_infinities::run(graph, &selected);
    if !rewrite(graph, &mut selected, &MASKED_FILL).replaced.is_empty() {
        names::renumber(graph);
    }
    // After decompositions, which make tensors.
    if graph.is_quantized() {
        spread_parameters::run(graph);
    }
    // After decompositions, which make constants: each use of a constant has an observer of its own.
    split_constants::run(graph);
}

/// Takes the composite operators apart that calibration has seen whole and that stay in float: the float forms of their pieces
/// are theirs. What only moves numbers is then left to codes.
pub(crate) fn decompose_float(mut network: QuantGraph) -> QuantGraph {
    for pass in PASSES.iter().chain([&MATMUL, &MASKED_FILL]) {
        // A batch normalization alone is a convolution in float.
        let is_whole = |node: &Node| matches!(node.op, Op::BatchNorm(_));
        let nodes = network.graph.nodes.iter().zip(&network.float);
        let mut selected: Vec<bool> = nodes.map(|(node, &float)| float && !is_whole(node)).collect();
        let done = rewrite(&mut network.graph, &mut selected, pass);
        if done.replaced.is_empty() {
            continue;
        }
        network.stored.resize(network.graph.value_count(), None);
        for (old, new) in done.replaced {
            network.stored[new.index()] = network.stored[old.index()].take();
        }
        let places = (0..)
            .zip(&done.origins)
            .filter_map(|(new, old)| Some((NodeId(u32::try_from(old.as_ref().copied()?).ok()?), NodeId(new))));
        let places: BTreeMap<NodeId, NodeId> = places.collect();
        let nodes = network.graph.nodes.iter().zip(&done.origins);
        network.read = nodes
            .map(|(node, old)| {
                old.map_or_else(|| vec![None; node.inputs.len()], |old| core::mem::take(&mut network.read[old]))
            })
            .collect();
        network.weights = done.origins.iter().map(|old| network.weights[(*old)?].take()).collect();
        network.fused = done.origins.iter().map(|old| network.fused[(*old)?].map(|id| places[&id])).collect();
        network.float = done.origins.iter().map(|old| old.is_none_or(|old| network.float[old])).collect();
    }
    move_codes::run(&mut network);
    network
}

/// Whether an operand is a number that upstream makes a tensor of.
fn has_scalar(graph: &Graph) -> impl Fn(&Node) -> bool {
    |node| {
        let is_scalar = |&id: &ValueId| graph.value(id).real().is_some_and(|data| data.len() == 1);
        matches!(node.op, Op::Binary(_) | Op::Compare(_)) && node.inputs.iter().any(is_scalar)
    }
}

/// Inserts the pieces of a decomposed node where the node was.
pub(crate) struct Builder<'a> {
    graph: &'a mut Graph,
    names: &'a mut Names,
    /// By value: whether a node or the caller of the model reads it.
    read: &'a [bool],
    pieces: Vec<Node>,
}

impl Builder<'_> {
    /// Shape of a tensor.
    pub(crate) fn shape(&self, id: ValueId) -> &[usize] {
        &self.graph.value(id).shape
    }

    /// Type of a tensor's elements.
    pub(crate) fn element(&self, id: ValueId) -> Element {
        self.graph.value(id).element
    }

    /// The data of a float constant.
    pub(crate) fn constant_data(&self, id: ValueId) -> Option<&Tensor> {
        self.graph.value(id).real()
    }

    /// Whether somebody reads a result of the node being decomposed.
    pub(crate) fn is_read(&self, id: ValueId) -> bool {
        self.read[id.index()]
    }

    /// A tensor known at build time, observed where it is read.
    pub(crate) fn constant(&mut self, name: &str, data: Tensor) -> ValueId {
        self.graph.add_constant(name, data)
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

/// What a rewrite did.
struct Rewritten {
    /// By node after it: the index that it had, `None` for a piece.
    origins: Vec<Option<usize>>,
    /// Results of nodes that are no more, and what is in their place.
    replaced: Vec<(ValueId, ValueId)>,
}

/// Replaces each selected node for which the pass gives new results by the pieces it pushed, which are selected in turn.
fn rewrite(graph: &mut Graph, selected: &mut Vec<bool>, pass: &Pass) -> Rewritten {
    let mut names = Names::new(graph);
    let mut read = vec![false; graph.value_count()];
    let outputs = graph.outputs.iter().map(|output| output.value);
    graph
        .nodes
        .iter()
        .flat_map(|node| node.inputs.iter().copied())
        .chain(outputs)
        .for_each(|id| read[id.index()] = true);
    let mut done = Rewritten { origins: Vec::new(), replaced: Vec::new() };
    let nodes = core::mem::take(&mut graph.nodes);
    let mut result = Vec::with_capacity(nodes.len());
    let mut result_selected = Vec::with_capacity(nodes.len());
    for (index, (mut node, &selected)) in nodes.into_iter().zip(&*selected).enumerate() {
        for input in &mut node.inputs {
            if let Some((_, new)) = done.replaced.iter().find(|(old, _)| old == input) {
                *input = *new;
            }
        }
        let mut builder = Builder { graph: &mut *graph, names: &mut names, read: &read, pieces: Vec::new() };
        let new = if selected || pass.of == Of::All { (pass.decompose)(&mut builder, &node) } else { None };
        match new {
            None => {
                result.push(node);
                done.origins.push(Some(index));
            }
            Some(new) => {
                result.append(&mut builder.pieces);
                done.origins.resize(result.len(), None);
                done.replaced.extend(node.outputs.into_iter().zip(new));
            }
        }
        result_selected.resize(result.len(), selected);
    }
    graph.nodes = result;
    *selected = result_selected;
    for &(old, new) in &done.replaced {
        graph.replace_uses(old, new);
        if let Some(given) = graph.value(old).given.clone() {
            graph.give(new, given);
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::graph::{Data, NodeId, Output, Scope, Type};
    use crate::ops::compare::Compare;
    use crate::ops::recurrent::{Cell, Recurrent};
    use crate::ops::softmax::Softmax;
    use crate::ops::unary::Unary;

    /// A network of one node over real inputs of these shapes, all of whose results are outputs.
    fn network(op: impl Into<Op>, inputs: &[&[usize]]) -> Graph {
        let op = op.into();
        let mut graph = Graph::default();
        graph.inputs = inputs.iter().map(|shape| graph.add_value("x", Type::real(shape.to_vec()))).collect();
        let kinds = op.infer(&graph.kinds(&graph.inputs)).expect("operands that fit");
        let outputs: Vec<ValueId> = kinds.into_iter().map(|kind| graph.add_value("result", kind)).collect();
        graph.outputs = outputs.iter().map(|&value| Output { name: "result".to_owned(), value }).collect();
        let target = op.target().to_owned();
        let name = target.split('.').nth(1).expect("an overload").to_owned();
        let scopes = vec![Scope { path: "m".to_owned(), class: "M".to_owned() }];
        graph.nodes = vec![Node { op, inputs: graph.inputs.clone(), outputs, name, target, scopes }];
        graph
    }

    fn decomposed(op: impl Into<Op>, inputs: &[&[usize]]) -> Graph {
        let mut graph = network(op, inputs);
        run(&mut graph, &Recipe::global(Config::PER_CHANNEL));
        graph
    }

    fn names(graph: &Graph) -> Vec<&str> {
        graph.nodes.iter().map(|node| node.name.as_str()).collect()
    }

    fn ramp(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let data = (0..count).map(|index| (index * 7 % 11) as f32 / 8.0 - 0.5).collect();
        Tensor::from_shape_vec(shape, data).expect("as many elements as the shape says")
    }

    /// Decomposing must not change what a network computes.
    fn check_equal(op: impl Into<Op>, shapes: &[&[usize]]) {
        let op = op.into();
        let (whole, pieces) = (network(op.clone(), shapes), decomposed(op.clone(), shapes));
        assert!(pieces.nodes.len() > 1, "{op:?} stayed whole");
        let inputs = || shapes.iter().map(|shape| ramp(shape).into()).collect();
        let expected = crate::calibrate::evaluate(&whole, inputs()).expect("finite numbers");
        let results = crate::calibrate::evaluate(&pieces, inputs()).expect("finite numbers");
        for (result, expected) in results.iter().zip(&expected) {
            let (result, expected) = (result.real().expect("real"), expected.real().expect("real"));
            assert_eq!(result.shape(), expected.shape(), "{op:?}");
            for (a, b) in result.iter().zip(expected) {
                assert!((a - b).abs() <= 2e-6 * b.abs().max(1.0), "{op:?}: {a} and {b}");
            }
        }
    }

    #[test]
    fn pieces_compute_what_the_whole_computes() {
        use crate::ops::*;
        check_equal(Softmax { axis: 1, log: false, safe: false }, &[&[2, 3, 4]]);
        check_equal(Softmax { axis: 2, log: true, safe: false }, &[&[2, 3, 4]]);
        check_equal(layer_norm::LayerNorm { dims: 2, eps: 1e-5, weight: true, bias: false }, &[&[2, 3, 4], &[3, 4]]);
        let group_norm = group_norm::GroupNorm { groups: 2, eps: 1e-5, weight: true, bias: true };
        check_equal(group_norm, &[&[2, 4, 3], &[4], &[4]]);
        check_equal(var::Var { axes: vec![0, 2], keep_dims: false, correction: 1, root: false }, &[&[2, 3, 4]]);
        check_equal(mean::Mean { axes: vec![1, 3], keep_dims: false }, &[&[2, 3, 2, 2, 2]]);
        check_equal(prelu::Prelu, &[&[2, 3, 2], &[3]]);
        check_equal(glu::Glu { axis: 1 }, &[&[2, 4]]);
        check_equal(cosine_similarity::CosineSimilarity { axis: 1, eps: 1e-8 }, &[&[2, 5], &[2, 5]]);
        let norm = vector_norm::VectorNorm { order: vector_norm::Order::Two, axes: vec![1], keep_dims: true };
        check_equal(norm.clone(), &[&[2, 5]]);
        check_equal(vector_norm::VectorNorm { order: vector_norm::Order::One, ..norm }, &[&[2, 5]]);
        let einsum = |equation: &str, ranks: &[usize]| einsum::Einsum::parse(equation, ranks).expect("an equation");
        check_equal(einsum("bij,bkj->bik", &[3, 3]), &[&[2, 3, 4], &[2, 5, 4]]);
        check_equal(einsum("bij,bij->b", &[3, 3]), &[&[2, 3, 4], &[2, 3, 4]]);
        check_equal(einsum("...ij,j->i...", &[4, 1]), &[&[2, 1, 3, 4], &[4]]);
        check_equal(einsum("ij,kl,jk->li", &[2, 2, 2]), &[&[2, 3], &[4, 5], &[3, 4]]);
        check_equal(einsum("i,j->ji", &[1, 1]), &[&[2], &[3]]);
        check_equal(einsum("ikj->j", &[3]), &[&[2, 3, 4]]);
        check_equal(add_alpha::AddAlpha { alpha: 0.5, subtract: true }, &[&[2, 3], &[3]]);
        check_equal(Unary::Sign, &[&[3, 4]]);
        check_equal(scatter::Scatter::Select { axis: 1, index: 2 }, &[&[3, 4], &[3]]);
        check_equal(scatter::Scatter::Slice { axis: 1, start: 1, end: 3, step: 1 }, &[&[3, 4], &[3, 2]]);
        check_equal(scatter::Scatter::Slice { axis: 1, start: 1, end: 6, step: 2 }, &[&[3, 6], &[3, 3]]);
        let attention = |causal| attention::Attention { scale: None, causal };
        check_equal(attention(false), &[&[1, 2, 3, 4], &[1, 2, 5, 4], &[1, 2, 5, 6], &[3, 5]]);
        check_equal(attention(true), &[&[2, 3, 4], &[2, 3, 4], &[2, 3, 4]]);
        check_equal(addmm::Addmm { alpha: 2.0, beta: 0.5 }, &[&[4], &[3, 2], &[2, 4]]);
        check_equal(matmul::MatMul::Any, &[&[3, 2, 4, 5], &[2, 5, 4]]);
        check_equal(matmul::MatMul::Any, &[&[2, 4, 5], &[5]]);
        check_equal(tril::Tril { diagonal: -1 }, &[&[3, 4]]);
    }

    #[test]
    fn unrolled_networks_compute_what_recurrent_ones_compute() {
        for (cell, gates) in [(Cell::Lstm, 4), (Cell::Gru, 3), (Cell::Tanh, 1), (Cell::Relu, 1)] {
            for bidirectional in [false, true] {
                let network = Recurrent { cell, layers: 2, bidirectional, batch_first: bidirectional, bias: true };
                let directions = network.directions();
                let state = [2 * directions, 2, 3];
                let mut shapes: Vec<Vec<usize>> = vec![vec![2, 2, 5]];
                shapes.extend(vec![state.to_vec(); cell.states()]);
                for layer in 0..2 {
                    let width = if layer == 0 { 5 } else { 3 * directions };
                    for _ in 0..directions {
                        let rows = gates * 3;
                        shapes.extend([vec![rows, width], vec![rows, 3], vec![rows], vec![rows]]);
                    }
                }
                let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
                check_equal(network, &shapes);
            }
        }
    }

    #[test]
    fn rows_that_look_at_nothing_are_zeros() {
        let mut graph = network(Softmax { axis: 1, log: false, safe: true }, &[&[2, 3]]);
        rewrite(&mut graph, &mut vec![true], &float(decompose_softmax::guard));
        assert!(graph.nodes.len() > 1);
        let nothing = f32::NEG_INFINITY;
        let x = Tensor::from_shape_vec(vec![2, 3], vec![nothing, nothing, nothing, 1.0, nothing, 1.0]);
        let mut values = BTreeMap::from([(graph.inputs[0], Data::F32(x.expect("six elements")))]);
        for node in &graph.nodes {
            let operand = |id: &ValueId| values.get(id).or(graph.value(*id).constant.as_ref()).expect("made before");
            let results = node.op.evaluate(&node.inputs.iter().map(operand).collect::<Vec<_>>());
            values.extend(node.outputs.iter().copied().zip(results));
        }
        let result = values[&graph.outputs[0].value].real().expect("real");
        assert_eq!(result.as_slice().expect("standard layout"), [0.0, 0.0, 0.0, 0.5, 0.0, 0.5]);
    }

    #[test]
    fn pieces_are_named_after_their_operators() {
        let graph = decomposed(Softmax { axis: 1, log: false, safe: false }, &[&[2, 3]]);
        assert_eq!(names(&graph), ["amax", "sub", "exp", "sum_1", "reciprocal", "mul"]);
    }

    #[test]
    fn a_number_that_is_compared_with_is_a_node() {
        let mut graph = network(Compare::Lt, &[&[2], &[1]]);
        let number = graph.add_constant("number", Tensor::from_elem(vec![1], 0.5));
        graph.nodes[0].inputs[1] = number;
        graph.nodes[0].target = "aten.lt.Scalar".to_owned();
        run(&mut graph, &Recipe::global(Config::PER_CHANNEL));
        assert_eq!(names(&graph), ["full", "lt"]);
        assert_eq!(graph.nodes[1].target, "aten.lt.Tensor");
    }

    #[test]
    fn pieces_of_a_node_with_another_name_stand_behind_it() {
        let mut graph = network(Softmax { axis: 1, log: false, safe: false }, &[&[2, 3]]);
        graph.rename(NodeId(0), "/head/Softmax".to_owned());
        run(&mut graph, &Recipe::global(Config::PER_CHANNEL));
        assert_eq!(names(&graph)[..2], ["/head/Softmax.amax", "/head/Softmax.sub"]);
    }

    #[test]
    fn some_pieces_lose_their_modules_as_upstream() {
        let norm = crate::ops::layer_norm::LayerNorm { dims: 1, eps: 1e-5, weight: false, bias: false };
        let graph = decomposed(norm, &[&[1, 2, 2, 3]]);
        let outside = graph.nodes.iter().filter(|node| node.scopes.is_empty()).map(|node| node.name.as_str());
        assert_eq!(outside.collect::<Vec<_>>(), ["sum_1", "mul", "sub"]);
    }
}
