//! AVG_POOL2D: the mean over a window, without the padding.

use super::window::Window;
use super::{AccumulatorType, Like, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::{average, saturate_i8, saturate_i16};
use crate::shape::MAX_RANK;
use crate::tensor::Element;
use alloc::vec::Vec;

/// `output[n, oy, ox, c] = round(Σ (input − input_zero_point) / count) + output_zero_point`, ties away from zero.
///
/// The sum runs over the `count` taps inside the input. Shapes: input `[N, IH, IW, C]`, result `[N, OH, OW, C]`, both i8,
/// i16 or f32; f32 is added up row by row and divided by `count`.
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
    /// Type of the accumulator: `Int32`, or `Fp32` for f32.
    pub accumulator: AccumulatorType,
    /// Activation.
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
        let accumulator = if element == ElementType::F32 { AccumulatorType::Fp32 } else { AccumulatorType::Int32 };
        require(self.accumulator == accumulator, "the accumulator is not that of the input's element type")?;
        element.check_zero_point(self.input_zero_point)?;
        element.check_zero_point(self.output_zero_point)?;
        pool_shape(self.kernel, self.stride, self.pad, graph.operand(self.input, element)?, element)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        match result.element {
            ElementType::F32 => self.reals(environment, result),
            ElementType::I16 => self.integers(environment, result, saturate_i16),
            _ => self.integers(environment, result, saturate_i8),
        }
    }

    fn integers<T: Element + Into<i64>>(
        &self,
        environment: &Environment<'_>,
        result: &Value<'_>,
        saturate: impl Fn(i32, i32) -> T,
    ) -> Result<Tensor, Unpredictable> {
        let mean = |taps: &mut dyn Iterator<Item = T>| {
            // At most 2^26 taps of 17 bits: within i64, and checked against i32 below.
            let (mut sum, mut count) = (0_i64, 0_u32);
            for value in taps {
                sum += value.into() - i64::from(self.input_zero_point);
                count += 1;
            }
            let sum = i32::try_from(sum).map_err(|_| Unpredictable)?;
            Ok(saturate(average(sum, count), self.output_zero_point))
        };
        pool(self.kernel, self.stride, self.pad, environment, (self.input, result), mean)
    }

    fn reals(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let mean = |taps: &mut dyn Iterator<Item = f32>| {
            let (mut sum, mut count) = (0.0, 0.0);
            for value in taps {
                sum += value;
                count += 1.0;
            }
            Ok(sum / count)
        };
        pool(self.kernel, self.stride, self.pad, environment, (self.input, result), mean)
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
    require(
        matches!(element, ElementType::I8 | ElementType::I16 | ElementType::F32),
        "only i8, i16 and f32 tensors can be pooled",
    )?;
    require(kernel[0] >= 1 && kernel[1] >= 1, "a side of the kernel is below 1")?;
    require(pad[0].max(pad[1]) < kernel[0] && pad[2].max(pad[3]) < kernel[1], "a pad is not smaller than the kernel")?;
    let window = Window { kernel: kernel.map(|size| size as u32), stride, dilation: [1, 1], pad };
    let [oh, ow] = window.output([ih, iw])?;
    Ok(Shape::nhwc(n, oh, ow, c))
}

/// Applies `operation` to the taps inside the input of each window, row by row.
pub(super) fn pool<T: Element>(
    kernel: [i32; 2],
    stride: [i32; 2],
    pad: [i32; 4],
    environment: &Environment<'_>,
    (input, result): (ValueId, &Value<'_>),
    operation: impl Fn(&mut dyn Iterator<Item = T>) -> Result<T, Unpredictable>,
) -> Result<Tensor, Unpredictable> {
    let [_, ih, iw, c] = environment.shape(input).sizes();
    let input = environment.elements::<T>(input);
    let window = Window::new(kernel.map(|size| size as usize), stride, [1, 1], pad);
    let element = |[n, oy, ox, channel, ..]: [usize; MAX_RANK]| {
        let taps = window.taps([ih, iw], [oy, ox]);
        operation(&mut taps.map(|(_, _, y, x)| input[((n * ih + y) * iw + x) * c + channel]))
    };
    Ok(T::tensor(result.shape.indices().map(element).collect::<Result<Vec<_>, _>>()?))
}
