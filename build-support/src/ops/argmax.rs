//! Where the largest element is.

use super::{Pattern, Room};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::{ArrayD, Axis};
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// The index of the first or the last largest element along an axis; an integer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ArgMax {
    /// Whether the last of several equal elements counts.
    pub last: bool,
    /// The axis; `None` for all elements in the order of memory.
    pub axis: Option<usize>,
    /// Whether the axis stays, with size 1.
    pub keep_dims: bool,
}

impl Room for ArgMax {
    const NAME: &'static str = "argmax";

    const EXACT_ON_CODES: bool = true;

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match self.axis {
            Some(axis) if axis >= shape.len() => return Err(format!("axis {axis} of {shape:?}")),
            Some(axis) if self.keep_dims => shape[axis] = 1,
            Some(axis) => _ = shape.remove(axis),
            None if self.keep_dims => shape.fill(1),
            None => shape.clear(),
        }
        Ok(shape)
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("the result holds integers")
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        if inputs[0].element != Element::F32 {
            return Err("the operand holds no real numbers".to_owned());
        }
        Ok(vec![Type { element: Element::I64, shape: self.infer(&[&inputs[0].shape])? }])
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let input = inputs[0].real().expect("checked at import");
        let shape = self.infer(&[input.shape()]).expect("checked at import");
        // The first element that is not a number beats all.
        let beats =
            |value: f32, best: f32| !best.is_nan() && (value > best || value.is_nan() || self.last && value == best);
        let largest = |values: &mut dyn Iterator<Item = f32>| {
            let mut best = (0, f32::NEG_INFINITY);
            for (index, value) in (0_i64..).zip(values) {
                if beats(value, best.1) {
                    best = (index, value);
                }
            }
            best.0
        };
        let indices: Vec<i64> = match self.axis {
            Some(axis) => input.map_axis(Axis(axis), |lane| largest(&mut lane.iter().copied())).iter().copied().collect(),
            None => vec![largest(&mut input.iter().copied())],
        };
        vec![ArrayD::from_shape_vec(shape, indices).expect("an index for each element").into()]
    }

    fn target(&self) -> &'static str {
        "aten.argmax.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    /// ARGMAX and RESHAPE; the last largest element is the first one of the reversed axis.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (value, shape, axis) = match self.axis {
            Some(axis) if input.shape.len() > 1 => (input.id, input.shape, axis),
            // A program has no tensors without dimensions.
            _ => {
                let row = vec![1, input.shape.iter().product()];
                (lowering.reshape(input.id, &row)?, row, 1)
            }
        };
        let value = match self.last {
            true => {
                let reverse = ops::Op::Reverse(ops::Reverse { axis: axis as u32, input: value });
                lowering.push(reverse, lowering.element_of(value), &shape)?
            }
            false => value,
        };
        let mut reduced = shape;
        let dim = reduced.remove(axis);
        let op = ops::ArgMax { axis: axis as u32, input: value, ..Default::default() };
        let mut result = lowering.push(ops::Op::ArgMax(op), ElementType::I32, &reduced)?;
        if self.last {
            let last = lowering.constant_i32(&vec![1; reduced.len()], vec![dim as i32 - 1])?; // sizes of a tensor
            let op = ops::Op::Sub(ops::Sub { input1: last, input2: result });
            result = lowering.push(op, ElementType::I32, &reduced)?;
        }
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_or_the_last_largest_wins() {
        let x: Data = Tensor::from_shape_vec(vec![2, 3], vec![1.0, 3.0, 3.0, 2.0, 0.0, 1.0]).unwrap().into();
        let of = |axis, last| ArgMax { last, axis, keep_dims: false }.evaluate_all(&[&x]).remove(0);
        let indices = |axis, last| of(axis, last).integers().unwrap().iter().copied().collect::<Vec<_>>();
        assert_eq!(indices(Some(1), false), [1, 0]);
        assert_eq!(indices(Some(0), false), [1, 0, 0]);
        assert_eq!(indices(None, false), [1]);
        assert_eq!(indices(Some(1), true), [2, 0]);
        assert_eq!(indices(None, true), [2]);
    }
}
