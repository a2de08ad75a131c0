//! Layers with weights.

use super::elementwise::binary;
use super::pools::{only_images, pads};
use super::{pair, same, shape_of};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Tensor, ValueId};
use crate::ops::{batch_norm::BatchNorm, binary::Binary, conv2d::Conv2d, linear::Linear};

pub(super) fn conv(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut inputs = vec![importer.tensor(node, 0)?, weight(importer, node, 1)?];
    if node.has(2) {
        inputs.push(weight(importer, node, 2)?);
    }
    let (input, weights) = (shape_of(importer, inputs[0]), shape_of(importer, inputs[1]));
    only_images(input)?;
    only_images(weights)?;
    let kernel = [weights[2], weights[3]];
    let (stride, dilation) = (pair(node, "strides", 1)?, pair(node, "dilations", 1)?);
    let pad = pads(node, input, kernel, stride, dilation)?;
    let groups = usize::try_from(node.int("group", 1)).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or("attribute `group` is not positive")?;
    importer.push(node, Conv2d { stride, pad, dilation, groups }, inputs)
}

/// A parameter of a layer: quantized as a weight, so known at build time.
fn weight(importer: &Importer<'_>, node: &OnnxNode<'_>, index: usize) -> Result<ValueId, String> {
    if importer.known(node, index).is_none() {
        return Err("its weights are computed at run time; only constant weights are supported yet".to_owned());
    }
    importer.tensor(node, index)
}

pub(super) fn gemm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.int("transA", 0) != 0 || node.float("alpha", 1.0) != 1.0 || node.float("beta", 1.0) != 1.0 {
        return Err("only the form of a linear layer is supported yet: no transA, alpha and beta 1".to_owned());
    }
    let weights = constant_weight(importer, node, 1, node.int("transB", 0) == 0)?;
    let channels = shape_of(importer, weights)[0];
    let mut inputs = vec![importer.tensor(node, 0)?, weights];
    if node.has(2) {
        let bias =
            importer.known(node, 2).and_then(|bias| bias.real()?.broadcast(vec![1, channels]).map(|b| b.to_owned()));
        let bias = bias.ok_or("its bias is no constant vector")?;
        let bias: Tensor = bias.into_shape_with_order(vec![channels]).map_err(|error| error.to_string())?;
        inputs.push(importer.graph.add_constant(node.proto.input[2].clone(), bias));
    }
    importer.push(node, Linear, inputs)
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
    if !transpose {
        return importer.tensor(node, index);
    }
    let transposed: Tensor = weights.t().as_standard_layout().into_owned();
    Ok(importer.graph.add_constant(node.proto.input[index].clone(), transposed))
}

/// A linear layer without bias; its bias may follow as an Add of the same ATen node.
pub(super) fn matmul(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let weights = constant_weight(importer, node, 1, true)?;
    let inputs = vec![importer.tensor(node, 0)?, weights];
    importer.push(node, Linear, inputs)
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
