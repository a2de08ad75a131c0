//! Layers with weights.

use super::elementwise::binary;
use super::pools::{Volume, image, pads, sides, volume};
use super::{apply, number, same, shape_of, sizes};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Given, Tensor, ValueId};
use crate::ops::{
    batch_norm::BatchNorm, binary::Binary, conv_transpose2d::ConvTranspose2d, conv1d::Conv1d, conv2d::Conv2d,
    conv3d::Conv3d, einsum::Einsum, linear::Linear, matmul::MatMul, permute::Permute, view::View,
};

pub(super) fn conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut inputs = vec![importer.tensor(node, 0)?, weight(importer, node, 1)?];
    if node.has(2) {
        inputs.push(weight(importer, node, 2)?);
    }
    let (input, weights) = (shape_of(importer, inputs[0]), shape_of(importer, inputs[1]));
    if input.len() != weights.len() {
        return Err(format!("an input of {} dimensions and weights of {}", input.len(), weights.len()));
    }
    let dims = input.len().saturating_sub(2);
    if dims == 3 {
        return conv3d(importer, node, inputs);
    }
    let kernel = image(weights)?;
    let (stride, dilation) = (sides(node, "strides", dims)?, sides(node, "dilations", dims)?);
    let pad = pads(node, input, kernel, stride, dilation)?;
    let groups = groups(node)?;
    let conv = Conv2d { stride, pad, dilation, groups };
    match dims {
        1 => importer.push(node, Conv1d { conv, named_pad: false }, inputs),
        _ => importer.push(node, conv, inputs),
    }
}

/// A convolution of volumes.
fn conv3d(importer: &mut Importer<'_>, node: &OnnxNode<'_>, inputs: Vec<ValueId>) -> Result<Vec<Entry>, String> {
    let (input, kernel) = (shape_of(importer, inputs[0]), shape_of(importer, inputs[1]));
    let (&[_, _, d, h, w], &[_, _, kd, kh, kw]) = (input, kernel) else {
        return Err("needs volumes of five dimensions".to_owned());
    };
    let Volume { stride, dilation, pad } = volume(node, [d, h, w], [kd, kh, kw])?;
    importer.push(node, Conv3d { stride, pad, dilation, groups: groups(node)? }, inputs)
}

fn groups(node: &OnnxNode<'_>) -> Result<usize, String> {
    let groups = usize::try_from(node.int("group", 1)).ok().filter(|&groups| groups > 0);
    groups.ok_or_else(|| "attribute `group` is not positive".to_owned())
}

/// Sums of products by labelled axes.
pub(super) fn einsum(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let inputs = (0..node.inputs.len()).map(|index| importer.tensor(node, index)).collect::<Result<Vec<_>, _>>()?;
    let ranks: Vec<usize> = inputs.iter().map(|&id| shape_of(importer, id).len()).collect();
    let einsum = Einsum::parse(node.text("equation").ok_or("has no equation")?, &ranks)?;
    importer.push(node, einsum, inputs)
}

/// A parameter of a layer: quantized as a weight, so known at build time.
fn weight(importer: &Importer<'_>, node: &OnnxNode<'_>, index: usize) -> Result<ValueId, String> {
    if importer.known(node, index).is_none() {
        return Err("its weights are computed at run time; only constant weights are supported yet".to_owned());
    }
    importer.tensor(node, index)
}

/// A linear layer where the second matrix and the summand are constants, else a product and a sum.
pub(super) fn gemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let is_plain = node.int("transA", 0) == 0 && node.float("alpha", 1.0) == 1.0 && node.float("beta", 1.0) == 1.0;
    let channels =
        importer.kind(node, 1).and_then(|kind| Some(*kind.shape.get(1 - usize::from(node.int("transB", 0) != 0))?));
    let bias = || {
        let bias = importer.known(node, 2)?.real()?.broadcast(vec![1, channels?])?.to_owned();
        bias.into_shape_with_order(vec![channels?]).ok()
    };
    let bias: Option<Tensor> = bias();
    if !is_plain || importer.known(node, 1).is_none() || node.has(2) && bias.is_none() {
        return general_gemm(importer, node);
    }
    let weights = constant_weight(importer, node, 1, node.int("transB", 0) == 0)?;
    let mut inputs = vec![importer.tensor(node, 0)?, weights];
    if let Some(bias) = bias {
        inputs.push(importer.graph.add_constant(node.proto.input[2].clone(), bias));
    }
    importer.push(node, Linear, inputs)
}

/// `alpha · A · B + beta · C`
fn general_gemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut operands = Vec::new();
    for (index, name) in [(0, "transA"), (1, "transB")] {
        let mut operand = importer.tensor(node, index)?;
        if node.int(name, 0) != 0 {
            operand = apply(importer, node, Permute { perm: vec![1, 0] }, vec![operand])?;
        }
        operands.push(operand);
    }
    let mut result = apply(importer, node, MatMul::Mm, operands)?;
    result = scaled(importer, node, result, node.float("alpha", 1.0))?;
    if node.has(2) {
        let summand = importer.tensor(node, 2)?;
        let summand = scaled(importer, node, summand, node.float("beta", 1.0))?;
        return importer.push(node, Binary::Add, vec![result, summand]);
    }
    Ok(same(result))
}

fn scaled(importer: &mut Importer<'_>, node: &OnnxNode<'_>, value: ValueId, factor: f32) -> Result<ValueId, String> {
    if factor == 1.0 {
        return Ok(value);
    }
    let rank = shape_of(importer, value).len();
    let factor = number(importer, node, "factor", factor, rank);
    apply(importer, node, Binary::Mul, vec![value, factor])
}

/// The matrix of a linear layer as `[O, I]`.
fn constant_weight(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    index: usize,
    transpose: bool,
) -> Result<ValueId, String> {
    let weights = importer.known(node, index).and_then(|data| data.real()).filter(|weights| weights.ndim() == 2);
    let weights = weights.ok_or("only products with a constant matrix are supported yet")?;
    let id = importer.tensor(node, index)?;
    if !transpose {
        return Ok(id);
    }
    let transposed: Tensor = weights.t().as_standard_layout().into_owned();
    let given = importer.graph.value(id).given.clone();
    let id = importer.graph.add_constant(node.proto.input[index].clone(), transposed);
    if let Some(given) = given {
        importer.graph.give(id, Given { axis: 1 - given.axis.min(1), ..given });
    }
    Ok(id)
}

/// A linear layer without bias where the second operand is a constant matrix; its bias may follow as an Add of the same ATen node.
pub(super) fn matmul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let is_layer = importer.known(node, 1).is_some_and(|weights| weights.shape().len() == 2);
    let is_product = node.scopes.target.as_deref().is_some_and(|target| target != "aten.linear.default");
    let input = importer.tensor(node, 0)?;
    if !is_layer || is_product || importer.known(node, 0).is_some() {
        let other = importer.tensor(node, 1)?;
        return importer.push(node, MatMul::Any, vec![input, other]);
    }
    let weights = constant_weight(importer, node, 1, true)?;
    importer.push(node, Linear, vec![input, weights])
}

pub(super) fn conv_transpose(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut inputs = vec![importer.tensor(node, 0)?, weight(importer, node, 1)?];
    if node.has(2) {
        inputs.push(weight(importer, node, 2)?);
    }
    let (input, weights) = (shape_of(importer, inputs[0]), shape_of(importer, inputs[1]));
    if input.len() != weights.len() {
        return Err(format!("an input of {} dimensions and weights of {}", input.len(), weights.len()));
    }
    let dims = input.len().saturating_sub(2);
    let (size, kernel) = (image(input)?, image(weights)?);
    let (stride, dilation) = (sides(node, "strides", dims)?, sides(node, "dilations", dims)?);
    // Along one axis the image has one row.
    let of_image = |name: &str, row: usize| match sizes(node, name, dims, 0)?[..] {
        [width] => Ok([row, width]),
        [height, width] => Ok([height, width]),
        _ => Err(format!("attribute `{name}` has an unexpected value")),
    };
    let mut output_pad = of_image("output_padding", 0)?;
    // What the windows cover; padding takes from it.
    let full = [0, 1].map(|axis| {
        (size[axis].max(1) - 1) * stride[axis] + dilation[axis] * (kernel[axis].max(1) - 1) + 1 + output_pad[axis]
    });
    let wanted = match (node.ints("output_shape"), node.text("auto_pad")) {
        (Some(_), _) => Some(of_image("output_shape", 1)?),
        (None, Some("SAME_UPPER" | "SAME_LOWER")) => Some([0, 1].map(|axis| size[axis] * stride[axis])),
        (None, Some("VALID")) => Some(full),
        (None, _) => None,
    };
    let pad = match wanted {
        None => match sizes(node, "pads", 2 * dims, 0)?[..] {
            [left, right] => [[0, 0], [left, right]],
            [top, left, bottom, right] => [[top, bottom], [left, right]],
            _ => unreachable!("as many as asked for"),
        },
        Some(wanted) => [0, 1].map(|axis| {
            let total = full[axis].saturating_sub(wanted[axis]);
            output_pad[axis] += wanted[axis].saturating_sub(full[axis]);
            let half = total / 2;
            if node.text("auto_pad") == Some("SAME_UPPER") { [half, total - half] } else { [total - half, half] }
        }),
    };
    let conv = ConvTranspose2d { stride, pad, output_pad, dilation, groups: groups(node)? };
    if dims == 2 {
        return importer.push(node, conv, inputs);
    }
    for operand in &mut inputs[..2] {
        let given = importer.graph.value(*operand).given.clone();
        let &[outer, inner, length] = shape_of(importer, *operand) else { unreachable!("of one spatial axis") };
        *operand = apply(importer, node, View { shape: vec![outer, inner, 1, length] }, vec![*operand])?;
        given.into_iter().for_each(|given| importer.graph.give(*operand, given));
    }
    let result = apply(importer, node, conv, inputs)?;
    let &[n, c, _, length] = shape_of(importer, result) else { unreachable!("an image") };
    importer.push(node, View { shape: vec![n, c, length] }, vec![result])
}

pub(super) fn add(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    // torch writes a linear layer of more than two dimensions as MatMul and Add, both named after the same ATen node.
    let bias = [1, 0].into_iter().find(|&index| importer.known(node, index).is_some());
    if node.scopes.target.as_deref() == Some("aten.linear.default")
        && let Some(bias) = bias
        && let Some(layer) = importer.graph.nodes.last()
        && layer.op == Linear.into()
        && layer.inputs.len() == 2
        && layer.name == node.scopes.name(node.proto)
    {
        let (bias, output) = (importer.tensor(node, bias)?, layer.output());
        importer.graph.nodes.last_mut().expect("it was just there").inputs.push(bias);
        return Ok(same(output));
    }
    binary(importer, node, Binary::Add)
}

pub(super) fn batch_norm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.int("training_mode", 0) != 0 {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let mut inputs = vec![importer.tensor(node, 0)?];
    for index in 1..5 {
        inputs.push(weight(importer, node, index)?);
    }
    importer.push(node, BatchNorm { eps: node.float("epsilon", 1e-5) }, inputs)
}
