//! Layers with parameters: convolutions, products of matrices, normalizations, recurrent networks, embeddings.

use super::{
    Arg, Builder, Call, number, only_images, only_rows, pads, pair, positive, positive_pair, positive_sides, real,
    sides, to_size,
};
use crate::graph::{Tensor, ValueId};
use crate::ops::addmm::Addmm;
use crate::ops::attention::Attention;
use crate::ops::batch_norm::BatchNorm;
use crate::ops::binary::Binary;
use crate::ops::conv_transpose2d::ConvTranspose2d;
use crate::ops::conv1d::Conv1d;
use crate::ops::conv2d::Conv2d;
use crate::ops::conv3d::Conv3d;
use crate::ops::einsum::Einsum;
use crate::ops::embedding::Embedding;
use crate::ops::group_norm::GroupNorm;
use crate::ops::instance_norm::InstanceNorm;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::linear::Linear;
use crate::ops::matmul::MatMul;
use crate::ops::prelu::Prelu;
use crate::ops::recurrent::{Cell, Recurrent};
use crate::ops::recurrent_cell::RecurrentCell;
use crate::ops::rms_norm::RmsNorm;
use ndarray::IxDyn;

/// A parameter of a layer: quantized as a weight, so known at build time.
fn weight(builder: &mut Builder<'_>, call: &Call<'_>, id: ValueId) -> Result<ValueId, String> {
    match builder.graph.value(id).constant {
        Some(_) => real(builder, call, id),
        None => Err("its weights are computed at run time; only constant weights are supported yet".to_owned()),
    }
}

/// Input, weight and perhaps bias.
fn layer(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let mut inputs = vec![call.tensor("input")?, weight(builder, call, call.tensor("weight")?)?];
    if let Some(bias) = call.optional("bias")? {
        inputs.push(weight(builder, call, bias)?);
    }
    Ok(inputs)
}

fn groups(call: &Call<'_>) -> Result<usize, String> {
    let groups = to_size(call.int("groups", 1)?).filter(|&groups| groups > 0);
    groups.ok_or_else(|| "argument `groups` is not positive".to_owned())
}

pub(super) fn conv1d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = layer(builder, call)?;
    only_rows(builder.shape(inputs[0]))?;
    only_rows(builder.shape(inputs[1]))?;
    let conv = convolution(call, &builder.shape(inputs[1])[2..])?;
    builder.push(call, Conv1d { conv, named_pad: call.target.ends_with(".padding") }, &inputs)
}

pub(super) fn conv2d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.flag("transposed", false)? {
        return conv_transpose2d(builder, call);
    }
    let inputs = layer(builder, call)?;
    only_images(builder.shape(inputs[0]))?;
    only_images(builder.shape(inputs[1]))?;
    let conv = convolution(call, &builder.shape(inputs[1])[2..])?;
    builder.push(call, conv, &inputs)
}

/// A convolution with a kernel of one or two sides; that of one side is over a row.
fn convolution(call: &Call<'_>, kernel: &[usize]) -> Result<Conv2d, String> {
    let dims = kernel.len();
    let (stride, dilation) = (positive_sides(call, "stride", 1, dims)?, positive_sides(call, "dilation", 1, dims)?);
    let pad = match call.arg("padding") {
        Some(Arg::Text("valid")) => [[0, 0]; 2],
        Some(Arg::Text("same")) => {
            let kernel = if let &[y, x] = kernel { [y, x] } else { [1, kernel[0]] };
            [0, 1].map(|axis| same_pad(kernel[axis], dilation[axis]))
        }
        _ => pads(call, dims)?,
    };
    Ok(Conv2d { stride, pad, dilation, groups: groups(call)? })
}

pub(super) fn conv3d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = layer(builder, call)?;
    let &[_, _, kd, kh, kw] = builder.shape(inputs[1]) else {
        return Err(format!("has weights of shape {:?}", builder.shape(inputs[1])));
    };
    let (stride, dilation): ([usize; 3], [usize; 3]) = (positive(call, "stride", 1)?, positive(call, "dilation", 1)?);
    let pad = match call.arg("padding") {
        Some(Arg::Text("valid")) => [[0, 0]; 3],
        Some(Arg::Text("same")) => [0, 1, 2].map(|axis| same_pad([kd, kh, kw][axis], dilation[axis])),
        _ => sides::<3>(call, "padding", 0)?.map(|pad| [pad, pad]),
    };
    builder.push(call, Conv3d { stride, pad, dilation, groups: groups(call)? }, &inputs)
}

/// Padding with which a convolution keeps the size of its input.
///
/// Source: torch's `_convolution_same`, which puts the odd element behind the data.
fn same_pad(kernel: usize, dilation: usize) -> [usize; 2] {
    let total = dilation * kernel.saturating_sub(1);
    [total / 2, total - total / 2]
}

pub(super) fn einsum(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let mut inputs = Vec::new();
    for tensor in call.tensors("tensors")? {
        inputs.push(real(builder, call, tensor)?);
    }
    let ranks: Vec<usize> = inputs.iter().map(|&id| builder.shape(id).len()).collect();
    let einsum = Einsum::parse(call.text("equation", "")?, &ranks)?;
    builder.push(call, einsum, &inputs)
}

pub(super) fn conv_transpose2d(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = layer(builder, call)?;
    only_images(builder.shape(inputs[0]))?;
    let op = ConvTranspose2d {
        stride: positive_pair(call, "stride", 1)?,
        pad: pair(call, "padding", 0)?.map(|pad| [pad, pad]),
        output_pad: pair(call, "output_padding", 0)?,
        dilation: positive_pair(call, "dilation", 1)?,
        groups: groups(call)?,
    };
    builder.push(call, op, &inputs)
}

pub(super) fn linear(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = layer(builder, call)?;
    builder.push(call, Linear, &inputs)
}

/// `mat1 · mat2`; the second operand has a name of its own.
pub(super) fn matmul(builder: &mut Builder<'_>, call: &Call<'_>, op: MatMul) -> Result<Vec<ValueId>, String> {
    let second = if call.has("mat2") { "mat2" } else { "other" };
    let inputs = [real(builder, call, call.tensor("self")?)?, real(builder, call, call.tensor(second)?)?];
    builder.push(call, op, &inputs)
}

pub(super) fn addmm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let op = Addmm { beta: call.float("beta", 1.0)?, alpha: call.float("alpha", 1.0)? };
    let mut inputs = Vec::new();
    for name in ["self", "mat1", "mat2"] {
        inputs.push(real(builder, call, call.tensor(name)?)?);
    }
    builder.push(call, op, &inputs)
}

/// `beta · self + alpha · (batch1 · batch2)`, matrix by matrix.
pub(super) fn baddbmm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let mut inputs = Vec::new();
    for name in ["self", "batch1", "batch2"] {
        inputs.push(real(builder, call, call.tensor(name)?)?);
    }
    let scaled = |builder: &mut Builder<'_>, name, tensor| match call.float(name, 1.0)? {
        1.0 => Ok(tensor),
        factor => {
            let factor = number(builder, call, name, factor)?;
            builder.push_piece(call, &format!("times_{name}"), Binary::Mul, &[tensor, factor])
        }
    };
    let product = builder.push_piece(call, "product", MatMul::Bmm, &inputs[1..])?;
    let product = scaled(builder, "alpha", product)?;
    let summand = scaled(builder, "beta", inputs[0])?;
    builder.push(call, Binary::Add, &[summand, product])
}

pub(super) fn batch_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.flag("training", false)? {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let input = call.tensor("input")?;
    let channels = *builder.shape(input).get(1).ok_or("its operand has no channels")?;
    let mut inputs = vec![input];
    for (name, default) in [("weight", Some(1.0)), ("bias", Some(0.0)), ("running_mean", None), ("running_var", None)] {
        inputs.push(match (call.optional(name)?, default) {
            (Some(id), _) => weight(builder, call, id)?,
            (None, Some(default)) => {
                builder.constant(format!("{}.{name}", call.name), Tensor::from_elem(IxDyn(&[channels]), default))?
            }
            (None, None) => return Err("has no running statistics; it normalizes by those of the input".to_owned()),
        });
    }
    let eps = call.float("eps", 1e-5)? as f32; // a float32 in the operator's own arithmetic
    builder.push(call, BatchNorm { eps }, &inputs)
}

/// Operands of a normalization: its input, then those of weight and bias that there are.
fn normalized(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<(Vec<ValueId>, bool, bool), String> {
    let mut inputs = vec![real(builder, call, call.tensor("input")?)?];
    let (factor, summand) = (call.optional("weight")?, call.optional("bias")?);
    for parameter in [factor, summand].into_iter().flatten() {
        inputs.push(weight(builder, call, parameter)?);
    }
    Ok((inputs, factor.is_some(), summand.is_some()))
}

pub(super) fn layer_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (inputs, weight, bias) = normalized(builder, call)?;
    let dims = call.ints("normalized_shape", &[])?.len();
    builder.push(call, LayerNorm { dims, eps: call.float("eps", 1e-5)?, weight, bias }, &inputs)
}

pub(super) fn group_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (inputs, weight, bias) = normalized(builder, call)?;
    let groups = to_size(call.int("num_groups", 1)?).ok_or("argument `num_groups` is negative")?;
    builder.push(call, GroupNorm { groups, eps: call.float("eps", 1e-5)?, weight, bias }, &inputs)
}

pub(super) fn instance_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if !call.flag("use_input_stats", true)? {
        return Err("with running statistics is not supported: use a batch normalization".to_owned());
    }
    let (inputs, weight, bias) = normalized(builder, call)?;
    builder.push(call, InstanceNorm { eps: call.float("eps", 1e-5)?, weight, bias }, &inputs)
}

pub(super) fn rms_norm(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (inputs, ..) = normalized(builder, call)?;
    let dims = call.ints("normalized_shape", &[])?.len();
    builder.push(call, RmsNorm { dims, eps: call.float("eps", f32::EPSILON.into())? }, &inputs)
}

pub(super) fn prelu(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = [call.tensor("self")?, weight(builder, call, call.tensor("weight")?)?];
    builder.push(call, Prelu, &inputs)
}

pub(super) fn embedding(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let inputs = [call.tensor("weight")?, call.tensor("indices")?];
    builder.push(call, Embedding, &inputs)
}

pub(super) fn attention(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.float("dropout_p", 0.0)? != 0.0 {
        return Err("drops elements; export the model after `model.eval()`".to_owned());
    }
    if call.flag("enable_gqa", false)? {
        return Err("groups of queries for one key are not supported".to_owned());
    }
    let mut inputs = vec![call.tensor("query")?, call.tensor("key")?, call.tensor("value")?];
    inputs.extend(call.optional("attn_mask")?);
    let scale = if call.has("scale") { Some(call.float("scale", 1.0)?) } else { None };
    builder.push(call, Attention { scale, causal: call.flag("is_causal", false)? }, &inputs)
}

/// Initial states: a list for `lstm`, one tensor for the others.
fn states(call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    match call.arg("hx") {
        Some(Arg::Tensors(_)) => call.tensors("hx"),
        _ => Ok(vec![call.tensor("hx")?]),
    }
}

pub(super) fn recurrent(builder: &mut Builder<'_>, call: &Call<'_>, cell: Cell) -> Result<Vec<ValueId>, String> {
    if call.flag("train", false)? && call.float("dropout", 0.0)? != 0.0 {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let parameters = call.tensors("params")?;
    let op = Recurrent {
        cell,
        layers: to_size(call.int("num_layers", 1)?).ok_or("argument `num_layers` is negative")?,
        bidirectional: call.flag("bidirectional", false)?,
        batch_first: call.flag("batch_first", false)?,
        bias: call.flag("has_biases", true)?,
    };
    let mut inputs = vec![call.tensor("input")?];
    inputs.extend(states(call)?);
    for parameter in parameters {
        inputs.push(weight(builder, call, parameter)?);
    }
    builder.push(call, op, &inputs)
}

pub(super) fn recurrent_cell(builder: &mut Builder<'_>, call: &Call<'_>, cell: Cell) -> Result<Vec<ValueId>, String> {
    let mut inputs = vec![call.tensor("input")?];
    inputs.extend(states(call)?);
    for name in ["w_ih", "w_hh", "b_ih", "b_hh"] {
        if let Some(parameter) = call.optional(name)? {
            inputs.push(weight(builder, call, parameter)?);
        }
    }
    builder.push(call, RecurrentCell { cell }, &inputs)
}
