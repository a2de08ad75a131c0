//! Mean over axes; decomposed into sum and multiplication before annotation.

use super::sum::{reduce, reduced_shape};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// Mean over some axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Mean {
    /// Axes, ascending, each once.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
}

impl Room for Mean {
    const NAME: &'static str = "mean";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &self.axes, self.keep_dims)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let count: usize = self.axes.iter().map(|&axis| inputs[0].shape()[axis]).product();
        reduce(inputs[0], &self.axes, self.keep_dims).mapv(|sum| sum / count as f32)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.mean.dim"
    }

    fn pattern(&self) -> Pattern {
        Pattern::SharesInput
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        Err(lowering.not_decomposed(node))
    }
}
