//! Tensors along a new axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// All operands, of one shape, beside each other along a new axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stack {
    /// The new axis of the result.
    pub axis: usize,
}

impl Stack {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let parts = inputs.iter().map(|input| input.clone().insert_axis(Axis(self.axis)));
        T::joined(Axis(self.axis), &parts.collect::<Vec<_>>())
    }
}

impl Room for Stack {
    const NAME: &'static str = "stack";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        if self.axis > shape.len() || inputs.iter().any(|other| *other != shape) {
            return Err(format!("shapes {inputs:?} stacked along axis {}", self.axis));
        }
        shape.insert(self.axis, inputs.len());
        Ok(shape)
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.stack.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE of each to the result's rank, CONCAT.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let parts = (0..node.inputs.len()).map(|index| {
            let operand = lowering.operand(node, index)?;
            let mut shape = operand.shape;
            shape.insert(self.axis, 1);
            lowering.reshape(operand.id, &shape)
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let result = lowering.concat(&parts, self.axis)?;
        lowering.finish(node, result)
    }
}
