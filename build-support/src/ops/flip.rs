//! Mirror images.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// The elements in reverse order along some axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Flip {
    /// Axes, each once.
    pub axes: Vec<usize>,
}

impl Flip {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let mut view = inputs[0].view();
        self.axes.iter().for_each(|&axis| view.invert_axis(Axis(axis)));
        // Not `to_owned`, which keeps the order in memory.
        ArrayD::from_shape_vec(view.shape(), view.iter().cloned().collect()).expect("as many elements")
    }
}

impl Room for Flip {
    const NAME: &'static str = "flip";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match self.axes.iter().all(|&axis| axis < inputs[0].len()) {
            true => Ok(inputs[0].to_vec()),
            false => Err(format!("axes {:?} of {:?}", self.axes, inputs[0])),
        }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.flip.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// REVERSE of each axis.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let mut value = lowering.operand(node, 0)?.id;
        for &axis in &self.axes {
            value = lowering.reverse(value, axis)?;
        }
        lowering.finish(node, value)
    }
}
