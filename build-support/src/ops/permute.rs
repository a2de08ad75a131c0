//! Reordered dimensions.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// Dimension `i` of the result is dimension `perm[i]` of the operand.
#[derive(Clone, PartialEq, Debug)]
pub struct Permute {
    /// A permutation of the axes.
    pub perm: Vec<usize>,
}

impl Permute {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        T::standard(inputs[0].clone().permuted_axes(self.perm.clone()))
    }
}

impl Room for Permute {
    const NAME: &'static str = "permute";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut sorted = self.perm.clone();
        sorted.sort_unstable();
        if sorted.iter().copied().eq(0..inputs[0].len()) {
            Ok(self.perm.iter().map(|&axis| inputs[0][axis]).collect())
        } else {
            Err(format!("a permutation {:?} of {:?}", self.perm, inputs[0]))
        }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.permute.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let mut input = lowering.operand(node, 0)?;
        // `movedim` has an observer of its own behind it.
        if input.params.is_some() {
            input = lowering.rescaled(&input, lowering.result_params(node))?;
        }
        let result = lowering.transpose(input.id, &self.perm)?;
        lowering.finish(node, result)
    }
}
