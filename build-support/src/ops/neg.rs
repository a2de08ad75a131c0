//! The opposite number.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_runtime::ops;

/// `-x` for each element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Neg;

impl Room for Neg {
    const NAME: &'static str = "neg";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        quantize_float::map(inputs[0], &|x| -x)
    }

    fn target(&self) -> &'static str {
        "aten.neg.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Own
    }

    /// NEGATE with both zero points: the result's range is the mirrored one, so that the scales agree.
    ///
    /// Upstream ignores what the scales may differ by; a RESCALE would be right and not have upstream's bytes.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (input_zero_point, output_zero_point) = (input.params().zero_point, lowering.result_params(node).zero_point);
        let op = ops::Negate { input: input.id, input_zero_point, output_zero_point };
        let result = lowering.push(ops::Op::Negate(op), lowering.element_of(input.id), &input.shape)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let op = ops::Negate { input: input.id, ..Default::default() };
        let result = lowering.push(ops::Op::Negate(op), lowering.element_of(input.id), &input.shape)?;
        lowering.finish(node, result)
    }
}
