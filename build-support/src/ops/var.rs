//! Variance and standard deviation over axes; the variance is decomposed before annotation.

use super::sum::{reduce, reduced_shape};
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `Σ (x - mean)² / (N - correction)` over some axes, or the root of that.
#[derive(Clone, PartialEq, Debug)]
pub struct Var {
    /// Axes, ascending, each once.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
    /// Subtracted from the number of elements; PyTorch's default is 1.
    pub correction: usize,
    /// Whether it is `std`, which upstream's quantizer does not know.
    pub root: bool,
}

impl Var {
    /// The number of elements of each variance, less the correction.
    pub(crate) fn divisor(&self, input: &[usize]) -> f64 {
        let count: usize = self.axes.iter().map(|&axis| input[axis]).product();
        (count - self.correction) as f64
    }
}

impl Room for Var {
    const NAME: &'static str = "var";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let shape = reduced_shape(inputs[0], &self.axes, self.keep_dims)?;
        let count: usize = self.axes.iter().map(|&axis| inputs[0][axis]).product();
        if count <= self.correction {
            return Err(format!("the variance of {count} elements with correction {}", self.correction));
        }
        Ok(shape)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let input = inputs[0];
        let count: usize = self.axes.iter().map(|&axis| input.shape()[axis]).product();
        let mean = reduce(input, &self.axes, true).mapv(|sum| sum / count as f32);
        let difference = input - &mean;
        let divisor = self.divisor(input.shape()) as f32;
        let variance = reduce(&(&difference * &difference), &self.axes, self.keep_dims).mapv(|sum| sum / divisor);
        if self.root { variance.mapv(libm::sqrtf) } else { variance }
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        if self.root { "aten.std.correction" } else { "aten.var.correction" }
    }

    fn pattern(&self) -> Pattern {
        if self.root { Pattern::Float } else { Pattern::Own }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        Err(lowering.not_decomposed(node))
    }
}
