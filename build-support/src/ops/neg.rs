//! The opposite number.

use super::{Pattern, Room};
use crate::config::Dtype;
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};
use crate::quantize::QuantParams;
use quantize_runtime::ops;

/// A relative difference of scales that moves no code of int8 by half a quantum: mirrored data can bring as much.
const NO_DIFFERENCE: f32 = 1.0 / 512.0;

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

    /// NEGATE with both zero points, as the result's range is the mirrored one; a RESCALE follows where it is not, because an
    /// observer watches other tensors, too.
    ///
    /// Upstream ignores whatever the scales differ by.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let (input, output) = (lowering.operand(node, 0)?, lowering.result_params(node));
        let params = input.params();
        let is_mirrored = (params.scale / output.scale - 1.0).abs() < NO_DIFFERENCE;
        let mirrored = match params.dtype {
            _ if is_mirrored => output,
            Dtype::Int16 => params,
            // No code saturates.
            _ => QuantParams { zero_point: -1 - params.zero_point, ..params },
        };
        let op = ops::Negate {
            input: input.id,
            input_zero_point: params.zero_point,
            output_zero_point: mirrored.zero_point,
        };
        let id = lowering.push(ops::Op::Negate(op), lowering.element_of(input.id), &input.shape)?;
        let result = lowering.rescaled(&Operand { id, params: Some(mirrored), ..input }, output)?;
        lowering.finish(node, result.id)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let op = ops::Negate { input: input.id, ..Default::default() };
        let result = lowering.push(ops::Op::Negate(op), lowering.element_of(input.id), &input.shape)?;
        lowering.finish(node, result)
    }
}
