//! Properties of rules, on generated networks and generated lists of rules.

use super::tests::Net;
use super::*;
use crate::config::{Config, Rule, Target};
use crate::ops::binary::Binary;
use crate::ops::linear::Linear;
use crate::ops::unary::Unary;
use crate::passes;
use proptest::prelude::*;
use quantize_syntax::ArgPath;

/// Modules of which some names are the beginning of others.
const MODULES: [&str; 6] = ["bod", "body", "body.1", "body.10", "bodyguard", "1"];

/// Configurations that do not agree with each other, and none.
const CONFIGS: [Option<Config>; 5] =
    [None, Some(Config::PER_CHANNEL), Some(Config::PER_TENSOR), Some(Config::SNORM), Some(Config::A8W4)];

/// A chain of linear layers and sigmoids, each in a module; modules come again.
fn chain() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((0..MODULES.len(), any::<bool>()), 1..12)
}

/// Rules by module, type, node and operator, and at most one global one.
fn rules() -> impl Strategy<Value = Vec<(Target, Option<Config>)>> {
    let module = prop::sample::select(MODULES.to_vec());
    let target = prop_oneof![
        4 => module.clone().prop_map(|path| Target::Module(path.to_owned())),
        2 => module.prop_map(|path| Target::Type(format!("class.{path}"))),
        2 => (0..12_usize).prop_map(|index| Target::Node(format!("n{index}"))),
        1 => prop::sample::select(vec!["aten.linear.default", "aten.sigmoid.default"])
            .prop_map(|target| Target::Op(target.to_owned())),
        1 => Just(Target::Global),
        1 => Just(Target::Io),
    ];
    prop::collection::vec((target, prop::sample::select(CONFIGS.to_vec())), 0..8)
}

fn network(chain: &[(usize, bool)]) -> Net {
    let mut net = Net::default();
    let mut value = net.input("x");
    for (index, (module, is_layer)) in chain.iter().enumerate() {
        let (name, module) = (format!("n{index}"), MODULES[*module]);
        value = match is_layer {
            true => net.linear(&name, module, value),
            false => net.push(&name, module, Unary::Sigmoid, &[value]),
        };
    }
    net.output(value);
    net
}

fn recipe(rules: &[(Target, Option<Config>)]) -> Recipe {
    let rules = rules.iter().cloned().map(|(target, config)| Rule { target, config, argument: ArgPath::Attribute });
    Recipe { rules: rules.collect(), precedence: Precedence::Last }
}

/// The rule that must decide, straight from the documentation: the last that matches, else the last global one.
fn expected(rules: &[(Target, Option<Config>)], chain: &[(usize, bool)], node: usize) -> Option<usize> {
    let (module, is_layer) = chain[node];
    let explicit = |target: &Target| match target {
        Target::Module(path) => path == MODULES[module],
        Target::Type(class) => *class == format!("class.{}", MODULES[module]),
        Target::Node(name) => *name == format!("n{node}"),
        Target::Op(target) => (target == "aten.linear.default") == is_layer,
        _ => false,
    };
    let last = |matches: &dyn Fn(&Target) -> bool| rules.iter().rposition(|(target, _)| matches(target));
    last(&explicit).or_else(|| last(&|target| *target == Target::Global))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_last_rule_that_matches_decides(chain in chain(), rules in rules()) {
        let net = network(&chain);
        let annotation = annotate(&net.0, &recipe(&rules));
        for (index, (_, is_layer)) in chain.iter().enumerate() {
            let decided = expected(&rules, &chain, index);
            prop_assert_eq!(annotation.rule[index], decided, "node {}", index);
            let config = decided.and_then(|rule| rules[rule].1);
            let weights = config.filter(|_| *is_layer).map(|config| config.weights);
            prop_assert_eq!(annotation.weights[index], weights, "weights of node {}", index);
            prop_assert_eq!(annotation.float.contains(&NodeId(index as u32)), config.is_none(), "side of node {}", index);
        }
    }

    /// What a rule would decide is decided by later ones: the network is as if it were not there.
    #[test]
    fn a_shadowed_rule_changes_nothing(chain in chain(), rules in rules()) {
        let net = network(&chain);
        let places = |rules: &[(Target, Option<Config>)]| net.composed(rules).observers();
        let decides = |rule| (0..chain.len()).any(|node| expected(&rules, &chain, node) == Some(rule));
        for rule in 0..rules.len() {
            let is_of_operators = !matches!(rules[rule].0, Target::Global | Target::Io);
            if is_of_operators && !decides(rule) {
                let mut others = rules.clone();
                others.remove(rule);
                prop_assert_eq!(places(&others), places(&rules), "without rule {}", rule);
            }
        }
    }

    /// Rules about different nodes commute, whatever stands between.
    #[test]
    fn rules_about_different_modules_commute(chain in chain(), a in 0..6_usize, b in 0..6_usize, configs in any::<[prop::sample::Index; 2]>()) {
        prop_assume!(a != b);
        let net = network(&chain);
        let rule = |module: usize, config: usize| (Target::Module(MODULES[module].to_owned()), CONFIGS[config]);
        let [first, second] = configs.map(|index| index.index(CONFIGS.len()));
        let (a, b) = (rule(a, first), rule(b, second));
        let global = (Target::Global, Some(Config::PER_CHANNEL));
        let orders = [[global.clone(), a.clone(), b.clone()], [b, global, a]];
        let [one, other] = orders.map(|rules| net.composed(&rules).observers());
        prop_assert_eq!(one, other);
    }

    /// A weight that two layers share is quantized for each of them as its rule says.
    #[test]
    fn shared_weights_follow_each_readers_rule(first in 0..5_usize, second in 0..5_usize) {
        let mut net = Net::default();
        let x = net.input("x");
        let weight = net.0.add_constant("weight", crate::graph::Tensor::ones(vec![2, 2]));
        let a = net.push("a", "a", Linear, &[x, weight]);
        let b = net.push("b", "b", Linear, &[a, weight]);
        net.output(b);
        let recipe = recipe(&[
            (Target::Module("a".to_owned()), CONFIGS[first]),
            (Target::Module("b".to_owned()), CONFIGS[second]),
        ]);
        passes::run(&mut net.0, &recipe);
        let annotation = annotate(&net.0, &recipe);
        let schemes = [first, second].map(|config| CONFIGS[config].map(|config| config.weights));
        prop_assert_eq!(&annotation.weights[..], &schemes[..]);
        prop_assert_ne!(net.0.nodes[0].inputs[1], net.0.nodes[1].inputs[1]);
    }

    /// Constants that are returned and inputs that nobody reads have the places that rules give them, and no others.
    #[test]
    fn constant_outputs_and_unused_inputs_are_annotated(rules in rules()) {
        let mut net = Net::default();
        let x = net.input("x");
        net.input("unused");
        let constant = net.constant("constant");
        let sum = net.push("n0", "body", Binary::Add, &[x, constant]);
        net.output(sum);
        net.output(constant);
        let annotation = annotate(&net.0, &recipe(&rules));
        let boundary = |is_boundary: &dyn Fn(&Target) -> bool| {
            let explicit = rules.iter().rposition(|(target, _)| is_boundary(target));
            let global = || rules.iter().rposition(|(target, _)| *target == Target::Global);
            explicit.or_else(global).and_then(|rule| rules[rule].1)
        };
        let ends = boundary(&|target| *target == Target::Io).map(|config| config.activation);
        let observed = |group: Option<GroupId>| group.map(|group| annotation.observers[group.index()].activation);
        let agrees = |group| match (observed(group), ends) {
            (Some(found), Some(wanted)) => found.agrees(&wanted),
            (found, wanted) => found.is_none() && wanted.is_none(),
        };
        prop_assert!(agrees(annotation.made[net.0.inputs[1].index()]), "the unused input");
        prop_assert!(agrees(annotation.returned[1]), "the constant output");
    }
}

#[test]
fn a_module_called_twice_has_one_rule_for_both_calls() {
    let net = network(&[(1, true), (0, true), (1, true)]);
    let rules = [(Target::Global, None), (Target::Module("body".to_owned()), Some(Config::PER_TENSOR))];
    let annotation = annotate(&net.0, &recipe(&rules));
    let per_tensor = Some(Config::PER_TENSOR.weights);
    assert_eq!(annotation.weights, [per_tensor, None, per_tensor]);
}
