//! The steps of generated code: operators fused with what follows them, as plain values of shapes and constants.
//!
//! A step names no memory: a function of [`kernels`](crate::kernels) takes it together with the slices it reads and
//! writes. Activations are NHWC, i32 tensors are little-endian words. A fused step gives the same bytes as its
//! operators one by one.

use crate::Shape;
use crate::epilogue::{Bias, Epilogue, Weight};
use crate::rescale::Rescale;
use crate::shape::MAX_RANK;
use core::ops::Range;

/// CONV2D and what becomes of its sums, by default a RESCALE to i8.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv2d<'a, E: Epilogue = Rescale<'a>> {
    /// `[N, IH, IW, IC]`.
    pub input: Shape,
    /// `[N, OH, OW, OC]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Step between taps: y, x.
    pub dilation: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// OHWI, with zero point 0.
    pub weights: &'a [Weight<E>],
    /// One, or one per output channel.
    pub bias: &'a [Bias<E>],
    /// What becomes of the sums; the input zero point of a RESCALE is not used.
    pub epilogue: E,
}

/// DEPTHWISE_CONV2D and what becomes of its sums, by default a RESCALE to i8.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DepthwiseConv2d<'a, E: Epilogue = Rescale<'a>> {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C·M]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Step between taps: y, x.
    pub dilation: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// `[KH, KW, C, M]`, with zero point 0.
    pub weights: &'a [Weight<E>],
    /// One, or one per output channel.
    pub bias: &'a [Bias<E>],
    /// What becomes of the sums; the input zero point of a RESCALE is not used.
    pub epilogue: E,
}

/// CONV3D and what becomes of its sums, by default a RESCALE to i8.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conv3d<'a, E: Epilogue = Rescale<'a>> {
    /// `[N, ID, IH, IW, IC]`.
    pub input: Shape,
    /// `[N, OD, OH, OW, OC]`.
    pub output: Shape,
    /// Window: depth, y, x.
    pub kernel: [u16; 3],
    /// Step between windows: depth, y, x.
    pub stride: [u16; 3],
    /// Step between taps: depth, y, x.
    pub dilation: [u16; 3],
    /// Added: front, back, top, bottom, left, right.
    pub pad: [u16; 6],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// ODHWI, with zero point 0.
    pub weights: &'a [Weight<E>],
    /// One, or one per output channel.
    pub bias: &'a [Bias<E>],
    /// What becomes of the sums; the input zero point of a RESCALE is not used.
    pub epilogue: E,
}

/// TRANSPOSE_CONV2D and what becomes of its sums, by default a RESCALE to i8.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TransposeConv2d<'a, E: Epilogue = Rescale<'a>> {
    /// `[N, IH, IW, IC]`.
    pub input: Shape,
    /// `[N, OH, OW, OC]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Rows and columns added to the result: top, bottom, left, right; negative ones are taken away.
    pub out_pad: [i16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// OHWI, with zero point 0.
    pub weights: &'a [Weight<E>],
    /// One, or one per output channel.
    pub bias: &'a [Bias<E>],
    /// What becomes of the sums; the input zero point of a RESCALE is not used.
    pub epilogue: E,
}

/// MATMUL and what becomes of its sums; a RESCALE has one factor for all, or one per column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatMul<E: Epilogue> {
    /// `[N, H, C]`.
    pub a: Shape,
    /// `[N, C, W]`.
    pub b: Shape,
    /// Quantized zeros of the operands.
    pub zero_points: [i8; 2],
    /// What becomes of the sums; the input zero point of a RESCALE is not used.
    pub epilogue: E,
}

/// AVG_POOL2D of i8, i16 or f32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AvgPool2d {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
    /// Quantized zero of the input.
    pub input_zero_point: i8,
    /// Quantized zero of the result.
    pub output_zero_point: i8,
}

/// MAX_POOL2D of i8, i16 or f32.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MaxPool2d {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C]`.
    pub output: Shape,
    /// Window: y, x.
    pub kernel: [u16; 2],
    /// Step between windows: y, x.
    pub stride: [u16; 2],
    /// Rows and columns added: top, bottom, left, right.
    pub pad: [u16; 4],
}

/// CLAMP of i8, i16 or f32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clamp<T = i8> {
    /// Lower bound.
    pub min: T,
    /// Upper bound, at least `min`.
    pub max: T,
}

/// TABLE of i8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table<'a> {
    /// The results for −128 to 127.
    pub table: &'a [i8; 256],
}

/// TABLE of i16.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableI16<'a> {
    /// 513 points: i16 little-endian, the results for −32768, −32640 and so on to 32768.
    pub table: &'a [[u8; 2]],
}

/// An operator on two tensors, with broadcasting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binary<P> {
    /// The operator.
    pub operator: P,
    /// Shapes of the operands, of equal rank.
    pub inputs: [Shape; 2],
    /// The broadcast shape.
    pub output: Shape,
}

/// A binary operator on i8: RESCALE of both operands to i32, the operator, RESCALE of the result to i8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RescaledBinary<'a, P> {
    /// Operator and shapes.
    pub binary: Binary<P>,
    /// Operands to i32; the output zero points are not used.
    pub input_rescales: [Rescale<'a>; 2],
    /// Result to i8; the input zero point is not used.
    pub rescale: Rescale<'a>,
}

/// SELECT, with broadcasting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Select {
    /// Shapes of the condition and of the tensors for true and false, of equal rank.
    pub inputs: [Shape; 3],
    /// The broadcast shape.
    pub output: Shape,
}

/// f32 to i8 or i16: `cast(clamp(round(x · factor) + zero_point, min, max))`, rounding half away from zero.
///
/// MUL, GREATER_EQUAL, ADD, SUB, FLOOR, CEIL, SELECT, ADD, CLAMP and CAST with constants of one element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quantize {
    /// 1 / scale.
    pub factor: f32,
    /// Quantized zero.
    pub zero_point: f32,
    /// Lower bound.
    pub min: f32,
    /// Upper bound.
    pub max: f32,
}

/// i8 or i16 to f32: `(x − zero_point) · scale`.
///
/// CAST to i32, SUB, CAST to f32 and MUL with constants of one element.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Dequantize {
    /// Quantized zero.
    pub zero_point: i32,
    /// Real distance between neighbouring integers.
    pub scale: f32,
}

/// A reduction along one axis, from the first element to the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reduce<P> {
    /// What takes in one more element.
    pub operator: P,
    /// Shape of the input.
    pub input: Shape,
    /// Axis, below the rank.
    pub axis: u8,
}

/// RESCALE of i8 to i32, REDUCE_SUM along some axes, RESCALE of the sum to i8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RescaledSum<'a> {
    /// Shape of the input.
    pub input: Shape,
    /// The axes that are summed up; they stay with size 1.
    pub axes: [bool; MAX_RANK],
    /// Input to i32; the output zero point is not used.
    pub input_rescale: Rescale<'a>,
    /// Sum to i8; the input zero point is not used.
    pub rescale: Rescale<'a>,
}

/// ARGMAX.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArgMax {
    /// Shape of the input.
    pub input: Shape,
    /// Axis, below the rank.
    pub axis: u8,
}

/// FFT2D.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fft2d<'a> {
    /// `[N, H, W]`.
    pub shape: Shape,
    /// Of [`Roots`](crate::fourier::Roots) for the larger of H and W.
    pub cosines: &'a [f32],
    /// Whether it is the inverse transform.
    pub inverse: bool,
}

/// RFFT2D.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rfft2d<'a> {
    /// `[N, H, W]`.
    pub input: Shape,
    /// Of [`Roots`](crate::fourier::Roots) for the larger of H and W.
    pub cosines: &'a [f32],
}

/// RESIZE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resize {
    /// `[N, IH, IW, C]`.
    pub input: Shape,
    /// `[N, OH, OW, C]`.
    pub output: Shape,
    /// Numerator and denominator: y, y, x, x.
    pub scale: [i16; 4],
    /// Where the first row and column lie, in units of 1 / numerator.
    pub offset: [i16; 2],
}

/// GATHER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gather {
    /// `[N, K, C]`.
    pub values: Shape,
    /// `[N, W]`.
    pub indices: Shape,
}

/// SCATTER.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scatter {
    /// `[N, K, C]`, the result's as well.
    pub values: Shape,
    /// `[N, W]`.
    pub indices: Shape,
}

/// REVERSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reverse {
    /// Shape of input and result.
    pub input: Shape,
    /// Axis, below the rank.
    pub axis: u8,
}

/// TILE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tile {
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
}

/// TRANSPOSE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transpose {
    /// Shape of the input.
    pub input: Shape,
    /// Axis `i` of the result is axis `perms[i]` of the input; axes beyond the rank stay where they are.
    pub perms: [u8; MAX_RANK],
}

impl Transpose {
    /// The sizes `[outer, a, b, inner]` of a tensor that becomes `[outer, b, a, inner]`; `None` for another permutation.
    pub fn swapped(&self) -> Option<[usize; 4]> {
        let sizes: [usize; MAX_RANK] = self.input.sizes();
        // Where axes of size 1 are does not matter.
        let from = (0..MAX_RANK).filter(|&axis| sizes[axis] != 1);
        let to = self.perms.iter().map(|&axis| usize::from(axis)).filter(|&axis| sizes.get(axis) != Some(&1));
        let start = from.clone().zip(to.clone()).take_while(|(from, to)| from == to).count();
        let (first_a, first_b) = (from.clone().nth(start)?, to.clone().nth(start)?);
        let b = from.clone().position(|axis| axis == first_b)?;
        let end = b + to.clone().position(|axis| axis == first_a)? - start;
        let mut order = (0..start).chain(b..end).chain(start..b).chain(end..MAX_RANK);
        let is_swap = to.clone().all(|axis| order.next().and_then(|index| from.clone().nth(index)) == Some(axis));
        let len = |axes: Range<usize>| from.clone().skip(axes.start).take(axes.len()).map(|axis| sizes[axis]).product();
        is_swap.then(|| [len(0..start), len(start..b), len(b..end), len(end..MAX_RANK)])
    }
}

/// One input of CONCAT, copied to its place in the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Concat {
    /// Shape of this input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// Axis, below the rank.
    pub axis: u8,
    /// Where the input starts on that axis of the result.
    pub start: u32,
}

/// SLICE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// First index on each axis; 0 beyond the rank.
    pub start: [u32; MAX_RANK],
}

/// PAD.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pad<T> {
    /// Shape of the input.
    pub input: Shape,
    /// Shape of the result.
    pub output: Shape,
    /// Elements before the input on each axis; 0 beyond the rank.
    pub before: [u32; MAX_RANK],
    /// Value of the border: an i8, or an i32 as a little-endian word.
    pub value: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_of_axes_change_places() {
        let swapped = |dims: &[u32], perms| Transpose { input: Shape::new(dims).unwrap(), perms }.swapped();
        assert_eq!(swapped(&[2, 3, 4, 5], [0, 2, 3, 1, 4, 5]), Some([2, 3, 20, 1]));
        assert_eq!(swapped(&[2, 4, 5, 3], [0, 3, 1, 2, 4, 5]), Some([2, 20, 3, 1]));
        assert_eq!(swapped(&[2, 3, 4, 5], [0, 2, 1, 3, 4, 5]), Some([2, 3, 4, 5]));
        assert_eq!(swapped(&[2, 1, 4, 5], [2, 1, 0, 3, 4, 5]), Some([1, 2, 4, 5]));
        assert_eq!(swapped(&[2, 3, 4, 5], [3, 2, 1, 0, 4, 5]), None);
        assert_eq!(swapped(&[2, 3, 1, 5], [0, 2, 1, 3, 4, 5]), None);
    }
}
