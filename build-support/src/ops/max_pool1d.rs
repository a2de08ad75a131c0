//! Maximum over one-dimensional windows: over those of an image of one row.

use super::max_pool2d::MaxPool2d;
use super::row::{as_row, from_row, lower_pool, to_row, without_row};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// Maximum of each window of `[N, C, L]`, as this pool of `[N, C, 1, L]`; upstream's quantizer does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxPool1d(pub MaxPool2d);

impl Room for MaxPool1d {
    const NAME: &'static str = "max_pool1d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        self.0.infer(&[&as_row(inputs[0])?]).map(without_row)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        from_row(self.0.evaluate(&[&to_row(inputs[0])]))
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.max_pool1d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Forgotten
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        lower_pool(lowering, node, |lowering, input| self.0.pooled(lowering, input))
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
