//! Whether some or all truth values along axes hold.

use super::sum::reduced_shape;
use super::{Pattern, Room};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// Whether one truth value over some axes holds, or all do.
#[derive(Clone, PartialEq, Debug)]
pub struct Any {
    /// Whether all must hold.
    pub all: bool,
    /// Axes, ascending, each once.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
}

impl Room for Any {
    const NAME: &'static str = "any or all";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &self.axes, self.keep_dims)
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        if inputs[0].element != Element::Bool {
            return Err("operand 0 holds no truth values".to_owned());
        }
        Ok(vec![Type { element: Element::Bool, shape: self.infer(&[&inputs[0].shape])? }])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("the result holds truth values")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let mut result = inputs[0].truths().expect("checked at import").clone();
        let shape = self.infer(&[result.shape()]).expect("checked at import");
        for &axis in &self.axes {
            let reduced = result.map_axis(ndarray::Axis(axis), |lane| {
                if self.all { lane.iter().all(|&x| x) } else { lane.iter().any(|&x| x) }
            });
            result = reduced.insert_axis(ndarray::Axis(axis)).as_standard_layout().into_owned();
        }
        vec![result.into_shape_with_order(shape).expect("only unit axes disappear").into()]
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        if self.all { "aten.all.dim" } else { "aten.any.dim" }
    }

    /// There are no real numbers to quantize.
    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower_float(lowering, node)
    }

    /// REDUCE_ANY or REDUCE_ALL per axis, RESHAPE.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let operand = lowering.operand(node, 0)?;
        let (mut input, mut shape) = (operand.id, operand.shape);
        for &axis in &self.axes {
            shape[axis] = 1;
            let axis = axis as u32;
            let op = match self.all {
                true => ops::Op::ReduceAll(ops::ReduceAll { axis, input }),
                false => ops::Op::ReduceAny(ops::ReduceAny { axis, input }),
            };
            input = lowering.push(op, ElementType::Bool, &shape)?;
        }
        lowering.finish(node, input)
    }
}
