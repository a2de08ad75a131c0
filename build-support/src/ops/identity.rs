//! The operand itself: clone, alias, contiguous, dropout in inference mode, an expansion to the same shape.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// The same tensor again; a shared observer sees it once more.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Identity;

impl Identity {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        inputs[0].to_owned()
    }
}

impl Room for Identity {
    const NAME: &'static str = "identity";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.alias.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        lowering.finish(node, input.id)
    }
}
