//! MAX_POOL2D: the maximum over a window.

use super::avg_pool2d::{pool, pool_shape};
use super::{NanMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::Element;

/// The largest of the taps inside the input.
///
/// Shapes: input `[N, IH, IW, C]`, result `[N, OH, OW, C]`, both i8, i16 or f32.
///
/// Source: TOSA 1.0, MAX_POOL2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MaxPool2d {
    /// Window: y, x.
    pub kernel: [i32; 2],
    /// Step between windows: y, x.
    pub stride: [i32; 2],
    /// Rows and columns added: top, bottom, left, right; each smaller than the window.
    pub pad: [i32; 4],
    /// What becomes of NaN.
    pub nan_mode: NanMode,
    /// Activation.
    pub input: ValueId,
}

impl MaxPool2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.ints(&mut self.kernel)?;
        visitor.ints(&mut self.stride)?;
        visitor.ints(&mut self.pad)?;
        visitor.enumeration(&mut self.nan_mode)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        pool_shape(self.kernel, self.stride, self.pad, graph.operand(self.input, element)?, element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        match result.element {
            ElementType::F32 => self.largest(environment, result, f32::NEG_INFINITY, |a, b| self.larger(a, b)),
            ElementType::I16 => self.largest(environment, result, i16::MIN, i16::max),
            _ => self.largest(environment, result, i8::MIN, i8::max),
        }
    }

    fn largest<T: Element>(
        &self,
        environment: &Environment<'_>,
        result: &Value<'_>,
        least: T,
        larger: impl Fn(T, T) -> T,
    ) -> Result<Tensor, Unpredictable> {
        let maximum = |taps: &mut dyn Iterator<Item = T>| Ok(taps.fold(least, &larger));
        pool(self.kernel, self.stride, self.pad, environment, (self.input, result), maximum)
    }

    fn larger(&self, a: f32, b: f32) -> f32 {
        match self.nan_mode {
            NanMode::Propagate if a.is_nan() || b.is_nan() => f32::NAN,
            // NaN compares as not larger; the first value is never NaN.
            _ if b > a => b,
            _ => a,
        }
    }
}
