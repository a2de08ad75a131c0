//! A number in the place of some elements; becomes `where` before annotation.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;

/// The value where the mask holds, else `x`; operands: x, mask.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaskedFill {
    /// What is filled in.
    pub value: f32,
}

impl Room for MaskedFill {
    const NAME: &'static str = "masked_fill";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (x, mask) = (inputs[0], inputs[1]);
        broadcast_shape(x, mask)
            .filter(|shape| shape == x)
            .ok_or_else(|| format!("a mask of shape {mask:?} over a tensor of shape {x:?}"))
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let [x, mask] = inputs else { return Err(format!("{} operands", inputs.len())) };
        if (x.element, mask.element) != (Element::F32, Element::Bool) {
            return Err("operands are not real numbers and truth values".to_owned());
        }
        Ok(vec![Type::real(self.infer(&[&x.shape, &mask.shape])?)])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("one operand holds truth values")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let (x, mask) = (inputs[0].real().expect("checked at import"), inputs[1].truths().expect("checked at import"));
        let mask = mask.broadcast(x.raw_dim()).expect("checked at import");
        let filled = ndarray::Zip::from(x).and(mask).map_collect(|&x, &mask| if mask { self.value } else { x });
        vec![filled.as_standard_layout().into_owned().into()]
    }

    fn target(&self) -> &'static str {
        "aten.masked_fill.Scalar"
    }

    composite!();
}
