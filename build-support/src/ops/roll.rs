//! Rotation along axes.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// The elements moved on along each axis; those that leave at the end come in at the start.
#[derive(Clone, PartialEq, Debug)]
pub struct Roll {
    /// Axes and how far to move on each, less than its size.
    pub shifts: Vec<(usize, usize)>,
}

impl Roll {
    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let mut result = inputs[0].to_owned();
        for &(axis, shift) in &self.shifts {
            let (front, back) = result.view().split_at(Axis(axis), result.shape()[axis] - shift);
            result = T::joined(Axis(axis), &[back, front]);
        }
        result
    }
}

impl Room for Roll {
    const NAME: &'static str = "roll";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let fits = |&(axis, shift): &(usize, usize)| inputs[0].get(axis).is_some_and(|&size| shift < size);
        match self.shifts.iter().all(fits) {
            true => Ok(inputs[0].to_vec()),
            false => Err(format!("shifts {:?} of {:?}", self.shifts, inputs[0])),
        }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.roll.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    /// SLICE of both parts and CONCAT, for each axis.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let mut value = input.id;
        for &(axis, shift) in self.shifts.iter().filter(|(_, shift)| *shift > 0) {
            let mut start = vec![0; input.shape.len()];
            let mut size = input.shape.clone();
            size[axis] -= shift;
            let front = lowering.slice(value, &start, &size)?;
            (start[axis], size[axis]) = (size[axis], shift);
            let back = lowering.slice(value, &start, &size)?;
            value = lowering.concat(&[back, front], axis)?;
        }
        lowering.finish(node, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_at_the_end_comes_in_at_the_start() {
        let x = Tensor::from_shape_vec(vec![2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let rolled = Roll { shifts: vec![(1, 1), (0, 1)] }.evaluate(&[&x]);
        assert_eq!(rolled.into_raw_vec_and_offset().0, [5.0, 3.0, 4.0, 2.0, 0.0, 1.0]);
    }
}
