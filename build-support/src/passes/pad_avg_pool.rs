//! Padding that counts in an average pool becomes an explicit pad with zeros, and a divisor of its own a factor.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::avg_pool2d::AvgPool2d;
use crate::ops::binary::Binary;
use crate::ops::pad::Pad;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::AvgPool2d(pool) = node.op else { return None };
    let counts = pool.count_include_pad && pool.pad != [[0, 0]; 2];
    if !counts && pool.divisor.is_none() {
        return None;
    }
    let mut value = node.inputs[0];
    let mut mean = AvgPool2d { divisor: None, ..pool };
    // Whatever the divisor, padding adds nothing to the sum.
    if pool.pad != [[0, 0]; 2] {
        // After the last element only as far as the windows reach: TOSA wants exact divisions.
        let reach = |axis: usize| {
            let [before, after] = pool.pad[axis];
            let size = builder.shape(value)[2 + axis] + before + after + pool.ceil[axis];
            [before, after.saturating_sub((size - pool.kernel[axis]) % pool.stride[axis])]
        };
        let padding = vec![[0, 0], [0, 0], reach(0), reach(1)];
        value = builder.push(node, Pad { padding, value: 0.0 }, &[value]);
        mean = AvgPool2d { pad: [[0, 0]; 2], ..mean };
    }
    let Some(divisor) = pool.divisor else {
        let mean = AvgPool2d { pad: pool.ceil.map(|ceil| [0, ceil]), ceil: [0, 0], count_include_pad: false, ..mean };
        return Some(vec![builder.push(node, mean, &[value])]);
    };
    if pool.ceil != [0, 0] {
        // What a pool does not count has to count as zeros.
        let padding = vec![[0, 0], [0, 0], [0, pool.ceil[0]], [0, pool.ceil[1]]];
        value = builder.push(node, Pad { padding, value: 0.0 }, &[value]);
    }
    let mean = AvgPool2d { ceil: [0, 0], count_include_pad: false, ..mean };
    value = builder.push(node, mean, &[value]);
    let count: usize = pool.kernel.iter().product();
    let factor = builder.scalar(node, count as f64 / divisor as f64, 4);
    Some(vec![builder.push(node, Binary::Mul, &[value, factor])])
}

#[cfg(test)]
mod tests {
    use crate::calibrate::evaluate;
    use crate::config::{Config, Recipe};
    use crate::graph::{Graph, Node, Output, Tensor, Type};
    use crate::ops::Op;
    use crate::ops::avg_pool2d::AvgPool2d;
    use crate::passes;

    #[test]
    fn what_counts_stays_the_same() {
        let (kernel, stride, pad) = ([2, 3], [2, 2], [[1, 1], [1, 0]]);
        for (count_include_pad, divisor, ceil) in
            [(true, None, [0, 1]), (true, Some(5), [0, 0]), (false, Some(4), [0, 1]), (true, None, [0, 0])]
        {
            let pool = AvgPool2d { kernel, stride, pad, count_include_pad, ceil, divisor };
            let mut graph = Graph::default();
            let x = graph.add_value("x", Type::real(vec![1, 2, 6, 5]));
            let op = Op::from(pool);
            let y = graph.add_value("y", op.infer(&graph.kinds(&[x])).unwrap().remove(0));
            let (name, target) = ("pool".to_owned(), op.target().to_owned());
            graph.nodes.push(Node { op, inputs: vec![x], outputs: vec![y], name, target, scopes: Vec::new() });
            graph.inputs.push(x);
            graph.outputs.push(Output { name: "y".to_owned(), value: y });
            let image = Tensor::from_shape_fn(vec![1, 2, 6, 5], |at| (at[1] * 7 + at[2] * 3 + at[3] * at[3]) as f32);
            let run = |graph: &Graph| evaluate(graph, vec![image.clone().into()]).unwrap().remove(0);
            let expected = run(&graph);
            passes::run(&mut graph, &Recipe::global(Config::PER_CHANNEL));
            assert!(graph.nodes.len() > 1);
            let (found, expected) = (run(&graph), expected);
            let (found, expected) = (found.real().unwrap(), expected.real().unwrap());
            assert_eq!(found.shape(), expected.shape());
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{pool:?}: {found} {expected}");
        }
    }
}
