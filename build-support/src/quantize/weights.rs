//! Integers of linear layers and convolutions.

use super::QuantParams;
use crate::calibrate::symmetric_scale;
use crate::config::{Dtype, WeightScheme};
use crate::graph::{Graph, NodeId, Tensor};
use crate::ops::Op;
use ndarray::Axis;

/// Weight and bias of one layer, as integers in the exporter's layout (`[O, I]` or `[O, I, KH, KW]`).
#[derive(Clone, PartialEq, Debug)]
pub struct QuantWeights {
    /// Dimensions of the weight.
    pub shape: Vec<usize>,
    /// The weight's codes, -127..=127 or -7..=7, zero point 0; -128 where the model itself has it.
    pub codes: Vec<i8>,
    /// The weight's scale: one per output channel, or one.
    pub scales: Vec<f32>,
    /// One per output channel, zero point 0, scale `input scale · weight scale`; zeros where the layer has none.
    pub bias: Vec<i32>,
}

impl QuantWeights {
    /// Quantizes the layer's parameters; `input_scale` is that of its activation operand.
    ///
    /// Source: oracle of VgfQuantizer, sections 2, 9.1, 9.2 and 9.4.
    pub(crate) fn new(graph: &Graph, layer: NodeId, scheme: WeightScheme, input_scale: f32) -> Self {
        let constant = |operand: usize| {
            let id = graph.node(layer).inputs.get(operand)?;
            graph.value(*id).real()
        };
        let weight = constant(1).expect("annotation checks that weights are constants");
        let axis = channel_axis(&graph.node(layer).op);
        let channels = weight.shape()[axis];
        let given = &graph.value(graph.node(layer).inputs[1]).given;
        let scales = given.as_ref().map_or_else(|| weight_scales(weight, axis, scheme), |given| given.scales.clone());
        let qmin = if given.is_some() { i32::from(i8::MIN) } else { -scheme.qmax };
        // The scales of a transposed convolution in groups are fewer: its lowering refuses them.
        let scale_of = |channel: usize| scales[channel % scales.len()];
        let quantize = |(row, elements): (usize, &[f32])| {
            let params = QuantParams { qmin, ..symmetric(Dtype::Int8, scale_of(row % channels), scheme.qmax) };
            elements.iter().map(move |&x| params.quantize(x) as i8).collect::<Vec<_>>()
        };
        let row = weight.shape()[axis + 1..].iter().product();
        let data = weight.as_slice().expect("standard layout");
        let codes = data.chunks_exact(row).enumerate().flat_map(quantize).collect();
        let bias = match constant(2) {
            None => vec![0; output_channels(&graph.node(layer).op, weight)],
            Some(bias) => bias
                .iter()
                .enumerate()
                .map(|(channel, &x)| symmetric(Dtype::Int32, input_scale * scale_of(channel), i32::MAX).quantize(x))
                .collect(),
        };
        Self { shape: weight.shape().to_vec(), codes, scales, bias }
    }

    /// The real numbers that the codes stand for, in the exporter's layout; `axis` is that of the scales.
    pub(crate) fn dequantized(&self, axis: usize) -> Vec<f32> {
        let row: usize = self.shape[axis + 1..].iter().product();
        let scale = |index: usize| self.scales[index / row % self.shape[axis] % self.scales.len()];
        self.codes.iter().enumerate().map(|(index, &code)| f32::from(code) * scale(index)).collect()
    }
}

fn symmetric(dtype: Dtype, scale: f32, qmax: i32) -> QuantParams {
    QuantParams { dtype, scale, zero_point: 0, qmin: -qmax, qmax }
}

/// The axis that scales per channel belong to.
pub(crate) fn channel_axis(op: &Op) -> usize {
    if let Op::ConvTranspose2d(conv) = op { conv.channel_axis() } else { 0 }
}

/// Number of a layer's output channels.
pub(crate) fn output_channels(op: &Op, weight: &Tensor) -> usize {
    match op {
        Op::ConvTranspose2d(conv) => weight.shape()[1] * conv.groups,
        _ => weight.shape()[0],
    }
}

/// Scales from the extremes of each output channel, or of all.
fn weight_scales(weight: &Tensor, axis: usize, scheme: WeightScheme) -> Vec<f32> {
    let extremes = |data: &mut dyn Iterator<Item = &f32>| {
        let (min, max) = data.fold((0.0_f32, 0.0_f32), |(min, max), &x| (min.min(x), max.max(x)));
        symmetric_scale([min, max], -scheme.qmax, scheme.qmax, scheme.eps)
    };
    match scheme.per_channel {
        true => weight.axis_iter(Axis(axis)).map(|channel| extremes(&mut channel.iter())).collect(),
        false => vec![extremes(&mut weight.iter())],
    }
}
