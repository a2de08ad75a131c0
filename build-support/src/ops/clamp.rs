//! Relu, hardtanh and clamp: one operator with bounds.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// `min(max(x, min), max)` for each element; a missing bound does not limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Clamp {
    /// Lower bound.
    pub min: Option<f32>,
    /// Upper bound.
    pub max: Option<f32>,
    /// Which ATen operator it was: this decides whether it fuses.
    pub kind: ClampKind,
}

/// The ATen operators behind [`Clamp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClampKind {
    /// `aten.relu`.
    Relu,
    /// `aten.hardtanh`, which `nn.ReLU6` is too.
    Hardtanh,
    /// `aten.clamp`.
    Clamp,
    /// `aten.relu6`, the function; upstream's quantizer does not know it.
    Relu6,
}

impl Clamp {
    /// `max(x, 0)`.
    pub const RELU: Self = Self { min: Some(0.0), max: None, kind: ClampKind::Relu };
}

impl Room for Clamp {
    const NAME: &'static str = "clamp";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        Ok(inputs[0].to_vec())
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let (min, max) = (self.min.unwrap_or(f32::NEG_INFINITY), self.max.unwrap_or(f32::INFINITY));
        // Comparisons instead of f32::max: a NaN stays one and is then reported.
        quantize_float::map(inputs[0], &|x| if x < min { min } else if x > max { max } else { x })
    }

    fn target(&self) -> &'static str {
        match self.kind {
            ClampKind::Relu => "aten.relu.default",
            ClampKind::Hardtanh => "aten.hardtanh.default",
            ClampKind::Clamp => "aten.clamp.default",
            ClampKind::Relu6 => "aten.relu6.default",
        }
    }

    fn pattern(&self) -> Pattern {
        match self.kind {
            ClampKind::Relu => Pattern::Activation,
            ClampKind::Hardtanh if self.min == Some(0.0) => Pattern::Activation,
            ClampKind::Hardtanh | ClampKind::Clamp => Pattern::Shared,
            ClampKind::Relu6 => Pattern::Forgotten,
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        // Bounds are codes of the result, so the operand has to be too; only an operator that upstream forgets differs.
        let input = lowering.rescaled(&input, lowering.result_params(node))?;
        let [min, max] = self.quantized_bounds(lowering, node);
        let result = lowering.clamp(input.id, min, max)?;
        lowering.finish(node, result)
    }

    /// CLAMP, by the largest numbers where a bound is missing.
    fn lower_float(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (min, max) = (self.min.unwrap_or(f32::MIN), self.max.unwrap_or(f32::MAX));
        let result = lowering.formula(&input.shape).clamp(input.id, min, max)?;
        lowering.finish(node, result)
    }
}

impl Clamp {
    /// The bounds as codes of the result's parameters.
    pub(crate) fn quantized_bounds(&self, lowering: &Lowering<'_>, node: &Node) -> [i32; 2] {
        let output = lowering.result_params(node);
        let [lowest, highest] = output.dtype.limits();
        let code = |bound: Option<f32>, missing| bound.map_or(missing, |real| output.quantize(real));
        [code(self.min, lowest), code(self.max, highest)]
    }
}
