//! Largest or smallest element of all.

use super::amax::Amax;
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// The largest or smallest element of a tensor, without dimensions; upstream's quantizer does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxAll {
    /// Whether the largest, else the smallest.
    pub largest: bool,
}

impl MaxAll {
    fn over_axes(self, rank: usize) -> Amax {
        Amax { largest: self.largest, axes: (0..rank).collect(), keep_dims: false }
    }
}

impl Room for MaxAll {
    const NAME: &'static str = "max or min of all elements";

    fn infer(&self, _: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(Vec::new())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        self.over_axes(inputs[0].ndim()).evaluate(inputs)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        if self.largest { "aten.max.default" } else { "aten.min.default" }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Forgotten
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let result = self.over_axes(input.shape.len()).reduced(lowering, &input)?;
        lowering.finish_with(node, result, &input)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
