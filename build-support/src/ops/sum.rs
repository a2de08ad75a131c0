//! Sum over axes.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// Sum over some axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Sum {
    /// Axes, ascending, each once.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
}

impl Room for Sum {
    const NAME: &'static str = "sum";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &self.axes, self.keep_dims)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        reduce(inputs[0], &self.axes, self.keep_dims)
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.sum.dim_IntList"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Own
    }

    /// RESCALE to i32 without change of scale, REDUCE_SUM per axis, RESCALE, RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let output = lowering.result_params(node);
        let mut shape = input.shape.clone();
        let mut sum = lowering.widen(&input, 1.0, shape.len())?;
        for &axis in &self.axes {
            shape[axis] = 1;
            let op = ops::Op::ReduceSum(ops::ReduceSum { axis: axis as u32, input: sum });
            sum = lowering.push(op, ElementType::I32, &shape)?;
        }
        let scale = f64::from(input.params().scale) / f64::from(output.scale);
        let result = lowering.narrow(sum, &[scale], output)?;
        lowering.finish(node, result)
    }

    /// REDUCE_SUM per axis, RESHAPE.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (mut shape, mut sum) = (input.shape, input.id);
        for &axis in &self.axes {
            shape[axis] = 1;
            let op = ops::Op::ReduceSum(ops::ReduceSum { axis: axis as u32, input: sum });
            sum = lowering.push(op, ElementType::F32, &shape)?;
        }
        lowering.finish(node, sum)
    }
}

pub(super) fn reduced_shape(input: &[usize], axes: &[usize], keep_dims: bool) -> Result<Vec<usize>, String> {
    if let Some(axis) = axes.iter().find(|&&axis| axis >= input.len()) {
        return Err(format!("axis {axis} of {input:?}"));
    }
    let kept = input.iter().enumerate().filter(|(axis, _)| keep_dims || !axes.contains(axis));
    Ok(kept.map(|(axis, &dim)| if axes.contains(&axis) { 1 } else { dim }).collect())
}

/// Sums in f64, in memory order.
pub(super) fn reduce(input: &Tensor, axes: &[usize], keep_dims: bool) -> Tensor {
    let kept = reduced_shape(input.shape(), axes, keep_dims).expect("checked at import");
    quantize_float::sum(input, axes).into_shape_with_order(kept).expect("only unit axes disappear")
}
