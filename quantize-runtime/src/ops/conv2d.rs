//! CONV2D: a convolution of an NHWC activation with OHWI weights into an i32 accumulator.

use super::window::Window;
use super::{AccumulatorType, Like, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// `output[n, oy, ox, oc] = bias[oc] + Σ (input − input_zero_point) · (weight − weight_zero_point)` over ky, kx and ic.
///
/// Shapes: input `[N, IH, IW, IC]`, weight `[OC, KH, KW, IC]`, bias `[OC]` or `[1]`, result `[N, OH, OW, OC]` of i32.
/// Positions outside the input count as the input's zero point.
///
/// Source: TOSA 1.0, CONV2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Conv2d {
    /// Rows and columns added: top, bottom, left, right; each at least 0.
    pub pad: [i32; 4],
    /// Step between windows: y, x.
    pub stride: [i32; 2],
    /// Step between taps: y, x.
    pub dilation: [i32; 2],
    /// Type of the accumulator; `Int32` for i8.
    pub accumulator: AccumulatorType,
    /// Asks for a tighter error bound of float convolutions; without meaning for integers.
    pub local_bound: bool,
    /// Activation, i8.
    pub input: ValueId,
    /// Weights, i8.
    pub weight: ValueId,
    /// Bias, i32.
    pub bias: ValueId,
    /// Quantized zero of the input.
    pub input_zero_point: i32,
    /// Quantized zero of the weights.
    pub weight_zero_point: i32,
}

impl Conv2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.ints(&mut self.pad)?;
        visitor.ints(&mut self.stride)?;
        visitor.ints(&mut self.dilation)?;
        visitor.enumeration(&mut self.accumulator)?;
        visitor.flag(&mut self.local_bound)?;
        visitor.tensor(&mut self.input)?;
        visitor.tensor(&mut self.weight)?;
        visitor.tensor(&mut self.bias)?;
        visitor.whole(Like::Operand(self.input), &mut self.input_zero_point)?;
        visitor.whole(Like::Operand(self.weight), &mut self.weight_zero_point)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let [n, ih, iw, ic] = graph.operand(self.input, ElementType::I8)?.axes()?;
        let [oc, kh, kw, weight_ic] = graph.operand(self.weight, ElementType::I8)?.axes()?;
        let [bias] = graph.operand(self.bias, ElementType::I32)?.axes()?;
        require(self.accumulator == AccumulatorType::Int32, "an i8 convolution accumulates in i32")?;
        require(element == ElementType::I32, "the result of an i8 convolution is i32")?;
        require(weight_ic == ic, "weights and input have different channel counts")?;
        require(bias == oc || bias == 1, "the bias has neither one element nor one per output channel")?;
        ElementType::I8.check_zero_point(self.input_zero_point)?;
        ElementType::I8.check_zero_point(self.weight_zero_point)?;
        let window = Window { kernel: [kh, kw], stride: self.stride, dilation: self.dilation, pad: self.pad };
        let [oh, ow] = window.output([ih, iw])?;
        Ok(Shape::nhwc(n, oh, ow, oc))
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let (input, weight, bias) = (
            environment.elements::<i8>(self.input),
            environment.elements::<i8>(self.weight),
            environment.elements::<i32>(self.bias),
        );
        let [_, ih, iw, ic] = environment.shape(self.input).sizes();
        let [_, kh, kw, _] = environment.shape(self.weight).sizes();
        let [n, oh, ow, oc] = result.shape.sizes();
        let window = Window::new([kh, kw], self.stride, self.dilation, self.pad);
        let mut output = Vec::with_capacity(result.shape.len());
        for batch in 0..n {
            for oy in 0..oh {
                for ox in 0..ow {
                    for channel in 0..oc {
                        let mut accumulator = 0_i32;
                        for (ky, kx, y, x) in window.taps([ih, iw], [oy, ox]) {
                            for c in 0..ic {
                                let value = i32::from(input[((batch * ih + y) * iw + x) * ic + c]);
                                let factor = i32::from(weight[((channel * kh + ky) * kw + kx) * ic + c]);
                                let product = (value - self.input_zero_point) * (factor - self.weight_zero_point);
                                accumulator = accumulator.checked_add(product).ok_or(Unpredictable)?;
                            }
                        }
                        let bias = bias[if bias.len() == 1 { 0 } else { channel }];
                        output.push(accumulator.checked_add(bias).ok_or(Unpredictable)?);
                    }
                }
            }
        }
        Ok(Tensor::I32(output))
    }
}
