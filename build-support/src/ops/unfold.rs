//! Sliding windows over one axis as a new axis.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD, Axis};

/// The windows of `size` elements, every `step` elements, along an axis; the elements of a window are a new last axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Unfold {
    /// The axis.
    pub axis: usize,
    /// Elements of a window.
    pub size: usize,
    /// Distance between windows, at least 1.
    pub step: usize,
}

impl Unfold {
    fn count(&self, dim: usize) -> Option<usize> {
        Some(dim.checked_sub(self.size)?.checked_div(self.step)? + 1).filter(|_| self.size > 0)
    }

    /// For each element of each window its position on the axis.
    fn positions(&self, dim: usize) -> Vec<usize> {
        let windows = 0..self.count(dim).expect("checked at import");
        windows.flat_map(|window| (0..self.size).map(move |i| window * self.step + i)).collect()
    }

    /// Dimensions with windows and their elements side by side, and the order of the result's.
    fn views(&self, shape: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let mut view = shape.to_vec();
        view[self.axis] = self.count(shape[self.axis]).expect("checked at import");
        view.insert(self.axis + 1, self.size);
        let order = (0..=self.axis).chain(self.axis + 2..view.len()).chain([self.axis + 1]).collect();
        (view, order)
    }

    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let (view, order) = self.views(inputs[0].shape());
        let windows = inputs[0].select(Axis(self.axis), &self.positions(inputs[0].shape()[self.axis]));
        let windows = T::standard(windows.view()).into_shape_with_order(view).expect("as many elements");
        T::standard(windows.view().permuted_axes(order))
    }
}

impl Room for Unfold {
    const NAME: &'static str = "unfold";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match shape.get(self.axis).and_then(|&dim| self.count(dim)) {
            Some(count) => shape[self.axis] = count,
            None => {
                let Self { axis, size, step } = self;
                return Err(format!("windows of {size} elements every {step} along axis {axis} of {shape:?}"));
            }
        }
        shape.push(self.size);
        Ok(shape)
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.unfold.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    /// RESHAPE to `[outer, K, inner]`, GATHER of all windows, RESHAPE, TRANSPOSE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let dim = input.shape[self.axis];
        let outer = input.shape[..self.axis].iter().product();
        let inner = input.shape[self.axis + 1..].iter().product();
        let values = lowering.reshape(input.id, &[outer, dim, inner])?;
        let positions: Vec<i32> = self.positions(dim).into_iter().map(|position| position as i32).collect();
        let indices = lowering.constant_i32(&[1, positions.len()], positions)?;
        let indices = lowering.tile(indices, &[outer, 1])?;
        let windows = lowering.gather(values, indices)?;
        let (view, order) = self.views(&input.shape);
        let windows = lowering.reshape(windows, &view)?;
        let result = lowering.transpose(windows, &order)?;
        lowering.finish(node, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_and_their_elements_come_last() {
        let x = Tensor::from_shape_vec(vec![5, 1], vec![0.0, 1.0, 2.0, 3.0, 4.0]).unwrap();
        let windows = Unfold { axis: 0, size: 3, step: 2 }.evaluate(&[&x]);
        assert_eq!(windows.shape(), [2, 1, 3]);
        assert_eq!(windows.into_raw_vec_and_offset().0, [0.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
    }
}
