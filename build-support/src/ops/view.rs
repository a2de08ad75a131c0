//! Another shape over the same elements: view, reshape, flatten, squeeze, unsqueeze.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// The same elements in the same order with these dimensions.
#[derive(Clone, PartialEq, Debug)]
pub struct View {
    /// Dimensions of the result.
    pub shape: Vec<usize>,
}

impl View {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        inputs[0].to_owned().into_shape_with_order(self.shape.clone()).expect("checked at import")
    }
}

impl Room for View {
    const NAME: &'static str = "view";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if inputs[0].iter().product::<usize>() == self.shape.iter().product::<usize>() {
            Ok(self.shape.clone())
        } else {
            Err(format!("a view of {:?} as {:?}", inputs[0], self.shape))
        }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.view.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        lowering.finish(node, input.id)
    }
}
