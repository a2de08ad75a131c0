//! Constant values around a tensor.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::{Lowering, Operand};
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops;

/// `value` before and after each axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Pad {
    /// How many elements before and after, per axis.
    pub padding: Vec<[usize; 2]>,
    /// What they are.
    pub value: f32,
}

impl Room for Pad {
    const NAME: &'static str = "pad";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if self.padding.len() != inputs[0].len() {
            return Err(format!("padding {:?} of {:?}", self.padding, inputs[0]));
        }
        Ok(inputs[0].iter().zip(&self.padding).map(|(dim, [before, after])| before + dim + after).collect())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = Tensor::from_elem(self.infer(&[inputs[0].shape()]).expect("checked at import"), self.value);
        let mut inside = output.view_mut();
        for (axis, (&dim, [before, _])) in inputs[0].shape().iter().zip(&self.padding).enumerate() {
            inside.slice_axis_inplace(ndarray::Axis(axis), (*before..before + dim).into());
        }
        inside.assign(inputs[0]);
        output
    }

    fn target(&self) -> &'static str {
        "aten.pad.default"
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let result = self.padded(lowering, &input)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower(lowering, node)
    }
}

impl Pad {
    pub(super) fn padded(&self, lowering: &mut Lowering<'_>, input: &Operand) -> Result<ValueId, String> {
        let op = ops::Pad {
            input: input.id,
            padding: self.padding.iter().flatten().map(|&pad| pad as i32).collect(),
            pad_const: input.params.map_or(self.value.into(), |params| params.quantize(self.value).into()),
        };
        lowering.push(ops::Op::Pad(op), input.element(), &self.infer(&[&input.shape])?)
    }
}
