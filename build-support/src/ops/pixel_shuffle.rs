//! Channels as pixels and back.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;
use quantize_float::Scalar;
use ndarray::{ArrayD, ArrayViewD};

/// Blocks of pixels made of channels, or channels made of blocks of pixels.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum PixelShuffle {
    /// `[N, C·f², H, W]` to `[N, C, H·f, W·f]`, with factor `f`.
    Shuffle(usize),
    /// `[N, C, H·f, W·f]` to `[N, C·f², H, W]`, with factor `f`.
    Unshuffle(usize),
}

impl PixelShuffle {
    /// The input as six dimensions, and the order in which the result has them.
    fn views(&self, shape: &[usize]) -> ([usize; 6], [usize; 6]) {
        let &[n, c, h, w] = shape else { unreachable!("rank 4, checked at import") };
        match *self {
            Self::Shuffle(f) => ([n, c / (f * f), f, f, h, w], [0, 1, 4, 2, 5, 3]),
            Self::Unshuffle(f) => ([n, c, h / f, f, w / f, f], [0, 1, 3, 5, 2, 4]),
        }
    }

    fn rearrange<T: Scalar>(&self, inputs: &[ArrayViewD<T>]) -> ArrayD<T> {
        let (view, order) = self.views(inputs[0].shape());
        let shape = self.infer(&[inputs[0].shape()]).expect("checked at import");
        let view = inputs[0].to_shape(view.as_slice()).expect("as many elements").into_owned();
        let elements = view.permuted_axes(order.as_slice()).iter().cloned().collect();
        ArrayD::from_shape_vec(shape, elements).expect("as many elements")
    }
}

impl Room for PixelShuffle {
    const NAME: &'static str = "pixel_shuffle";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match (*self, inputs[0]) {
            (Self::Shuffle(f), &[n, c, h, w]) if f > 0 && c % (f * f) == 0 => Ok(vec![n, c / (f * f), h * f, w * f]),
            (Self::Unshuffle(f), &[n, c, h, w]) if f > 0 && h % f == 0 && w % f == 0 => {
                Ok(vec![n, c * f * f, h / f, w / f])
            }
            _ => Err(format!("{self:?} of {:?}", inputs[0])),
        }
    }

    rearrangement!();

    fn target(&self) -> &'static str {
        match self {
            Self::Shuffle(_) => "aten.pixel_shuffle.default",
            Self::Unshuffle(_) => "aten.pixel_unshuffle.default",
        }
    }

    fn pattern(&self) -> Pattern {
        Pattern::Shared
    }

    /// RESHAPE, TRANSPOSE, RESHAPE.
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), String> {
        let input = lowering.operand(node, 0)?;
        let (view, order) = self.views(&input.shape);
        let value = lowering.reshape(input.id, &view)?;
        let result = lowering.transpose(value, &order)?;
        lowering.finish(node, result)
    }
}
