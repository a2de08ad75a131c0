//! Mean over a fixed number of regions of the only axis.

use super::adaptive_avg_pool2d::AdaptiveAvgPool2d;
use super::avg_pool2d::AvgPool2d;
use super::row::{as_row, from_row, lower_pool, to_row, without_row};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};

/// Mean of each of `output` regions of `[N, C, L]`; upstream's quantizer does not know it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdaptiveAvgPool1d {
    /// Size of the result.
    pub output: usize,
}

impl AdaptiveAvgPool1d {
    fn of_row(self) -> AdaptiveAvgPool2d {
        AdaptiveAvgPool2d { output: [1, self.output] }
    }
}

impl Room for AdaptiveAvgPool1d {
    const NAME: &'static str = "adaptive_avg_pool1d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        self.of_row().infer(&[&as_row(inputs[0])?]).map(without_row)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        from_row(self.of_row().evaluate(&[&to_row(inputs[0])]))
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.adaptive_avg_pool1d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Forgotten
    }

    /// SLICE and AVG_POOL2D for each region, and CONCAT.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        lower_pool(lowering, node, |lowering, input| {
            let means = (0..self.output)
                .map(|index| {
                    let region = AdaptiveAvgPool2d::region(index, input.shape[3], self.output);
                    let mut shape = input.shape.clone();
                    shape[3] = region.len();
                    let id = lowering.slice(input.id, &[0, 0, 0, region.start], &shape)?;
                    let mean = AvgPool2d::unpadded([1, region.len()], [1, 1]);
                    mean.pooled(lowering, &Operand { id, shape, params: input.params })
                })
                .collect::<Result<Vec<_>, _>>()?;
            lowering.concat(&means, 3)
        })
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
