//! Another shape over the same elements: view, reshape, flatten, squeeze, unsqueeze.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// The same elements in the same order with these dimensions.
#[derive(Clone, PartialEq, Debug)]
pub struct View {
    /// Dimensions of the result.
    pub shape: Vec<usize>,
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

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0].clone().into_shape_with_order(self.shape.clone()).expect("checked at import")
    }

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
