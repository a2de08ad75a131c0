//! The magnitude of a number.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// `|x|` for each element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Abs;

impl Room for Abs {
    const NAME: &'static str = "abs";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        quantize_float::map(inputs[0], &f32::abs)
    }

    fn target(&self) -> &'static str {
        "aten.abs.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Own
    }

    /// RESCALE to i32 without change of scale, ABS, RESCALE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let output = lowering.result_params(node);
        let widened = lowering.widen(&input, 1.0, input.shape.len())?;
        let op = ops::Op::Abs(ops::Abs { input: widened });
        let magnitude = lowering.push(op, ElementType::I32, &input.shape)?;
        let factor = f64::from(input.params().scale) / f64::from(output.scale);
        let result = lowering.narrow(magnitude, &[factor], output)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let op = ops::Op::Abs(ops::Abs { input: input.id });
        let result = lowering.push(op, lowering.element_of(input.id), &input.shape)?;
        lowering.finish(node, result)
    }
}
