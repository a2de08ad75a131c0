//! A view of memory with sizes and strides of its own.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use ndarray::{ArrayD, ArrayViewD};

/// Element `[i, j, …]` is the operand's element `offset + i · strides[0] + j · strides[1] + …` in row-major order.
#[derive(Clone, PartialEq, Debug)]
pub struct AsStrided {
    /// Dimensions of the result.
    pub shape: Vec<usize>,
    /// Distance in the operand between neighbours along each axis.
    pub strides: Vec<usize>,
    /// The operand's element that is the result's first.
    pub offset: usize,
}

impl AsStrided {
    /// The position of the last element; `None` where it overflows or there is none.
    fn last(&self) -> Option<usize> {
        let mut steps = self.shape.iter().zip(&self.strides);
        steps.try_fold(self.offset, |last, (dim, stride)| last.checked_add(dim.checked_sub(1)?.checked_mul(*stride)?))
    }

    /// Positions of the result's elements in the operand, in order.
    fn positions(&self) -> impl Iterator<Item = usize> {
        (0..self.shape.iter().product::<usize>()).map(|index| {
            let mut rest = index;
            self.shape.iter().zip(&self.strides).rev().fold(self.offset, |position, (dim, stride)| {
                let step = rest % dim;
                rest /= dim;
                position + step * stride
            })
        })
    }

    fn rearrange<T: Clone>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let from = inputs[0].as_slice().expect("standard layout");
        let elements = self.positions().map(|position| from[position].clone()).collect();
        ArrayD::from_shape_vec(self.shape.clone(), elements).expect("a position for each element")
    }
}

impl Room for AsStrided {
    const NAME: &'static str = "as_strided";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let count: usize = inputs[0].iter().product();
        let is_inside = self.shape.len() == self.strides.len() && self.last().is_some_and(|last| last < count);
        if is_inside { Ok(self.shape.clone()) } else { Err(format!("{self:?} leaves an operand of shape {:?}", inputs[0])) }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        "aten.as_strided_copy.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE and SLICE of neighbouring elements, GATHER of others, and RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (size, count) = (input.shape.iter().product(), self.shape.iter().product());
        let result = if self.positions().eq(self.offset..self.offset + count) {
            let line = lowering.reshape(input.id, &[size])?;
            lowering.slice(line, &[self.offset], &[count])?
        } else {
            let line = lowering.reshape(input.id, &[1, size, 1])?;
            let positions = self.positions().map(|position| position as i32).collect(); // of a tensor of TOSA
            let positions = lowering.constant_i32(&[1, count], positions)?;
            lowering.gather(line, positions)?
        };
        lowering.finish(node, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_may_overlap_and_turn_axes() {
        let x = Tensor::from_shape_fn(vec![2, 3], |at| (3 * at[0] + at[1]) as f32);
        let windows = AsStrided { shape: vec![2, 2, 2], strides: vec![1, 1, 2], offset: 1 };
        let result = windows.evaluate(&[&x]);
        assert_eq!(result.as_slice().unwrap(), [1.0, 3.0, 2.0, 4.0, 2.0, 4.0, 3.0, 5.0]);
        assert!(AsStrided { offset: 2, ..windows }.infer(&[&[2, 3]]).is_err());
    }
}
