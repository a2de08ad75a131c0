//! Convolutions and matrix products, and what becomes of their sums.

use quantize_runtime::Shape;
use quantize_runtime::graph::ValueId;
use quantize_runtime::ops::Op;
use quantize_runtime::rescale::{GeneralRescale, Rescale};

/// A convolution whose weights are constant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Convolution<'a> {
    /// How its kernel moves.
    pub window: Window,
    /// Shape of the activation.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// Quantized zero of the activation.
    pub input_zero_point: i8,
    /// The weights, in the order of the window's kernel.
    pub weights: Weights<'a>,
    /// The bias' bytes.
    pub bias: &'a [u8],
    /// What becomes of the sums.
    pub epilogue: Epilogue<'a>,
}

/// The bytes of weights.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Weights<'a> {
    /// As they are in the graph.
    Stored(&'a [u8]),
    /// i8 `[KH, KW, 1, M]` of the graph as `[M, KH, KW, 1]`: those of a DEPTHWISE_CONV2D of one channel for a CONV2D.
    ByChannel {
        /// As they are in the graph.
        stored: &'a [u8],
        /// M.
        channels: usize,
    },
}

/// A product of matrices, one per batch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatMul<'a> {
    /// `[N, H, C]`.
    pub a: Shape,
    /// `[N, C, W]`.
    pub b: Shape,
    /// Quantized zeros of the operands.
    pub zero_points: [i8; 2],
    /// What becomes of the sums.
    pub epilogue: Epilogue<'a>,
}

/// The operator of a convolution: sizes, steps and pads by axis.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)] // as the fields of `quantize_runtime::steps`
pub enum Window {
    /// CONV2D.
    Conv2d { kernel: [u16; 2], stride: [u16; 2], dilation: [u16; 2], pad: [u16; 4] },
    /// DEPTHWISE_CONV2D.
    DepthwiseConv2d { kernel: [u16; 2], stride: [u16; 2], dilation: [u16; 2], pad: [u16; 4] },
    /// CONV3D.
    Conv3d { kernel: [u16; 3], stride: [u16; 3], dilation: [u16; 3], pad: [u16; 6] },
    /// TRANSPOSE_CONV2D.
    TransposeConv2d { kernel: [u16; 2], stride: [u16; 2], out_pad: [i16; 4] },
}

/// An epilogue of [`quantize_runtime::epilogue`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Epilogue<'a> {
    /// i8 products, rescaled to i8.
    Rescale(Rescale<'a>),
    /// i16 products, rescaled to i16.
    GeneralRescale(GeneralRescale<'a>),
    /// i8 products, added up in i32.
    ToI32,
    /// i16 products, added up in i48.
    ToI48,
    /// f32 products.
    ToF32,
}

/// The parts of a convolution in a graph.
pub(super) struct Layer {
    pub(super) window: Window,
    pub(super) input: ValueId,
    pub(super) weight: ValueId,
    pub(super) bias: ValueId,
    pub(super) input_zero_point: i32,
    pub(super) weight_zero_point: i32,
}

/// The parts of a convolution; `None` for another operator.
pub(super) fn layer(op: &Op, shape: impl Fn(ValueId) -> Shape) -> Option<Layer> {
    macro_rules! layer {
        ($op:expr, $window:expr) => {
            Some(Layer {
                window: $window,
                input: $op.input,
                weight: $op.weight,
                bias: $op.bias,
                input_zero_point: $op.input_zero_point,
                weight_zero_point: $op.weight_zero_point,
            })
        };
    }
    // All sizes are at most 8192 in a valid graph.
    match op {
        Op::Conv2d(op) => {
            let [_, kh, kw] = shape(op.weight).sizes();
            let (stride, dilation, pad) = (sizes(op.stride), sizes(op.dilation), sizes(op.pad));
            layer!(op, Window::Conv2d { kernel: [kh, kw].map(|side| side as u16), stride, dilation, pad })
        }
        Op::DepthwiseConv2d(op) => {
            let kernel = shape(op.weight).sizes().map(|side: usize| side as u16);
            let (stride, dilation, pad) = (sizes(op.stride), sizes(op.dilation), sizes(op.pad));
            layer!(op, Window::DepthwiseConv2d { kernel, stride, dilation, pad })
        }
        Op::Conv3d(op) => {
            let [_, kd, kh, kw] = shape(op.weight).sizes();
            let (stride, dilation, pad) = (sizes(op.stride), sizes(op.dilation), sizes(op.pad));
            layer!(op, Window::Conv3d { kernel: [kd, kh, kw].map(|side| side as u16), stride, dilation, pad })
        }
        Op::TransposeConv2d(op) => {
            let [_, kh, kw] = shape(op.weight).sizes();
            let (stride, out_pad) = (sizes(op.stride), op.out_pad.map(|pad| pad as i16));
            layer!(op, Window::TransposeConv2d { kernel: [kh, kw].map(|side| side as u16), stride, out_pad })
        }
        _ => None,
    }
}

impl Window {
    /// CONV2D in place of a DEPTHWISE_CONV2D, which is the same where there is one channel.
    pub(super) fn of_one_channel(self) -> Option<Self> {
        match self {
            Self::DepthwiseConv2d { kernel, stride, dilation, pad } => {
                Some(Self::Conv2d { kernel, stride, dilation, pad })
            }
            _ => None,
        }
    }

    /// Multiply-accumulates of a convolution with so many weights: each meets each position of the result, or of the input
    /// where it is spread from there.
    pub(super) fn macs(&self, weights: usize, input: &Shape, output: &Shape) -> u64 {
        let over = if matches!(self, Self::TransposeConv2d { .. }) { input } else { output };
        let channels = over.dims().last().map_or(1, |&channels| channels as usize);
        (over.len() / channels) as u64 * weights as u64
    }
}

fn sizes<const N: usize>(values: [i32; N]) -> [u16; N] {
    values.map(|value| value as u16)
}
