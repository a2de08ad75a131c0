//! Arithmetic of truth values.

use super::{Pattern, Room, joint_shape, shapes_of};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use quantize_runtime::graph::ElementType;
use quantize_runtime::ops;

/// An operation on truth values, with broadcasting; that of two operands also for `bitwise_*` on truth values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logical {
    /// Both.
    And,
    /// At least one.
    Or,
    /// Exactly one.
    Xor,
    /// The opposite of the only operand.
    Not,
}

impl Room for Logical {
    const NAME: &'static str = "logical operation";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        joint_shape(inputs, if *self == Self::Not { 1 } else { 2 })
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let shapes = shapes_of(inputs, Element::Bool)?;
        Ok(vec![Type { element: Element::Bool, shape: self.infer(&shapes)? }])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("the result holds truth values")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let operands: Vec<_> = inputs.iter().map(|input| input.truths().expect("checked at import")).collect();
        let [a, b] = operands[..] else { return vec![operands[0].mapv(|a| !a).into()] };
        let shape = self.infer(&[a.shape(), b.shape()]).expect("checked at import");
        let (a, b) = (a.broadcast(shape.clone()), b.broadcast(shape));
        let (a, b) = (a.expect("checked at import"), b.expect("checked at import"));
        let apply = |&a: &bool, &b: &bool| match self {
            Self::And => a && b,
            Self::Or => a || b,
            Self::Xor => a != b,
            Self::Not => !a,
        };
        vec![ndarray::Zip::from(a).and(b).map_collect(apply).as_standard_layout().into_owned().into()]
    }

    fn target(&self) -> &'static str {
        match self {
            Self::And => "aten.logical_and.default",
            Self::Or => "aten.logical_or.default",
            Self::Xor => "aten.logical_xor.default",
            Self::Not => "aten.logical_not.default",
        }
    }

    /// There are no real numbers to quantize.
    fn pattern(&self) -> Pattern {
        Pattern::Float
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        self.lower_float(lowering, node)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let shape = &lowering.graph().value(node.output()).shape;
        let operands: Vec<_> = (0..node.inputs.len())
            .map(|index| lowering.operand(node, index).and_then(|operand| lowering.lift(operand.id, shape.len())))
            .collect::<Result<_, _>>()?;
        let (input1, input2) = (operands[0], operands[operands.len() - 1]);
        let op = match self {
            Self::And => ops::Op::LogicalAnd(ops::LogicalAnd { input1, input2 }),
            Self::Or => ops::Op::LogicalOr(ops::LogicalOr { input1, input2 }),
            Self::Xor => ops::Op::LogicalXor(ops::LogicalXor { input1, input2 }),
            Self::Not => ops::Op::LogicalNot(ops::LogicalNot { input: input1 }),
        };
        let result = lowering.push(op, ElementType::Bool, shape)?;
        lowering.finish(node, result)
    }
}
