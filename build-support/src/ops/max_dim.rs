//! Largest or smallest element of an axis and where it is.

use super::sum::reduced_shape;
use super::{Pattern, Room, shapes_of};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::Axis;

/// The largest or smallest element of an axis, and its first index. Where nobody reads the index it becomes
/// [`super::amax::Amax`] before annotation.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxDim {
    /// Whether the largest, else the smallest.
    pub largest: bool,
    /// The axis.
    pub axis: usize,
    /// Whether the axis stays, with size 1.
    pub keep_dims: bool,
}

impl Room for MaxDim {
    const NAME: &'static str = "max or min along an axis";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        reduced_shape(inputs[0], &[self.axis], self.keep_dims)
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let shape = self.infer(&shapes_of(inputs, Element::F32)?)?;
        Ok(vec![Type::real(shape.clone()), Type { element: Element::I64, shape }])
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        let values = inputs[0].map_axis(Axis(self.axis), |lane| lane[self.first(lane.iter().copied())]);
        values.into_shape_with_order(shape).expect("only a unit axis disappears")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let input = inputs[0].real().expect("checked at import");
        let shape = self.infer(&[input.shape()]).expect("checked at import");
        let indices = input.map_axis(Axis(self.axis), |lane| self.first(lane.iter().copied()) as i64);
        let indices = indices.into_shape_with_order(shape).expect("only a unit axis disappears");
        vec![self.evaluate(&[input]).into(), indices.into()]
    }

    fn work(&self, inputs: &[&[usize]]) -> usize {
        super::largest(inputs)
    }

    fn target(&self) -> &'static str {
        if self.largest { "aten.max.dim" } else { "aten.min.dim" }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, _: &mut Lowering<'_>, _: &Node) -> Result<(), String> {
        Err("the index of an extreme element has no integer form: use `argmax`, or `amax` where only the value is read"
            .to_owned())
    }
}

impl MaxDim {
    /// Index of the first extreme element.
    fn first(&self, lane: impl Iterator<Item = f32>) -> usize {
        let mut best = (0, f32::NAN);
        for (index, x) in lane.enumerate() {
            let is_better = if self.largest { x > best.1 } else { x < best.1 };
            if index == 0 || is_better {
                best = (index, x);
            }
        }
        best.0
    }
}
