//! Repetition of axes of size 1.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// The operand broadcast to a shape: expand, `broadcast_to`.
#[derive(Clone, PartialEq, Debug)]
pub struct Expand {
    /// Dimensions of the result.
    pub shape: Vec<usize>,
}

impl Expand {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        T::standard(inputs[0].broadcast(self.shape.clone()).expect("checked at import"))
    }
}

impl Room for Expand {
    const NAME: &'static str = "expand";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match broadcast_shape(inputs[0], &self.shape) {
            Some(shape) if shape == self.shape => Ok(shape),
            _ => Err(format!("{:?} expanded to {:?}", inputs[0], self.shape)),
        }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.expand.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE to the result's rank and TILE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let mut shape = vec![1; self.shape.len() - input.shape.len()];
        shape.extend(&input.shape);
        let value = lowering.reshape(input.id, &shape)?;
        let multiples: Vec<usize> = self.shape.iter().zip(&shape).map(|(to, from)| to / from).collect();
        let result = lowering.tile(value, &multiples)?;
        lowering.finish(node, result)
    }
}
