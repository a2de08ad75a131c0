//! Product of two matrices plus a tensor; decomposed before annotation.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `beta · x + alpha · (a · b)`; operands: x, a `[N, K]`, b `[K, M]`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Addmm {
    /// Factor of the summand.
    pub beta: f64,
    /// Factor of the product.
    pub alpha: f64,
}

impl Room for Addmm {
    const NAME: &'static str = "addmm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if let &[x, &[n, k], &[other, m]] = inputs
            && k == other
            && broadcast_shape(x, &[n, m]).is_some_and(|shape| shape == [n, m])
        {
            Ok(vec![n, m])
        } else {
            Err(format!("operands of shapes {inputs:?}"))
        }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let (a, b) = (inputs[1], inputs[2]);
        let product = Tensor::from_shape_fn(vec![a.shape()[0], b.shape()[1]], |at| {
            let terms = (0..a.shape()[1]).map(|k| f64::from(a[[at[0], k]]) * f64::from(b[[k, at[1]]]));
            (terms.sum::<f64>() * self.alpha) as f32
        });
        product + &inputs[0].mapv(|x| x * self.beta as f32)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        inputs.concat().into_iter().max().unwrap_or(1)
    }

    fn target(&self) -> &'static str {
        "aten.addmm.default"
    }

    composite!();
}
