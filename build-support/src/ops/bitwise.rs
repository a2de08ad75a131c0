//! Arithmetic on the bits of integers.

use super::{Pattern, Room, joint_shape, shapes_of};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// An operation on the bits of integers, with broadcasting.
///
/// The network's integers are 32-bit ones in the program, so that distances of shifts are from 0 to 31: others count as the
/// nearer of these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bitwise {
    /// Bits of both.
    And,
    /// Bits of either.
    Or,
    /// Bits of exactly one.
    Xor,
    /// Bits that the only operand lacks.
    Not,
    /// `a · 2^b`.
    ShiftLeft,
    /// `floor(a / 2^b)`.
    ShiftRight,
}

/// The largest distance of a shift.
const LARGEST_DISTANCE: i32 = 31;

impl Bitwise {
    fn apply(self, a: i64, b: i64) -> i64 {
        let distance = b.clamp(0, LARGEST_DISTANCE.into());
        match self {
            Self::And => a & b,
            Self::Or => a | b,
            Self::Xor => a ^ b,
            Self::Not => !a,
            Self::ShiftLeft => a << distance,
            Self::ShiftRight => a >> distance,
        }
    }
}

impl Room for Bitwise {
    const NAME: &'static str = "bitwise operation";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        joint_shape(inputs, if *self == Self::Not { 1 } else { 2 })
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        let shapes = shapes_of(inputs, Element::I64)?;
        Ok(vec![Type { element: Element::I64, shape: self.infer(&shapes)? }])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("the result holds integers")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let operands: Vec<_> = inputs.iter().map(|input| input.integers().expect("checked at import")).collect();
        let (a, b) = (operands[0], operands[operands.len() - 1]);
        let shape = self.infer(&operands.iter().map(|x| x.shape()).collect::<Vec<_>>()).expect("checked at import");
        let (a, b) = (a.broadcast(shape.clone()), b.broadcast(shape));
        let (a, b) = (a.expect("checked at import"), b.expect("checked at import"));
        let result = ndarray::Zip::from(a).and(b).map_collect(|&a, &b| self.apply(a, b));
        vec![result.as_standard_layout().into_owned().into()]
    }

    fn target(&self) -> &'static str {
        match self {
            Self::And => "aten.bitwise_and.Tensor",
            Self::Or => "aten.bitwise_or.Tensor",
            Self::Xor => "aten.bitwise_xor.Tensor",
            Self::Not => "aten.bitwise_not.default",
            Self::ShiftLeft => "aten.bitwise_left_shift.Tensor",
            Self::ShiftRight => "aten.bitwise_right_shift.Tensor",
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
        let (input1, mut input2) = (operands[0], operands[operands.len() - 1]);
        if matches!(self, Self::ShiftLeft | Self::ShiftRight) {
            input2 = limited(lowering, input2)?;
        }
        let op = match self {
            Self::And => ops::Op::BitwiseAnd(ops::BitwiseAnd { input1, input2 }),
            Self::Or => ops::Op::BitwiseOr(ops::BitwiseOr { input1, input2 }),
            Self::Xor => ops::Op::BitwiseXor(ops::BitwiseXor { input1, input2 }),
            Self::Not => ops::Op::BitwiseNot(ops::BitwiseNot { input: input1 }),
            Self::ShiftLeft => ops::Op::LogicalLeftShift(ops::LogicalLeftShift { input1, input2 }),
            Self::ShiftRight => {
                ops::Op::ArithmeticRightShift(ops::ArithmeticRightShift { round: false, input1, input2 })
            }
        };
        let result = lowering.push(op, ElementType::I32, shape)?;
        lowering.finish(node, result)
    }
}

/// Distances that TOSA's shifts take.
fn limited(lowering: &mut Lowering<'_>, distances: ValueId) -> Result<ValueId, String> {
    let shape = lowering.shape_of(distances);
    let mut bound = |limit| lowering.constant_i32(&vec![1; shape.len()], vec![limit]);
    let (zero, largest) = (bound(0)?, bound(LARGEST_DISTANCE)?);
    let op = ops::Maximum { input1: distances, input2: zero, ..Default::default() };
    let positive = lowering.push(ops::Op::Maximum(op), ElementType::I32, &shape)?;
    let op = ops::Minimum { input1: positive, input2: largest, ..Default::default() };
    lowering.push(ops::Op::Minimum(op), ElementType::I32, &shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    #[test]
    fn negative_numbers_keep_their_sign() {
        let integers = |elements: &[i64]| Data::from(ArrayD::from_shape_vec(vec![elements.len()], elements.to_vec()).unwrap());
        let (a, b) = (integers(&[-5, 12]), integers(&[1, 2]));
        for (op, expected) in [
            (Bitwise::And, [1, 0]),
            (Bitwise::Or, [-5, 14]),
            (Bitwise::Xor, [-6, 14]),
            (Bitwise::ShiftLeft, [-10, 48]),
            (Bitwise::ShiftRight, [-3, 3]),
        ] {
            assert_eq!(op.evaluate_all(&[&a, &b]), [integers(&expected)], "{op:?}");
        }
        assert_eq!(Bitwise::Not.evaluate_all(&[&a]), [integers(&[4, -13])]);
    }
}
