//! Replaces elements at indices of the first axes.

use super::index::{lower_rows, parts, rows};
use super::indexing::check_indices;
use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Data, Node, Tensor, Type};
use crate::lower::Lowering;
use ndarray::ArrayD;
use quantize_runtime::ops;

/// Operand 0, but with the elements of the last operand at the indices in the operands between, one for each of the first
/// axes. Indices broadcast, and so does the last operand; no two name the same place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IndexPut;

impl Room for IndexPut {
    const NAME: &'static str = "index_put";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [data, indices @ .., new] = inputs else { return Err("fewer than three operands".to_owned()) };
        let (broadcast, _, _, behind) = parts(0, data, indices)?;
        let expected = [broadcast.as_slice(), behind].concat();
        match broadcast_shape(new, &expected) {
            Some(shape) if shape == expected => Ok(data.to_vec()),
            _ => Err(format!("{new:?} in place of elements of shape {expected:?}")),
        }
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("an operand holds integers")
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
        let shape = self.infer(&shapes)?;
        check_indices(&inputs[1..inputs.len() - 1])?;
        let element = inputs[0].element;
        if inputs[inputs.len() - 1].element != element {
            return Err("operands of different element types".to_owned());
        }
        Ok(vec![Type { element, shape }])
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        fn put<T: Copy>(data: &ArrayD<T>, rows: &[Option<usize>], new: &ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
            let new: Vec<T> = new.broadcast(shape).expect("checked at import").iter().copied().collect();
            let inner = new.len() / rows.len();
            let mut result = data.clone();
            let elements = result.as_slice_mut().expect("standard layout");
            for (row, new) in rows.iter().zip(new.chunks_exact(inner)) {
                if let Some(row) = row {
                    elements[row * inner..][..inner].copy_from_slice(new);
                }
            }
            result
        }
        let (indices, new) = (&inputs[1..inputs.len() - 1], inputs[inputs.len() - 1]);
        let shapes: Vec<&[usize]> = indices.iter().map(|indices| indices.shape()).collect();
        let (broadcast, _, indexed, behind) = parts(0, inputs[0].shape(), &shapes).expect("checked at import");
        let (rows, shape) = (rows(indices, indexed), [broadcast.as_slice(), behind].concat());
        let result = match (inputs[0], new) {
            (Data::F32(data), Data::F32(new)) => put(data, &rows, new, &shape).into(),
            (Data::I64(data), Data::I64(new)) => put(data, &rows, new, &shape).into(),
            (Data::Bool(data), Data::Bool(new)) => put(data, &rows, new, &shape).into(),
            _ => unreachable!("equal element types, checked at import"),
        };
        vec![result]
    }

    fn target(&self) -> &'static str {
        "aten.index_put.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE to `[1, K, inner]`, SCATTER, RESHAPE.
    ///
    /// Source: oracle of the lowering, section 7.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let (input, last) = (lowering.operand(node, 0)?, node.inputs.len() - 1);
        let new = lowering.operand(node, last)?;
        let shapes: Vec<Vec<usize>> =
            node.inputs[1..last].iter().map(|&id| lowering.graph().value(id).shape.clone()).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let (broadcast, _, indexed, behind) = parts(0, &input.shape, &shapes)?;
        let (size, inner) = (indexed.iter().product(), behind.iter().product());
        let count = broadcast.iter().product();
        let shape = [broadcast.as_slice(), behind].concat();
        let mut lifted = vec![1; shape.len() - new.shape.len()];
        lifted.extend(&new.shape);
        let multiples: Vec<usize> = shape.iter().zip(&lifted).map(|(to, from)| to / from).collect();
        let new = lowering.reshape(new.id, &lifted)?;
        let new = lowering.tile(new, &multiples)?;
        let op = ops::Scatter {
            values: lowering.reshape(input.id, &[1, size, inner])?,
            indices: lower_rows(lowering, node, &broadcast, indexed)?,
            input: lowering.reshape(new, &[1, count, inner])?,
        };
        let element = lowering.element_of(op.values);
        let result = lowering.push(ops::Op::Scatter(op), element, &[1, size, inner])?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}
