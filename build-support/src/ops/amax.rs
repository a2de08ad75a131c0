//! Largest or smallest element over axes.

use super::sum::reduced_shape;
use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops;

/// The largest or smallest element over some axes.
#[derive(Clone, PartialEq, Debug)]
pub struct Amax {
    /// Whether the largest, else the smallest.
    pub largest: bool,
    /// Axes, each once, in the order in which they are reduced.
    pub axes: Vec<usize>,
    /// Whether the axes stay, with size 1.
    pub keep_dims: bool,
}

impl Room for Amax {
    const NAME: &'static str = "amax or amin";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &self.axes, self.keep_dims)
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = reduced_shape(inputs[0].shape(), &self.axes, self.keep_dims).expect("checked at import");
        let mut result = inputs[0].clone();
        for &axis in &self.axes {
            let reduced = result.map_axis(ndarray::Axis(axis), |lane| {
                let lane = lane.iter().copied();
                if self.largest { lane.fold(f32::NEG_INFINITY, f32::max) } else { lane.fold(f32::INFINITY, f32::min) }
            });
            result = reduced.insert_axis(ndarray::Axis(axis)).as_standard_layout().into_owned();
        }
        result.into_shape_with_order(shape).expect("only unit axes disappear")
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        if self.largest { "aten.amax.default" } else { "aten.amin.default" }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// REDUCE_MAX or REDUCE_MIN per axis, on codes, RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let result = self.reduced(lowering, &input)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl Amax {
    /// The operand with size 1 along the axes.
    pub(super) fn reduced(&self, lowering: &mut Lowering<'_>, operand: &Operand) -> Result<ValueId, String> {
        let (mut input, mut shape) = (operand.id, operand.shape.clone());
        for &axis in &self.axes {
            shape[axis] = 1;
            let axis = axis as u32;
            let op = match self.largest {
                true => ops::Op::ReduceMax(ops::ReduceMax { axis, input, ..Default::default() }),
                false => ops::Op::ReduceMin(ops::ReduceMin { axis, input, ..Default::default() }),
            };
            input = lowering.push(op, lowering.element_of(operand.id), &shape)?;
        }
        Ok(input)
    }
}
