//! Change of element type.

use super::{Pattern, Room};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// The same values as elements of another type: fractions are cut off, what is not zero is true.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cast {
    /// Type of the result's elements.
    pub element: Element,
}

impl Room for Cast {
    const NAME: &'static str = "cast";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        Ok(vec![Type { element: self.element, shape: inputs[0].shape.clone() }])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("operands and results are of several types")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let result = match (inputs[0], self.element) {
            (Data::F32(x), Element::I64) => x.mapv(|x| x as i64).into(), // cuts the fraction off
            (Data::F32(x), Element::Bool) => x.mapv(|x| x != 0.0).into(),
            (Data::I64(x), Element::F32) => x.mapv(|x| x as f32).into(), // rounds beyond 2^24, as PyTorch does
            (Data::I64(x), Element::Bool) => x.mapv(|x| x != 0).into(),
            (Data::Bool(x), Element::F32) => x.mapv(|x| if x { 1.0 } else { 0.0 }).into(),
            (Data::Bool(x), Element::I64) => x.mapv(i64::from).into(),
            (x, _) => x.clone(),
        };
        vec![result]
    }

    fn target(&self) -> &'static str {
        "aten.to.dtype"
    }

    fn pattern(&self) -> Pattern {
        if self.element == Element::F32 { Pattern::Cast } else { Pattern::Float }
    }

    /// Only casts from real numbers to real numbers are quantized, and these change nothing.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        lowering.finish(node, input.id)
    }

    /// CAST; TOSA has none between truth values and real numbers, and rounds real numbers to the nearest integer.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let shape = &input.shape;
        let cast = |lowering: &mut Lowering<'_>, input: ValueId, to: ElementType| {
            lowering.push(ops::Op::Cast(ops::Cast { input }), to, shape)
        };
        let from = lowering.element_of(input.id);
        let result = match (from, self.element) {
            (ElementType::F32, Element::F32) | (ElementType::Bool, Element::Bool) | (ElementType::I32, Element::I64) => {
                input.id
            }
            (ElementType::F32, Element::I64) => {
                let whole = lowering.truncate(input.id, shape)?;
                cast(lowering, whole, ElementType::I32)?
            }
            (ElementType::F32, Element::Bool) => {
                let zero = lowering.constant_f32(&vec![1; shape.len()], vec![0.0])?;
                let op = ops::Op::Equal(ops::Equal { input1: input.id, input2: zero });
                let is_zero = lowering.push(op, ElementType::Bool, shape)?;
                lowering.push(ops::Op::LogicalNot(ops::LogicalNot { input: is_zero }), ElementType::Bool, shape)?
            }
            (ElementType::Bool, Element::F32) => {
                let code = cast(lowering, input.id, ElementType::I8)?;
                cast(lowering, code, ElementType::F32)?
            }
            (_, Element::F32) => cast(lowering, input.id, ElementType::F32)?,
            (_, Element::I64) => cast(lowering, input.id, ElementType::I32)?,
            (_, Element::Bool) => cast(lowering, input.id, ElementType::Bool)?,
        };
        lowering.finish(node, result)
    }
}
