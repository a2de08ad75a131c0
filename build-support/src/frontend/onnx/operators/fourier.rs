//! Fourier transforms, whose numbers have their real and imaginary parts in the last dimension.

use super::{OUTSIDE, apply, axes_of, constant, shape_of, size};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::ValueId;
use crate::ops::binary::Binary;
use crate::ops::cat::Cat;
use crate::ops::dft::Dft;
use crate::ops::flip::Flip;
use crate::ops::index_select::IndexSelect;
use crate::ops::pad::Pad;
use crate::ops::slice::Slice;
use crate::ops::view::View;
use ndarray::Array1;

pub(super) fn dft(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    // An attribute before opset 20.
    let axis = match (importer.known_integers(node, 2).as_deref(), node.has(2)) {
        (Some(&[axis]), _) => axis,
        (_, true) => return Err("its axis is computed at run time".to_owned()),
        (_, false) if importer.opset < 20 => node.int("axis", 1),
        (_, false) => -2,
    };
    let [axis] = axes_of(&[axis], rank)?[..] else { return Err(OUTSIDE.to_owned()) };
    let (inverse, onesided) = (node.int("inverse", 0) != 0, node.int("onesided", 0) != 0);
    if inverse && onesided {
        return real_inverse(importer, node, input, axis);
    }
    let length = length(importer, node)?.unwrap_or(shape_of(importer, input)[axis]);
    let input = with_length(importer, node, input, axis, length)?;
    importer.push(node, Dft { axis, inverse, onesided }, vec![input])
}

/// Real numbers from one side of their transform: the other side is its mirror image with opposite imaginary parts.
fn real_inverse(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    axis: usize,
) -> Result<Vec<Entry>, String> {
    let shape = shape_of(importer, input).to_vec();
    if shape.last() != Some(&2) || axis + 1 == shape.len() {
        return Err("has one side of a transform that is no list of complex numbers".to_owned());
    }
    let length = length(importer, node)?.unwrap_or(2 * (shape[axis].max(2) - 1));
    let half = length / 2 + 1;
    let mut full = with_length(importer, node, input, axis, half)?;
    if length > half {
        let inner = Slice { axis, start: 1, end: 1 + length - half };
        let inner = apply(importer, node, inner, vec![full])?;
        let mirrored = apply(importer, node, Flip { axes: vec![axis] }, vec![inner])?;
        let signs = constant(importer, node, "signs", ndarray::arr1(&[1.0_f32, -1.0]).into_dyn());
        let mirrored = apply(importer, node, Binary::Mul, vec![mirrored, signs])?;
        full = apply(importer, node, Cat { axis }, vec![full, mirrored])?;
    }
    let transformed = apply(importer, node, Dft { axis, inverse: true, onesided: false }, vec![full])?;
    importer.push(node, Slice { axis: shape.len() - 1, start: 0, end: 1 }, vec![transformed])
}

/// Operand 1, a positive constant.
fn length(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<Option<usize>, String> {
    match (number(importer, node, 1), node.has(1)) {
        (None, true) => Err("its length is not a positive constant".to_owned()),
        (length, _) => Ok(length),
    }
}

/// The operand with so many elements along the axis: without the last ones, or with zeros behind them.
fn with_length(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    input: ValueId,
    axis: usize,
    length: usize,
) -> Result<ValueId, String> {
    let shape = shape_of(importer, input).to_vec();
    if length < shape[axis] {
        return apply(importer, node, Slice { axis, start: 0, end: length }, vec![input]);
    }
    if length == shape[axis] {
        return Ok(input);
    }
    let mut padding = vec![[0, 0]; shape.len()];
    padding[axis] = [0, length - shape[axis]];
    apply(importer, node, Pad { padding, value: 0.0 }, vec![input])
}

/// A positive number of elements that is constant operand `index`.
fn number(importer: &Importer<'_>, node: &OnnxNode<'_>, index: usize) -> Option<usize> {
    match importer.known_integers(node, index).as_deref() {
        Some(&[number]) => size(number).filter(|&number| number > 0),
        _ => None,
    }
}

/// Transforms of parts of a signal `[N, length, 1 or 2]`, which may overlap, each times a window:
/// `[N, frames, elements, 2]`.
pub(super) fn stft(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let signal = importer.tensor(node, 0)?;
    let &[batch, length, parts] = shape_of(importer, signal) else {
        return Err("has a signal that is not [batch, length, parts]".to_owned());
    };
    let step = number(importer, node, 1).ok_or("its step between frames is not a positive constant")?;
    let window = if node.has(2) { Some(importer.tensor(node, 2)?) } else { None };
    let frame = match (number(importer, node, 3), window, node.has(3)) {
        (Some(frame), ..) => frame,
        (None, Some(window), false) => shape_of(importer, window).iter().product(),
        _ => return Err("its frames have no positive constant as their length".to_owned()),
    };
    let frames = length.checked_sub(frame).ok_or("has frames that are longer than its signal")? / step + 1;
    importer.spend(&[frames, frame])?;
    let places = (0..frames).flat_map(|index| (index * step..index * step + frame).map(|place| place as i64));
    let places = constant(importer, node, "places", Array1::from_iter(places).into_dyn());
    let picked = apply(importer, node, IndexSelect { axis: 1 }, vec![signal, places])?;
    let mut input = apply(importer, node, View { shape: vec![batch, frames, frame, parts] }, vec![picked])?;
    if let Some(window) = window {
        let column = apply(importer, node, View { shape: vec![frame, 1] }, vec![window])?;
        input = apply(importer, node, Binary::Mul, vec![input, column])?;
    }
    // A complex signal has no other half that is known.
    let onesided = node.int("onesided", 1) != 0 && parts == 1;
    importer.push(node, Dft { axis: 2, inverse: false, onesided }, vec![input])
}
