//! One step of a recurrent network.

use super::recurrent::{Cell, real_results};
use super::{Pattern, Room};
use crate::graph::{Data, Node, Tensor, Type};
use crate::lower::Lowering;

/// One step of a recurrent network; operands: input `[N, I]`, the states `[N, H]`, two weights and perhaps two biases.
/// Results: the states after it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RecurrentCell {
    /// What it computes.
    pub cell: Cell,
}

impl RecurrentCell {
    fn check(self, inputs: &[&[usize]]) -> Option<Vec<Vec<usize>>> {
        let states = self.cell.states();
        let (&[n, features], &[batch, hidden]) = (*inputs.first()?, *inputs.get(1)?) else { return None };
        let parameters = inputs.get(1 + states..).filter(|parameters| matches!(parameters.len(), 2 | 4))?;
        let rows = self.cell.gates() * hidden;
        let fits = n == batch
            && inputs[states] == inputs[1]
            && *parameters[0] == [rows, features]
            && *parameters[1] == [rows, hidden]
            && parameters[2..].iter().all(|bias| **bias == [rows]);
        fits.then(|| vec![vec![batch, hidden]; states])
    }
}

impl Room for RecurrentCell {
    const NAME: &'static str = "recurrent cell";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let results = self.check(inputs).ok_or_else(|| format!("operands of shapes {inputs:?}"))?;
        Ok(results.into_iter().next().expect("the hidden state is the first result"))
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        real_results(inputs, |shapes| self.check(shapes))
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("it may have several results")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let inputs: Vec<&Tensor> = inputs.iter().map(|input| input.real().expect("checked at import")).collect();
        let states = self.cell.states();
        let state: Vec<Tensor> = inputs[1..=states].iter().copied().cloned().collect();
        self.cell.step(inputs[0], &state, &inputs[1 + states..]).into_iter().map(Data::from).collect()
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        match self.cell {
            Cell::Lstm => "aten.lstm_cell.default",
            Cell::Gru => "aten.gru_cell.default",
            Cell::Tanh => "aten.rnn_tanh_cell.default",
            Cell::Relu => "aten.rnn_relu_cell.default",
        }
    }

    /// Upstream's quantizer knows one cell.
    fn pattern(&self) -> Pattern {
        if self.cell == Cell::Lstm { Pattern::Own } else { Pattern::Float }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        Err(lowering.not_decomposed(node))
    }
}
