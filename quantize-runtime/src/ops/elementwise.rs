//! What the elementwise operators share: type combinations, broadcasting and the loop.

use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::Element;
use alloc::vec::Vec;

/// Checks operands of one type against the combinations of operand and result type that the operator has, and gives the
/// broadcast shape.
pub(super) fn infer<const N: usize>(
    graph: &Graph<'_>,
    types: &[(ElementType, ElementType)],
    inputs: [ValueId; N],
    element: ElementType,
) -> Result<Shape, Rule> {
    let operands = graph.value(inputs[0])?.element;
    let mut shape = *graph.operand(inputs[0], operands)?;
    for input in inputs {
        let input = graph.operand(input, operands)?;
        shape = shape.broadcast(input).ok_or("the operands' shapes do not broadcast")?;
    }
    require(types.contains(&(operands, element)), "the operator does not take these element types")?;
    Ok(shape)
}

/// Applies `operation` to each element; `None` means that TOSA leaves the result open.
pub(super) fn unary<T: Element, O: Element>(
    environment: &Environment<'_>,
    input: ValueId,
    operation: impl Fn(T) -> Option<O>,
) -> Result<Tensor, Unpredictable> {
    let results = environment.elements(input).iter().map(|&element| operation(element).ok_or(Unpredictable));
    Ok(O::tensor(results.collect::<Result<_, _>>()?))
}

/// Applies `operation` to each pair of elements; `None` means that TOSA leaves the result open.
pub(super) fn binary<T: Element, O: Element>(
    environment: &Environment<'_>,
    inputs: [ValueId; 2],
    shape: &Shape,
    operation: impl Fn(T, T) -> Option<O>,
) -> Result<Tensor, Unpredictable> {
    let [input1, input2] = inputs.map(|id| environment.elements(id));
    let [strides1, strides2] = inputs.map(|id| environment.shape(id).broadcast_strides());
    let mut output = Vec::with_capacity(shape.len());
    for index in shape.indices() {
        let (a, b) = (input1[offset(&index, &strides1)], input2[offset(&index, &strides2)]);
        output.push(operation(a, b).ok_or(Unpredictable)?);
    }
    Ok(O::tensor(output))
}

/// Position in a buffer of the element at `index`.
pub(super) fn offset<const RANK: usize>(index: &[usize; RANK], strides: &[usize; RANK]) -> usize {
    index.iter().zip(strides).map(|(i, stride)| i * stride).sum()
}
