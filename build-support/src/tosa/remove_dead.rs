//! Removes operators and tensors that no output depends on.

use super::{Lowered, id};

/// The graph without dead nodes and values; model inputs stay.
pub(super) fn remove_dead(lowered: &Lowered) -> Lowered {
    let graph = &lowered.graph;
    let mut live = vec![false; graph.values.len()];
    for port in graph.inputs.iter().chain(&graph.outputs) {
        live[port.value.0 as usize] = true;
    }
    let mut keep = vec![false; graph.nodes.len()];
    for (node, keep) in graph.nodes.iter().zip(&mut keep).rev() {
        *keep = node.outputs.iter().any(|output| live[output.0 as usize]);
        if *keep {
            // What reads one of several results needs the others to be there.
            for value in node.op.inputs().iter().chain(&node.outputs) {
                live[value.0 as usize] = true;
            }
        }
    }

    let mut result = Lowered::default();
    let mut renamed = vec![None; graph.values.len()];
    for (index, value) in graph.values.iter().enumerate().filter(|&(index, _)| live[index]) {
        renamed[index] = Some(id(result.graph.values.len()));
        result.graph.values.push(value.clone());
    }
    let rename =
        |value: quantize_runtime::graph::ValueId| renamed[value.0 as usize].expect("a live node reads live values");
    for ((node, label), _) in graph.nodes.iter().zip(&lowered.labels).zip(&keep).filter(|(_, keep)| **keep) {
        let mut node = node.clone();
        node.op.for_each_tensor(|value| *value = rename(*value));
        node.outputs.iter_mut().for_each(|output| *output = rename(*output));
        result.graph.nodes.push(node);
        result.labels.push(label.clone());
    }
    for (from, to) in [(&graph.inputs, &mut result.graph.inputs), (&graph.outputs, &mut result.graph.outputs)] {
        to.extend(from.iter().cloned());
        to.iter_mut().for_each(|port| port.value = rename(port.value));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use quantize_runtime::Shape;
    use quantize_runtime::graph::ElementType::I8;
    use quantize_runtime::ops::{Clamp, Op, Table};

    #[test]
    fn a_dead_chain_and_its_constants_go_and_an_unread_input_stays() {
        let shape = Shape::nhwc(1, 2, 2, 1);
        let mut lowered = Lowered::default();
        let x = lowered.input("x", I8, shape);
        let unread = lowered.input("unread", I8, shape);
        let table = lowered.constant_i8(Shape::new(&[256]).unwrap(), (-128..=127).collect());
        let dead = lowered.push(Op::Table(Table { input: x, table }), I8, shape, "dead");
        lowered.push(Op::Table(Table { input: dead, table }), I8, shape, "dead too");
        let clamp = Clamp { input: x, min: 0.into(), max: 5.into(), ..Default::default() };
        let y = lowered.push(Op::Clamp(clamp), I8, shape, "live");
        lowered.output("y", y);

        let result = remove_dead(&lowered);
        assert_eq!(result.labels, ["live"]);
        assert_eq!(result.graph.values.len(), 3);
        assert_eq!(result.graph.inputs[1].value, unread);
        assert_eq!(result.graph.nodes[0].output(), result.graph.outputs[0].value);
    }
}
