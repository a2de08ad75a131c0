//! CONV3D: a convolution of an NDHWC activation with ODHWI weights.

use super::convolution::{Layer, layer};
use super::window::Axis;
use super::{AccumulatorType, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// `output[n, od, oy, ox, oc] = bias[oc] + Σ (input − input_zero_point) · (weight − weight_zero_point)` over kd, ky, kx and
/// ic.
///
/// Shapes: input `[N, ID, IH, IW, IC]`, weight `[OC, KD, KH, KW, IC]`, bias `[OC]` or `[1]`, result
/// `[N, OD, OH, OW, OC]`. Positions outside the input count as the input's zero point. Element types are those of CONV2D,
/// and f32 is added up in the order of kd, ky, kx and ic, the bias last.
///
/// Source: TOSA 1.0, CONV3D.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Conv3d {
    /// Added: front, back, top, bottom, left, right; each at least 0.
    pub pad: [i32; 6],
    /// Step between windows: depth, y, x.
    pub stride: [i32; 3],
    /// Step between taps: depth, y, x.
    pub dilation: [i32; 3],
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

impl Conv3d {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.ints(&mut self.pad)?;
        visitor.ints(&mut self.stride)?;
        visitor.ints(&mut self.dilation)?;
        self.visit_layer(visitor)
    }

    layer!();

    /// The axes of the window, with these sizes of the kernel.
    fn axes(&self, kernel: [u32; 3]) -> [Axis; 3] {
        core::array::from_fn(|axis| Axis {
            kernel: kernel[axis],
            stride: self.stride[axis],
            dilation: self.dilation[axis],
            pad: [self.pad[2 * axis], self.pad[2 * axis + 1]],
        })
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let [n, id, ih, iw, ic] = graph.value(self.input)?.shape.axes()?;
        let [oc, kd, kh, kw, weight_ic] = graph.value(self.weight)?.shape.axes()?;
        self.layer().check(graph, element, oc)?;
        require(weight_ic == ic, "weights and input have different channel counts")?;
        let [depth, rows, columns] = self.axes([kd, kh, kw]);
        let dims = [n, depth.output(id)?, rows.output(ih)?, columns.output(iw)?, oc];
        Shape::new(&dims).ok_or("the result is too large")
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [_, id, ih, iw, ic] = environment.shape(self.input).sizes();
        let [_, kd, kh, kw, _] = environment.shape(self.weight).sizes();
        let [depth, rows, columns] = self.axes([kd, kh, kw].map(|size| size as u32)); // sizes of a shape
        self.layer().evaluate(environment, result, ic, |[n, od, oy, ox, oc, _]| {
            let columns = columns.taps(iw, ox);
            let rows = rows.taps(ih, oy);
            let plane = rows.flat_map(move |(ky, y)| columns.clone().map(move |(kx, x)| (ky, kx, y, x)));
            depth.taps(id, od).flat_map(move |(kz, z)| {
                plane.clone().map(move |(ky, kx, y, x)| {
                    [(((n * id + z) * ih + y) * iw + x) * ic, (((oc * kd + kz) * kh + ky) * kw + kx) * ic]
                })
            })
        })
    }
}
