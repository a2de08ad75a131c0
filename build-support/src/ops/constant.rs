//! A tensor that the network makes of nothing: full, zeros, ones, arange, eye, linspace.

use super::{Pattern, Room};
use crate::graph::{Data, Node, Tensor, Type};
use crate::lower::Lowering;

/// These elements. Unlike a parameter it is observed where it is made, once for all its readers.
#[derive(Clone, PartialEq, Debug)]
pub struct Constant {
    /// The elements.
    pub data: Data,
    /// The ATen overload that makes them.
    pub target: &'static str,
}

impl Constant {
    /// The number as a tensor of shape `[1]`, as upstream makes operands of Python numbers.
    pub(crate) fn number(value: f64) -> Self {
        Self { data: Tensor::from_elem(vec![1], value as f32).into(), target: "aten.full.default" }
    }

    /// The number as a tensor without dimensions.
    pub(crate) fn scalar_tensor(value: f32) -> Self {
        Self { data: Tensor::from_elem(vec![], value).into(), target: "aten.scalar_tensor.default" }
    }
}

impl Room for Constant {
    const NAME: &'static str = "constant";

    fn infer(&self, _: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(self.data.shape().to_vec())
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        self.data.real().expect("asked for real numbers").clone()
    }

    fn infer_all(&self, _: &[Type]) -> Result<Vec<Type>, String> {
        Ok(vec![self.data.kind()])
    }

    fn evaluate_all(&self, _: &[&Data]) -> Vec<Data> {
        vec![self.data.clone()]
    }

    fn target(&self) -> &'static str {
        self.target
    }

    fn pattern(&self) -> Pattern {
        if self.data.real().is_some() { Pattern::Own } else { Pattern::Float }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let output = lowering.result_params(node);
        let real = self.data.real().expect("only real numbers are quantized");
        let result = lowering.quantized_constant(real, output)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let result = lowering.plain_constant(&self.data)?;
        lowering.finish(node, result)
    }
}
