//! Cosine of the angle between vectors along an axis; decomposed before annotation.

use super::sum::{reduce, reduced_shape};
use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `Σ a·b / (max(√Σ a², eps) · max(√Σ b², eps))` along one axis, which disappears.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CosineSimilarity {
    /// The axis of the vectors.
    pub axis: usize,
    /// Smallest norm.
    pub eps: f64,
}

impl Room for CosineSimilarity {
    const NAME: &'static str = "cosine_similarity";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (a, b) = (inputs[0], inputs[1]);
        let shape = broadcast_shape(a, b).ok_or_else(|| format!("shapes {a:?} and {b:?} do not broadcast"))?;
        reduced_shape(&shape, &[self.axis], false)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let sum = |a: &Tensor, b: &Tensor| reduce(&(a * b), &[self.axis], false);
        let norm = |x: &Tensor| sum(x, x).mapv(|sum| libm::sqrtf(sum).max(self.eps as f32));
        sum(inputs[0], inputs[1]) / (norm(inputs[0]) * norm(inputs[1]))
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.cosine_similarity.default"
    }

    composite!();
}
