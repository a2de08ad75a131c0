//! CONV2D: a convolution of an NHWC activation with OHWI weights.

use super::convolution::{Layer, layer};
use super::window::Window;
use super::{AccumulatorType, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output[n, oy, ox, oc] = bias[oc] + Σ (input − input_zero_point) · (weight − weight_zero_point)` over ky, kx and ic.
///
/// Shapes: input `[N, IH, IW, IC]`, weight `[OC, KH, KW, IC]`, bias `[OC]` or `[1]`, result `[N, OH, OW, OC]`.
/// Positions outside the input count as the input's zero point. Input, weights and result are i8, i8 and i32; i16, i8 and
/// i48; or all f32, added up in the order of ky, kx and ic, the bias last. The bias has the result's type.
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
    /// Type of the accumulator: `Int32`, `Int48` or `Fp32`.
    pub accumulator: AccumulatorType,
    /// Asks for a tighter error bound of float convolutions; without meaning for integers.
    pub local_bound: bool,
    /// Activation.
    pub input: ValueId,
    /// Weights.
    pub weight: ValueId,
    /// Bias.
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
        self.visit_layer(visitor)
    }

    layer!();

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let [n, ih, iw, ic] = graph.value(self.input)?.shape.axes()?;
        let [oc, kh, kw, weight_ic] = graph.value(self.weight)?.shape.axes()?;
        self.layer().check(graph, element, oc)?;
        require(weight_ic == ic, "weights and input have different channel counts")?;
        let window = Window { kernel: [kh, kw], stride: self.stride, dilation: self.dilation, pad: self.pad };
        let [oh, ow] = window.output([ih, iw])?;
        Ok(Shape::nhwc(n, oh, ow, oc))
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [_, ih, iw, ic] = environment.shape(self.input).sizes();
        let [_, kh, kw, _] = environment.shape(self.weight).sizes();
        let window = Window::new([kh, kw], self.stride, self.dilation, self.pad);
        self.layer().evaluate(environment, result, ic, |[n, oy, ox, oc, ..]| {
            let taps = window.taps([ih, iw], [oy, ox]);
            taps.map(move |(ky, kx, y, x)| [((n * ih + y) * iw + x) * ic, ((oc * kh + ky) * kw + kx) * ic])
        })
    }
}
