//! AVG_POOL2D: the mean over a window, without the padding.

use super::window::Window;
use super::{AccumulatorType, Like, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::{average, saturate_i8};
use alloc::vec::Vec;

/// `output[n, oy, ox, c] = round(Σ (input − input_zero_point) / count) + output_zero_point`, ties away from zero.
///
/// The sum runs over the `count` taps inside the input. Shapes: input `[N, IH, IW, C]`, result `[N, OH, OW, C]`, i8.
///
/// Source: TOSA 1.0, AVG_POOL2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AvgPool2d {
    /// Window: y, x.
    pub kernel: [i32; 2],
    /// Step between windows: y, x.
    pub stride: [i32; 2],
    /// Rows and columns added: top, bottom, left, right; each smaller than the window.
    pub pad: [i32; 4],
    /// Type of the accumulator; `Int32` for i8.
    pub accumulator: AccumulatorType,
    /// Activation, i8.
    pub input: ValueId,
    /// Quantized zero of the input.
    pub input_zero_point: i32,
    /// Quantized zero of the result.
    pub output_zero_point: i32,
}

impl AvgPool2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.ints(&mut self.kernel)?;
        visitor.ints(&mut self.stride)?;
        visitor.ints(&mut self.pad)?;
        visitor.enumeration(&mut self.accumulator)?;
        visitor.tensor(&mut self.input)?;
        visitor.whole(Like::Operand(self.input), &mut self.input_zero_point)?;
        visitor.whole(Like::Result, &mut self.output_zero_point)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.operand(self.input, ElementType::I8)?;
        require(self.accumulator == AccumulatorType::Int32, "an i8 pool accumulates in i32")?;
        ElementType::I8.check_zero_point(self.input_zero_point)?;
        ElementType::I8.check_zero_point(self.output_zero_point)?;
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
                        // At most 2^26 taps of at most 255: within i64, and checked against i32 below.
                        let (mut sum, mut count) = (0_i64, 0_u32);
                        for (_, _, y, x) in window.taps([ih, iw], [oy, ox]) {
                            let value = i64::from(input[((batch * ih + y) * iw + x) * c + channel]);
                            sum += value - i64::from(self.input_zero_point);
                            count += 1;
                        }
                        let sum = i32::try_from(sum).map_err(|_| Unpredictable)?;
                        output.push(saturate_i8(average(sum, count), self.output_zero_point));
                    }
                }
            }
        }
        Ok(Tensor::I8(output))
    }
}

/// Shape rule of both pools: every pad is smaller than its side of the kernel.
pub(super) fn pool_shape(
    kernel: [i32; 2],
    stride: [i32; 2],
    pad: [i32; 4],
    input: &Shape,
    element: ElementType,
) -> Result<Shape, Rule> {
    let [n, ih, iw, c] = input.axes()?;
    require(element == ElementType::I8, "the result of an i8 pool is i8")?;
    require(kernel[0] >= 1 && kernel[1] >= 1, "a side of the kernel is below 1")?;
    require(pad[0].max(pad[1]) < kernel[0] && pad[2].max(pad[3]) < kernel[1], "a pad is not smaller than the kernel")?;
    let window = Window { kernel: kernel.map(|size| size as u32), stride, dilation: [1, 1], pad };
    let [oh, ow] = window.output([ih, iw])?;
    Ok(Shape::nhwc(n, oh, ow, c))
}
