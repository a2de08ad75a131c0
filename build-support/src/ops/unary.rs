//! Elementwise functions of one operand; in integers each is a table of 256 entries.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `f(x)` for each element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Unary {
    /// Error function.
    Erf,
    /// `e^x`.
    Exp,
    /// `max(0, min(1, x/6 + 1/2))`.
    HardSigmoid,
    /// `x · max(0, min(6, x + 3)) / 6`.
    HardSwish,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

impl Unary {
    /// The function in double precision. A table entry is this rounded to f32: evaluating in f64 gives upstream's tables.
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Erf => libm::erf(x),
            Self::Exp => libm::exp(x),
            Self::HardSigmoid => (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::HardSwish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Self::Tanh => libm::tanh(x),
        }
    }
}

impl Room for Unary {
    const NAME: &'static str = "unary function";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        inputs[0].mapv(|x| self.apply(f64::from(x)) as f32)
    }

    fn target(&self) -> &'static str {
        match self {
            Self::Erf => "aten.erf.default",
            Self::Exp => "aten.exp.default",
            Self::HardSigmoid => "aten.hardsigmoid.default",
            Self::HardSwish => "aten.hardswish.default",
            Self::Sigmoid => "aten.sigmoid.default",
            Self::Tanh => "aten.tanh.default",
        }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Own
    }

    /// TABLE: entry for code `q` is `quantize(f(dequantize(q)))`.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let output = lowering.result_params(node);
        let entries = (i8::MIN..=i8::MAX)
            .map(|code| output.quantize(self.apply(f64::from(input.params().dequantize(i32::from(code)))) as f32) as i8)
            .collect();
        let result = lowering.table(input.id, entries)?;
        lowering.finish(node, result)
    }
}
