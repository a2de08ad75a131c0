//! Elements by their index along an axis, each with an index of its own.

use super::indexing::{check_indices, position, take};
use super::{Pattern, Room};
use crate::graph::{Data, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::{ArrayD, Dimension};

/// For each element of operand 1 the element of operand 0 at the same place, but for its axis, where the index is it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Gather {
    /// The axis that is indexed.
    pub axis: usize,
}

impl Room for Gather {
    const NAME: &'static str = "gather";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (data, indices) = (inputs[0], inputs[1]);
        let fits = data.len() == indices.len()
            && self.axis < data.len()
            && (0..data.len()).all(|axis| axis == self.axis || indices[axis] <= data[axis]);
        if fits { Ok(indices.to_vec()) } else { Err(format!("indices {indices:?} along axis {} of {data:?}", self.axis)) }
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("an operand holds integers")
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        check_indices(&inputs[1..])?;
        let shape = self.infer(&[&inputs[0].shape, &inputs[1].shape])?;
        Ok(vec![Type { element: inputs[0].element, shape }])
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let indices: &ArrayD<i64> = inputs[1].integers().expect("checked at import");
        let shape = inputs[0].shape();
        let positions = indices.indexed_iter().map(|(at, &index)| {
            let index = position(index, shape[self.axis])?;
            let places = at.slice().iter().enumerate().map(|(axis, &at)| if axis == self.axis { index } else { at });
            Some(places.zip(shape).fold(0, |position, (at, dim)| position * dim + at))
        });
        vec![take(inputs[0], indices.shape(), positions)]
    }

    fn target(&self) -> &'static str {
        "aten.gather.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// SLICE to the places that have indices, TRANSPOSE so that the axis is the last, RESHAPE to `[outer, K, 1]`, GATHER, and
    /// back.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let count = lowering.graph().value(node.inputs[1]).shape.clone();
        let size = input.shape[self.axis];
        let rank = count.len();
        let mut part = count.clone();
        part[self.axis] = size;
        let to_last: Vec<usize> = (0..rank).filter(|&axis| axis != self.axis).chain([self.axis]).collect();
        let back: Vec<usize> = (0..self.axis).chain([rank - 1]).chain(self.axis..rank - 1).collect();
        let outer = part.iter().product::<usize>() / size;

        let values = lowering.slice(input.id, &vec![0; rank], &part)?;
        let values = lowering.transpose(values, &to_last)?;
        let values = lowering.reshape(values, &[outer, size, 1])?;
        let indices = lowering.indices(node, 1, size)?;
        let indices = lowering.transpose(indices, &to_last)?;
        let indices = lowering.reshape(indices, &[outer, count[self.axis]])?;
        let result = lowering.gather(values, indices)?;
        let moved: Vec<usize> = to_last.iter().map(|&axis| count[axis]).collect();
        let result = lowering.reshape(result, &moved)?;
        let result = lowering.transpose(result, &back)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
