//! Operators that look elements up by indices, or place them there.

use super::{apply, axis_of, constant, counting, one, shape_of, size};
use crate::frontend::onnx::tensor::wrap_index;
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Data, Element, ValueId};
use crate::ops::binary::Binary;
use crate::ops::cast::Cast;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::index::Index;
use crate::ops::index_put::IndexPut;
use crate::ops::index_select::IndexSelect;
use crate::ops::permute::Permute;
use crate::ops::select::Select;
use crate::ops::view::View;
use ndarray::{Array1, ArrayD};
use std::collections::BTreeMap;

/// One tensor of indices for each of the axes that the last dimension of `indices` counts, for an operand of this rank.
fn coordinates(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    indices: ValueId,
    rank: usize,
) -> Result<Vec<ValueId>, String> {
    let shape = shape_of(importer, indices).to_vec();
    let (&depth, outer) = shape.split_last().ok_or("needs indices of one dimension or more")?;
    if depth > rank {
        return Err(format!("has indices of {depth} axes for an operand of {rank}"));
    }
    (0..depth).map(|index| apply(importer, node, Select { axis: outer.len(), index }, vec![indices])).collect()
}

/// Numbers of the leading axes of `shape`, each along its own.
fn numbered(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    shape: &[usize],
    axes: usize,
) -> Result<Vec<ValueId>, String> {
    (0..axes).map(|axis| counting(importer, node, shape[axis], axis, shape.len())).collect()
}

pub(super) fn gather_nd(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, indices) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?);
    let shape = shape_of(importer, indices).to_vec();
    let batches = usize::try_from(node.int("batch_dims", 0)).ok().filter(|&axes| axes < shape.len());
    let batches = batches.ok_or("has more `batch_dims` than its indices")?;
    let mut inputs = vec![input];
    inputs.extend(numbered(importer, node, &shape[..shape.len() - 1], batches)?);
    let rank = shape_of(importer, input).len();
    inputs.extend(coordinates(importer, node, indices, rank)?);
    importer.push(node, Index { axis: 0 }, inputs)
}

/// Most times that one place may be named by indices of a reduction.
const MAX_ROUNDS: usize = 16;

/// The places that known indices of this shape name, in its order.
fn places(
    importer: &Importer<'_>,
    indices: &[ValueId],
    dims: &[usize],
    shape: &[usize],
) -> Result<Vec<Vec<usize>>, String> {
    let arrays: Option<Vec<_>> = indices
        .iter()
        .map(|&id| importer.graph.value(id).constant.as_ref().and_then(Data::integers)?.broadcast(shape))
        .collect();
    let arrays = arrays.ok_or("its indices are computed at run time")?;
    let place = |at| arrays.iter().zip(dims).map(|(array, &dim)| wrap_index(array[&at], dim)).collect();
    let places: Option<Vec<Vec<usize>>> = ndarray::indices(shape).into_iter().map(place).collect();
    places.ok_or_else(|| "has an index outside its operand".to_owned())
}

/// Elements replaced at coordinates of a shape, each place once, or combined with the new ones.
fn scatter(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    [input, new]: [ValueId; 2],
    coordinates: &[ValueId],
    shape: &[usize],
) -> Result<Vec<Entry>, String> {
    let op = match node.text("reduction") {
        None | Some("none") => None,
        Some("add") => Some(Binary::Add),
        Some("mul") => Some(Binary::Mul),
        Some("max") => Some(Binary::Maximum),
        Some("min") => Some(Binary::Minimum),
        Some(other) => return Err(format!("reduces by `{other}`")),
    };
    let dims = shape_of(importer, input).to_vec();
    let places = places(importer, coordinates, &dims, shape)?;
    // The first element of each place, then the second, and so on.
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    let mut seen: BTreeMap<&[usize], usize> = BTreeMap::new();
    for (index, place) in places.iter().enumerate() {
        let round = seen.entry(place).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*round].push(index);
        *round += 1;
    }
    let Some(op) = op else {
        if rounds.len() > 1 {
            return Err("two of its indices name the same place".to_owned());
        }
        return importer.push(node, IndexPut, [&[input], coordinates, &[new]].concat());
    };
    if rounds.len() > MAX_ROUNDS {
        return Err(format!("names a place more than {MAX_ROUNDS} times"));
    }
    let behind = dims.get(coordinates.len()..).unwrap_or_default();
    let rows = View { shape: [&[places.len()], behind].concat() };
    let rows = apply(importer, node, rows, vec![new])?;
    let mut result = input;
    for round in rounds {
        let mut add = |numbers: Vec<i64>| constant(importer, node, "indices", Array1::from(numbers).into_dyn());
        let indices: Vec<ValueId> = (0..coordinates.len())
            .map(|axis| add(round.iter().map(|&index| places[index][axis] as i64).collect())) // within the axis
            .collect();
        let chosen = add(round.iter().map(|&index| index as i64).collect()); // as many as there are
        let new = apply(importer, node, IndexSelect { axis: 0 }, vec![rows, chosen])?;
        let old = apply(importer, node, Index { axis: 0 }, [&[result], &indices[..]].concat())?;
        let combined = apply(importer, node, op, vec![old, new])?;
        result = apply(importer, node, IndexPut, [&[result], &indices[..], &[combined]].concat())?;
    }
    Ok(vec![Entry::Value(result)])
}

pub(super) fn scatter_nd(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, indices, new) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?, importer.tensor(node, 2)?);
    let rank = shape_of(importer, input).len();
    let coordinates = coordinates(importer, node, indices, rank)?;
    let outer = coordinates.first().map(|&first| shape_of(importer, first).to_vec()).ok_or("has no indices")?;
    scatter(importer, node, [input, new], &coordinates, &outer)
}

pub(super) fn scatter_elements(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let (input, indices, new) = (importer.tensor(node, 0)?, importer.tensor(node, 1)?, importer.tensor(node, 2)?);
    let shape = shape_of(importer, indices).to_vec();
    let rank = shape_of(importer, input).len();
    let axis = axis_of(node, 0, rank)?;
    if shape.len() != rank {
        return Err("has indices of another rank".to_owned());
    }
    let mut coordinates = numbered(importer, node, &shape, rank)?;
    coordinates[axis] = indices;
    scatter(importer, node, [input, new], &coordinates, &shape)
}

/// One of two values for each class: the second where the index is that of the class.
pub(super) fn one_hot(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let depth = match importer.known(node, 1) {
        Some(Data::I64(depth)) => depth.first().copied(),
        Some(Data::F32(depth)) => depth.first().map(|&depth| depth as i64), // a whole number
        _ => None,
    };
    let depth = depth.and_then(size).filter(|&depth| depth > 0).ok_or("its depth is computed at run time")?;
    let mut indices = importer.tensor(node, 0)?;
    if importer.graph.value(indices).element == Element::F32 {
        indices = apply(importer, node, Cast { element: Element::I64 }, vec![indices])?;
    }
    let mut shape = shape_of(importer, indices).to_vec();
    let axis = axis_of(node, -1, shape.len() + 1)?;
    shape.insert(axis, 1);
    let rank = shape.len();
    let indices = apply(importer, node, View { shape }, vec![indices])?;
    let (classes, values) = (counting(importer, node, depth, axis, rank)?, importer.tensor(node, 2)?);
    let mut chosen = apply(importer, node, Compare::Eq, vec![indices, classes])?;
    // Indices may count from the end.
    let mut from_end = vec![1; rank];
    from_end[axis] = depth;
    let from_end = ArrayD::from_shape_fn(from_end, |at| at[axis] as i64 - depth as i64); // sizes of a tensor
    let from_end = constant(importer, node, "from_end", from_end);
    let other = apply(importer, node, Compare::Eq, vec![indices, from_end])?;
    chosen = apply(importer, node, crate::ops::logical::Logical::Or, vec![chosen, other])?;
    let mut value = |index: usize| {
        let value = apply(importer, node, Select { axis: 0, index }, vec![values])?;
        apply(importer, node, View { shape: vec![1; rank] }, vec![value])
    };
    let (off, on) = (value(0)?, value(1)?);
    importer.push(node, Choose, vec![chosen, on, off])
}

/// The elements of an axis for which a known condition holds.
pub(super) fn compress(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    let condition = importer.known(node, 1).and_then(Data::truths).ok_or("its condition is computed at run time")?;
    let indices: Vec<i64> = (0..).zip(condition).filter(|(_, holds)| **holds).map(|(index, _)| index).collect();
    let shape = shape_of(importer, input);
    let axis = match node.attribute("axis") {
        Some(_) => axis_of(node, 0, shape.len())?,
        None => {
            let flat = vec![shape.iter().product()];
            input = apply(importer, node, View { shape: flat }, vec![input])?;
            0
        }
    };
    if indices.last().is_some_and(|&last| last >= shape_of(importer, input)[axis] as i64) {
        return Err("has a condition longer than the axis".to_owned());
    }
    let indices = constant(importer, node, "indices", Array1::from(indices).into_dyn());
    importer.push(node, IndexSelect { axis }, vec![input, indices])
}

/// The first elements of each sequence, as many as a known length says, in reverse order.
pub(super) fn reverse_sequence(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let mut input = importer.tensor(node, 0)?;
    let lengths = importer.known_integers(node, 1).ok_or("its lengths are computed at run time")?;
    let by_time = match (node.int("time_axis", 0), node.int("batch_axis", 1)) {
        (0, 1) => true,
        (1, 0) => false,
        _ => return Err("needs the time and the batch as its first two axes".to_owned()),
    };
    let rank = shape_of(importer, input).len();
    if rank < 2 {
        return Err("needs an operand of two dimensions or more".to_owned());
    }
    let mut perm: Vec<usize> = (0..rank).collect();
    if !by_time {
        perm.swap(0, 1);
        input = apply(importer, node, Permute { perm: perm.clone() }, vec![input])?;
    }
    let (time, batch) = (shape_of(importer, input)[0], shape_of(importer, input)[1]);
    if lengths.len() != batch || lengths.iter().any(|&length| !(0..=time as i64).contains(&length)) {
        return Err(format!("lengths {lengths:?} of {batch} sequences of {time} elements"));
    }
    importer.spend(&[time, batch])?;
    let source = |at: usize, length: i64| if (at as i64) < length { length - 1 - at as i64 } else { at as i64 };
    let times = ArrayD::from_shape_fn(vec![time, batch], |at| source(at[0], lengths[at[1]]));
    let times = constant(importer, node, "times", times);
    let batches = counting(importer, node, batch, 1, 2)?;
    let reversed = importer.push(node, Index { axis: 0 }, vec![input, times, batches])?;
    match by_time {
        true => Ok(reversed),
        false => importer.push(node, Permute { perm }, vec![one(reversed)?]),
    }
}
