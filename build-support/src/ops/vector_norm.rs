//! Norm of vectors along axes; decomposed before annotation.

use super::sum::{reduce, reduced_shape};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `Σ |x|` or `√Σ x²` over some axes.
#[derive(Clone, PartialEq, Debug)]
pub struct VectorNorm {
    /// Which norm.
    pub order: Order,
    /// Axes, ascending, each once.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
}

/// The norms that upstream knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// The sum of absolute values.
    One,
    /// The Euclidean length.
    Two,
}

impl Room for VectorNorm {
    const NAME: &'static str = "linalg_vector_norm";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &self.axes, self.keep_dims)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        match self.order {
            Order::One => reduce(&inputs[0].mapv(f32::abs), &self.axes, self.keep_dims),
            Order::Two => reduce(&inputs[0].mapv(|x| x * x), &self.axes, self.keep_dims).mapv(libm::sqrtf),
        }
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.linalg_vector_norm.default"
    }

    composite!();
}
