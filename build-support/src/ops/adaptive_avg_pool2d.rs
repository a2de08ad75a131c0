//! Mean over a fixed number of regions; always decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// Mean of each of `output[0] × output[1]` regions of `[N, C, H, W]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AdaptiveAvgPool2d {
    /// Rows and columns of the result.
    pub output: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// Region `index` of an axis: starts at floor(index · input / output), ends at ceil((index + 1) · input / output).
    pub(crate) fn region(index: usize, input: usize, output: usize) -> core::ops::Range<usize> {
        index * input / output..((index + 1) * input).div_ceil(output)
    }
}

impl Room for AdaptiveAvgPool2d {
    const NAME: &'static str = "adaptive_avg_pool2d";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let &[n, c, _, _] = inputs[0] else {
            return Err(format!("a 2-D pool of {:?}; expected [N, C, H, W]", inputs[0]));
        };
        Ok(vec![n, c, self.output[0], self.output[1]])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let (h, w) = (inputs[0].shape()[2], inputs[0].shape()[3]);
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        Tensor::from_shape_fn(shape, |at| {
            let rows = Self::region(at[2], h, self.output[0]);
            let columns = Self::region(at[3], w, self.output[1]);
            let count = rows.len() * columns.len();
            let sum = rows.flat_map(|y| columns.clone().map(move |x| (y, x))).fold(0.0, |sum: f32, (y, x)| {
                sum + inputs[0][[at[0], at[1], y, x]]
            });
            sum / count as f32
        })
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.adaptive_avg_pool2d.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::SharesInput
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        Err(lowering.not_decomposed(node))
    }
}
