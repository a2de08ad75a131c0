//! Scaled dot-product attention; decomposed before annotation.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::s;

/// `softmax(q · kᵀ · scale + mask) · v`; operands: q `[…, L, E]`, k `[…, S, E]`, v `[…, S, F]`, and perhaps a mask that
/// broadcasts to `[…, L, S]`: summands, or truth values that tell what is looked at.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Attention {
    /// Factor of the products; `None` is `1 / √E`.
    pub scale: Option<f64>,
    /// Whether row `l` looks at columns up to `l` only.
    pub causal: bool,
}

impl Attention {
    /// The factor of the products of vectors of `size` elements.
    pub(crate) fn scale(self, size: usize) -> f64 {
        self.scale.unwrap_or_else(|| 1.0 / libm::sqrt(size as f64))
    }
}

impl Room for Attention {
    const NAME: &'static str = "scaled_dot_product_attention";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let error = || format!("attention of operands with shapes {inputs:?}");
        let [q, k, v, mask @ ..] = inputs else { return Err(error()) };
        let rank = q.len();
        if rank < 2 || k.len() != rank || v.len() != rank || mask.len() > 1 {
            return Err(error());
        }
        let (l, e, s, f) = (q[rank - 2], q[rank - 1], k[rank - 2], v[rank - 1]);
        let batch = &q[..rank - 2];
        let fits = k[rank - 1] == e && v[rank - 2] == s && k[..rank - 2] == *batch && v[..rank - 2] == *batch;
        let scores: Vec<usize> = batch.iter().copied().chain([l, s]).collect();
        let is_masked = mask.iter().all(|mask| broadcast_shape(&scores, mask).is_some_and(|shape| shape == scores));
        if !fits || !is_masked {
            return Err(error());
        }
        Ok(batch.iter().copied().chain([l, f]).collect())
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let real = |input: &Type| input.element == Element::F32;
        if !inputs.iter().take(3).all(real) || inputs.get(3).is_some_and(|mask| mask.element == Element::I64) {
            return Err("operands of other types than it takes".to_owned());
        }
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
        Ok(vec![Type::real(self.infer(&shapes)?)])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        self.attend(inputs[0], inputs[1], inputs[2], inputs.get(3).copied())
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let real = |index: usize| inputs[index].real().expect("checked at import");
        let mask = inputs.get(3).map(|mask| match mask {
            Data::Bool(mask) => mask.mapv(|looks| if looks { 0.0 } else { f32::NEG_INFINITY }),
            mask => mask.real().expect("checked at import").clone(),
        });
        vec![self.attend(real(0), real(1), real(2), mask.as_ref()).into()]
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.scaled_dot_product_attention.default"
    }

    composite!();
}

impl Attention {
    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Tensor {
        let shapes: Vec<&[usize]> = [q, k, v].map(|x| x.shape()).to_vec();
        let shape = self.infer(&shapes).expect("checked at import");
        let rank = shape.len();
        let batches: usize = shape[..rank - 2].iter().product();
        let matrices = |x: &Tensor| {
            let (rows, columns) = (x.shape()[rank - 2], x.shape()[rank - 1]);
            x.clone().into_shape_with_order((batches, rows, columns)).expect("standard layout")
        };
        let (q, k, v) = (matrices(q), matrices(k), matrices(v));
        let (rows, columns) = (q.shape()[1], k.shape()[1]);
        let scores_shape: Vec<usize> = shape[..rank - 2].iter().copied().chain([rows, columns]).collect();
        let mask = mask.map(|mask| {
            matrices(&mask.broadcast(scores_shape).expect("checked at import").as_standard_layout().into_owned())
        });
        let scale = self.scale(q.shape()[2]);
        let mut output = Vec::with_capacity(batches * rows * v.shape()[2]);
        for batch in 0..batches {
            for row in 0..rows {
                let mut scores: Vec<f64> = (0..columns)
                    .map(|column| {
                        if self.causal && column > row {
                            return f64::NEG_INFINITY;
                        }
                        let products = q.slice(s![batch, row, ..]).into_iter().zip(k.slice(s![batch, column, ..]));
                        let dot: f64 = products.map(|(&q, &k)| f64::from(q) * f64::from(k)).sum();
                        dot * scale + mask.as_ref().map_or(0.0, |mask| f64::from(mask[[batch, row, column]]))
                    })
                    .collect();
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                // A row that looks at nothing is zero, as in PyTorch.
                scores.iter_mut().for_each(|x| *x = if *x == f64::NEG_INFINITY { 0.0 } else { libm::exp(*x - largest) });
                let sum: f64 = scores.iter().sum();
                let divisor = if sum > 0.0 { sum } else { 1.0 };
                output.extend((0..v.shape()[2]).map(|feature| {
                    let terms = scores.iter().enumerate().map(|(column, x)| x * f64::from(v[[batch, column, feature]]));
                    (terms.sum::<f64>() / divisor) as f32
                }));
            }
        }
        Tensor::from_shape_vec(shape, output).expect("as many elements as the shape says")
    }
}
