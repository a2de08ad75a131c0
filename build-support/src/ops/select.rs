//! One element of an axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// The elements at `index` of an axis, which disappears.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Select {
    /// The axis.
    pub axis: usize,
    /// Which element.
    pub index: usize,
}

impl Select {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        T::standard(inputs[0].index_axis(ndarray::Axis(self.axis), self.index))
    }
}

impl Room for Select {
    const NAME: &'static str = "select";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        if shape.get(self.axis).is_none_or(|&dim| self.index >= dim) {
            return Err(format!("element {} of axis {} of {shape:?}", self.index, self.axis));
        }
        shape.remove(self.axis);
        Ok(shape)
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.select.int"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// SLICE, RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (mut start, mut size) = (vec![0; input.shape.len()], input.shape);
        (start[self.axis], size[self.axis]) = (self.index, 1);
        let result = lowering.slice(input.id, &start, &size)?;
        lowering.finish(node, result)
    }
}
