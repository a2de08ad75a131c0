//! Sum or difference with a factor on the second operand; decomposed before annotation.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `a + alpha · b` or `a - alpha · b`, with broadcasting.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AddAlpha {
    /// The factor of `b`.
    pub alpha: f64,
    /// Whether the product is subtracted.
    pub subtract: bool,
}

impl Room for AddAlpha {
    const NAME: &'static str = "sum with a factor";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (a, b) = (inputs[0], inputs[1]);
        broadcast_shape(a, b).ok_or_else(|| format!("shapes {a:?} and {b:?} do not broadcast"))
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let scaled = inputs[1].mapv(|b| b * self.alpha as f32);
        if self.subtract { inputs[0] - &scaled } else { inputs[0] + &scaled }
    }

    fn target(&self) -> &'static str {
        if self.subtract { "aten.sub.Tensor" } else { "aten.add.Tensor" }
    }

    composite!();
}
