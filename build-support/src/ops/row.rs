//! What slides over `[N, C, L]` slides over the only row of the image `[N, C, 1, L]`.

use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};
use ndarray::Axis;
use quantize_runtime::graph::ValueId;

/// The height of an image.
const HEIGHT: usize = 2;

/// Dimensions as those of an image of one row.
pub(super) fn as_row(shape: &[usize]) -> Result<[usize; 4], String> {
    match *shape {
        [n, c, l] => Ok([n, c, 1, l]),
        _ => Err(format!("a one-dimensional window over {shape:?}; expected [N, C, L]")),
    }
}

/// Dimensions without the row.
pub(super) fn without_row(mut shape: Vec<usize>) -> Vec<usize> {
    shape.remove(HEIGHT);
    shape
}

/// A tensor as an image of one row.
pub(super) fn to_row(tensor: &Tensor) -> Tensor {
    tensor.clone().insert_axis(Axis(HEIGHT))
}

/// An image of one row without it.
pub(super) fn from_row(image: Tensor) -> Tensor {
    image.remove_axis(Axis(HEIGHT))
}

/// Writes a pool that `pool` writes for an image of one row, whose parameters its result has.
///
/// Upstream leaves such pools in float. Where a rule names one, operand and result have observers of their own.
pub(super) fn lower_pool(
    lowering: &mut Lowering<'_>,
    node: &Node,
    pool: impl FnOnce(&mut Lowering<'_>, &Operand) -> Result<ValueId, String>,
) -> Result<(), String> {
    let input = lowering.operand(node, 0)?;
    let shape = as_row(&input.shape)?.to_vec();
    let id = lowering.reshape(input.id, &shape)?;
    let row = Operand { id, shape, params: input.params };
    let result = pool(lowering, &row)?;
    lowering.finish_with(node, result, &row)
}
