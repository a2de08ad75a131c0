//! ONNX operators to rooms: attributes read, torch's decompositions recognised by their metadata.

use super::tensor::{Constant, reshape_target, wrap_index};
use super::{Entry, Importer, OnnxNode};
use crate::graph::ValueId;
use crate::ops::{
    adaptive_avg_pool2d::AdaptiveAvgPool2d,
    avg_pool2d::AvgPool2d,
    batch_norm::BatchNorm,
    binary::Binary,
    cat::Cat,
    clamp::{Clamp, ClampKind},
    conv2d::Conv2d,
    linear::Linear,
    max_pool2d::MaxPool2d,
    mean::Mean,
    pad::Pad,
    permute::Permute,
    sum::Sum,
    unary::Unary,
    view::View,
};

/// Adds what a node means to the network; the error says why it is not supported, or nothing where its name says it all.
pub(super) type Import = fn(&mut Importer, &OnnxNode<'_>) -> Result<Entry, String>;

/// The operators that are imported, by their names in ONNX.
const IMPORTS: [(&str, Import); 32] = [
    ("Add", add),
    ("AveragePool", average_pool),
    ("BatchNormalization", batch_norm),
    ("Clip", clip),
    ("Concat", concat),
    ("Conv", conv),
    ("Dropout", identity),
    ("Erf", |importer, node| unary(importer, node, Unary::Erf)),
    ("Exp", |importer, node| unary(importer, node, Unary::Exp)),
    ("Flatten", flatten),
    ("Gather", gather),
    ("Gemm", gemm),
    ("GlobalAveragePool", |importer, node| unary(importer, node, AdaptiveAvgPool2d { output: [1, 1] })),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", |importer, node| unary(importer, node, Unary::HardSwish)),
    ("Identity", identity),
    ("MatMul", matmul),
    ("Max", |importer, node| binary(importer, node, Binary::Maximum)),
    ("MaxPool", max_pool),
    ("Min", |importer, node| binary(importer, node, Binary::Minimum)),
    ("Mul", |importer, node| binary(importer, node, Binary::Mul)),
    ("Pad", pad),
    ("ReduceMean", reduce_mean),
    ("ReduceSum", reduce_sum),
    ("Relu", |importer, node| unary(importer, node, Clamp::RELU)),
    ("Reshape", reshape),
    ("Sigmoid", |importer, node| unary(importer, node, Unary::Sigmoid)),
    ("Squeeze", squeeze),
    ("Sub", |importer, node| binary(importer, node, Binary::Sub)),
    ("Tanh", |importer, node| unary(importer, node, Unary::Tanh)),
    ("Transpose", transpose),
    ("Unsqueeze", squeeze),
];

/// The import of an operator of ONNX.
pub(super) fn import_of(op_type: &str) -> Option<Import> {
    IMPORTS.iter().find(|(name, _)| *name == op_type).map(|(_, import)| *import)
}

fn identity(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    importer.tensor(node, 0).map(Entry::Computed)
}

fn unary(importer: &mut Importer, node: &OnnxNode<'_>, op: impl Into<crate::ops::Op>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    importer.push(node, op, vec![input])
}

fn shape_of(importer: &Importer, id: ValueId) -> &[usize] {
    &importer.graph.value(id).shape
}

/// A list of non-negative integers with a default for every element.
fn sizes(node: &OnnxNode<'_>, name: &str, count: usize, default: usize) -> Result<Vec<usize>, String> {
    let Some(values) = node.ints(name) else { return Ok(vec![default; count]) };
    let values: Option<Vec<usize>> = values.iter().map(|&value| usize::try_from(value).ok()).collect();
    values.filter(|values| values.len() == count).ok_or_else(|| format!("attribute `{name}` has an unexpected value"))
}

fn pair(node: &OnnxNode<'_>, name: &str, default: usize) -> Result<[usize; 2], String> {
    let values = sizes(node, name, 2, default)?;
    if name != "pads" && values.contains(&0) {
        return Err(format!("attribute `{name}` contains 0"));
    }
    Ok([values[0], values[1]])
}

/// Padding of a two-dimensional window: ONNX lists all starts, then all ends.
fn pads(
    node: &OnnxNode<'_>,
    input: &[usize],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
) -> Result<[[usize; 2]; 2], String> {
    let same = |upper: bool| {
        [0, 1].map(|axis| {
            let reach = dilation[axis] * (kernel[axis] - 1) + 1;
            let covered = (input[2 + axis].div_ceil(stride[axis]) - 1) * stride[axis] + reach;
            let total = covered.saturating_sub(input[2 + axis]);
            let less = total / 2;
            if upper { [less, total - less] } else { [total - less, less] }
        })
    };
    match node.text("auto_pad") {
        None | Some("" | "NOTSET") => {
            let pads = sizes(node, "pads", 4, 0)?;
            Ok([[pads[0], pads[2]], [pads[1], pads[3]]])
        }
        Some("VALID") => Ok([[0, 0]; 2]),
        Some("SAME_UPPER") => Ok(same(true)),
        Some("SAME_LOWER") => Ok(same(false)),
        Some(other) => Err(format!("unknown auto_pad `{other}`")),
    }
}

fn only_images(input: &[usize]) -> Result<(), String> {
    if input.len() == 4 {
        return Ok(());
    }
    Err(format!("only two-dimensional windows are supported yet; this one has an input of {} dimensions", input.len()))
}

fn conv(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
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
fn weight(importer: &mut Importer, node: &OnnxNode<'_>, index: usize) -> Result<ValueId, String> {
    if node.known(index).is_none() {
        return Err("its weights are computed at run time; only constant weights are supported yet".to_owned());
    }
    importer.tensor(node, index)
}

fn gemm(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    if node.int("transA", 0) != 0 || node.float("alpha", 1.0) != 1.0 || node.float("beta", 1.0) != 1.0 {
        return Err("only the form of a linear layer is supported yet: no transA, alpha and beta 1".to_owned());
    }
    let weights = constant_weight(node, 1, node.int("transB", 0) == 0)?;
    let channels = weights.shape()[0];
    let weights = importer.graph.add_constant(node.proto.input[1].clone(), weights);
    let mut inputs = vec![importer.tensor(node, 0)?, weights];
    if node.has(2) {
        let bias = node.known(2).and_then(|bias| bias.expanded(&[1, channels])?.reshaped(&[channels])?.to_f32());
        let bias = bias.ok_or("its bias is no constant vector")?;
        inputs.push(importer.graph.add_constant(node.proto.input[2].clone(), bias));
    }
    importer.push(node, Linear, inputs)
}

/// The matrix of a linear layer as `[O, I]`.
fn constant_weight(node: &OnnxNode<'_>, index: usize, transpose: bool) -> Result<crate::graph::Tensor, String> {
    let weights = node.known(index).and_then(Constant::to_f32).filter(|weights| weights.ndim() == 2);
    let weights = weights.ok_or("only products with a constant matrix are supported yet")?;
    if !transpose {
        return Ok(weights);
    }
    Ok(weights.reversed_axes().as_standard_layout().into_owned())
}

/// A linear layer without bias; its bias may follow as an Add of the same ATen node.
fn matmul(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let weights = constant_weight(node, 1, true)?;
    let weights = importer.graph.add_constant(node.proto.input[1].clone(), weights);
    let inputs = vec![importer.tensor(node, 0)?, weights];
    importer.push(node, Linear, inputs)
}

fn add(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    // torch writes a linear layer of more than two dimensions as MatMul and Add, both named after the same ATen node.
    if node.scopes.target.as_deref() == Some("aten.linear.default")
        && let Some(Constant::F32(bias)) = node.known(1).or_else(|| node.known(0))
        && let Some(layer) = importer.graph.nodes.last()
        && layer.op == Linear.into()
        && layer.inputs.len() == 2
        && layer.name == node.scopes.name(node.proto)
    {
        let (bias, output) = (bias.clone(), layer.output());
        let bias = importer.graph.add_constant(format!("{}.bias", layer.name), bias);
        importer.graph.nodes.last_mut().expect("it was just there").inputs.push(bias);
        return Ok(Entry::Computed(output));
    }
    binary(importer, node, Binary::Add)
}

fn binary(importer: &mut Importer, node: &OnnxNode<'_>, op: Binary) -> Result<Entry, String> {
    if node.inputs.len() != 2 {
        return Err(format!("has {} operands; write it with two at a time", node.inputs.len()));
    }
    let mut inputs = vec![importer.tensor(node, 0)?, importer.tensor(node, 1)?];
    // Scalars become tensors of the other operand's rank, as upstream lifts them.
    for index in 0..2 {
        let rank = shape_of(importer, inputs[1 - index]).len();
        if let Some(scalar) = node.known(index).filter(|constant| constant.shape().is_empty())
            && let Some(data) = scalar.clone().reshaped(&vec![1; rank]).and_then(|scalar| scalar.to_f32())
        {
            inputs[index] = importer.graph.add_constant(node.proto.input[index].clone(), data);
        }
    }
    importer.push(node, op, inputs)
}

fn batch_norm(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    if node.int("training_mode", 0) != 0 {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let mut inputs = vec![importer.tensor(node, 0)?];
    for index in 1..5 {
        inputs.push(weight(importer, node, index)?);
    }
    importer.push(node, BatchNorm { eps: node.float("epsilon", 1e-5) }, inputs)
}

fn clip(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let bound = |index: usize| {
        if !node.has(index) {
            return Ok(None);
        }
        let bound = node.known(index).and_then(Constant::to_scalar);
        bound.map(Some).ok_or("its bounds are no float constants")
    };
    let (min, max) = (bound(1)?, bound(2)?);
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(format!("its lower bound {min:?} is above its upper bound {max:?}"));
    }
    let kind = match node.scopes.target.as_deref() {
        Some("aten.relu6.default") => ClampKind::Relu6,
        Some(target) if target.starts_with("aten.clamp") => ClampKind::Clamp,
        _ => ClampKind::Hardtanh,
    };
    unary(importer, node, Clamp { min, max, kind })
}

fn hard_sigmoid(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
    if (alpha - 1.0 / 6.0).abs() > 1e-6 || beta != 0.5 {
        return Err(format!("alpha {alpha}, beta {beta}; only PyTorch's 1/6 and 0.5 are supported"));
    }
    unary(importer, node, Unary::HardSigmoid)
}

/// Kernel, stride and padding of a pool.
type Pool = ([usize; 2], [usize; 2], [[usize; 2]; 2]);

fn pool(importer: &Importer, node: &OnnxNode<'_>, input: ValueId) -> Result<Pool, String> {
    let input = shape_of(importer, input);
    only_images(input)?;
    if node.int("ceil_mode", 0) != 0 {
        return Err("ceil_mode is not supported yet".to_owned());
    }
    if node.ints("dilations").is_some_and(|dilations| dilations != [1, 1]) {
        return Err("dilation is not supported yet".to_owned());
    }
    if node.attribute("kernel_shape").is_none() {
        return Err("attribute `kernel_shape` is missing".to_owned());
    }
    let (kernel, stride) = (pair(node, "kernel_shape", 1)?, pair(node, "strides", 1)?);
    let pad = pads(node, input, kernel, stride, [1, 1])?;
    Ok((kernel, stride, pad))
}

fn max_pool(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let (kernel, stride, pad) = pool(importer, node, input)?;
    importer.push(node, MaxPool2d { kernel, stride, pad }, vec![input])
}

fn average_pool(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let (kernel, stride, pad) = pool(importer, node, input)?;
    if let Some(output) = adaptive_output(importer, node, input, kernel, stride) {
        return importer.push(node, AdaptiveAvgPool2d { output }, vec![input]);
    }
    let count_include_pad = node.int("count_include_pad", 0) != 0;
    importer.push(node, AvgPool2d { kernel, stride, pad, count_include_pad }, vec![input])
}

/// The result's size, if the pool was `adaptive_avg_pool2d`, which torch's exporter writes as a pool with explicit kernel and
/// stride and no other argument. A module says which one it was; a function with just these arguments is taken for the adaptive
/// one, as `avg_pool2d(x, k)` is written without the stride.
fn adaptive_output(
    importer: &Importer,
    node: &OnnxNode<'_>,
    input: ValueId,
    kernel: [usize; 2],
    stride: [usize; 2],
) -> Option<[usize; 2]> {
    let class = node.scopes.class();
    let bare = || {
        let arguments = node.scopes.arguments.as_deref()?;
        let lists = &arguments[arguments.find(", ")? + 2..];
        let [ky, kx, sy, sx] = [kernel[0], kernel[1], stride[0], stride[1]];
        Some(lists == format!("[{ky}, {kx}], [{sy}, {sx}])"))
    };
    let adaptive = if class.starts_with("torch.nn.modules.pooling.") {
        class == "torch.nn.modules.pooling.AdaptiveAvgPool2d"
    } else {
        bare() == Some(true)
    };
    let shape = shape_of(importer, input);
    let exact = (0..2).all(|axis| kernel[axis] == stride[axis] && shape[2 + axis].is_multiple_of(kernel[axis]));
    (adaptive && exact).then(|| [shape[2] / kernel[0], shape[3] / kernel[1]])
}

/// Axes of a reduction, ascending, and whether they stay.
fn reduction(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<(Vec<usize>, bool), String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let axes = match node.known(1) {
        Some(axes) => axes.to_ints(),
        None if node.has(1) => None,
        None => Some(node.ints("axes").unwrap_or_default().to_vec()),
    };
    let axes = axes.ok_or("its axes are no constants")?;
    if axes.is_empty() && node.int("noop_with_empty_axes", 0) != 0 {
        return Err("reduces no axis".to_owned());
    }
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| wrap_index(axis, rank)).collect();
    let mut axes = axes.ok_or("has an axis outside its operand")?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() {
        axes = (0..rank).collect();
    }
    Ok((axes, node.int("keepdims", 1) != 0))
}

fn reduce_mean(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    // `adaptive_avg_pool2d(x, 1)` arrives as a mean over [-1, -2]; a mean that was written as one has other axes.
    let written = node.known(1).and_then(Constant::to_ints);
    if keep_dims && written.as_deref() == Some(&[-1, -2]) && axes == [2, 3] {
        return unary(importer, node, AdaptiveAvgPool2d { output: [1, 1] });
    }
    unary(importer, node, Mean { axes, keep_dims })
}

fn reduce_sum(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let (axes, keep_dims) = reduction(importer, node)?;
    unary(importer, node, Sum { axes, keep_dims })
}

fn pad(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    if node.text("mode").is_some_and(|mode| mode != "constant") {
        return Err("only padding with a constant is supported yet".to_owned());
    }
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let axes = match (node.known(3).and_then(Constant::to_ints), node.has(3)) {
        (Some(axes), _) => axes.iter().map(|&axis| wrap_index(axis, rank)).collect(),
        (None, true) => return Err("its axes are no constants".to_owned()),
        (None, false) => Some((0..rank).collect::<Vec<usize>>()),
    };
    let axes = axes.ok_or("has an axis outside its operand")?;
    let sizes = node.known(1).and_then(Constant::to_ints).ok_or("its padding is computed at run time")?;
    let sizes: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.filter(|sizes| sizes.len() == 2 * axes.len());
    let sizes = sizes.ok_or("its padding is negative or not two numbers an axis")?;
    let value = match (node.known(2).and_then(Constant::to_scalar), node.has(2)) {
        (Some(value), _) => value,
        (None, true) => return Err("its value is no float constant".to_owned()),
        (None, false) => 0.0,
    };
    let mut padding = vec![[0, 0]; rank];
    for (index, &axis) in axes.iter().enumerate() {
        padding[axis] = [sizes[index], sizes[axes.len() + index]];
    }
    unary(importer, node, Pad { padding, value })
}

fn reshape(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let wanted = node.known(1).and_then(Constant::to_ints).ok_or("its shape is computed at run time")?;
    let shape = reshape_target(shape_of(importer, input), &wanted, node.int("allowzero", 0) != 0)
        .ok_or_else(|| format!("a reshape of {:?} to {wanted:?}", shape_of(importer, input)))?;
    importer.push(node, View { shape }, vec![input])
}

fn flatten(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input);
    let axis = node.int("axis", 1);
    let axis = if axis == shape.len() as i64 { Some(shape.len()) } else { wrap_index(axis, shape.len()) };
    let (outer, inner) = shape.split_at(axis.ok_or("has an axis outside its operand")?);
    let shape = vec![outer.iter().product(), inner.iter().product()];
    importer.push(node, View { shape }, vec![input])
}

fn squeeze(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let dims = shape_of(importer, input).to_vec();
    let inserts = node.proto.op_type == "Unsqueeze";
    let axes = match (node.known(1).and_then(Constant::to_ints), node.has(1)) {
        (Some(axes), _) => axes,
        (None, true) => return Err("its axes are no constants".to_owned()),
        (None, false) => (0..dims.len() as i64).filter(|&axis| dims[axis as usize] == 1).collect(),
    };
    let rank = if inserts { dims.len() + axes.len() } else { dims.len() };
    let axes: Option<Vec<usize>> = axes.iter().map(|&axis| wrap_index(axis, rank)).collect();
    let axes = axes.ok_or("has an axis outside its operand")?;
    let shape = if inserts {
        let mut rest = dims.iter();
        (0..rank).map(|axis| if axes.contains(&axis) { 1 } else { *rest.next().unwrap_or(&1) }).collect()
    } else {
        (0..rank).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis]).collect()
    };
    importer.push(node, View { shape }, vec![input])
}

fn transpose(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let rank = shape_of(importer, input).len();
    let perm = match node.ints("perm") {
        Some(_) => sizes(node, "perm", rank, 0)?,
        None => (0..rank).rev().collect(),
    };
    importer.push(node, Permute { perm }, vec![input])
}

fn concat(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let inputs = (0..node.inputs.len()).map(|index| importer.tensor(node, index)).collect::<Result<Vec<_>, _>>()?;
    let rank = inputs.first().map_or(0, |&input| shape_of(importer, input).len());
    let axis = wrap_index(node.int("axis", 0), rank).ok_or("has an axis outside its operands")?;
    importer.push(node, Cat { axis }, inputs)
}

/// Only the Gather that torch writes for `as_strided`: all elements in their own order.
fn gather(importer: &mut Importer, node: &OnnxNode<'_>) -> Result<Entry, String> {
    let input = importer.tensor(node, 0)?;
    let shape = shape_of(importer, input).to_vec();
    let Some(Constant::I64(indices)) = node.known(1) else {
        return Err("its indices are computed at run time".to_owned());
    };
    let identity = shape.len() == 1 && indices.iter().copied().eq(0..shape[0] as i64) && node.int("axis", 0) == 0;
    if node.scopes.target.as_deref() != Some("aten.as_strided.default") || !identity {
        return Err(String::new());
    }
    // `as_strided` of all elements in order is no operator of the model: it and the flattening before it are removed.
    let source = match importer.graph.nodes.last() {
        Some(view) if view.output() == input && matches!(view.op, crate::ops::Op::View(_)) => view.inputs[0],
        _ => input,
    };
    let wanted = indices.shape().to_vec();
    if shape_of(importer, source) == wanted {
        return Ok(Entry::Computed(source));
    }
    importer.push(node, View { shape: wanted }, vec![source])
}
