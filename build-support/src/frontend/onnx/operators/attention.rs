//! Attention and the rotation of its operands by position.

use super::{apply, constant, number, same, shape_of};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Element, ValueId};
use crate::ops::amax::Amax;
use crate::ops::any::Any;
use crate::ops::attention::Attention;
use crate::ops::binary::Binary;
use crate::ops::cat::Cat;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::index::Index;
use crate::ops::logical::Logical;
use crate::ops::matmul::MatMul;
use crate::ops::permute::Permute;
use crate::ops::repeat_interleave::RepeatInterleave;
use crate::ops::slice::Slice;
use crate::ops::softmax::Softmax;
use crate::ops::strided_slice::StridedSlice;
use crate::ops::unary::Unary;
use crate::ops::view::View;
use ndarray::ArrayD;

/// `softmax(q · kᵀ · scale + mask) · v` for each head; one operator where nothing but the product is asked for. With a mask it is
/// written out, as a row that looks at nothing is zero here.
///
/// Source: ONNX, Attention.
pub(super) fn attention(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let is_flat = importer.kind(node, 0).is_some_and(|kind| kind.shape.len() == 3);
    let (heads, kv_heads) = (node.int("q_num_heads", 0), node.int("kv_num_heads", 0));
    let query = by_heads(importer, node, 0, heads)?;
    let (mut key, mut value) = (by_heads(importer, node, 1, kv_heads)?, by_heads(importer, node, 2, kv_heads)?);
    let mut past = 0;
    for (operand, index) in [(&mut key, 4), (&mut value, 5)] {
        if node.has(index) {
            let before = importer.tensor(node, index)?;
            past = *shape_of(importer, before).get(2).ok_or("its past has no four dimensions")?;
            *operand = apply(importer, node, Cat { axis: 2 }, vec![before, *operand])?;
        }
    }
    let presents = [key, value].map(Entry::Value);
    let (&[batch, heads, rows, size], &[_, kv_heads, columns, _]) =
        (shape_of(importer, query), shape_of(importer, key))
    else {
        return Err("needs operands of three or four dimensions".to_owned());
    };
    if heads != kv_heads {
        let count = heads.checked_div(kv_heads).filter(|count| count * kv_heads == heads);
        let count = count.ok_or_else(|| format!("{heads} heads of queries for {kv_heads} of keys"))?;
        for operand in [&mut key, &mut value] {
            *operand = apply(importer, node, RepeatInterleave { axis: 1, count }, vec![*operand])?;
        }
    }
    let scale = node.attribute("scale").map(|attribute| f64::from(attribute.f));
    let visible = visible(importer, node, [batch, rows, columns], past)?;
    let mask = mask(importer, node, columns)?;
    let scores = node.proto.output.get(3).is_some_and(|name| !name.is_empty());
    let softcap = node.float("softcap", 0.0);
    let causal = node.int("is_causal", 0) != 0 && visible.is_causal && mask.is_none();
    let mask = match (mask, visible.mask) {
        (mask, _) if causal => mask,
        (mask, None) => mask,
        (None, Some(visible)) => Some(constant(importer, node, "visible", visible)),
        (Some(mask), Some(visible)) => {
            let visible = constant(importer, node, "visible", visible);
            Some(match importer.graph.value(mask).element {
                Element::Bool => apply(importer, node, Logical::And, vec![mask, visible])?,
                _ => {
                    let nothing = number(importer, node, "nothing", f32::NEG_INFINITY, 4);
                    apply(importer, node, Choose, vec![visible, mask, nothing])?
                }
            })
        }
    };
    let mut results = if scores || softcap != 0.0 || mask.is_some() {
        let scale = scale.unwrap_or_else(|| 1.0 / libm::sqrt(size as f64)) as f32; // the tensor's precision
        let mask = match causal {
            true => {
                let below = ArrayD::from_shape_fn(vec![1, 1, rows, columns], |at| at[3] <= at[2]);
                Some(constant(importer, node, "causal", below))
            }
            false => mask,
        };
        written_out(importer, node, [query, key, value], mask, (scale, softcap))?
    } else {
        vec![apply(importer, node, Attention { scale, causal }, vec![query, key, value])?]
    };
    if is_flat {
        let moved = apply(importer, node, Permute { perm: vec![0, 2, 1, 3] }, vec![results[0]])?;
        let width = shape_of(importer, moved)[2..].iter().product();
        results[0] = apply(importer, node, View { shape: vec![batch, rows, width] }, vec![moved])?;
    }
    let mut results = results.into_iter().map(Entry::Value);
    Ok(results.next().into_iter().chain(presents).chain(results).collect())
}

/// Operand `[N, L, H · E]` as `[N, H, L, E]`; one of four dimensions as it is.
fn by_heads(importer: &mut Importer<'_>, node: &OnnxNode<'_>, index: usize, heads: i64) -> Result<ValueId, String> {
    let input = importer.tensor(node, index)?;
    let &[batch, length, width] = shape_of(importer, input) else { return Ok(input) };
    let heads = usize::try_from(heads).ok().filter(|&heads| heads > 0 && width.is_multiple_of(heads));
    let heads = heads.ok_or_else(|| format!("its heads do not divide {width}"))?;
    let split = apply(importer, node, View { shape: vec![batch, length, heads, width / heads] }, vec![input])?;
    apply(importer, node, Permute { perm: vec![0, 2, 1, 3] }, vec![split])
}

/// Which keys a query may look at by its position.
struct Visible {
    /// Whether these are the keys up to its own position, and nothing else is asked for.
    is_causal: bool,
    mask: Option<ArrayD<bool>>,
}

/// `sizes`: batch, queries, keys.
fn visible(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    sizes: [usize; 3],
    past: usize,
) -> Result<Visible, String> {
    let lengths = match node.has(6) {
        true => Some(importer.known_integers(node, 6).ok_or("its lengths are computed at run time")?),
        false => None,
    };
    let [batch, rows, columns] = sizes;
    if lengths.as_ref().is_some_and(|lengths| lengths.len() != batch) {
        return Err("has not one length for each sequence".to_owned());
    }
    let causal = node.int("is_causal", 0) != 0;
    let window = |name: &str| Some(node.int(name, -1)).filter(|&size| size >= 0);
    let (left, right) = (window("left_window_size"), window("right_window_size"));
    if !causal && left.is_none() && right.is_none() && lengths.is_none() {
        return Ok(Visible { is_causal: false, mask: None });
    }
    let batches = if lengths.is_some() { batch } else { 1 };
    importer.spend(&[batches, rows, columns])?;
    let mask = ArrayD::from_shape_fn(vec![batches, 1, rows, columns], |at| {
        let length = lengths.as_ref().map(|lengths| lengths[at[0]]);
        let offset = length.map_or(past as i64, |length| length.saturating_sub(rows as i64)); // sizes of tensors
        let (position, key) = (offset.saturating_add(at[2] as i64), at[3] as i64);
        length.is_none_or(|length| key < length)
            && (!causal || key <= position)
            && left.is_none_or(|left| key >= position.saturating_sub(left))
            && right.is_none_or(|right| key <= position.saturating_add(right))
    });
    let is_causal = causal && past == 0 && left.is_none() && right.is_none() && lengths.is_none();
    Ok(Visible { is_causal, mask: Some(mask) })
}

/// The mask that is given, for all keys: a shorter one hides the rest.
fn mask(importer: &mut Importer<'_>, node: &OnnxNode<'_>, columns: usize) -> Result<Option<ValueId>, String> {
    if !node.has(3) {
        return Ok(None);
    }
    let mut mask = importer.tensor(node, 3)?;
    let mut shape = shape_of(importer, mask).to_vec();
    let known = shape.last().ok_or("its mask has no dimensions")?;
    let missing = columns.saturating_sub(*known);
    if missing > 0 {
        let axis = shape.len() - 1;
        shape[axis] = missing;
        importer.spend(&shape)?;
        let hidden = match importer.graph.value(mask).element {
            Element::F32 => constant(importer, node, "hidden", ArrayD::from_elem(shape, f32::NEG_INFINITY)),
            _ => constant(importer, node, "hidden", ArrayD::from_elem(shape, false)),
        };
        mask = apply(importer, node, Cat { axis }, vec![mask, hidden])?;
    }
    Ok(Some(mask))
}

/// The product, and the scores that `qk_matmul_output_mode` asks for.
fn written_out(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    [query, key, value]: [ValueId; 3],
    mask: Option<ValueId>,
    (scale, softcap): (f32, f32),
) -> Result<Vec<ValueId>, String> {
    let transposed = apply(importer, node, Permute { perm: vec![0, 1, 3, 2] }, vec![key])?;
    let products = apply(importer, node, MatMul::Any, vec![query, transposed])?;
    let factor = number(importer, node, "scale", scale, 4);
    let raw = apply(importer, node, Binary::Mul, vec![products, factor])?;
    let mut capped = raw;
    if softcap != 0.0 {
        let cap = number(importer, node, "softcap", softcap, 4);
        let ratio = apply(importer, node, Binary::Div, vec![raw, cap])?;
        let bounded = apply(importer, node, Unary::Tanh, vec![ratio])?;
        capped = apply(importer, node, Binary::Mul, vec![bounded, cap])?;
    }
    let mut masked = capped;
    if let Some(mask) = mask {
        masked = match importer.graph.value(mask).element {
            Element::Bool => {
                let nothing = number(importer, node, "nothing", f32::NEG_INFINITY, 4);
                apply(importer, node, Choose, vec![mask, capped, nothing])?
            }
            _ => apply(importer, node, Binary::Add, vec![capped, mask])?,
        };
    }
    let mut weights = apply(importer, node, Softmax { axis: 3, log: false, safe: false }, vec![masked])?;
    if let Some(mask) = mask {
        // A row that looks at nothing is zero.
        let axes = vec![shape_of(importer, mask).len() - 1];
        let looks = match importer.graph.value(mask).element {
            Element::Bool => apply(importer, node, Any { all: false, axes, keep_dims: true }, vec![mask])?,
            _ => {
                let largest = apply(importer, node, Amax { largest: true, axes, keep_dims: true }, vec![mask])?;
                let bound = number(importer, node, "bound", f32::MIN, 4);
                apply(importer, node, Compare::Ge, vec![largest, bound])?
            }
        };
        let zero = number(importer, node, "zero", 0.0, 4);
        weights = apply(importer, node, Choose, vec![looks, weights, zero])?;
    }
    let result = apply(importer, node, MatMul::Any, vec![weights, value])?;
    let scores = match node.int("qk_matmul_output_mode", 0) {
        0 => raw,
        1 => capped,
        2 => masked,
        3 => weights,
        mode => return Err(format!("has `qk_matmul_output_mode` {mode}")),
    };
    Ok(vec![result, scores])
}

/// Pairs of features turned by an angle for each position, whose cosines and sines are operands.
///
/// Source: ONNX, RotaryEmbedding.
pub(super) fn rotary_embedding(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let original = importer.kind(node, 0).ok_or("has no operand")?.shape;
    let input = by_heads(importer, node, 0, node.int("num_heads", 0))?;
    let shape = shape_of(importer, input).to_vec();
    let &[batch, _, length, size] = shape.as_slice() else {
        return Err("needs an operand of three or four dimensions".to_owned());
    };
    let turned = usize::try_from(node.int("rotary_embedding_dim", 0)).ok().filter(|&turned| turned <= size);
    let turned = turned.ok_or("turns more features than it has")?;
    let turned = if turned == 0 { size } else { turned };
    let half = turned / 2;
    let mut angles = |index: usize| {
        let mut table = importer.tensor(node, index)?;
        if node.has(3) {
            let positions = importer.tensor(node, 3)?;
            table = apply(importer, node, Index { axis: 0 }, vec![table, positions])?;
        }
        apply(importer, node, View { shape: vec![batch, 1, length, half] }, vec![table])
    };
    let (cosines, sines) = (angles(1)?, angles(2)?);
    let interleaved = node.int("interleaved", 0) != 0;
    let mut part = |index: usize| {
        if interleaved {
            let slice = StridedSlice { axis: 3, start: index, end: turned, step: 2 };
            return apply(importer, node, slice, vec![input]);
        }
        apply(importer, node, Slice { axis: 3, start: index * half, end: (index + 1) * half }, vec![input])
    };
    let (first, second) = (part(0)?, part(1)?);
    let mut mixed = |a: ValueId, b: ValueId, op: Binary| {
        let a = apply(importer, node, Binary::Mul, vec![cosines, a])?;
        let b = apply(importer, node, Binary::Mul, vec![sines, b])?;
        apply(importer, node, op, vec![a, b])
    };
    let mut parts = [mixed(first, second, Binary::Sub)?, mixed(second, first, Binary::Add)?];
    let mut axis = 3;
    if interleaved {
        for part in &mut parts {
            let shape = [shape_of(importer, *part), &[1]].concat();
            *part = apply(importer, node, View { shape }, vec![*part])?;
        }
        axis = 4;
    }
    let joined = apply(importer, node, Cat { axis }, parts.to_vec())?;
    let turned_shape = [&shape[..3], &[turned]].concat();
    let mut result = apply(importer, node, View { shape: turned_shape }, vec![joined])?;
    if turned < size {
        let rest = apply(importer, node, Slice { axis: 3, start: turned, end: size }, vec![input])?;
        result = apply(importer, node, Cat { axis: 3 }, vec![result, rest])?;
    }
    if original.len() == 3 {
        let moved = apply(importer, node, Permute { perm: vec![0, 2, 1, 3] }, vec![result])?;
        result = apply(importer, node, View { shape: original }, vec![moved])?;
    }
    Ok(same(result))
}
