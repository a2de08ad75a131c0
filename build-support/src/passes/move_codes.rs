//! Lets float operators that move or compare numbers work on the codes that stand for them: nothing is dequantized for them.

use crate::config::Dtype;
use crate::graph::{Element, ValueId};
use crate::quantize::{QuantGraph, QuantParams};

/// Takes codes through each float operator whose result they do not change, with the parameters they have.
///
/// Equal to dequantizing in front of it: real numbers are in the order of their codes, and no two codes stand for the same.
pub(super) fn run(network: &mut QuantGraph) {
    for id in network.graph.node_ids() {
        let node = network.graph.node(id);
        if !network.float[id.index()] || !node.op.is_exact_on_codes() {
            continue;
        }
        let is_real = |value: ValueId| network.graph.value(value).element == Element::F32;
        let operands = node.inputs.iter().zip(&network.read[id.index()]).filter(|(value, _)| is_real(**value));
        let Some(params) = common(operands.map(|(value, read)| read.or(network.stored[value.index()]))) else {
            continue;
        };
        let results: Vec<ValueId> = node.outputs.iter().copied().filter(|&value| is_real(value)).collect();
        if results.iter().any(|value| network.stored[value.index()].is_some()) {
            continue;
        }
        let reads = node.inputs.iter().map(|&value| is_real(value).then_some(params)).collect();
        network.read[id.index()] = reads;
        network.float[id.index()] = false;
        results.into_iter().for_each(|value| network.stored[value.index()] = Some(params));
    }
}

/// The parameters that all operands have; `None` for real numbers, and for unsigned codes, whose order is another one.
fn common(mut operands: impl Iterator<Item = Option<QuantParams>>) -> Option<QuantParams> {
    let first = operands.next()??;
    (first.dtype != Dtype::Uint8 && operands.all(|operand| operand == Some(first))).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, Node, Type};
    use crate::ops::{Op, argmax::ArgMax, flip::Flip, unary::Unary};

    #[test]
    fn codes_go_through_what_moves_or_compares_them() {
        let params = QuantParams::int8(0.5, 3);
        for (dtype, float) in [(Dtype::Int8, [false, true, false]), (Dtype::Uint8, [true, true, true])] {
            let mut graph = Graph::default();
            let x = graph.add_value("x", Type::real(vec![4]));
            let mut add = |op: Op, input, element| {
                let output = graph.add_value("", Type { element, shape: vec![4] });
                let (inputs, outputs) = (vec![input], vec![output]);
                graph.nodes.push(Node {
                    op,
                    inputs,
                    outputs,
                    name: String::new(),
                    target: String::new(),
                    scopes: Vec::new(),
                });
                output
            };
            let flipped = add(Flip { axes: vec![0] }.into(), x, Element::F32);
            let power = add(Unary::Exp.into(), flipped, Element::F32);
            add(ArgMax { last: false, axis: Some(0), keep_dims: true }.into(), flipped, Element::I64);
            let stored = Some(QuantParams { dtype, ..params });
            let mut network = QuantGraph {
                stored: vec![stored, None, None, None],
                read: vec![vec![None]; 3],
                returned: Vec::new(),
                weights: vec![None; 3],
                fused: vec![None; 3],
                float: vec![true; 3],
                graph,
            };
            run(&mut network);
            assert_eq!(network.float, float);
            assert_eq!(network.stored[flipped.index()], stored.filter(|_| dtype == Dtype::Int8));
            assert_eq!(network.stored[power.index()], None);
        }
    }
}
