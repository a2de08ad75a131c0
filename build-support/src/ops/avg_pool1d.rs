//! Mean over one-dimensional windows: over those of an image of one row.

use super::avg_pool2d::AvgPool2d;
use super::pad::Pad;
use super::row::{as_row, from_row, lower_pool, to_row, without_row};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};

/// Mean of each window of `[N, C, L]`, as this pool of `[N, C, 1, L]`; upstream's quantizer does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AvgPool1d(pub AvgPool2d);

impl Room for AvgPool1d {
    const NAME: &'static str = "avg_pool1d";

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
        "aten.avg_pool1d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Forgotten
    }

    /// PAD where padding counts, then AVG_POOL2D.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        lower_pool(lowering, node, |lowering, input| {
            if !self.0.count_include_pad {
                return self.0.pooled(lowering, input);
            }
            let pad = Pad { padding: vec![[0, 0], [0, 0], self.0.pad[0], self.0.pad[1]], value: 0.0 };
            let shape = pad.infer(&[&input.shape])?;
            let input = Operand { id: pad.padded(lowering, input)?, shape, params: input.params };
            AvgPool2d { pad: [[0, 0]; 2], ..self.0 }.pooled(lowering, &input)
        })
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
