//! Weights and biases of layers, as codes or as real numbers, in the forms that TOSA's convolutions take.

use super::{Lowering, Operand};
use crate::graph::Node;
use crate::quantize::weights::{QuantWeights, channel_axis, output_channels};
use quantize_runtime::graph::ValueId;
use std::borrow::Cow;
use std::ops::Range;

/// Weight and bias of one layer in the exporter's layout.
#[derive(Clone)]
pub(crate) struct LayerWeights<'a> {
    /// Dimensions of the weight.
    pub(crate) shape: Vec<usize>,
    weight: Elements<'a, i8>,
    /// One for each output channel; of codes as wide as the accumulator.
    bias: Elements<'a, i32>,
    /// Of codes: one for each output channel, or one.
    pub(crate) scales: Cow<'a, [f32]>,
}

/// Codes or real numbers.
#[derive(Clone)]
enum Elements<'a, T: Clone> {
    Codes(Cow<'a, [T]>),
    Real(Cow<'a, [f32]>),
}

impl<T: Clone> Elements<'_, T> {
    fn part(&self, range: Range<usize>) -> Self {
        match self {
            Self::Codes(codes) => Self::Codes(codes[range].to_vec().into()),
            Self::Real(real) => Self::Real(real[range].to_vec().into()),
        }
    }
}

impl LayerWeights<'_> {
    /// The slices `rows` of the weight's first axis and the biases `channels`.
    pub(crate) fn part(&self, rows: Range<usize>, channels: Range<usize>) -> Self {
        let row: usize = self.shape[1..].iter().product();
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        let scales =
            if self.scales.len() > 1 { self.scales[rows.clone()].to_vec().into() } else { self.scales.clone() };
        let weight = self.weight.part(rows.start * row..rows.end * row);
        Self { shape, weight, bias: self.bias.part(channels), scales }
    }
}

impl<'a> Lowering<'a> {
    /// Weight and bias of a layer, in the form in which it works.
    ///
    /// Where a layer works on real numbers although its weight is quantized, the weight is what its codes stand for.
    pub(crate) fn weights(&self, node: &Node) -> Result<LayerWeights<'a>, String> {
        let index = self.index_of(node);
        let quantized = self.source.weights[index].as_ref();
        if let Some(weights) = quantized.filter(|_| !self.source.float[index]) {
            let QuantWeights { shape, codes, scales, bias } = weights;
            return Ok(LayerWeights {
                shape: shape.clone(),
                weight: Elements::Codes(codes.into()),
                bias: Elements::Codes(bias.into()),
                scales: scales.into(),
            });
        }
        let constant = |operand: usize| {
            let id = *node.inputs.get(operand)?;
            Some(self.graph().value(id).real().ok_or_else(|| format!("operand {operand} is computed at run time")))
        };
        let weight = constant(1).expect("layers have weights")?;
        let data = weight.as_slice().expect("standard layout");
        let bias = match constant(2).transpose()? {
            Some(bias) => Cow::from(bias.as_slice().expect("standard layout")),
            None => vec![0.0; output_channels(&node.op, weight)].into(),
        };
        Ok(LayerWeights {
            shape: weight.shape().to_vec(),
            weight: Elements::Real(
                quantized.map_or(data.into(), |weights| weights.dequantized(channel_axis(&node.op)).into()),
            ),
            bias: Elements::Real(bias),
            scales: Cow::from(&[][..]),
        })
    }

    /// The weight as a constant of this shape, with dimension `order[i]` in the place of dimension `i`.
    pub(crate) fn weight(
        &mut self,
        of: &LayerWeights<'_>,
        shape: &[usize],
        order: &[usize],
    ) -> Result<ValueId, String> {
        match &of.weight {
            Elements::Codes(codes) => self.constant_i8(shape, permuted(codes, &of.shape, order)),
            Elements::Real(real) => self.constant_f32(shape, permuted(real, &of.shape, order)),
        }
    }

    /// The bias as a constant of the type in which the layer adds up.
    pub(crate) fn bias(&mut self, of: &LayerWeights<'_>, input: &Operand) -> Result<ValueId, String> {
        match &of.bias {
            Elements::Real(real) => self.constant_f32(&[real.len()], real.to_vec()),
            Elements::Codes(codes) => self.integers(input.accumulator().0, &[codes.len()], codes),
        }
    }

    /// A layer's sums in the form of its result: codes with the parameters of the result or of the activation fused into
    /// the layer, or the real numbers that they are.
    pub(crate) fn narrow_layer(
        &mut self,
        layer: &Node,
        sums: ValueId,
        input: &Operand,
        weights: &LayerWeights<'_>,
    ) -> Result<ValueId, String> {
        let Some(params) = input.params else { return Ok(sums) };
        let result = self.result_params(self.fused_activation(layer).unwrap_or(layer));
        let factor = |&scale| f64::from(params.scale) * f64::from(scale) / f64::from(result.scale);
        let factors: Vec<f64> = weights.scales.iter().map(factor).collect();
        self.narrow_sums(sums, factors, result)
    }
}

fn permuted<T: Copy>(elements: &[T], shape: &[usize], order: &[usize]) -> Vec<T> {
    let view = ndarray::ArrayView::from_shape(shape, elements).expect("as many as the shape says");
    view.permuted_axes(order).iter().copied().collect()
}
