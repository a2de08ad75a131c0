//! Parts of an axis by their indices: index_select, and the rows of an embedding.

use super::indexing::{check_indices, position, take};
use super::{Pattern, Room};
use crate::graph::{Data, Node, Tensor, Type};
use crate::lower::Lowering;

/// The elements of operand 0 at the indices in operand 1, of rank 1, along an axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IndexSelect {
    /// The axis that is indexed.
    pub axis: usize,
}

impl Room for IndexSelect {
    const NAME: &'static str = "index_select";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let mut shape = inputs[0].to_vec();
        match (shape.get_mut(self.axis), inputs[1]) {
            (Some(dim), &[count]) => *dim = count,
            _ => return Err(format!("indices of shape {:?} along axis {} of {shape:?}", inputs[1], self.axis)),
        }
        Ok(shape)
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
        let shape = self.infer(&[inputs[0].shape(), inputs[1].shape()]).expect("checked at import");
        let size = inputs[0].shape()[self.axis];
        let inner: usize = shape[self.axis + 1..].iter().product();
        let outer: usize = shape[..self.axis].iter().product();
        let rows: Vec<Option<usize>> =
            inputs[1].integers().expect("checked at import").iter().map(|&index| position(index, size)).collect();
        let positions = (0..outer).flat_map(|o| {
            let rows = rows.iter().map(move |row| row.map(|row| (o * size + row) * inner));
            rows.flat_map(move |first| (0..inner).map(move |i| first.map(|first| first + i)))
        });
        vec![take(inputs[0], &shape, positions)]
    }

    fn target(&self) -> &'static str {
        "aten.index_select.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE to `[outer, K, inner]`, GATHER with the indices for each of the outer ones, RESHAPE.
    ///
    /// Source: oracle of the lowering, section 7.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (size, count) = (input.shape[self.axis], lowering.graph().value(node.inputs[1]).shape[0]);
        let outer = input.shape[..self.axis].iter().product();
        let inner = input.shape[self.axis + 1..].iter().product();
        let values = lowering.reshape(input.id, &[outer, size, inner])?;
        let indices = lowering.indices(node, 1, size)?;
        let indices = lowering.reshape(indices, &[1, count])?;
        let indices = lowering.tile(indices, &[outer, 1])?;
        let result = lowering.gather(values, indices)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
