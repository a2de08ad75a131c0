//! Product over an axis; upstream's quantizer does not know it.

use super::sum::reduced_shape;
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// Product over some axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Prod {
    /// Axes, ascending, each once.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
}

impl Room for Prod {
    const NAME: &'static str = "prod";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &self.axes, self.keep_dims)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = reduced_shape(inputs[0].shape(), &self.axes, self.keep_dims).expect("checked at import");
        let mut result = inputs[0].clone();
        for &axis in &self.axes {
            let reduced = result.map_axis(ndarray::Axis(axis), |lane| lane.iter().product());
            result = reduced.insert_axis(ndarray::Axis(axis)).as_standard_layout().into_owned();
        }
        result.into_shape_with_order(shape).expect("only unit axes disappear")
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        "aten.prod.dim_int"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    fn lower(&self, _: &mut Lowering<'_>, _: &Node) -> Result<(), String> {
        Err("a product has no integer form".to_owned())
    }

    /// REDUCE_PRODUCT per axis, RESHAPE.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let operand = lowering.operand(node, 0)?;
        let (mut input, mut shape) = (operand.id, operand.shape);
        for &axis in &self.axes {
            shape[axis] = 1;
            let op = ops::Op::ReduceProduct(ops::ReduceProduct { axis: axis as u32, input });
            input = lowering.push(op, ElementType::F32, &shape)?;
        }
        lowering.finish(node, input)
    }
}
