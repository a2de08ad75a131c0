use super::*;
use crate::config::{Config, Rule, Target};
use crate::graph::{Given, Node, Output, Scope, Tensor, Type};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::cat::Cat;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::linear::Linear;
use crate::ops::max_pool2d::MaxPool2d;
use crate::ops::softmax::Softmax;
use crate::ops::unary::Unary;
use crate::ops::view::View;
use quantize_syntax::ArgPath;

/// A network of tensors `[1, 2, 2, 2]`, written node by node.
#[derive(Default)]
pub(super) struct Net(pub(super) Graph);

const SHAPE: [usize; 4] = [1, 2, 2, 2];

impl Net {
    pub(super) fn input(&mut self, name: &str) -> ValueId {
        let input = self.0.add_value(name, Type::real(SHAPE.to_vec()));
        self.0.inputs.push(input);
        input
    }

    /// Adds a node in the module `module`.
    pub(super) fn push(&mut self, name: &str, module: &str, op: impl Into<Op>, inputs: &[ValueId]) -> ValueId {
        let op = op.into();
        let kinds = op.infer(&self.0.kinds(inputs)).unwrap();
        let outputs: Vec<ValueId> = kinds.into_iter().map(|kind| self.0.add_value(name, kind)).collect();
        let scope = |path: &str| Scope { path: path.to_owned(), class: format!("class.{path}") };
        let scopes = vec![scope(""), scope(module)];
        let (inputs, target) = (inputs.to_vec(), op.target().to_owned());
        self.0.nodes.push(Node { op, inputs, outputs: outputs.clone(), name: name.to_owned(), target, scopes });
        outputs[0]
    }

    pub(super) fn linear(&mut self, name: &str, module: &str, input: ValueId) -> ValueId {
        let weight = self.0.add_constant(format!("{name}.weight"), Tensor::zeros(vec![2, 2]));
        let bias = self.0.add_constant(format!("{name}.bias"), Tensor::zeros(vec![2]));
        self.push(name, module, Linear, &[input, weight, bias])
    }

    pub(super) fn constant(&mut self, name: &str) -> ValueId {
        self.0.add_constant(name, Tensor::zeros(SHAPE.to_vec()))
    }

    pub(super) fn output(&mut self, value: ValueId) {
        let name = format!("y{}", self.0.outputs.len());
        self.0.outputs.push(Output { name, value });
    }

    /// Annotates; rules are in the order of upstream's calls.
    fn annotate(&self, precedence: Precedence, rules: &[(Target, Option<Config>)]) -> Found<'_> {
        let rules = rules.iter().cloned();
        let rules = rules.map(|(target, config)| Rule { target, config, argument: ArgPath::Attribute }).collect();
        Found(&self.0, annotate(&self.0, &Recipe { rules, precedence }))
    }

    pub(super) fn composed(&self, rules: &[(Target, Option<Config>)]) -> Found<'_> {
        self.annotate(Precedence::Last, rules)
    }
}

pub(super) struct Found<'a>(&'a Graph, Annotation);

impl Found<'_> {
    /// For each observer, where it is: `x` where `x` is made, `x>node` where the node reads it, `x>` where the caller does.
    pub(super) fn observers(&self) -> Vec<String> {
        let Self(graph, annotation) = self;
        let mut texts = vec![Vec::new(); annotation.observers.len()];
        for id in (0..graph.value_count()).map(|index| ValueId(index as u32)) {
            let name = &graph.value(id).name;
            for place in places(graph, id) {
                let (group, text) = match place {
                    Place::Made(_) => (annotation.made[id.index()], name.clone()),
                    Place::Read(node, operand) => {
                        (annotation.read[node.index()][operand], format!("{name}>{}", graph.node(node).name))
                    }
                    Place::Returned(output) => (annotation.returned[output], format!("{name}>")),
                };
                if let Some(group) = group
                    && !texts[group.index()].contains(&text)
                {
                    texts[group.index()].push(text);
                }
            }
        }
        texts.into_iter().map(|places| places.join(" ")).collect()
    }

    fn float(&self) -> Vec<&str> {
        self.1.float.iter().map(|&id| self.0.node(id).name.as_str()).collect()
    }
}

const INT8: Option<Config> = Some(Config::PER_CHANNEL);

/// Its codes do not agree with those of [`INT8`].
const SNORM: Option<Config> = Some(Config::SNORM);

fn module(path: &str) -> Target {
    Target::Module(path.to_owned())
}

fn node(name: &str) -> Target {
    Target::Node(name.to_owned())
}

const GLOBAL: Target = Target::Global;

/// `l` and `r`, a linear layer and its activation in the modules `a` and `b`, then a sigmoid in `c`.
fn layer_and_activation(activation: Clamp) -> Net {
    let mut net = Net::default();
    let x = net.input("x");
    let l = net.linear("l", "a", x);
    let r = net.push("r", "b", activation, &[l]);
    let s = net.push("s", "c", Unary::Sigmoid, &[r]);
    net.output(s);
    net
}

#[test]
fn a_layer_and_the_activation_after_it_are_observed_as_one() {
    let net = layer_and_activation(Clamp::RELU);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>l", "r r>s", "s s>"]);
}

#[test]
fn a_chain_never_crosses_two_rules() {
    let net = layer_and_activation(Clamp::RELU);
    let rules = [(GLOBAL, INT8), (module("a"), INT8)];
    assert_eq!(net.composed(&rules).observers(), ["x x>l", "l l>r r r>s", "s s>"]);
    // By itself an activation is no pattern: it is still there for the rule before, and the layer with it.
    let rules = [(GLOBAL, INT8), (module("b"), INT8)];
    assert_eq!(net.composed(&rules).observers(), ["x x>l", "r r>s", "s s>"]);
}

#[test]
fn a_clamp_that_does_not_start_at_zero_never_fuses() {
    let clamp = Clamp { min: Some(-1.0), max: Some(1.0), kind: ClampKind::Hardtanh };
    let net = layer_and_activation(clamp);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>l", "l l>r r r>s", "s s>"]);
}

#[test]
fn symmetric_activations_never_fuse() {
    let net = layer_and_activation(Clamp::RELU);
    for (precedence, expected) in
        [(Precedence::Last, ["x x>l", "l l>r r r>s", "s s>"]), (Precedence::Legacy, ["x>l", "l l>r r r>s", "s"])]
    {
        assert_eq!(net.annotate(precedence, &[(GLOBAL, Some(Config::A16W8))]).observers(), expected);
    }
}

#[test]
fn uint8_ends_of_the_model_lend_nobody_their_specification() {
    let mut net = Net::default();
    let (x, y) = (net.input("x"), net.input("y"));
    let v = net.push("v", "v", View { shape: SHAPE.to_vec() }, &[x]);
    net.output(v);
    let c = net.push("c", "c", Cat { axis: 1 }, &[y]);
    net.output(c);
    let found = net.composed(&[(GLOBAL, INT8), (Target::Io, Some(Config::UINT8))]);
    assert_eq!(found.observers(), ["x", "y", "x>v v", "v>", "c>"]);
    assert_eq!(found.float(), ["c"]);
}

#[test]
fn anything_between_a_layer_and_its_activation_ends_the_chain() {
    let mut net = Net::default();
    let x = net.input("x");
    let l = net.linear("l", "a", x);
    let s = net.push("s", "b", Unary::Sigmoid, &[x]);
    let r = net.push("r", "a", Clamp::RELU, &[l]);
    net.output(r);
    net.output(s);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>l x>s", "l l>r r r>", "s s>"]);
    // Only nodes of the rule count.
    assert_eq!(net.composed(&[(module("a"), INT8)]).observers(), ["x>l", "r"]);
}

#[test]
fn a_layer_with_two_readers_does_not_fuse() {
    let mut net = Net::default();
    let x = net.input("x");
    let l = net.linear("l", "", x);
    let r = net.push("r", "", Clamp::RELU, &[l]);
    net.output(r);
    net.output(l);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>l", "l l>r l> r r>"]);
}

#[test]
fn the_last_rule_that_matches_decides_whatever_its_kind() {
    let net = layer_and_activation(Clamp::RELU);
    let class = Target::Type("class.a".to_owned());
    for (rules, float) in [
        (vec![(module("a"), None), (class.clone(), INT8)], vec![]),
        (vec![(class, INT8), (module("a"), None)], vec!["l"]),
        (vec![(module("a"), None), (node("l"), INT8)], vec![]),
        (vec![(node("l"), INT8), (Target::Op("aten.linear.default".to_owned()), None)], vec!["l"]),
        (vec![(module("a"), INT8), (module(""), None)], vec!["l", "r", "s"]),
    ] {
        let rules: Vec<_> = [(GLOBAL, INT8)].into_iter().chain(rules).collect();
        assert_eq!(net.composed(&rules).float(), float, "{rules:?}");
    }
}

#[test]
fn a_node_that_a_rule_cannot_take_goes_to_the_rules_before() {
    let net = layer_and_activation(Clamp::RELU);
    // The module's rule is about `r`, which is no pattern by itself: `None` then keeps it out of all groups.
    let rules = [(GLOBAL, None), (module("b"), INT8), (module("c"), INT8)];
    assert_eq!(net.composed(&rules).float(), ["l", "r"]);
    // Without any rule it takes what the sigmoid reads with.
    let rules = [(module("b"), INT8), (module("c"), INT8)];
    assert_eq!(net.composed(&rules).float(), ["l"]);
    assert_eq!(net.composed(&rules).observers(), ["l>r r r>s", "s"]);
}

#[test]
fn float_nodes_are_observed_at_their_borders() {
    let mut net = Net::default();
    let x = net.input("x");
    let a = net.push("a", "a", Unary::Sigmoid, &[x]);
    let b = net.push("b", "b", Unary::Tanh, &[a]);
    let c = net.push("c", "c", Unary::Exp, &[b]);
    net.output(c);
    let found = net.composed(&[(GLOBAL, INT8), (module("b"), None)]);
    assert_eq!(found.observers(), ["x x>a", "a", "b>c", "c c>"]);
    assert_eq!(found.float(), ["b"]);
}

#[test]
fn rules_for_the_boundary_leave_the_nodes_edges_alone() {
    let mut net = Net::default();
    let x = net.input("x");
    let a = net.push("a", "a", Unary::Sigmoid, &[x]);
    let b = net.push("b", "b", Unary::Tanh, &[x]);
    net.output(a);
    net.output(b);
    let rules = [(GLOBAL, INT8), (module("b"), None), (Target::Io, None)];
    assert_eq!(net.composed(&rules).observers(), ["x>a", "a"]);
    let rules = [(GLOBAL, None), (Target::Io, INT8)];
    assert_eq!(net.composed(&rules).observers(), ["x", "a>", "b>"]);
    let rules = [(GLOBAL, None), (Target::Io, INT8), (node("output"), None)];
    assert_eq!(net.composed(&rules).observers(), ["x"]);
}

#[test]
fn observers_of_one_tensor_are_shared_where_codes_agree_and_chained_where_not() {
    let net = layer_and_activation(Clamp::RELU);
    let other = |eps| {
        let mut config = Config::PER_CHANNEL;
        config.activation.eps = eps;
        Some(config)
    };
    let found = net.composed(&[(GLOBAL, INT8), (module("c"), SNORM)]);
    assert_eq!(found.observers(), ["x x>l", "r", "r>s", "s", "s>"]);
    // Only the observer's options differ: the first one met provides them.
    let found = net.composed(&[(GLOBAL, other(0.5)), (module("c"), other(0.25))]);
    assert_eq!(found.observers(), ["x x>l", "r r>s", "s s>"]);
    assert_eq!(found.1.observers.iter().map(|observed| observed.activation.eps).collect::<Vec<_>>(), [0.5, 0.5, 0.25]);
}

#[test]
fn pools_give_their_operands_observer_to_whoever_takes_over_their_specification() {
    let mut net = Net::default();
    let (x, y) = (net.input("x"), net.input("y"));
    let pool = MaxPool2d { kernel: [1, 1], stride: [1, 1], pad: [[0; 2]; 2], dilation: [1, 1] };
    let p = net.push("p", "a", pool, &[x]);
    let c = net.push("c", "", Cat { axis: 1 }, &[y, p]);
    net.output(c);
    let found = net.composed(&[(module("a"), INT8)]);
    assert_eq!(found.observers(), ["x>p y>c p p>c c"]);
}

#[test]
fn a_group_takes_the_first_neighbour_before_it_and_then_after_it() {
    let mut net = Net::default();
    let x = net.input("x");
    let a = net.push("a", "a", Unary::Sigmoid, &[x]);
    let v = net.push("v", "v", View { shape: SHAPE.to_vec() }, &[a]);
    let b = net.push("b", "b", Unary::Tanh, &[v]);
    net.output(b);
    let rules = [(module("a"), INT8), (module("b"), SNORM)];
    assert_eq!(net.composed(&rules).observers(), ["x>a", "a a>v v", "v>b", "b"]);
    let rules = [(module("b"), INT8)];
    assert_eq!(net.composed(&rules).observers(), ["a>v v v>b", "b"]);
}

#[test]
fn a_group_beside_the_model_boundary_takes_the_global_configuration() {
    let mut net = Net::default();
    let x = net.input("x");
    let v = net.push("v", "v", View { shape: SHAPE.to_vec() }, &[x]);
    let e = net.push("e", "e", Unary::Exp, &[v]);
    net.output(e);
    let float = (module("e"), None);
    let rules = [(GLOBAL, INT8), (Target::Io, None), float.clone()];
    assert_eq!(net.composed(&rules).observers(), ["x>v v"]);
    assert_eq!(net.composed(&[(Target::Io, None), float]).float(), ["v", "e"]);
}

#[test]
fn constants_of_a_group_share_its_observer_and_those_of_layers_have_none() {
    let mut net = Net::default();
    let x = net.input("x");
    let k = net.constant("k");
    let c = net.push("c", "", Cat { axis: 1 }, &[k, x]);
    net.output(c);
    let returned = net.constant("returned");
    net.output(returned);
    net.output(x);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>c x> k>c c c>", "returned>"]);
}

#[test]
fn a_maximum_is_a_pattern_under_a_rule_and_shares_without_one() {
    let mut net = Net::default();
    let (x, y) = (net.input("x"), net.input("y"));
    let m = net.push("m", "m", Binary::Maximum, &[x, y]);
    let e = net.push("e", "e", Unary::Exp, &[m]);
    net.output(e);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>m", "y y>m", "m m>e", "e e>"]);
    assert_eq!(net.composed(&[(module("e"), INT8)]).observers(), ["x>m y>m m m>e", "e"]);
}

#[test]
fn what_upstream_forgets_is_quantized_where_a_rule_names_it() {
    let net = layer_and_activation(Clamp { min: Some(0.0), max: Some(6.0), kind: ClampKind::Relu6 });
    let found = net.composed(&[(GLOBAL, INT8), (module("b"), INT8)]);
    assert_eq!((found.float(), found.1.forgotten.len()), (vec!["r"], 0));
    for target in [node("r"), Target::Op("aten.relu6.default".to_owned())] {
        let found = net.composed(&[(GLOBAL, INT8), (target, INT8)]);
        assert_eq!((found.float(), found.1.forgotten.clone()), (vec![], vec![NodeId(1)]));
        assert_eq!(found.observers(), ["x x>l", "l l>r", "r r>s", "s s>"]);
    }
}

#[test]
fn an_input_that_nobody_reads_is_observed_where_it_is_made() {
    let mut net = Net::default();
    let (x, _) = (net.input("x"), net.input("unread"));
    net.output(x);
    assert_eq!(net.composed(&[(GLOBAL, INT8)]).observers(), ["x x>", "unread"]);
    assert_eq!(net.annotate(Precedence::Legacy, &[(Target::Io, INT8)]).observers(), ["x x>"]);
}

#[test]
fn the_older_quantizer_asks_for_names_then_types_then_the_global_rule() {
    let net = layer_and_activation(Clamp::RELU);
    let class = |path: &str| Target::Type(format!("class.{path}"));
    for (rules, float) in [
        (vec![(module("a"), INT8), (class("a"), None)], vec![]),
        (vec![(class("a"), None), (module("a"), INT8)], vec![]),
        // `None` only keeps a node from the global configuration.
        (vec![(module("a"), None), (class("a"), INT8)], vec![]),
        (vec![(module("a"), None)], vec!["l"]),
        (vec![(module("a"), None), (module("a"), INT8)], vec![]),
    ] {
        let rules: Vec<_> = [(GLOBAL, INT8)].into_iter().chain(rules).collect();
        assert_eq!(net.annotate(Precedence::Legacy, &rules).float(), float, "{rules:?}");
    }
}

#[test]
fn the_older_quantizer_fuses_across_rules_and_observes_no_boundary() {
    let net = layer_and_activation(Clamp::RELU);
    let legacy = |rules: &[_]| net.annotate(Precedence::Legacy, rules).observers();
    assert_eq!(legacy(&[(GLOBAL, INT8), (module("a"), INT8)]), ["x>l", "r r>s", "s"]);
    // The layer stays in float, and its activation is observed behind it only.
    assert_eq!(legacy(&[(GLOBAL, INT8), (module("a"), None)]), ["r r>s", "s"]);
}

#[test]
fn the_older_quantizer_leaves_a_layer_in_float_before_an_activation_that_no_rule_quantizes() {
    let net = layer_and_activation(Clamp::RELU);
    let found = net.annotate(Precedence::Legacy, &[(module("a"), INT8), (module("c"), INT8)]);
    assert_eq!(found.observers(), ["x>l", "r>s", "s"]);
    assert_eq!(found.1.fused, [None; 3]);
}

#[test]
fn the_older_quantizer_leaves_a_composite_operator_in_float_that_a_name_keeps_whole() {
    let mut net = Net::default();
    let x = net.input("x");
    let s = net.push("s", "a", Softmax { axis: 1, log: false, safe: false }, &[x]);
    net.output(s);
    let rules = [(module("a"), None), (Target::Type("class.a".to_owned()), INT8)];
    let found = net.annotate(Precedence::Legacy, &rules);
    assert_eq!((found.observers(), found.float()), (vec![], vec!["s"]));
}

#[test]
fn parts_of_a_tensor_share_its_observer_whoever_reads_them() {
    let mut net = Net::default();
    let x = net.input("x");
    let parts = ["a", "b"].map(|name| net.push(name, "", View { shape: SHAPE.to_vec() }, &[x]));
    let l = net.linear("l", "l", parts[1]);
    net.output(parts[0]);
    net.output(l);
    let rules = [(module("l"), INT8)];
    assert_eq!(net.composed(&rules).observers(), ["x>b b b>l", "l"]);
    net.0.nodes[..2].iter_mut().for_each(|part| "aten.chunk.default".clone_into(&mut part.target));
    assert_eq!(net.composed(&rules).observers(), ["x>a x>b a b b>l", "l"]);
}

#[test]
fn overloads_that_move_elements_are_annotated_as_upstream_knows_them() {
    let moved = |target: &str| {
        let mut net = Net::default();
        let x = net.input("x");
        let m = net.push("m", "m", View { shape: SHAPE.to_vec() }, &[x]);
        target.clone_into(&mut net.0.nodes[0].target);
        net.output(m);
        net
    };
    for (target, observers) in [
        ("aten.reshape.default", vec!["x x>m m m>"]),
        ("aten.movedim.int", vec!["x x>m", "m m>"]),
        ("aten.numpy_T.default", vec!["x", "m>"]),
    ] {
        assert_eq!(moved(target).composed(&[(GLOBAL, INT8)]).observers(), observers, "{target}");
    }
    let net = moved("aten.numpy_T.default");
    let found = net.composed(&[(GLOBAL, INT8), (node("m"), INT8)]);
    assert_eq!((found.observers(), found.1.forgotten.len()), (vec!["x x>m m m>".to_owned()], 1));
}

#[test]
fn in_the_older_quantizer_some_operators_take_over_their_operands_parameters() {
    let mut net = Net::default();
    let x = net.input("x");
    let a = net.push("a", "a", Unary::Sigmoid, &[x]);
    let p = net.push("p", "p", MaxPool2d { kernel: [1, 1], stride: [1, 1], pad: [[0; 2]; 2], dilation: [1, 1] }, &[a]);
    let v = net.push("v", "v", View { shape: SHAPE.to_vec() }, &[p]);
    net.output(v);
    let rules = [(module("a"), SNORM), (GLOBAL, INT8)];
    assert_eq!(net.annotate(Precedence::Legacy, &rules).observers(), ["x>a", "a a>p p", "p>v v"]);
}

#[test]
fn composite_operators_stay_in_float_between_given_parameters() {
    let mut net = Net::default();
    let x = net.input("x");
    let y = net.push("softmax", "", Softmax { axis: 3, log: false, safe: false }, &[x]);
    net.output(y);
    for value in [x, y] {
        net.0.give(value, Given { scales: vec![0.125], axis: 0, zero_point: 0 });
    }
    let annotation = annotate(&net.0, &Recipe::given());
    assert_eq!(annotation.float, [NodeId(0)]);
    assert_eq!([annotation.read[0][0], annotation.made[y.index()]], [None, None]);
    assert!(annotation.returned[0].is_some());
}
