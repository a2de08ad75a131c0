//! What the binary elementwise operators share: broadcasting and the loop.

use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// Checks two operands of type `operands` and gives the broadcast shape of the i32 result.
pub(super) fn infer(
    graph: &Graph<'_>,
    operands: ElementType,
    inputs: [ValueId; 2],
    element: ElementType,
) -> Result<Shape, Rule> {
    let input1 = graph.operand(inputs[0], operands)?;
    let input2 = graph.operand(inputs[1], operands)?;
    require(element == ElementType::I32, "the result of integer arithmetic is i32")?;
    input1.broadcast(input2).ok_or("the operands' shapes do not broadcast")
}

/// Applies `operation` to each pair of elements; `None` means that the result does not fit i32.
pub(super) fn evaluate(
    environment: &Environment<'_>,
    inputs: [ValueId; 2],
    shape: &Shape,
    operation: impl Fn(i64, i64) -> Option<i64>,
) -> Result<Tensor, Unpredictable> {
    let [input1, input2] = inputs.map(|id| environment.integers(id));
    let [strides1, strides2] = inputs.map(|id| environment.shape(id).broadcast_strides());
    let mut output = Vec::with_capacity(shape.len());
    for index in shape.indices() {
        let (a, b) = (input1(offset(&index, &strides1)), input2(offset(&index, &strides2)));
        let result = operation(a, b).and_then(|result| i32::try_from(result).ok());
        output.push(result.ok_or(Unpredictable)?);
    }
    Ok(Tensor::I32(output))
}

/// Position in a buffer of the element at `index`.
pub(super) fn offset<const RANK: usize>(index: &[usize; RANK], strides: &[usize; RANK]) -> usize {
    index.iter().zip(strides).map(|(i, stride)| i * stride).sum()
}
