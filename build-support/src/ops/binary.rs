//! Elementwise arithmetic on two operands with broadcasting, done in i32 after a rescale of each operand.

use super::{Pattern, Room, broadcast_shape};
use crate::config::Dtype;
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use crate::ops::unary::Unary;
use quantize_runtime::graph::{ElementType, ValueId};
use quantize_runtime::ops;

/// `a ∘ b` for each pair of elements.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Binary {
    /// `a + b`.
    Add,
    /// `a - b`.
    Sub,
    /// `a · b`.
    Mul,
    /// The larger.
    Maximum,
    /// The smaller.
    Minimum,
    /// `a / b`; decomposed before annotation.
    Div,
    /// `floor(a / b)` as `div` with a rounding mode; decomposed before annotation.
    DivFloor,
    /// `a / b` without its fraction; decomposed before annotation.
    DivTrunc,
    /// `floor(a / b)` as `floor_divide`; decomposed before annotation.
    FloorDivide,
    /// `a - floor(a / b) · b`; decomposed before annotation.
    Remainder,
    /// `b - a` with a number `b`; becomes a difference before annotation.
    Rsub,
    /// `a^b`; upstream's quantizer does not know it.
    Pow,
}

impl Room for Binary {
    const NAME: &'static str = "elementwise arithmetic";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        let (a, b) = (inputs[0], inputs[1]);
        broadcast_shape(a, b).ok_or_else(|| format!("shapes {a:?} and {b:?} do not broadcast"))
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let shape = self.infer(&[inputs[0].shape(), inputs[1].shape()]).expect("shapes were checked at import");
        let apply = |a: f32, b: f32| match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Maximum => a.max(b),
            Self::Minimum => a.min(b),
            Self::Div => a / b,
            Self::DivFloor | Self::FloorDivide => libm::floorf(a / b),
            Self::DivTrunc => libm::truncf(a / b),
            Self::Remainder => Unary::Remainder { divisor: f64::from(b) }.apply(f64::from(a)) as f32,
            Self::Rsub => b - a,
            Self::Pow => libm::pow(f64::from(a), f64::from(b)) as f32,
        };
        quantize_float::zip(inputs[0], inputs[1], &shape, &apply)
    }

    fn target(&self) -> &'static str {
        match self {
            Self::Add => "aten.add.Tensor",
            Self::Sub => "aten.sub.Tensor",
            Self::Mul => "aten.mul.Tensor",
            Self::Maximum => "aten.maximum.default",
            Self::Minimum => "aten.minimum.default",
            Self::Div => "aten.div.Tensor",
            Self::DivFloor | Self::DivTrunc => "aten.div.Tensor_mode",
            Self::FloorDivide => "aten.floor_divide.default",
            Self::Remainder => "aten.remainder.Tensor",
            Self::Rsub => "aten.rsub.Scalar",
            Self::Pow => "aten.pow.Tensor_Tensor",
        }
    }

    fn pattern(&self) -> Pattern {
        match self {
            Self::Add | Self::Sub | Self::Mul => Pattern::Arithmetic,
            Self::Maximum | Self::Minimum => Pattern::Extremum,
            Self::Rsub | Self::Pow => Pattern::Float,
            _ => Pattern::Own,
        }
    }

    /// Source of the scales: oracle of the lowering, section 3.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        if !self.has_integer_form() {
            return Err(lowering.not_decomposed(node));
        }
        let (a, b) = (lowering.operand(node, 0)?, lowering.operand(node, 1)?);
        let (scale_a, scale_b) = (f64::from(a.params().scale), f64::from(b.params().scale));
        let output = lowering.result_params(node);
        // Operands meet on one grid: with 20 fractional bits (12 of int16) for sums, the finer of the two for comparisons.
        let bits = if a.params().dtype == Dtype::Int16 { 12 } else { 20 };
        let grid = match self {
            Self::Add | Self::Sub => 2.0 * scale_a.max(scale_b) / f64::from(1 << bits),
            _ => scale_a.min(scale_b),
        };
        let (grid_a, grid_b, grid) = match self {
            Self::Mul => (1.0, 1.0, scale_a * scale_b),
            _ => (scale_a / grid, scale_b / grid, grid),
        };
        let rank = a.shape.len().max(b.shape.len());
        let widened_a = lowering.widen(&a, grid_a, rank)?;
        let widened_b = if node.inputs[0] == node.inputs[1] { widened_a } else { lowering.widen(&b, grid_b, rank)? };
        let op = self.operator(widened_a, widened_b);
        let shape = lowering.graph().value(node.output()).shape.clone();
        let accumulator = lowering.push(op, ElementType::I32, &shape)?;
        let result = lowering.narrow(accumulator, &[grid / f64::from(output.scale)], output)?;
        lowering.finish(node, result)
    }

    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        if !self.has_integer_form() && *self != Self::Pow {
            return Err(lowering.not_decomposed(node));
        }
        let shape = lowering.graph().value(node.output()).shape.clone();
        let operands = [lowering.operand(node, 0)?, lowering.operand(node, 1)?];
        let [a, b] = operands.map(|operand| lowering.lift(operand.id, shape.len()));
        let op = self.operator(a?, b?);
        let result = lowering.formula(&shape).real(op)?;
        lowering.finish(node, result)
    }
}

impl Binary {
    /// The operator of TOSA that has the same name.
    fn operator(self, input1: ValueId, input2: ValueId) -> ops::Op {
        match self {
            Self::Add => ops::Op::Add(ops::Add { input1, input2 }),
            Self::Sub => ops::Op::Sub(ops::Sub { input1, input2 }),
            Self::Maximum => ops::Op::Maximum(ops::Maximum { input1, input2, ..Default::default() }),
            Self::Minimum => ops::Op::Minimum(ops::Minimum { input1, input2, ..Default::default() }),
            Self::Pow => ops::Op::Pow(ops::Pow { input1, input2 }),
            _ => ops::Op::Mul(ops::Mul { input1, input2, shift: 0 }),
        }
    }

    /// Whether a quantized one reaches the lowering; the others are decomposed.
    fn has_integer_form(self) -> bool {
        matches!(self, Self::Add | Self::Sub | Self::Mul | Self::Maximum | Self::Minimum)
    }
}
