//! DEPTHWISE_CONV2D: a convolution of each input channel on its own, with HWCM weights.

use super::convolution::{Layer, layer};
use super::window::Window;
use super::{AccumulatorType, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output[n, oy, ox, c·M + m] = bias[c·M + m] + Σ (input[.., c] − input_zero_point) · (weight[.., c, m] −
/// weight_zero_point)` over ky and kx.
///
/// Shapes: input `[N, IH, IW, C]`, weight `[KH, KW, C, M]`, bias `[C·M]` or `[1]`, result `[N, OH, OW, C·M]`.
/// Positions outside the input count as the input's zero point. Element types are those of CONV2D, and f32 is added up in
/// the order of ky and kx, the bias last.
///
/// Source: TOSA 1.0, DEPTHWISE_CONV2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DepthwiseConv2d {
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

impl DepthwiseConv2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.ints(&mut self.pad)?;
        visitor.ints(&mut self.stride)?;
        visitor.ints(&mut self.dilation)?;
        self.visit_layer(visitor)
    }

    layer!();

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let [n, ih, iw, c] = graph.value(self.input)?.shape.axes()?;
        let [kh, kw, weight_c, m] = graph.value(self.weight)?.shape.axes()?;
        let oc = c.checked_mul(m).ok_or("the result has too many channels")?;
        self.layer().check(graph, element, oc)?;
        require(weight_c == c, "weights and input have different channel counts")?;
        let window = Window { kernel: [kh, kw], stride: self.stride, dilation: self.dilation, pad: self.pad };
        let [oh, ow] = window.output([ih, iw])?;
        Ok(Shape::nhwc(n, oh, ow, oc))
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [_, ih, iw, c] = environment.shape(self.input).sizes();
        let [kh, kw, _, m] = environment.shape(self.weight).sizes();
        let window = Window::new([kh, kw], self.stride, self.dilation, self.pad);
        self.layer().evaluate(environment, result, 1, |[n, oy, ox, oc, ..]| {
            let taps = window.taps([ih, iw], [oy, ox]);
            // The weights are [ky, kx, c, m] with c·M + m = oc.
            taps.map(move |(ky, kx, y, x)| [((n * ih + y) * iw + x) * c + oc / m, (ky * kw + kx) * c * m + oc])
        })
    }
}
