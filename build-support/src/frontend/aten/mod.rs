//! ATen overloads to rooms: arguments read by the names of ATen's schemas, with their defaults. Both front-ends use them.

mod builder;
mod call;
mod constants;
mod data_type;
mod elementwise;
mod fold;
mod layers;
mod movement;
mod pools;
mod reductions;

use crate::graph::{Element, Tensor, ValueId};
use crate::ops::binary::Binary;
use crate::ops::bitwise::Bitwise;
use crate::ops::cast::Cast;
use crate::ops::compare::Compare;
use crate::ops::identity::Identity;
use crate::ops::logical::Logical;
use crate::ops::pixel_shuffle::PixelShuffle;
use crate::ops::recurrent::Cell;
use crate::ops::{Op, abs, clamp, matmul, max_all, neg};
pub(super) use builder::{Builder, MAX_ELEMENTS, MAX_RANK, element_count};
use call::wrap_axis;
pub(super) use call::{Arg, Call};
pub(super) use data_type::{element_of, scalar_type};
pub(super) use fold::floor_divide;
use ndarray::IxDyn;

/// Adds what a node means to the network and gives its results; the error says why it is not supported, or nothing where its
/// name says it all.
pub(super) type Import = fn(&mut Builder<'_>, &Call<'_>) -> Result<Vec<ValueId>, String>;

/// The import of an overload.
pub(super) fn import_of(target: &str) -> Option<Import> {
    let (name, overload) = target.strip_prefix("aten.")?.split_once('.')?;
    let name = functional(name);
    if elementwise::function_of(name).is_some() {
        return Some(elementwise::function);
    }
    Some(match (name, overload) {
        ("_native_batch_norm_legit_no_training" | "batch_norm", _) => layers::batch_norm,
        ("_to_copy" | "to", "default" | "dtype" | "dtype_layout" | "device") => constants::to,
        ("__and__" | "bitwise_and", _) => |i, c| elementwise::bitwise(i, c, Bitwise::And),
        ("__lshift__" | "bitwise_left_shift", _) => |i, c| elementwise::bitwise(i, c, Bitwise::ShiftLeft),
        ("__or__" | "bitwise_or", _) => |i, c| elementwise::bitwise(i, c, Bitwise::Or),
        ("__rshift__" | "bitwise_right_shift", _) => |i, c| elementwise::bitwise(i, c, Bitwise::ShiftRight),
        ("__xor__" | "bitwise_xor", _) => |i, c| elementwise::bitwise(i, c, Bitwise::Xor),
        ("adaptive_avg_pool1d", _) => pools::adaptive_avg_pool1d,
        ("_adaptive_avg_pool2d" | "adaptive_avg_pool2d", _) => pools::adaptive_avg_pool2d,
        ("abs", _) => |i, c| unary(i, c, abs::Abs),
        ("adaptive_max_pool2d", _) => pools::adaptive_max_pool2d,
        ("add", "Tensor" | "Scalar") => |i, c| elementwise::add(i, c, false),
        ("addmm", _) => layers::addmm,
        ("alias" | "clone" | "contiguous", _) => identity,
        ("all", _) => |i, c| reductions::any(i, c, true),
        ("amax", _) => |i, c| reductions::amax(i, c, true),
        ("amin", _) => |i, c| reductions::amax(i, c, false),
        ("any", _) => |i, c| reductions::any(i, c, false),
        ("arange", _) => constants::arange,
        ("argmax", _) => |i, c| reductions::argmax(i, c, true),
        ("argmin", _) => |i, c| reductions::argmax(i, c, false),
        ("as_strided", _) => movement::as_strided,
        ("avg_pool1d", _) => pools::avg_pool1d,
        ("avg_pool2d", _) => pools::avg_pool2d,
        ("baddbmm", _) => layers::baddbmm,
        ("bitwise_not", _) => |i, c| elementwise::bitwise(i, c, Bitwise::Not),
        ("bmm", _) => |i, c| layers::matmul(i, c, matmul::MatMul::Bmm),
        ("broadcast_to" | "expand", _) => movement::expand,
        ("cat" | "concat" | "concatenate", "default") => movement::cat,
        ("celu", _) => elementwise::celu,
        ("chunk", _) => movement::chunk,
        ("clamp" | "clamp_max" | "clamp_min", "default") => elementwise::clamp,
        ("constant_pad_nd" | "pad", _) => movement::pad,
        ("conv1d", _) => layers::conv1d,
        ("conv3d", _) => layers::conv3d,
        ("conv2d" | "convolution", _) => layers::conv2d,
        ("conv_transpose2d", "input") => layers::conv_transpose2d,
        ("copy", "default") => constants::copy,
        ("cosine_similarity", _) => reductions::cosine_similarity,
        ("cumsum", "default") => reductions::cumsum,
        ("detach" | "lift_fresh", _) => same,
        ("div", _) => elementwise::div,
        ("dropout", _) => dropout,
        ("einsum", _) => layers::einsum,
        ("elu", _) => elementwise::elu,
        ("embedding", _) => layers::embedding,
        ("eq", _) => |i, c| elementwise::compare(i, c, Compare::Eq),
        ("eye", _) => constants::eye,
        ("expand_as", _) => movement::expand_as,
        ("fill", _) => |i, c| constants::filled(i, c, None),
        ("flatten", "using_ints") => movement::flatten,
        ("flip", _) => movement::flip,
        ("floor_divide", _) => |i, c| elementwise::binary(i, c, Binary::FloorDivide),
        ("full" | "full_like" | "new_full", _) => |i, c| constants::filled(i, c, None),
        ("gather", _) => movement::gather,
        ("ge", _) => |i, c| elementwise::compare(i, c, Compare::Ge),
        ("gelu", _) => elementwise::gelu,
        ("glu", _) => reductions::glu,
        ("grid_sampler" | "grid_sampler_2d", _) => pools::grid_sampler,
        ("group_norm", _) => layers::group_norm,
        ("gru", "input") => |i, c| layers::recurrent(i, c, Cell::Gru),
        ("gru_cell", _) => |i, c| layers::recurrent_cell(i, c, Cell::Gru),
        ("gt", _) => |i, c| elementwise::compare(i, c, Compare::Gt),
        ("hardshrink", _) => elementwise::hardshrink,
        ("hardtanh", _) => elementwise::hardtanh,
        ("index", "Tensor") => movement::index,
        ("index_copy", _) => movement::index_copy,
        ("index_put", _) => movement::index_put,
        ("index_select", _) => movement::index_select,
        ("instance_norm", _) => layers::instance_norm,
        ("layer_norm", _) => layers::layer_norm,
        ("le", _) => |i, c| elementwise::compare(i, c, Compare::Le),
        ("leaky_relu", _) => elementwise::leaky_relu,
        ("linalg_vector_norm", _) => reductions::vector_norm,
        ("linspace", _) => constants::linspace,
        ("linear", _) => layers::linear,
        ("logical_and", _) => |i, c| elementwise::logical(i, c, Logical::And),
        ("logical_not", _) => elementwise::not,
        ("logical_or", _) => |i, c| elementwise::logical(i, c, Logical::Or),
        ("logical_xor", _) => |i, c| elementwise::logical(i, c, Logical::Xor),
        ("_log_softmax" | "log_softmax", "int" | "default") => |i, c| reductions::softmax(i, c, true),
        ("logit", _) => elementwise::logit,
        ("lstm", "input") => |i, c| layers::recurrent(i, c, Cell::Lstm),
        ("lstm_cell", _) => |i, c| layers::recurrent_cell(i, c, Cell::Lstm),
        ("lt", _) => |i, c| elementwise::compare(i, c, Compare::Lt),
        ("masked_fill", _) => elementwise::masked_fill,
        ("matmul", _) => |i, c| layers::matmul(i, c, matmul::MatMul::Any),
        ("max", "default") => |i, c| unary(i, c, max_all::MaxAll { largest: true }),
        ("max", "dim") => |i, c| reductions::max_dim(i, c, true),
        ("max", "other") | ("maximum", _) => |i, c| elementwise::binary(i, c, Binary::Maximum),
        ("max_pool1d", _) => pools::max_pool1d,
        ("max_pool2d", _) => pools::max_pool2d,
        ("mean", "default" | "dim") => reductions::mean,
        ("min", "default") => |i, c| unary(i, c, max_all::MaxAll { largest: false }),
        ("min", "dim") => |i, c| reductions::max_dim(i, c, false),
        ("min", "other") | ("minimum", _) => |i, c| elementwise::binary(i, c, Binary::Minimum),
        ("mm", _) => |i, c| layers::matmul(i, c, matmul::MatMul::Mm),
        ("movedim" | "moveaxis", _) => movement::movedim,
        ("mul", "Tensor" | "Scalar") => |i, c| elementwise::binary(i, c, Binary::Mul),
        ("narrow", "default") => movement::narrow,
        ("ne", _) => |i, c| elementwise::compare(i, c, Compare::Ne),
        ("neg", _) => |i, c| unary(i, c, neg::Neg),
        ("new_ones" | "ones" | "ones_like", _) => |i, c| constants::filled(i, c, Some(1)),
        ("new_zeros" | "zeros" | "zeros_like", _) => |i, c| constants::filled(i, c, Some(0)),
        ("permute", _) => movement::permute,
        ("pixel_shuffle", _) => |i, c| movement::pixel_shuffle(i, c, "upscale_factor", PixelShuffle::Shuffle),
        ("pixel_unshuffle", _) => |i, c| movement::pixel_shuffle(i, c, "downscale_factor", PixelShuffle::Unshuffle),
        ("pow", _) => elementwise::pow,
        ("prelu", _) => layers::prelu,
        ("prod", _) => reductions::prod,
        ("relu", _) => |i, c| unary(i, c, clamp::Clamp::RELU),
        ("relu6", _) => |i, c| unary(i, c, elementwise::RELU6),
        ("remainder", _) => elementwise::remainder,
        ("repeat", _) => movement::repeat,
        ("repeat_interleave", "self_int") => movement::repeat_interleave,
        ("_unsafe_view" | "reshape" | "view", "default") => movement::view,
        ("reshape_as" | "view_as", _) => movement::view_as,
        ("rnn_relu", "input") => |i, c| layers::recurrent(i, c, Cell::Relu),
        ("rnn_relu_cell", _) => |i, c| layers::recurrent_cell(i, c, Cell::Relu),
        ("rnn_tanh", "input") => |i, c| layers::recurrent(i, c, Cell::Tanh),
        ("rnn_tanh_cell", _) => |i, c| layers::recurrent_cell(i, c, Cell::Tanh),
        ("rms_norm", _) => layers::rms_norm,
        ("roll", _) => movement::roll,
        ("rsub", _) => elementwise::rsub,
        ("scalar_tensor", _) => constants::scalar_tensor,
        ("scaled_dot_product_attention", _) => layers::attention,
        ("select", "int") => movement::select,
        ("select_scatter", _) => movement::select_scatter,
        ("slice", "Tensor") => movement::slice,
        ("slice_scatter", _) => movement::slice_scatter,
        ("_safe_softmax" | "_softmax" | "softmax", "int" | "default") => |i, c| reductions::softmax(i, c, false),
        ("softshrink", _) => elementwise::softshrink,
        ("softplus", _) => elementwise::softplus,
        ("split", "Tensor") | ("split_with_sizes", _) => movement::split,
        ("squeeze", _) => movement::squeeze,
        ("stack", _) => movement::stack,
        ("sub", "Tensor" | "Scalar") => |i, c| elementwise::add(i, c, true),
        ("sum", "default" | "dim_IntList") => reductions::sum,
        ("swapaxes" | "transpose", _) => movement::transpose,
        ("t", _) => movement::transpose_matrix,
        ("threshold", _) => elementwise::threshold,
        ("tile", _) => movement::tile,
        ("tril", _) => movement::tril,
        ("triu", _) => movement::triu,
        ("unbind", "int") => movement::unbind,
        ("unflatten", "int") => movement::unflatten,
        ("unfold", _) => movement::unfold,
        ("unsqueeze", _) => movement::unsqueeze,
        ("upsample_bilinear2d", "vec" | "default") => pools::upsample,
        ("upsample_nearest2d", "vec" | "default") => pools::upsample,
        ("std", "default" | "dim" | "correction") => |i, c| reductions::var(i, c, true),
        ("var", "default" | "dim" | "correction") => |i, c| reductions::var(i, c, false),
        ("where", _) => elementwise::choose,
        _ => return None,
    })
}

/// Name of the operator that computes the same without changing its operand (`add` of `add_`) or sharing its memory (`view` of
/// `view_copy`).
fn functional(name: &str) -> &str {
    let base = match name.strip_suffix('_') {
        Some(base) if !base.ends_with('_') => base,
        _ => name,
    };
    base.strip_suffix("_copy").filter(|base| !["_to", "index"].contains(base)).unwrap_or(base)
}

fn same(_: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    Ok(vec![call.tensor("self")?])
}

fn identity(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    let input = call.tensor("self")?;
    match builder.graph.value(input).constant {
        Some(_) => Ok(vec![input]),
        None => builder.push(call, Identity, &[input]),
    }
}

fn dropout(builder: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<ValueId>, String> {
    if call.flag("train", false)? {
        return Err("is in training mode; export the model after `model.eval()`".to_owned());
    }
    let input = if call.has("input") { call.tensor("input")? } else { call.tensor("self")? };
    builder.push(call, Identity, &[input])
}

fn unary(builder: &mut Builder<'_>, call: &Call<'_>, op: impl Into<Op>) -> Result<Vec<ValueId>, String> {
    let input = real(builder, call, call.tensor("self")?)?;
    builder.push(call, op, &[input])
}

/// A number as an operand of an operator's piece.
fn number(builder: &mut Builder<'_>, call: &Call<'_>, what: &str, number: f64) -> Result<ValueId, String> {
    // In the tensor's precision.
    builder.constant(format!("{}.{what}", call.name), Tensor::from_elem(IxDyn(&[]), number as f32))
}

/// A tensor of real numbers, converted where it is none.
fn real(builder: &mut Builder<'_>, call: &Call<'_>, id: ValueId) -> Result<ValueId, String> {
    converted(builder, call, id, Element::F32)
}

/// A tensor with elements of this type; a constant is converted at once.
fn converted(builder: &mut Builder<'_>, call: &Call<'_>, id: ValueId, element: Element) -> Result<ValueId, String> {
    let value = builder.graph.value(id);
    match &value.constant {
        _ if value.element == element => Ok(id),
        Some(data) => {
            let (name, data) = (value.name.clone(), fold::cast(data, element));
            builder.constant(name, data)
        }
        None => builder.push_piece(call, "cast", Cast { element }, &[id]),
    }
}

/// A size, small enough that no sum or product of two overflows.
fn to_size(value: i64) -> Option<usize> {
    usize::try_from(value).ok().filter(|&size| size < MAX_ELEMENTS)
}

fn to_sizes(values: &[i64]) -> Option<Vec<usize>> {
    values.iter().map(|&value| to_size(value)).collect()
}

/// Sizes along some axes; one number stands for all.
fn sides<const AXES: usize>(call: &Call<'_>, name: &str, default: i64) -> Result<[usize; AXES], String> {
    let values = call.ints(name, &[default])?;
    let sizes = to_sizes(&values).unwrap_or_default();
    match sizes[..] {
        [all] => Ok([all; AXES]),
        _ => sizes.try_into().map_err(|_| format!("argument `{name}` is {values:?}; {AXES} sizes are expected")),
    }
}

/// Sizes above 0.
fn positive<const AXES: usize>(call: &Call<'_>, name: &str, default: i64) -> Result<[usize; AXES], String> {
    let sizes = sides(call, name, default)?;
    if sizes.contains(&0) { Err(format!("argument `{name}` contains 0")) } else { Ok(sizes) }
}

/// Sizes along two axes; one number stands for both.
fn pair(call: &Call<'_>, name: &str, default: i64) -> Result<[usize; 2], String> {
    let values = call.ints(name, &[default])?;
    match to_sizes(&values).as_deref() {
        Some(&[both]) => Ok([both, both]),
        Some(&[y, x]) => Ok([y, x]),
        _ => Err(format!("argument `{name}` is {values:?}; two sizes are supported")),
    }
}

/// Sizes along the axes that a window slides over: one axis is the second of an image of one row, where 1 changes nothing.
fn positive_sides(call: &Call<'_>, name: &str, default: i64, dims: usize) -> Result<[usize; 2], String> {
    let sizes = positive_pair(call, name, default)?;
    Ok(if dims == 1 { [1, sizes[1]] } else { sizes })
}

/// Argument `padding` along these axes.
fn pads(call: &Call<'_>, dims: usize) -> Result<[[usize; 2]; 2], String> {
    let pads = pair(call, "padding", 0)?.map(|pad| [pad, pad]);
    Ok(if dims == 1 { [[0, 0], pads[1]] } else { pads })
}

/// Sizes above 0.
fn positive_pair(call: &Call<'_>, name: &str, default: i64) -> Result<[usize; 2], String> {
    let sizes = pair(call, name, default)?;
    if sizes.contains(&0) { Err(format!("argument `{name}` contains 0")) } else { Ok(sizes) }
}

fn only_rows(input: &[usize]) -> Result<(), String> {
    if input.len() == 3 {
        return Ok(());
    }
    Err(format!("an input of {} dimensions; expected [N, C, L]", input.len()))
}

fn only_images(input: &[usize]) -> Result<(), String> {
    if input.len() == 4 {
        return Ok(());
    }
    Err(format!("only two-dimensional windows are supported yet; this one has an input of {} dimensions", input.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Data, Graph};

    #[test]
    fn forms_in_place_and_copies_are_the_same_operator() {
        for (name, expected) in [
            ("add_", "add"),
            ("view_copy", "view"),
            ("__and__", "__and__"),
            ("_to_copy", "_to_copy"),
            ("detach_", "detach"),
        ] {
            assert_eq!(functional(name), expected);
        }
        assert!(import_of("aten.hardswish_.default").is_some());
        assert!(import_of("aten.no_such_operator.default").is_none());
        assert!(import_of("quantized.add.default").is_none());
    }

    /// The result of an operator on constants, which the import computes.
    fn computed(target: &str, args: &[(&'static str, Arg<'static>)], tensors: &[(&'static str, &[usize])]) -> Data {
        let (mut graph, mut budget) = (Graph::default(), 1 << 10);
        let mut args = args.to_vec();
        for (index, (name, shape)) in tensors.iter().enumerate() {
            // 0.25, −1.5, 2.75, −4 and so on.
            let mut next = 0;
            let data = Tensor::from_shape_simple_fn(*shape, || {
                next += 1;
                (1.25 * next as f32 - 1.0 + index as f32) * if next % 2 == 0 { -1.0 } else { 1.0 }
            });
            args.push((name, Arg::Tensor(graph.add_constant(*name, data))));
        }
        let call = Call { name: "node", target, scopes: Vec::new(), args, results: vec!["node"] };
        let import = import_of(target).expect("a known operator");
        let mut builder = Builder { graph: &mut graph, budget: &mut budget };
        let results = import(&mut builder, &call).unwrap_or_else(|reason| panic!("{target}: {reason}"));
        graph.value(results[0]).constant.clone().expect("computed from constants")
    }

    fn reals(shape: &[usize], elements: &[f32]) -> Data {
        Tensor::from_shape_vec(shape, elements.to_vec()).expect("as many").into()
    }

    #[test]
    fn batches_of_products_are_added_to() {
        let factors = [("beta", Arg::Float(2.0)), ("alpha", Arg::Int(-1))];
        let tensors: [(_, &[usize]); 3] = [("self", &[2]), ("batch1", &[1, 1, 2]), ("batch2", &[1, 2, 2])];
        // [1.25, −2.5] · [[2.25, −3.5], [4.75, −6]] = [−9.0625, 10.625], and 2 · [0.25, −1.5].
        let expected = reals(&[1, 1, 2], &[9.5625, -13.625]);
        assert_eq!(computed("aten.baddbmm.default", &factors, &tensors), expected);
        let sum = computed("aten.baddbmm.default", &[], &tensors);
        assert_eq!(sum, reals(&[1, 1, 2], &[-8.8125, 9.125]));
    }

    #[test]
    fn upper_triangles_are_the_rest_of_lower_ones() {
        let matrix: [(_, &[usize]); 1] = [("self", &[2, 3])];
        let upper = |diagonal| computed("aten.triu.default", &[("diagonal", Arg::Int(diagonal))], &matrix);
        assert_eq!(upper(0), reals(&[2, 3], &[0.25, -1.5, 2.75, 0.0, 5.25, -6.5]));
        assert_eq!(upper(1), reals(&[2, 3], &[0.0, -1.5, 2.75, 0.0, 0.0, -6.5]));
        assert_eq!(upper(-5), reals(&[2, 3], &[0.25, -1.5, 2.75, -4.0, 5.25, -6.5]));
    }

    #[test]
    fn places_of_the_smallest_elements() {
        let matrix: [(_, &[usize]); 1] = [("self", &[2, 3])];
        let places = computed("aten.argmin.default", &[("dim", Arg::Int(-1))], &matrix);
        assert_eq!(places.integers().map(|places| places.iter().copied().collect()), Some(vec![1, 2]));
        let place = computed("aten.argmin.default", &[], &matrix);
        assert_eq!(place.integers().map(|place| place.iter().copied().collect()), Some(vec![5]));
    }

    #[test]
    fn numbers_are_rounded_to_decimals() {
        let row: [(_, &[usize]); 1] = [("self", &[4])];
        let rounded = |decimals| computed("aten.round.decimals", &[("decimals", Arg::Int(decimals))], &row);
        assert_eq!(rounded(0), reals(&[4], &[0.0, -2.0, 3.0, -4.0]));
        // Ties to even.
        assert_eq!(rounded(1), reals(&[4], &[0.2, -1.5, 2.8, -4.0]));
        assert_eq!(rounded(-1), reals(&[4], &[0.0, 0.0, 0.0, 0.0]));
    }
}
