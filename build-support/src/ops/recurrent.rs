//! Recurrent networks over sequences; unrolled before annotation.

use super::linear::Linear;
use super::unary::Unary;
use super::{Pattern, Room, shapes_of};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::Axis;

/// What a step computes of an input and the state before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Long short-term memory; its state is a pair.
    Lstm,
    /// Gated recurrent unit.
    Gru,
    /// `tanh` of a sum.
    Tanh,
    /// `relu` of a sum.
    Relu,
}

impl Cell {
    /// Number of vectors that the products with weights give.
    pub(crate) fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Tanh | Self::Relu => 1,
        }
    }

    /// Number of tensors in the state.
    pub(crate) fn states(self) -> usize {
        if self == Self::Lstm { 2 } else { 1 }
    }

    /// The state `[N, H]` after a step with input `[N, I]`.
    pub(super) fn step(self, x: &Tensor, state: &[Tensor], parameters: &[&Tensor]) -> Vec<Tensor> {
        let linear = |x: &Tensor, index: usize| {
            let bias = parameters.get(2 + index).copied();
            let operands: Vec<&Tensor> = [x, parameters[index]].into_iter().chain(bias).collect();
            Linear.evaluate(&operands)
        };
        let (input, hidden) = (linear(x, 0), linear(&state[0], 1));
        let size = state[0].shape()[1];
        let gate = |tensor: &Tensor, index: usize| {
            let gate = tensor.slice_axis(Axis(1), (index * size..(index + 1) * size).into());
            gate.as_standard_layout().into_owned()
        };
        let apply = |function: Unary, tensor: Tensor| function.evaluate(&[&tensor]);
        match self {
            Self::Lstm => {
                let gates = input + hidden;
                let (keep, forget) = (apply(Unary::Sigmoid, gate(&gates, 0)), apply(Unary::Sigmoid, gate(&gates, 1)));
                let (new, out) = (apply(Unary::Tanh, gate(&gates, 2)), apply(Unary::Sigmoid, gate(&gates, 3)));
                let cell = forget * &state[1] + keep * new;
                vec![out * apply(Unary::Tanh, cell.clone()), cell]
            }
            Self::Gru => {
                let reset = apply(Unary::Sigmoid, gate(&input, 0) + gate(&hidden, 0));
                let update = apply(Unary::Sigmoid, gate(&input, 1) + gate(&hidden, 1));
                let new = apply(Unary::Tanh, gate(&input, 2) + reset * gate(&hidden, 2));
                vec![&new + &(update * (&state[0] - &new))]
            }
            Self::Tanh => vec![apply(Unary::Tanh, input + hidden)],
            Self::Relu => vec![(input + hidden).mapv(|x| x.max(0.0))],
        }
    }
}

/// A recurrent network; operands: the sequences `[T, N, I]`, or `[N, T, I]` where the batch comes first, the initial states
/// `[layers · directions, N, H]`, then for each layer and direction weights `[G · H, I]` and `[G · H, H]` and perhaps two
/// biases `[G · H]`. Results: the hidden states of the last layer over time, then the final states.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Recurrent {
    /// What a step computes.
    pub cell: Cell,
    /// Number of layers.
    pub layers: usize,
    /// Whether each layer goes in both directions.
    pub bidirectional: bool,
    /// Whether the batch comes before the time.
    pub batch_first: bool,
    /// Whether there are biases.
    pub bias: bool,
}

impl Recurrent {
    /// Number of directions of a layer.
    pub(crate) fn directions(self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// Number of parameters of a layer's direction.
    pub(crate) fn parameters(self) -> usize {
        if self.bias { 4 } else { 2 }
    }

    /// The axis of time.
    pub(crate) fn time_axis(self) -> usize {
        if self.batch_first { 1 } else { 0 }
    }

    /// The steps of a direction, in its order.
    pub(crate) fn steps(self, direction: usize, length: usize) -> Vec<usize> {
        if direction == 1 { (0..length).rev().collect() } else { (0..length).collect() }
    }

    fn check(self, inputs: &[&[usize]]) -> Option<Vec<Vec<usize>>> {
        let runs = self.layers * self.directions();
        let states = self.cell.states();
        if inputs.len() != 1 + states + runs * self.parameters() {
            return None;
        }
        let (&[_, _, features], &[count, batch, hidden]) = (inputs[0], inputs[1]) else { return None };
        let time = inputs[0][self.time_axis()];
        if count != runs || batch != inputs[0][1 - self.time_axis()] || inputs[states] != inputs[1] || time == 0 {
            return None;
        }
        let rows = self.cell.gates() * hidden;
        for (run, parameters) in inputs[1 + states..].chunks_exact(self.parameters()).enumerate() {
            let width = if run < self.directions() { features } else { hidden * self.directions() };
            let fits = *parameters[0] == [rows, width]
                && *parameters[1] == [rows, hidden]
                && parameters[2..].iter().all(|bias| **bias == [rows]);
            if !fits {
                return None;
            }
        }
        let mut output = inputs[0].to_vec();
        output[2] = hidden * self.directions();
        Some([output].into_iter().chain((0..states).map(|_| inputs[1].to_vec())).collect())
    }
}

impl Room for Recurrent {
    const NAME: &'static str = "recurrent network";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let results = self.check(inputs).ok_or_else(|| format!("operands of shapes {inputs:?}"))?;
        Ok(results.into_iter().next().expect("the hidden states are the first result"))
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        real_results(inputs, |shapes| self.check(shapes))
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("it has several results")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let inputs: Vec<&Tensor> = inputs.iter().map(|input| input.real().expect("checked at import")).collect();
        let states = self.cell.states();
        let mut parameters = inputs[1 + states..].chunks_exact(self.parameters());
        let time = Axis(self.time_axis());
        let mut sequence = inputs[0].clone();
        let mut finals: Vec<Vec<Tensor>> = vec![Vec::new(); states];
        for layer in 0..self.layers {
            let mut directions = Vec::new();
            for direction in 0..self.directions() {
                let run = layer * self.directions() + direction;
                let initial = inputs[1..=states].iter();
                let mut state: Vec<Tensor> = initial.map(|initial| at(initial, Axis(0), run)).collect();
                let parameters = parameters.next().expect("checked at import");
                let steps = self.steps(direction, sequence.len_of(time));
                let mut hidden = vec![None; steps.len()];
                for step in steps {
                    state = self.cell.step(&at(&sequence, time, step), &state, parameters);
                    hidden[step] = Some(state[0].clone());
                }
                let hidden: Vec<Tensor> = hidden.into_iter().flatten().collect();
                directions.push(stack(&hidden, time));
                finals.iter_mut().zip(state).for_each(|(finals, state)| finals.push(state));
            }
            let directions: Vec<_> = directions.iter().map(|direction| direction.view()).collect();
            let joined = ndarray::concatenate(Axis(2), &directions).expect("equal shapes");
            sequence = joined.as_standard_layout().into_owned();
        }
        [sequence].into_iter().chain(finals.iter().map(|states| stack(states, Axis(0)))).map(Data::from).collect()
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        match self.cell {
            Cell::Lstm => "aten.lstm.input",
            Cell::Gru => "aten.gru.input",
            Cell::Tanh => "aten.rnn_tanh.input",
            Cell::Relu => "aten.rnn_relu.input",
        }
    }

    composite!();
}

/// Types of results that are all real, of operands that are.
pub(super) fn real_results(
    inputs: &[Type],
    check: impl Fn(&[&[usize]]) -> Option<Vec<Vec<usize>>>,
) -> Result<Vec<Type>, String> {
    let shapes = shapes_of(inputs, Element::F32)?;
    let results = check(&shapes).ok_or_else(|| format!("operands of shapes {shapes:?}"))?;
    Ok(results.into_iter().map(Type::real).collect())
}

fn at(tensor: &Tensor, axis: Axis, index: usize) -> Tensor {
    tensor.index_axis(axis, index).as_standard_layout().into_owned()
}

fn stack(tensors: &[Tensor], axis: Axis) -> Tensor {
    let views: Vec<_> = tensors.iter().map(|tensor| tensor.view()).collect();
    ndarray::stack(axis, &views).expect("equal shapes").as_standard_layout().into_owned()
}
