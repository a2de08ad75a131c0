//! Concatenation along an axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// All operands behind each other along one axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cat {
    /// The axis that grows.
    pub axis: usize,
}

impl Cat {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        T::joined(ndarray::Axis(self.axis), inputs)
    }
}

impl Room for Cat {
    const NAME: &'static str = "cat";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        if self.axis >= shape.len() {
            return Err(format!("axis {} of {shape:?}", self.axis));
        }
        for other in &inputs[1..] {
            let fits = other.len() == shape.len()
                && (0..shape.len()).all(|axis| axis == self.axis || other[axis] == shape[axis]);
            if !fits {
                return Err(format!("shapes {inputs:?} do not concatenate along axis {}", self.axis));
            }
            shape[self.axis] += other[self.axis];
        }
        Ok(shape)
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.cat.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let inputs = (0..node.inputs.len())
            .map(|i| lowering.operand(node, i).map(|operand| operand.id))
            .collect::<Result<Vec<_>, _>>()?;
        let result = lowering.concat(&inputs, self.axis)?;
        lowering.finish(node, result)
    }
}
