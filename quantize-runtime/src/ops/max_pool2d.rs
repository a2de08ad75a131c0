//! MAX_POOL2D: the maximum over a window.

use super::avg_pool2d::pool_shape;
use super::window::Window;
use super::{NanMode, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// The largest of the taps inside the input.
///
/// Shapes: input `[N, IH, IW, C]`, result `[N, OH, OW, C]`, i8.
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
    /// Without meaning for integers.
    pub nan_mode: NanMode,
    /// Activation, i8.
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
        let input = graph.operand(self.input, ElementType::I8)?;
        pool_shape(self.kernel, self.stride, self.pad, input, element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let input = environment.elements::<i8>(self.input);
        let [_, ih, iw, _] = environment.shape(self.input).sizes();
        let [n, oh, ow, c] = result.shape.sizes();
        let window = Window::new(self.kernel.map(|size| size as usize), self.stride, [1, 1], self.pad);
        let mut output = Vec::with_capacity(result.shape.len());
        for batch in 0..n {
            for oy in 0..oh {
                for ox in 0..ow {
                    for channel in 0..c {
                        let taps = window.taps([ih, iw], [oy, ox]);
                        let values = taps.map(|(_, _, y, x)| input[((batch * ih + y) * iw + x) * c + channel]);
                        output.push(values.fold(i8::MIN, i8::max));
                    }
                }
            }
        }
        Ok(Tensor::I8(output))
    }
}
