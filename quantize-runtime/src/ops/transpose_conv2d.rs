//! TRANSPOSE_CONV2D: spreads each position of an NHWC activation over a window, with OHWI weights.

use super::convolution::{Layer, layer};
use super::{AccumulatorType, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// Limit of kernels, strides and pads (TOSA 1.0, level 8K).
const LIMIT: i64 = 8192;

/// `output[n, oy, ox, oc] = bias[oc] + Σ (input[n, y, x, ic] − input_zero_point) · (weight[oc, ky, kx, ic] −
/// weight_zero_point)` over the ky, kx, y and x with `y · stride + top + ky = oy` and `x · stride + left + kx = ox`, and ic.
///
/// Shapes: input `[N, IH, IW, IC]`, weight `[OC, KH, KW, IC]`, bias `[OC]` or `[1]`, result `[N, OH, OW, OC]` with
/// `OH = (IH − 1) · stride + top + bottom + KH`. Element types are those of CONV2D, and f32 is added up in the order of ky,
/// kx and ic, the bias last.
///
/// Source: TOSA 1.0, TRANSPOSE_CONV2D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TransposeConv2d {
    /// Rows and columns added to the result: top, bottom, left, right; each above the negative kernel size.
    pub out_pad: [i32; 4],
    /// Step between windows: y, x.
    pub stride: [i32; 2],
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

impl TransposeConv2d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.ints(&mut self.out_pad)?;
        visitor.ints(&mut self.stride)?;
        self.visit_layer(visitor)
    }

    layer!();

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let [n, ih, iw, ic] = graph.value(self.input)?.shape.axes()?;
        let [oc, kh, kw, weight_ic] = graph.value(self.weight)?.shape.axes()?;
        self.layer().check(graph, element, oc)?;
        require(weight_ic == ic, "weights and input have different channel counts")?;
        Ok(Shape::nhwc(n, self.output_axis(ih, kh, 0)?, self.output_axis(iw, kw, 1)?, oc))
    }

    fn output_axis(&self, input: u32, kernel: u32, axis: usize) -> Result<u32, Rule> {
        let (stride, kernel) = (i64::from(self.stride[axis]), i64::from(kernel));
        let [before, after] = [self.out_pad[2 * axis], self.out_pad[2 * axis + 1]].map(i64::from);
        require((1..=LIMIT).contains(&stride), "a stride is outside 1 to 8192")?;
        require(kernel <= LIMIT, "the kernel is larger than 8192")?;
        let in_range = |pad| -kernel < pad && pad <= LIMIT;
        require(in_range(before) && in_range(after), "an output pad is not above the negative kernel size")?;
        let size = (i64::from(input) - 1) * stride + before + after + kernel;
        u32::try_from(size).ok().filter(|&size| size > 0).ok_or("the result is empty or too large")
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [_, ih, iw, ic] = environment.shape(self.input).sizes();
        let [_, kh, kw, _] = environment.shape(self.weight).sizes();
        self.layer().evaluate(environment, result, ic, |[n, oy, ox, oc, ..]| {
            let columns = self.taps(kw, iw, ox, 1);
            self.taps(kh, ih, oy, 0).flat_map(move |(ky, y)| {
                let of = move |(kx, x)| [((n * ih + y) * iw + x) * ic, ((oc * kh + ky) * kw + kx) * ic];
                columns.clone().map(of)
            })
        })
    }

    /// The taps that reach position `at` of the result along one axis: tap, position in the input.
    fn taps(
        &self,
        kernel: usize,
        input: usize,
        at: usize,
        axis: usize,
    ) -> impl Iterator<Item = (usize, usize)> + Clone + use<> {
        let stride = self.stride[axis] as usize; // at least 1
        let first = at as i64 - i64::from(self.out_pad[2 * axis]);
        (0..kernel).filter_map(move |tap| {
            let spread = usize::try_from(first - tap as i64).ok().filter(|spread| spread.is_multiple_of(stride))?;
            (spread / stride < input).then_some((tap, spread / stride))
        })
    }
}
