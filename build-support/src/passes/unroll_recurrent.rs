//! A recurrent network becomes the operators of each of its steps.

use super::{Builder, SLICE_COPY, without_scopes};
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::cat::Cat;
use crate::ops::clamp::Clamp;
use crate::ops::constant::Constant;
use crate::ops::linear::Linear;
use crate::ops::recurrent::{Cell, Recurrent};
use crate::ops::recurrent_cell::RecurrentCell;
use crate::ops::select::Select;
use crate::ops::slice::Slice;
use crate::ops::unary::Unary;
use crate::ops::view::View;

const SELECT_COPY: &str = "aten.select_copy.int";
const UNSQUEEZE: &str = "aten.unsqueeze.default";

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    match node.op {
        Op::Recurrent(network) => Some(unroll(builder, node, network)),
        // Upstream's quantizer knows no other cell.
        Op::RecurrentCell(RecurrentCell { cell: Cell::Lstm }) => run_cell(builder, node),
        _ => None,
    }
}

/// One step.
pub(super) fn run_cell(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::RecurrentCell(RecurrentCell { cell }) = node.op else { return None };
    let states = cell.states();
    Some(step(builder, node, cell, node.inputs[0], &node.inputs[1..=states], &node.inputs[1 + states..]))
}

fn unroll(builder: &mut Builder<'_>, node: &Node, network: Recurrent) -> Vec<ValueId> {
    let states = network.cell.states();
    let mut parameters = node.inputs[1 + states..].chunks_exact(network.parameters());
    let time = network.time_axis();
    let length = builder.shape(node.inputs[0])[time];
    // Upstream takes the modules of the last pieces from the readers of each result, and loses them where there is none.
    let of_result = |builder: &Builder<'_>, index: usize| {
        if builder.is_read(node.outputs[index]) { node.clone() } else { without_scopes(node) }
    };
    let initial: Vec<ValueId> = node.inputs[1..=states].iter().map(|&state| zeros(builder, node, state)).collect();
    let mut sequence = node.inputs[0];
    let mut finals: Vec<Vec<ValueId>> = vec![Vec::new(); states];
    for layer in 0..network.layers {
        let mut hidden_of = Vec::new();
        let mut final_of = Vec::new();
        for direction in 0..network.directions() {
            let run = layer * network.directions() + direction;
            let mut state: Vec<ValueId> = initial
                .iter()
                .map(|&initial| builder.push_as(SELECT_COPY, node, Select { axis: 0, index: run }, &[initial]))
                .collect();
            let parameters = parameters.next().expect("checked at import");
            let mut hidden = vec![None; length];
            for index in network.steps(direction, length) {
                let x = builder.push_as(SELECT_COPY, node, Select { axis: time, index }, &[sequence]);
                state = step(builder, node, network.cell, x, &state, parameters);
                hidden[index] = Some(unsqueeze(builder, node, state[0], time));
            }
            hidden_of.push(hidden.into_iter().flatten().collect::<Vec<_>>());
            final_of.push(state);
        }
        let result = of_result(builder, 0);
        sequence = match &hidden_of[..] {
            [hidden] => builder.push(&result, Cat { axis: time }, hidden),
            both if matches!(network.cell, Cell::Tanh | Cell::Relu) => {
                let joined: Vec<ValueId> =
                    both.iter().map(|hidden| builder.push(node, Cat { axis: time }, hidden)).collect();
                builder.push(&result, Cat { axis: 2 }, &joined)
            }
            both => {
                let pairs = both[0].iter().zip(&both[1]);
                let joined: Vec<ValueId> =
                    pairs.map(|(&ahead, &back)| builder.push(node, Cat { axis: 2 }, &[ahead, back])).collect();
                builder.push(&result, Cat { axis: time }, &joined)
            }
        };
        for (index, finals) in finals.iter_mut().enumerate() {
            let origin = if network.bidirectional { node.clone() } else { of_result(builder, 1 + index) };
            finals.extend(final_of.iter().map(|state| unsqueeze(builder, &origin, state[index], 0)));
        }
    }
    let finals: Vec<ValueId> = finals
        .iter()
        .enumerate()
        .map(|(index, finals)| match finals[..] {
            [one] => one,
            _ => builder.push(&of_result(builder, 1 + index), Cat { axis: 0 }, finals),
        })
        .collect();
    [sequence].into_iter().chain(finals).collect()
}

/// An initial state; where the exporter made it of zeros, made once for all directions and layers.
fn zeros(builder: &mut Builder<'_>, node: &Node, state: ValueId) -> ValueId {
    let data = builder.constant_data(state).filter(|data| data.iter().all(|&x| x == 0.0));
    let Some(data) = data.cloned() else { return state };
    builder.push(node, Constant { data: data.into(), target: "aten.zeros.default" }, &[])
}

/// The states after a step.
fn step(
    builder: &mut Builder<'_>,
    node: &Node,
    cell: Cell,
    x: ValueId,
    state: &[ValueId],
    parameters: &[ValueId],
) -> Vec<ValueId> {
    let linear = |builder: &mut Builder<'_>, x, index: usize| {
        let bias = parameters.get(2 + index).copied();
        let operands: Vec<ValueId> = [x, parameters[index]].into_iter().chain(bias).collect();
        builder.push(node, Linear, &operands)
    };
    let input = linear(builder, x, 0);
    let hidden = linear(builder, state[0], 1);
    let size = builder.shape(state[0])[1];
    let gate = |builder: &mut Builder<'_>, gates, index: usize| {
        let slice = Slice { axis: 1, start: index * size, end: (index + 1) * size };
        builder.push_as(SLICE_COPY, node, slice, &[gates])
    };
    let push = |builder: &mut Builder<'_>, op: Op, inputs: &[ValueId]| builder.push(node, op, inputs);
    match cell {
        Cell::Lstm => {
            let gates = push(builder, Binary::Add.into(), &[input, hidden]);
            let [keep, forget, new, out] = [0, 1, 2, 3].map(|index| gate(builder, gates, index));
            let keep = push(builder, Unary::Sigmoid.into(), &[keep]);
            let forget = push(builder, Unary::Sigmoid.into(), &[forget]);
            let new = push(builder, Unary::Tanh.into(), &[new]);
            let out = push(builder, Unary::Sigmoid.into(), &[out]);
            let kept = push(builder, Binary::Mul.into(), &[forget, state[1]]);
            let added = push(builder, Binary::Mul.into(), &[keep, new]);
            let cell = push(builder, Binary::Add.into(), &[kept, added]);
            let bounded = push(builder, Unary::Tanh.into(), &[cell]);
            vec![push(builder, Binary::Mul.into(), &[out, bounded]), cell]
        }
        Cell::Gru => {
            let [reset_x, update_x, new_x] = [0, 1, 2].map(|index| gate(builder, input, index));
            let [reset_h, update_h, new_h] = [0, 1, 2].map(|index| gate(builder, hidden, index));
            let reset = push(builder, Binary::Add.into(), &[reset_x, reset_h]);
            let reset = push(builder, Unary::Sigmoid.into(), &[reset]);
            let update = push(builder, Binary::Add.into(), &[update_x, update_h]);
            let update = push(builder, Unary::Sigmoid.into(), &[update]);
            let remembered = push(builder, Binary::Mul.into(), &[reset, new_h]);
            let new = push(builder, Binary::Add.into(), &[new_x, remembered]);
            let new = push(builder, Unary::Tanh.into(), &[new]);
            let difference = push(builder, Binary::Sub.into(), &[state[0], new]);
            let change = push(builder, Binary::Mul.into(), &[update, difference]);
            vec![push(builder, Binary::Add.into(), &[new, change])]
        }
        Cell::Tanh | Cell::Relu => {
            let sum = push(builder, Binary::Add.into(), &[input, hidden]);
            let activation: Op = if cell == Cell::Tanh { Unary::Tanh.into() } else { Clamp::RELU.into() };
            vec![push(builder, activation, &[sum])]
        }
    }
}

fn unsqueeze(builder: &mut Builder<'_>, origin: &Node, x: ValueId, axis: usize) -> ValueId {
    let mut shape = builder.shape(x).to_vec();
    shape.insert(axis, 1);
    builder.push_as(UNSQUEEZE, origin, View { shape }, &[x])
}
