//! ATen overloads to rooms: arguments read by the names of ATen's schemas, with their defaults.

use super::tensor::{self, scalar_type};
use super::{Arg, Call, Importer, MAX_ELEMENTS, fold, wrap_axis};
use crate::graph::{Data, Element, Tensor, ValueId};
use crate::ops::{
    Op,
    adaptive_avg_pool2d::AdaptiveAvgPool2d,
    avg_pool2d::AvgPool2d,
    batch_norm::BatchNorm,
    binary::Binary,
    cat::Cat,
    clamp::{Clamp, ClampKind},
    conv2d::Conv2d,
    linear::Linear,
    max_pool2d::MaxPool2d,
    max_pool2d::ceil_pad,
    mean::Mean,
    pad::Pad,
    permute::Permute,
    slice::Slice,
    sum::Sum,
    unary::Unary,
    view::View,
};
use ndarray::{ArrayD, IxDyn};

/// Adds what a node means to the network and gives its results; the error says why it is not supported, or nothing where its
/// name says it all.
pub(super) type Import = fn(&mut Importer, &Call<'_>) -> Result<Vec<ValueId>, String>;

/// The import of an overload.
pub(super) fn import_of(target: &str) -> Option<Import> {
    Some(match target {
        "aten.adaptive_avg_pool2d.default" | "aten._adaptive_avg_pool2d.default" => adaptive_avg_pool2d,
        "aten.add.Tensor" | "aten.add_.Tensor" | "aten.add.Scalar" => |importer, call| add(importer, call, Binary::Add),
        "aten.alias.default"
        | "aten.clone.default"
        | "aten.contiguous.default"
        | "aten.detach.default"
        | "aten.detach_.default"
        | "aten.lift_fresh_copy.default" => same,
        "aten.arange.default" | "aten.arange.start" | "aten.arange.start_step" => arange,
        "aten.avg_pool2d.default" => avg_pool2d,
        "aten.batch_norm.default" | "aten._native_batch_norm_legit_no_training.default" => batch_norm,
        "aten.cat.default" | "aten.concat.default" | "aten.concatenate.default" => cat,
        "aten.chunk.default" => chunk,
        "aten.clamp.default" | "aten.clamp_min.default" | "aten.clamp_max.default" => clamp,
        "aten.constant_pad_nd.default" | "aten.pad.default" => pad,
        "aten.conv2d.default" | "aten.conv2d.padding" | "aten.convolution.default" => conv2d,
        "aten.dropout.default" | "aten.dropout_.default" => dropout,
        "aten.erf.default" => |importer, call| unary(importer, call, Unary::Erf),
        "aten.exp.default" => |importer, call| unary(importer, call, Unary::Exp),
        "aten.flatten.using_ints" => flatten,
        "aten.full.default" | "aten.new_full.default" | "aten.full_like.default" => {
            |importer, call| filled(importer, call, None)
        }
        "aten.hardsigmoid.default" | "aten.hardsigmoid_.default" => {
            |importer, call| unary(importer, call, Unary::HardSigmoid)
        }
        "aten.hardswish.default" | "aten.hardswish_.default" => {
            |importer, call| unary(importer, call, Unary::HardSwish)
        }
        "aten.hardtanh.default" | "aten.hardtanh_.default" => hardtanh,
        "aten.linear.default" => linear,
        "aten.max_pool2d.default" => max_pool2d,
        "aten.maximum.default" => |importer, call| binary(importer, call, Binary::Maximum),
        "aten.mean.default" | "aten.mean.dim" => mean,
        "aten.minimum.default" => |importer, call| binary(importer, call, Binary::Minimum),
        "aten.mul.Tensor" | "aten.mul_.Tensor" | "aten.mul.Scalar" => {
            |importer, call| binary(importer, call, Binary::Mul)
        }
        "aten.ones.default" | "aten.new_ones.default" | "aten.ones_like.default" => {
            |importer, call| filled(importer, call, Some(1))
        }
        "aten.permute.default" | "aten.permute_copy.default" => permute,
        "aten.relu.default" | "aten.relu_.default" => |importer, call| unary(importer, call, Clamp::RELU),
        "aten.relu6.default" => |importer, call| unary(importer, call, Clamp { kind: ClampKind::Relu6, ..RELU6 }),
        "aten.reshape.default" | "aten.view.default" | "aten.view_copy.default" | "aten._unsafe_view.default" => view,
        "aten.rsub.Scalar" | "aten.rsub.Tensor" => rsub,
        "aten.scalar_tensor.default" => scalar_tensor,
        "aten.select.int" | "aten.select_copy.int" => select,
        "aten.sigmoid.default" | "aten.sigmoid_.default" => |importer, call| unary(importer, call, Unary::Sigmoid),
        "aten.slice.Tensor" | "aten.slice_copy.Tensor" => slice,
        "aten.split.Tensor" | "aten.split_with_sizes.default" => split,
        "aten.squeeze.default" | "aten.squeeze.dim" | "aten.squeeze.dims" => squeeze,
        "aten.stack.default" => stack,
        "aten.sub.Tensor" | "aten.sub_.Tensor" | "aten.sub.Scalar" => |importer, call| add(importer, call, Binary::Sub),
        "aten.sum.default" | "aten.sum.dim_IntList" => sum,
        "aten.t.default" => transpose_matrix,
        "aten.tanh.default" | "aten.tanh_.default" => |importer, call| unary(importer, call, Unary::Tanh),
        "aten.to.dtype" | "aten.to.dtype_layout" | "aten.to.device" | "aten._to_copy.default" => to,
        "aten.transpose.int" => transpose,
        "aten.unbind.int" => unbind,
        "aten.unflatten.int" => unflatten,
        "aten.unsqueeze.default" | "aten.unsqueeze_copy.default" => unsqueeze,
        "aten.view_as.default" | "aten.reshape_as.default" => view_as,
        "aten.zeros.default" | "aten.new_zeros.default" | "aten.zeros_like.default" => {
            |importer, call| filled(importer, call, Some(0))
        }
        _ => return None,
    })
}

/// Bounds of `relu6`, the function.
const RELU6: Clamp = Clamp { min: Some(0.0), max: Some(6.0), kind: ClampKind::Relu6 };

fn same(_: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    Ok(vec![call.tensor("self")?])
}

fn dropout(_: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.flag("train", false)? {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    Ok(vec![call.tensor("input").or_else(|_| call.tensor("self"))?])
}

fn unary(importer: &mut Importer, call: &Call<'_>, op: impl Into<Op>) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call.tensor("self")?)?;
    importer.push(call, op, &[input])
}

/// A float tensor; integer constants are converted.
fn real(importer: &mut Importer, id: ValueId) -> Result<ValueId, String> {
    let value = importer.graph.value(id);
    match &value.constant {
        Some(data) if value.element != Element::F32 => {
            let (name, data) = (value.name.clone(), fold::cast(data, Element::F32));
            importer.constant(name, data)
        }
        _ => Ok(id),
    }
}

/// An operand that is a tensor or a number. Numbers and constants without dimensions become tensors of the other operand's rank,
/// as the reference quantizer lifts them.
fn operand(
    importer: &mut Importer,
    call: &Call<'_>,
    name: &str,
    rank: usize,
    kind: Element,
) -> Result<ValueId, String> {
    let shape = IxDyn(&vec![1; rank]);
    let data = match call.arg(name) {
        Some(Arg::Tensor(id)) => {
            let value = importer.graph.value(*id);
            match &value.constant {
                Some(data) if value.shape.is_empty() => fold::reshaped(data.clone(), &vec![1; rank]),
                _ => return Ok(*id),
            }
        }
        Some(Arg::Int(value)) if kind != Element::F32 => Data::I64(ArrayD::from_elem(shape, *value)),
        Some(Arg::Bool(value)) if kind != Element::F32 => Data::I64(ArrayD::from_elem(shape, i64::from(*value))),
        Some(Arg::Int(_) | Arg::Float(_)) => {
            Data::F32(Tensor::from_elem(shape, call.float(name, 0.0)? as f32)) // torch computes in the tensor's float32
        }
        _ => return Err(format!("argument `{name}` is neither a tensor nor a number")),
    };
    importer.constant(format!("{}.{name}", call.name), data)
}

/// Both operands of an operator on two tensors, the first one a tensor.
fn operands(importer: &mut Importer, call: &Call<'_>) -> Result<[ValueId; 2], String> {
    let first = call.tensor("self")?;
    let (rank, kind) = (importer.shape(first).len(), importer.graph.value(first).element);
    let second = operand(importer, call, "other", rank, kind)?;
    let rank = importer.shape(second).len();
    Ok([operand(importer, call, "self", rank, kind)?, second])
}

fn binary(importer: &mut Importer, call: &Call<'_>, op: Binary) -> Result<Vec<ValueId>, String> {
    let inputs = operands(importer, call)?;
    push_binary(importer, call, op, inputs)
}

fn push_binary(
    importer: &mut Importer,
    call: &Call<'_>,
    op: Binary,
    inputs: [ValueId; 2],
) -> Result<Vec<ValueId>, String> {
    let values = inputs.map(|id| importer.graph.value(id).constant.as_ref());
    if let [Some(Data::I64(a)), Some(Data::I64(b))] = values {
        let result = fold::binary(op, a, b).ok_or("computes integers that do not fit")?;
        return Ok(vec![importer.constant(call.name.to_owned(), result)?]);
    }
    let inputs = [real(importer, inputs[0])?, real(importer, inputs[1])?];
    importer.push(call, op, &inputs)
}

/// `self ± alpha · other`
fn add(importer: &mut Importer, call: &Call<'_>, op: Binary) -> Result<Vec<ValueId>, String> {
    let [first, mut second] = operands(importer, call)?;
    let alpha = call.float("alpha", 1.0)?;
    if alpha != 1.0 {
        let shape = vec![1; importer.shape(second).len()];
        let alpha = Tensor::from_elem(IxDyn(&shape), alpha as f32); // torch computes in the tensor's float32
        let alpha = importer.constant(format!("{}.alpha", call.name), alpha)?;
        let other = real(importer, second)?;
        second = importer.push_piece(call, "product", Binary::Mul, &[other, alpha])?;
    }
    push_binary(importer, call, op, [first, second])
}

/// `other - self`
fn rsub(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.float("alpha", 1.0)? != 1.0 {
        return Err("alpha is not supported".to_owned());
    }
    let [first, second] = operands(importer, call)?;
    push_binary(importer, call, Binary::Sub, [second, first])
}

/// A size, small enough that no sum or product of two overflows.
fn to_size(value: i64) -> Option<usize> {
    usize::try_from(value).ok().filter(|&size| size < MAX_ELEMENTS)
}

/// Sizes along two axes; one number stands for both.
fn pair(call: &Call<'_>, name: &str, default: i64) -> Result<[usize; 2], String> {
    let values = call.ints(name, &[default])?;
    let sizes: Option<Vec<usize>> = values.iter().map(|&value| to_size(value)).collect();
    match sizes.as_deref() {
        Some(&[both]) => Ok([both, both]),
        Some(&[y, x]) => Ok([y, x]),
        _ => Err(format!("argument `{name}` is {values:?}; two sizes are supported")),
    }
}

/// Sizes above 0.
fn positive_pair(call: &Call<'_>, name: &str, default: i64) -> Result<[usize; 2], String> {
    let sizes = pair(call, name, default)?;
    if sizes.contains(&0) { Err(format!("argument `{name}` contains 0")) } else { Ok(sizes) }
}

fn only_images(input: &[usize]) -> Result<(), String> {
    if input.len() == 4 {
        return Ok(());
    }
    Err(format!("only two-dimensional windows are supported yet; this one has an input of {} dimensions", input.len()))
}

/// A parameter of a layer: quantized as a weight, so known at build time.
fn weight(importer: &mut Importer, id: ValueId) -> Result<ValueId, String> {
    match importer.graph.value(id).constant {
        Some(_) => real(importer, id),
        None => Err("its weights are computed at run time; only constant weights are supported yet".to_owned()),
    }
}

fn conv2d(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.flag("transposed", false)? {
        return Err("transposed convolutions are not supported yet".to_owned());
    }
    let input = call.tensor("input")?;
    let mut inputs = vec![input, weight(importer, call.tensor("weight")?)?];
    if let Some(bias) = call.optional("bias")? {
        inputs.push(weight(importer, bias)?);
    }
    only_images(importer.shape(inputs[0]))?;
    only_images(importer.shape(inputs[1]))?;
    let (stride, dilation) = (positive_pair(call, "stride", 1)?, positive_pair(call, "dilation", 1)?);
    let weights = importer.shape(inputs[1]);
    let kernel = [weights[2], weights[3]];
    let pad = match call.arg("padding") {
        Some(Arg::Text("valid")) => [[0, 0]; 2],
        // Source: `_convolution_same`, which puts the odd row or column behind the data.
        Some(Arg::Text("same")) => [0, 1].map(|axis| {
            let total = dilation[axis] * (kernel[axis] - 1);
            [total / 2, total - total / 2]
        }),
        _ => pair(call, "padding", 0)?.map(|pad| [pad, pad]),
    };
    let groups =
        to_size(call.int("groups", 1)?).filter(|&groups| groups > 0).ok_or("argument `groups` is not positive")?;
    importer.push(call, Conv2d { stride, pad, dilation, groups }, &inputs)
}

fn linear(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let mut inputs = vec![call.tensor("input")?, weight(importer, call.tensor("weight")?)?];
    if let Some(bias) = call.optional("bias")? {
        inputs.push(weight(importer, bias)?);
    }
    importer.push(call, Linear, &inputs)
}

fn batch_norm(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.flag("training", false)? {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let input = call.tensor("input")?;
    let channels = *importer.shape(input).get(1).ok_or("its operand has no channels")?;
    let mut inputs = vec![input];
    for (name, default) in [("weight", Some(1.0)), ("bias", Some(0.0)), ("running_mean", None), ("running_var", None)] {
        inputs.push(match (call.optional(name)?, default) {
            (Some(id), _) => weight(importer, id)?,
            (None, Some(default)) => {
                importer.constant(format!("{}.{name}", call.name), Tensor::from_elem(IxDyn(&[channels]), default))?
            }
            (None, None) => return Err("has no running statistics; it normalizes by those of the input".to_owned()),
        });
    }
    let eps = call.float("eps", 1e-5)? as f32; // a float32 in the operator's own arithmetic
    importer.push(call, BatchNorm { eps }, &inputs)
}

fn adaptive_avg_pool2d(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    only_images(importer.shape(input))?;
    importer.push(call, AdaptiveAvgPool2d { output: positive_pair(call, "output_size", 1)? }, &[input])
}

/// The windows of a pool.
struct Windows {
    kernel: [usize; 2],
    stride: [usize; 2],
    pad: [[usize; 2]; 2],
    dilation: [usize; 2],
    /// What rounding the size up adds behind the padding.
    ceil: [usize; 2],
}

fn windows(importer: &Importer, call: &Call<'_>, input: ValueId) -> Result<Windows, String> {
    let input = importer.shape(input);
    only_images(input)?;
    let (kernel, dilation) = (positive_pair(call, "kernel_size", 1)?, positive_pair(call, "dilation", 1)?);
    // The stride is the kernel's size where it is left out or empty.
    let is_empty = call.ints("stride", &[])?.is_empty();
    let stride = if is_empty { kernel } else { positive_pair(call, "stride", 1)? };
    let pad = pair(call, "padding", 0)?.map(|pad| [pad, pad]);
    let mut ceil = [0; 2];
    if call.flag("ceil_mode", false)? {
        for axis in 0..2 {
            let extra = ceil_pad(input[2 + axis], kernel[axis], stride[axis], dilation[axis], pad[axis]);
            ceil[axis] = extra.ok_or("no window fits the padded input")?;
        }
    }
    Ok(Windows { kernel, stride, pad, dilation, ceil })
}

fn max_pool2d(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let Windows { kernel, stride, mut pad, dilation, ceil } = windows(importer, call, input)?;
    (pad[0][1], pad[1][1]) = (pad[0][1] + ceil[0], pad[1][1] + ceil[1]);
    importer.push(call, MaxPool2d { kernel, stride, pad, dilation }, &[input])
}

fn avg_pool2d(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let Windows { kernel, stride, pad, ceil, .. } = windows(importer, call, input)?;
    let divisor = if call.has("divisor_override") { Some(call.int("divisor_override", 1)?) } else { None };
    let divisor = divisor.map(|divisor| usize::try_from(divisor).map_err(|_| format!("a divisor of {divisor}")));
    let count_include_pad = call.flag("count_include_pad", true)?;
    let pool = AvgPool2d { kernel, stride, pad, count_include_pad, ceil, divisor: divisor.transpose()? };
    importer.push(call, pool, &[input])
}

fn clamp(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let bound = |name| Ok::<_, String>(if call.has(name) { Some(call.float(name, 0.0)? as f32) } else { None });
    clamped(importer, call, bound("min")?, bound("max")?, ClampKind::Clamp)
}

fn hardtanh(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (min, max) = (call.float("min_val", -1.0)? as f32, call.float("max_val", 1.0)? as f32);
    clamped(importer, call, Some(min), Some(max), ClampKind::Hardtanh)
}

fn clamped(
    importer: &mut Importer,
    call: &Call<'_>,
    min: Option<f32>,
    max: Option<f32>,
    kind: ClampKind,
) -> Result<Vec<ValueId>, String> {
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(format!("its lower bound {min:?} is above its upper bound {max:?}"));
    }
    unary(importer, call, Clamp { min, max, kind })
}

/// Axes of a reduction, ascending; all where none are given.
fn axes(importer: &Importer, call: &Call<'_>, input: ValueId) -> Result<Vec<usize>, String> {
    let rank = importer.shape(input).len();
    let mut axes: Vec<usize> =
        call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, rank)).collect::<Result<_, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() || rank == 0 {
        axes = (0..rank).collect();
    }
    Ok(axes)
}

fn mean(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let (axes, keep_dims) = (axes(importer, call, input)?, call.flag("keepdim", false)?);
    importer.push(call, Mean { axes, keep_dims }, &[input])
}

fn sum(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = real(importer, call.tensor("self")?)?;
    let (axes, keep_dims) = (axes(importer, call, input)?, call.flag("keepdim", false)?);
    importer.push(call, Sum { axes, keep_dims }, &[input])
}

fn pad(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.text("mode", "constant")? != "constant" {
        return Err("only padding with a constant is supported yet".to_owned());
    }
    let input = call.tensor("self")?;
    let rank = importer.shape(input).len();
    let sizes = call.ints("pad", &[])?;
    let mut padding = vec![[0, 0]; rank];
    // Pairs of sizes before and after the data, from the last axis on.
    for (index, pair) in sizes.chunks(2).enumerate() {
        let axis = rank.checked_sub(index + 1).ok_or("has padding for more axes than there are")?;
        let sizes: Option<Vec<usize>> = pair.iter().map(|&size| to_size(size)).collect();
        padding[axis] =
            sizes.and_then(|pair| pair.try_into().ok()).ok_or("its padding is negative or no list of pairs")?;
    }
    importer.push(call, Pad { padding, value: call.float("value", 0.0)? as f32 }, &[input])
}

fn permute(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let rank = importer.shape(input).len();
    let perm = call.ints("dims", &[])?.into_iter().map(|axis| wrap_axis(axis, rank)).collect::<Result<_, _>>()?;
    importer.push(call, Permute { perm }, &[input])
}

fn transpose(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let rank = importer.shape(input).len();
    let mut perm: Vec<usize> = (0..rank).collect();
    if rank > 0 {
        perm.swap(call.axis("dim0", 0, rank)?, call.axis("dim1", 1, rank)?);
    }
    importer.push(call, Permute { perm }, &[input])
}

fn transpose_matrix(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let perm = (0..importer.shape(input).len()).rev().collect();
    importer.push(call, Permute { perm }, &[input])
}

fn view(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let wanted = if call.has("shape") { call.ints("shape", &[])? } else { call.ints("size", &[])? };
    let shape = view_shape(importer.shape(input), &wanted)?;
    importer.push(call, View { shape }, &[input])
}

/// The shape that a view of `input` as `wanted` has: -1 takes what is left.
fn view_shape(input: &[usize], wanted: &[i64]) -> Result<Vec<usize>, String> {
    let count = tensor::element_count(input, MAX_ELEMENTS)?;
    let known = wanted.iter().filter(|&&dim| dim != -1);
    let known = known.map(|&dim| to_size(dim)).try_fold(1_usize, |product, dim| product.checked_mul(dim?));
    let rest = known.filter(|&known| known > 0 && count.is_multiple_of(known)).map(|known| count / known);
    let open = wanted.iter().filter(|&&dim| dim == -1).count();
    let rest = rest.filter(|&rest| open == 1 || open == 0 && rest == 1);
    let rest = rest.ok_or_else(|| format!("a view of {input:?} as {wanted:?}"))?;
    Ok(wanted.iter().map(|&dim| to_size(dim).unwrap_or(rest)).collect())
}

fn view_as(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, other) = (call.tensor("self")?, call.tensor("other")?);
    let shape = importer.shape(other).to_vec();
    importer.push(call, View { shape }, &[input])
}

fn flatten(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input);
    let (start, end) = (call.axis("start_dim", 0, shape.len())?, call.axis("end_dim", -1, shape.len())?);
    if start > end {
        return Err(format!("starts at axis {start} and ends at {end}"));
    }
    let middle = shape.get(start..=end).unwrap_or_default().iter().product();
    let mut flat = shape.get(..start).unwrap_or_default().to_vec();
    flat.push(middle);
    flat.extend(shape.get(end + 1..).unwrap_or_default());
    importer.push(call, View { shape: flat }, &[input])
}

fn unflatten(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input);
    let axis = call.axis("dim", 0, shape.len())?;
    let (Some(before), Some(&[dim])) = (shape.get(..axis), shape.get(axis..=axis)) else {
        return Err("its operand has no dimensions".to_owned());
    };
    let middle = view_shape(&[dim], &call.ints("sizes", &[])?)?;
    let shape = [before, &middle, &shape[axis + 1..]].concat();
    importer.push(call, View { shape }, &[input])
}

fn squeeze(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input);
    let axes: Vec<usize> = match call.arg("dim") {
        Some(_) => {
            call.ints("dim", &[])?.into_iter().map(|axis| wrap_axis(axis, shape.len())).collect::<Result<_, _>>()?
        }
        None => (0..shape.len()).collect(),
    };
    let dims = shape.iter().enumerate().filter(|(axis, dim)| **dim != 1 || !axes.contains(axis));
    let shape = dims.map(|(_, &dim)| dim).collect();
    importer.push(call, View { shape }, &[input])
}

fn unsqueeze(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let mut shape = importer.shape(input).to_vec();
    shape.insert(call.axis("dim", 0, shape.len() + 1)?, 1);
    importer.push(call, View { shape }, &[input])
}

fn cat(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    // Torch leaves out empty tensors of one dimension, whatever the shape of the others.
    let inputs = call.tensors("tensors")?;
    let rank = inputs.first().map_or(0, |&input| importer.shape(input).len());
    let axis = call.axis("dim", 0, rank)?;
    importer.push(call, Cat { axis }, &inputs)
}

fn stack(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let mut inputs = Vec::new();
    let mut axis = 0;
    for (index, input) in call.tensors("tensors")?.into_iter().enumerate() {
        let mut shape = importer.shape(input).to_vec();
        axis = call.axis("dim", 0, shape.len() + 1)?;
        shape.insert(axis, 1);
        inputs.push(importer.push_piece(call, &format!("part{index}"), View { shape }, &[input])?);
    }
    if inputs.is_empty() {
        return Err("has no operands".to_owned());
    }
    importer.push(call, Cat { axis }, &inputs)
}

fn slice(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input);
    let axis = call.axis("dim", 0, shape.len())?;
    let dim = *shape.get(axis).ok_or("its operand has no dimensions")?;
    if call.int("step", 1)? != 1 {
        return Err("steps are not supported yet".to_owned());
    }
    let bound = |index: i64| {
        let index = if index < 0 { index.saturating_add(dim as i64) } else { index };
        index.clamp(0, dim as i64) as usize // clamped to 0..=dim
    };
    let (start, end) = (bound(call.int("start", 0)?), bound(call.int("end", i64::MAX)?));
    if (start, end) == (0, dim) && importer.graph.value(input).constant.is_some() {
        return Ok(vec![input]);
    }
    importer.push(call, Slice { axis, start, end }, &[input])
}

/// One element of an axis, without the axis.
fn select(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input).to_vec();
    let axis = call.axis("dim", 0, shape.len())?;
    let dim = *shape.get(axis).ok_or("its operand has no dimensions")?;
    let index = wrap_axis(call.int("index", 0)?, dim).map_err(|_| "has an index outside its operand")?;
    let element = importer.push_piece(call, "slice", Slice { axis, start: index, end: index + 1 }, &[input])?;
    importer.push(call, View { shape: without(&shape, axis) }, &[element])
}

fn without(shape: &[usize], axis: usize) -> Vec<usize> {
    [&shape[..axis], &shape[axis + 1..]].concat()
}

fn unbind(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input).to_vec();
    let axis = call.axis("dim", 0, shape.len())?;
    let dim = *shape.get(axis).ok_or("its operand has no dimensions")?;
    let mut results = Vec::new();
    for (index, name) in (0..dim).zip(&call.results) {
        let part = Call { name, results: vec![name], args: Vec::new(), scopes: call.scopes.clone(), ..*call };
        let element = importer.push_piece(&part, "slice", Slice { axis, start: index, end: index + 1 }, &[input])?;
        results.extend(importer.push(&part, View { shape: without(&shape, axis) }, &[element])?);
    }
    Ok(results)
}

fn split(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(importer, call)?;
    let sizes = if call.has("split_sizes") {
        let sizes: Option<Vec<usize>> = call.ints("split_sizes", &[])?.into_iter().map(to_size).collect();
        sizes.ok_or("has negative sizes")?
    } else {
        equal_parts(dim, to_size(call.int("split_size", 1)?).ok_or("has a negative size")?)?
    };
    parts(importer, call, input, &sizes)
}

fn chunk(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let (input, dim) = split_axis(importer, call)?;
    let chunks =
        to_size(call.int("chunks", 1)?).filter(|&chunks| chunks > 0).ok_or("argument `chunks` is not positive")?;
    let sizes = equal_parts(dim, dim.div_ceil(chunks))?;
    parts(importer, call, input, &sizes)
}

/// The tensor to split and its size along the axis.
fn split_axis(importer: &Importer, call: &Call<'_>) -> Result<(ValueId, usize), String> {
    let input = call.tensor("self")?;
    let shape = importer.shape(input);
    let dim = shape.get(call.axis("dim", 0, shape.len())?).ok_or("its operand has no dimensions")?;
    Ok((input, *dim))
}

/// Parts of this size, the last one of what is left.
fn equal_parts(dim: usize, size: usize) -> Result<Vec<usize>, String> {
    if size == 0 {
        return Err("has parts of size 0".to_owned());
    }
    Ok((0..dim).step_by(size).map(|start| size.min(dim - start)).collect())
}

fn parts(importer: &mut Importer, call: &Call<'_>, input: ValueId, sizes: &[usize]) -> Result<Vec<ValueId>, String> {
    let axis = call.axis("dim", 0, importer.shape(input).len())?;
    let (mut results, mut start) = (Vec::new(), 0);
    for (&size, name) in sizes.iter().zip(&call.results) {
        let part = Call { name, results: vec![name], args: Vec::new(), scopes: call.scopes.clone(), ..*call };
        results.extend(importer.push(&part, Slice { axis, start, end: start + size }, &[input])?);
        start += size;
    }
    Ok(results)
}

/// The data type of an argument as elements of the network.
fn data_type(call: &Call<'_>) -> Result<Option<Element>, String> {
    match call.arg("dtype") {
        None => Ok(None),
        Some(Arg::DataType(dtype)) => tensor::element(*dtype)
            .map(Some)
            .map_err(|_| format!("data type {} is not supported", scalar_type::name(*dtype))),
        Some(_) => Err("argument `dtype` is no data type".to_owned()),
    }
}

fn to(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    let value = importer.graph.value(input);
    match (data_type(call)?, &value.constant) {
        (Some(element), Some(data)) if element != value.element => {
            let data = fold::cast(data, element);
            Ok(vec![importer.constant(call.name.to_owned(), data)?])
        }
        (Some(element), None) if element != value.element => {
            Err("converts the elements of a computed tensor, which is not supported yet".to_owned())
        }
        _ => Ok(vec![input]),
    }
}

fn arange(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let is_float = ["start", "end", "step"].iter().any(|name| matches!(call.arg(name), Some(Arg::Float(_))));
    let (start, end, step) = (call.float("start", 0.0)?, call.float("end", 0.0)?, call.float("step", 1.0)?);
    let count = libm::ceil((end - start) / step);
    if !(0.0..MAX_ELEMENTS as f64).contains(&count) {
        return Err("has too many elements".to_owned());
    }
    let count = count as usize; // in range
    let shape = [count];
    tensor::element_count(&shape, importer.budget)?;
    let default = if is_float { Element::F32 } else { Element::I64 };
    let data = match data_type(call)?.unwrap_or(default) {
        Element::F32 => Data::F32(Tensor::from_shape_fn(IxDyn(&shape), |at| (start + at[0] as f64 * step) as f32)),
        Element::I64 => Data::I64(ArrayD::from_shape_fn(IxDyn(&shape), |at| (start + at[0] as f64 * step) as i64)),
        Element::Bool => return Err("makes truth values".to_owned()),
    };
    Ok(vec![importer.constant(call.name.to_owned(), data)?])
}

/// A constant of one value: that of argument `fill_value`, or the given one.
fn filled(importer: &mut Importer, call: &Call<'_>, value: Option<i64>) -> Result<Vec<ValueId>, String> {
    let like = call.optional("self")?;
    let shape = match like {
        Some(like) if !call.has("size") => importer.shape(like).to_vec(),
        _ => {
            let size: Option<Vec<usize>> = call.ints("size", &[])?.into_iter().map(to_size).collect();
            size.ok_or("has negative dimensions")?
        }
    };
    tensor::element_count(&shape, importer.budget)?;
    let fill = match value {
        Some(value) => Arg::Int(value),
        None => call.arg("fill_value").cloned().ok_or("has no value")?,
    };
    let like = like.map(|like| importer.graph.value(like).element);
    let default = like.or(value.map(|_| Element::F32));
    let data = constant_of(&fill, &shape, data_type(call)?.or(default))?;
    Ok(vec![importer.constant(call.name.to_owned(), data)?])
}

fn scalar_tensor(importer: &mut Importer, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let fill = call.arg("s").cloned().ok_or("has no value")?;
    let data = constant_of(&fill, &[], Some(data_type(call)?.unwrap_or(Element::F32)))?;
    Ok(vec![importer.constant(call.name.to_owned(), data)?])
}

/// A tensor of one number; of the number's own kind where no other is given.
fn constant_of(value: &Arg<'_>, shape: &[usize], element: Option<Element>) -> Result<Data, String> {
    let shape = IxDyn(shape);
    let data = match value {
        Arg::Int(value) => Data::I64(ArrayD::from_elem(shape, *value)),
        Arg::Bool(value) => Data::Bool(ArrayD::from_elem(shape, *value)),
        Arg::Float(value) => Data::F32(Tensor::from_elem(shape, *value as f32)), // the tensor's precision
        _ => return Err("is filled with something that is no number".to_owned()),
    };
    Ok(element.map_or_else(|| data.clone(), |element| fold::cast(&data, element)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_infer_one_dimension() {
        assert_eq!(view_shape(&[2, 3, 4], &[2, -1]), Ok(vec![2, 12]));
        assert_eq!(view_shape(&[1, 64, 1, 1], &[64]), Ok(vec![64]));
        assert_eq!(view_shape(&[4], &[4, -1]), Ok(vec![4, 1]));
        for wanted in [&[-1, -1][..], &[5, -1], &[7], &[], &[0, -1], &[-2, -12], &[i64::MAX, 2]] {
            assert!(view_shape(&[2, 3, 4], wanted).is_err(), "{wanted:?}");
        }
    }

    #[test]
    fn the_last_part_has_what_is_left() {
        assert_eq!(equal_parts(7, 3), Ok(vec![3, 3, 1]));
        assert!(equal_parts(7, 0).is_err());
    }
}
