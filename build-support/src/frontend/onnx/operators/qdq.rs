//! Networks that are already quantized: QuantizeLinear and DequantizeLinear around float operators.
//!
//! A pair of both changes no value of the float network. It says with which parameters a tensor is quantized, so that the network
//! needs no samples.

use super::{apply, constant, number, same, shape_of};
use crate::frontend::onnx::tensor::{integer_range, wrap_index};
use crate::frontend::onnx::{Entry, Importer, OnnxNode, proto};
use crate::graph::{Data, Element, Given, Tensor};
use crate::ops::binary::Binary;
use crate::ops::cast::Cast;
use crate::ops::view::View;

/// The parameters in operands 1 and 2 for a tensor of this shape, and the smallest code they are for.
fn parameters(importer: &Importer<'_>, node: &OnnxNode<'_>, shape: &[usize]) -> Result<(Given, i64), String> {
    let scales = importer.known(node, 1).and_then(Data::real).ok_or("its scale is computed at run time")?;
    let scales: Vec<f32> = scales.iter().copied().collect();
    if scales.is_empty() || scales.iter().any(|scale| !(scale.is_finite() && *scale > 0.0)) {
        return Err("has a scale that is not above zero".to_owned());
    }
    if node.int("block_size", 0) != 0 {
        return Err("quantizes in blocks; per tensor and per axis are supported".to_owned());
    }
    let axis = match scales.len() {
        1 => 0,
        count => {
            let axis = wrap_index(node.int("axis", 1), shape.len()).filter(|&axis| shape[axis] == count);
            axis.ok_or_else(|| format!("has {count} scales for {shape:?}"))?
        }
    };
    let zero_points = match node.has(2) {
        true => importer.known_integers(node, 2).ok_or("its zero point is computed at run time")?,
        false => vec![0],
    };
    let zero_point = zero_points.first().copied().unwrap_or(0);
    if zero_points.iter().any(|&other| other != zero_point) {
        return Err("has different zero points along an axis".to_owned());
    }
    let kind = code_type(importer, node);
    let range = integer_range(kind).filter(|(min, max)| (*min..=*max).contains(&zero_point));
    let (min, _) =
        range.ok_or_else(|| format!("has {} codes with zero point {zero_point}", proto::data_type::name(kind)))?;
    let zero_point = i32::try_from(zero_point).map_err(|_| "has a zero point of more than 32 bits")?;
    Ok((Given { scales, axis, zero_point }, min))
}

/// The data type of the codes: of the zero point or the codes themselves, else the attribute's.
fn code_type(importer: &Importer<'_>, node: &OnnxNode<'_>) -> i32 {
    let of = |index: usize| importer.data_types.get(node.proto.input.get(index)?).copied();
    let of_codes = || if node.is("DequantizeLinear") { of(0) } else { None };
    let attribute = || i32::try_from(node.int("output_dtype", 0)).ok().filter(|&kind| kind != 0);
    of(2).or_else(of_codes).or_else(attribute).unwrap_or(proto::data_type::UINT8)
}

/// The same parameters for codes of int8: those of uint8 move by 128.
fn for_int8((mut given, min): (Given, i64)) -> Result<Given, String> {
    given.zero_point += match min {
        -128 => 0,
        0 => -128,
        _ => return Err("has codes of more or less than 8 bits; int8 and uint8 are supported".to_owned()),
    };
    Ok(given)
}

pub(super) fn quantize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let value = importer.tensor(node, 0)?;
    if let Some(data) = importer.known(node, 0).and_then(Data::real) {
        let (given, min) = parameters(importer, node, data.shape())?;
        let kind = code_type(importer, node);
        let (_, max) = integer_range(kind).expect("checked with the parameters");
        let scales = given.scales.iter().cycle();
        let code = |x: f32, scale: f32| {
            let code = libm::rintf(x / scale) as i64; // saturates
            code.saturating_add(given.zero_point.into()).clamp(min, max)
        };
        // Along the axis of the scales the slices take turns; with one scale all take the same.
        let mut codes = ndarray::ArrayD::from_elem(data.shape(), 0);
        if data.ndim() == 0 {
            codes.zip_mut_with(data, |to, &x| *to = code(x, given.scales[0]));
        } else {
            let slices = codes.axis_iter_mut(ndarray::Axis(given.axis)).zip(data.axis_iter(ndarray::Axis(given.axis)));
            for ((mut codes, reals), &scale) in slices.zip(scales) {
                codes.zip_mut_with(&reals, |to, &x| *to = code(x, scale));
            }
        }
        node.proto.output.first().into_iter().for_each(|name| importer.note_type(name, kind));
        return Ok(vec![importer.constant(node, codes)]);
    }
    let given = for_int8(parameters(importer, node, &importer.graph.value(value).shape)?)?;
    if given.scales.len() != 1 {
        return Err("quantizes an activation per axis; per tensor is supported".to_owned());
    }
    Ok(vec![Entry::Quantized(value, given)])
}

pub(super) fn dequantize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let Some(Some(Entry::Quantized(value, given))) = node.inputs.first() else {
        return match importer.known(node, 0) {
            Some(_) => dequantize_constant(importer, node),
            None => dequantize_integers(importer, node),
        };
    };
    let shape = importer.graph.value(*value).shape.clone();
    if for_int8(parameters(importer, node, &shape)?)? != *given {
        return Err("dequantizes with other parameters than its operand was quantized with".to_owned());
    }
    let id = match &importer.graph.value(*value).given {
        // Quantized a second time, for other readers.
        Some(other) if other != given => apply(importer, node, View { shape }, vec![*value])?,
        _ => *value,
    };
    importer.graph.give(id, given.clone());
    Ok(same(id))
}

/// Integers that are computed at run time, such as an input of the model: `(code - zero_point) · scale`.
fn dequantize_integers(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let codes = importer.tensor(node, 0)?;
    let shape = shape_of(importer, codes).to_vec();
    let (given, _) = parameters(importer, node, &shape)?;
    let reals = apply(importer, node, Cast { element: Element::F32 }, vec![codes])?;
    let zero_point = number(importer, node, "zero_point", given.zero_point as f32, shape.len()); // of a few bits
    let centered = apply(importer, node, Binary::Sub, vec![reals, zero_point])?;
    let mut dims = vec![1; shape.len()];
    if let [_, _, ..] = given.scales[..] {
        dims[given.axis] = given.scales.len();
    }
    let scales = Tensor::from_shape_vec(dims, given.scales).expect("one for all, or one for each part of the axis");
    let scales = constant(importer, node, "scale", scales);
    importer.push(node, Binary::Mul, vec![centered, scales])
}

/// A weight or a bias.
fn dequantize_constant(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let codes = importer.known(node, 0).and_then(Data::integers);
    let codes = codes.ok_or("its operand holds no integers")?;
    let (given, min) = parameters(importer, node, codes.shape())?;
    let mut real = codes.mapv(|code| (code - i64::from(given.zero_point)) as f32);
    match given.scales[..] {
        [scale] => real.mapv_inplace(|code| code * scale),
        _ => {
            let slices = real.axis_iter_mut(ndarray::Axis(given.axis)).zip(&given.scales);
            slices.for_each(|(mut slice, scale)| slice.mapv_inplace(|code| code * scale));
        }
    }
    let entry = importer.constant(node, real);
    // A bias has 32 bits, and the scale that its layer's input and weight give it.
    if let Entry::Value(id) = entry
        && min != i64::from(i32::MIN)
    {
        importer.graph.give(id, for_int8((given, min))?);
    }
    Ok(vec![entry])
}
