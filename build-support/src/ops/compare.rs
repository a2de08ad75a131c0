//! Comparisons of two tensors, with truth values as the result.

use super::{Pattern, Room, broadcast_shape};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::{Lowering, Operand};
use ndarray::ArrayD;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// `a ∘ b` for each pair of elements, with broadcasting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    /// `a = b`.
    Eq,
    /// `a ≥ b`.
    Ge,
    /// `a > b`.
    Gt,
    /// `a ≤ b`.
    Le,
    /// `a < b`.
    Lt,
    /// `a ≠ b`; becomes the opposite of [`Compare::Eq`] before annotation.
    Ne,
}

impl Room for Compare {
    const NAME: &'static str = "comparison";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (a, b) = (inputs[0], inputs[1]);
        broadcast_shape(a, b).ok_or_else(|| format!("shapes {a:?} and {b:?} do not broadcast"))
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let (a, b) = (&inputs[0], &inputs[1]);
        if a.element != b.element {
            return Err("operands of different element types".to_owned());
        }
        Ok(vec![Type { element: Element::Bool, shape: self.infer(&[&a.shape, &b.shape])? }])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("the result holds truth values")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let result = match (inputs[0], inputs[1]) {
            (Data::F32(a), Data::F32(b)) => self.compare(a, b),
            (Data::I64(a), Data::I64(b)) => self.compare(a, b),
            (Data::Bool(a), Data::Bool(b)) => self.compare(a, b),
            _ => unreachable!("checked at import"),
        };
        vec![result.into()]
    }

    fn target(&self) -> &'static str {
        match self {
            Self::Eq => "aten.eq.Tensor",
            Self::Ge => "aten.ge.Tensor",
            Self::Gt => "aten.gt.Tensor",
            Self::Le => "aten.le.Tensor",
            Self::Lt => "aten.lt.Tensor",
            Self::Ne => "aten.ne.Tensor",
        }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Comparison
    }

    /// RESCALE of both operands to the finer scale, EQUAL, GREATER or GREATER_EQUAL.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let (a, b) = (lowering.operand(node, 0)?, lowering.operand(node, 1)?);
        let (scale_a, scale_b) = (f64::from(a.params().scale), f64::from(b.params().scale));
        let grid = scale_a.min(scale_b);
        let rank = a.shape.len().max(b.shape.len());
        let widened_a = lowering.widen(&a, scale_a / grid, rank)?;
        let widened_b =
            if node.inputs[0] == node.inputs[1] { widened_a } else { lowering.widen(&b, scale_b / grid, rank)? };
        self.write(lowering, node, widened_a, widened_b)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let (a, b) = (lowering.operand(node, 0)?, lowering.operand(node, 1)?);
        let rank = a.shape.len().max(b.shape.len());
        let lifted = |lowering: &mut Lowering<'_>, operand: &Operand| lowering.lift(operand.id, rank);
        let (a, b) = (lifted(lowering, &a)?, lifted(lowering, &b)?);
        self.write(lowering, node, a, b)
    }
}

impl Compare {
    fn compare<T: PartialOrd>(self, a: &ArrayD<T>, b: &ArrayD<T>) -> ArrayD<bool> {
        let shape = self.infer(&[a.shape(), b.shape()]).expect("checked at import");
        let (a, b) = (a.broadcast(shape.clone()), b.broadcast(shape));
        let (a, b) = (a.expect("checked at import"), b.expect("checked at import"));
        let compare = |a: &T, b: &T| match self {
            Self::Eq => a == b,
            Self::Ge => a >= b,
            Self::Gt => a > b,
            Self::Le => a <= b,
            Self::Lt => a < b,
            Self::Ne => a != b,
        };
        ndarray::Zip::from(a).and(b).map_collect(compare).as_standard_layout().into_owned()
    }

    fn write(self, lowering: &mut Lowering<'_>, node: &Node, a: ValueId, b: ValueId) -> Result<(), String> {
        let (input1, input2) = if matches!(self, Self::Le | Self::Lt) { (b, a) } else { (a, b) };
        let op = match self {
            Self::Eq | Self::Ne => ops::Op::Equal(ops::Equal { input1, input2 }),
            Self::Ge | Self::Le => ops::Op::GreaterEqual(ops::GreaterEqual { input1, input2 }),
            Self::Gt | Self::Lt => ops::Op::Greater(ops::Greater { input1, input2 }),
        };
        let shape = &lowering.graph().value(node.output()).shape;
        let mut result = lowering.push(op, ElementType::Bool, shape)?;
        if self == Self::Ne {
            let op = ops::Op::LogicalNot(ops::LogicalNot { input: result });
            result = lowering.push(op, ElementType::Bool, shape)?;
        }
        lowering.finish(node, result)
    }
}
