//! Elements by tensors of indices of neighbouring axes.

use super::indexing::{check_indices, position, take};
use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Data, Node, Tensor, Type};
use crate::lower::Lowering;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// The elements of operand 0 at the indices in the operands behind it, which broadcast: the first of them is for `axis`, the
/// next for the axis behind it. Their dimensions take the place of these axes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Index {
    /// The first axis that is indexed.
    pub axis: usize,
}

/// The shape of broadcast indices, and the dimensions before, of, and behind the indexed axes.
pub(super) type Parts<'a> = (Vec<usize>, &'a [usize], &'a [usize], &'a [usize]);

/// Takes an indexed shape apart.
pub(super) fn parts<'a>(axis: usize, shape: &'a [usize], indices: &[&[usize]]) -> Result<Parts<'a>, String> {
    let broadcast = indices.iter().try_fold(Vec::new(), |all, other| broadcast_shape(&all, other));
    let split = shape.split_at_checked(axis);
    let split = split.and_then(|(before, rest)| Some((before, rest.split_at_checked(indices.len())?)));
    match (broadcast, split) {
        (Some(broadcast), Some((before, (indexed, behind)))) if !indices.is_empty() => {
            Ok((broadcast, before, indexed, behind))
        }
        _ => Err(format!("indices of shapes {indices:?} from axis {axis} of {shape:?} on")),
    }
}

impl Room for Index {
    const NAME: &'static str = "index";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (broadcast, before, _, behind) = parts(self.axis, inputs[0], &inputs[1..])?;
        Ok([before, &broadcast, behind].concat())
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("an operand holds integers")
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        check_indices(&inputs[1..])?;
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
        Ok(vec![Type { element: inputs[0].element, shape: self.infer(&shapes)? }])
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
        let shape = self.infer(&shapes).expect("checked at import");
        let (.., before, indexed, behind) = parts(self.axis, shapes[0], &shapes[1..]).expect("checked at import");
        let rows = rows(&inputs[1..], indexed);
        let (outer, size) = (before.iter().product(), indexed.iter().product::<usize>());
        let inner: usize = behind.iter().product();
        let positions = (0..outer).flat_map(|o| {
            let rows = rows.iter().map(move |row| row.map(|row| (o * size + row) * inner));
            rows.flat_map(move |first| (0..inner).map(move |i| first.map(|first| first + i)))
        });
        vec![take(inputs[0], &shape, positions)]
    }

    fn target(&self) -> &'static str {
        "aten.index.Tensor"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE to `[outer, K, inner]`, GATHER, RESHAPE.
    ///
    /// Source: oracle of the lowering, section 7.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let shapes: Vec<Vec<usize>> =
            node.inputs[1..].iter().map(|&id| lowering.graph().value(id).shape.clone()).collect();
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        let (broadcast, before, indexed, behind) = parts(self.axis, &input.shape, &shapes)?;
        let outer = before.iter().product();
        let values = lowering.reshape(input.id, &[outer, indexed.iter().product(), behind.iter().product()])?;
        let rows = lower_rows(lowering, node, &broadcast, indexed)?;
        let rows = lowering.tile(rows, &[outer, 1])?;
        let result = lowering.gather(values, rows)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

/// The rows that broadcast indices of axes of these sizes name; `None` outside.
pub(crate) fn rows(indices: &[&Data], sizes: &[usize]) -> Vec<Option<usize>> {
    let arrays: Vec<_> = indices.iter().map(|indices| indices.integers().expect("checked at import")).collect();
    let shape = arrays.iter().try_fold(Vec::new(), |all, array| broadcast_shape(&all, array.shape()));
    let shape = shape.expect("checked at import");
    let views: Vec<Vec<i64>> = arrays
        .iter()
        .map(|array| array.broadcast(shape.clone()).expect("checked at import").iter().copied().collect())
        .collect();
    let row = |at: usize| {
        views.iter().zip(sizes).try_fold(0, |row, (view, &size)| Some(row * size + position(view[at], size)?))
    };
    (0..shape.iter().product()).map(row).collect()
}

/// These rows as indices `[1, W]`, for all operands of a node but the first; `sizes` are those of the indexed axes.
pub(super) fn lower_rows(
    lowering: &mut Lowering<'_>,
    node: &Node,
    broadcast: &[usize],
    sizes: &[usize],
) -> Result<ValueId, String> {
    let mut sum: Option<(ValueId, Vec<usize>)> = None;
    for (index, &size) in sizes.iter().enumerate() {
        let mut shape = lowering.graph().value(node.inputs[1 + index]).shape.clone();
        let indices = lowering.indices(node, 1 + index, size)?;
        while shape.len() < broadcast.len().max(1) {
            shape.insert(0, 1);
        }
        let indices = lowering.reshape(indices, &shape)?;
        sum = Some(match sum {
            None => (indices, shape),
            // Row-major: what is there already moves on by the size of the next axis.
            Some((rows, rows_shape)) => {
                let factor = lowering.constant_i32(&vec![1; shape.len()], vec![size as i32])?;
                let op = ops::Mul { input1: rows, input2: factor, shift: 0 };
                let rows = lowering.push(ops::Op::Mul(op), ElementType::I32, &rows_shape)?;
                let shape = broadcast_shape(&rows_shape, &shape).expect("checked at import");
                let op = ops::Add { input1: rows, input2: indices };
                (lowering.push(ops::Op::Add(op), ElementType::I32, &shape)?, shape)
            }
        });
    }
    let (rows, shape) = sum.expect("at least one index");
    lowering.reshape(rows, &[1, shape.iter().product()])
}
