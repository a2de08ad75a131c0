//! Computes at import what exporters compute at run time from shapes and constants.
//!
//! Integers, truth values and the movement of elements of any type are computed here. Arithmetic on real numbers is left to
//! the operators of the network, which [`super::Importer::push`] evaluates where all operands are constants.

use super::tensor::{self, reshape_target, wrap_index};
use super::{Importer, OnnxNode, proto};
use crate::frontend::aten::MAX_RANK;
use crate::graph::{Data, Element};
use crate::ops::broadcast_shape;
use ndarray::{ArrayD, Axis, IxDyn, Slice};

/// Applies an expression that moves elements to an array of any element type.
macro_rules! moved {
    ($data:expr, $array:ident => $result:expr) => {
        match $data {
            Data::F32($array) => Data::F32($result),
            Data::I64($array) => Data::I64($result),
            Data::Bool($array) => Data::Bool($result),
        }
    };
}

/// The results of a node whose operands are known, or which only asks for a shape.
///
/// `None`: not one of these, which the operator's import decides about.
pub(super) fn fold(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Option<Vec<Data>> {
    let op = node.proto.op_type.as_str();
    match op {
        "Shape" => return shape(importer, node).map(|data| vec![data]),
        "Size" => {
            let size = importer.kind(node, 0)?.shape.iter().product::<usize>();
            return Some(vec![scalar(i64::try_from(size).ok()?)]);
        }
        "EyeLike" => return eye(importer, node).map(|data| vec![data]),
        // The second operand gives no more than its type.
        "CastLike" => {
            let element = importer.kind(node, 1)?.element;
            let kind = importer.data_types.get(node.proto.input.get(1)?);
            let range = kind.and_then(|&kind| tensor::integer_range(kind));
            return Some(vec![cast(importer.known(node, 0)?, element, range)]);
        }
        _ => {}
    }
    let operands: Option<Vec<Option<&Data>>> = (0..node.inputs.len())
        .map(|index| if node.has(index) { importer.known(node, index).map(Some) } else { Some(None) })
        .collect();
    let known = Known { node, operands: operands? };
    let size = known.result_size(op);
    if size.is_none_or(|size| size > importer.budget) {
        return None;
    }
    let results = known.fold(op)?;
    let elements: usize = results.iter().map(|data| data.shape().iter().product::<usize>()).sum();
    importer.budget = importer.budget.checked_sub(elements)?;
    Some(results)
}

/// Integers in a vector.
fn vector(values: Vec<i64>) -> Data {
    Data::I64(ndarray::Array1::from(values).into_dyn())
}

fn scalar(value: i64) -> Data {
    Data::I64(ndarray::arr0(value).into_dyn())
}

fn shape(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Option<Data> {
    let dims = importer.kind(node, 0)?.shape;
    let rank = dims.len() as i64;
    let bound = |value: i64| (if value < 0 { value.saturating_add(rank) } else { value }).clamp(0, rank) as usize; // clamped
    let (start, end) = (bound(node.int("start", 0)), bound(node.int("end", i64::MAX)));
    let dims = dims.get(start..end).unwrap_or_default();
    Some(vector(dims.iter().map(|&dim| dim as i64).collect())) // sizes of tensors that exist
}

/// Ones on a diagonal of a matrix of the operand's shape.
fn eye(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Option<Data> {
    let kind = importer.kind(node, 0)?;
    let &[rows, columns] = kind.shape.as_slice() else { return None };
    importer.budget = importer.budget.checked_sub(rows.checked_mul(columns)?)?;
    let element = match i32::try_from(node.int("dtype", 0)).ok()? {
        0 => kind.element,
        dtype => tensor::element(dtype).ok()?,
    };
    let diagonal = node.int("k", 0);
    let is_one = |at: &IxDyn| (at[1] as i64).checked_sub(at[0] as i64) == Some(diagonal); // sizes of a tensor
    let ones = ArrayD::from_shape_fn(IxDyn(&[rows, columns]), |at| is_one(&at));
    Some(cast(&Data::Bool(ones), element, None))
}

/// Converts the elements; integers wrap to the type's range, as C does.
pub(super) fn cast(data: &Data, to: Element, range: Option<(i64, i64)>) -> Data {
    let wrap = |value: i64| match range {
        Some((min, max)) if min != i64::MIN => {
            let period = i128::from(max) - i128::from(min) + 1;
            ((i128::from(value) - i128::from(min)).rem_euclid(period) + i128::from(min)) as i64 // between min and max
        }
        _ => value,
    };
    match (data, to) {
        (Data::F32(array), Element::F32) => Data::F32(array.clone()),
        (Data::I64(array), Element::F32) => Data::F32(array.mapv(|value| value as f32)),
        (Data::Bool(array), Element::F32) => Data::F32(array.mapv(|value| if value { 1.0 } else { 0.0 })),
        (Data::F32(array), Element::I64) => Data::I64(array.mapv(|value| wrap(value as i64))),
        (Data::I64(array), Element::I64) => Data::I64(array.mapv(wrap)),
        (Data::Bool(array), Element::I64) => Data::I64(array.mapv(i64::from)),
        (Data::F32(array), Element::Bool) => Data::Bool(array.mapv(|value| value != 0.0)),
        (Data::I64(array), Element::Bool) => Data::Bool(array.mapv(|value| value != 0)),
        (Data::Bool(array), Element::Bool) => Data::Bool(array.clone()),
    }
}

/// A node all of whose operands are constants.
struct Known<'a> {
    node: &'a OnnxNode<'a>,
    operands: Vec<Option<&'a Data>>,
}

impl Known<'_> {
    fn operand(&self, index: usize) -> Option<&Data> {
        self.operands.get(index).copied().flatten()
    }

    fn integers(&self, index: usize) -> Option<&ArrayD<i64>> {
        self.operand(index)?.integers()
    }

    /// Integers of an operand, in order.
    fn list(&self, index: usize) -> Option<Vec<i64>> {
        Some(self.integers(index)?.iter().copied().collect())
    }

    fn axis(&self, default: i64, rank: usize) -> Option<usize> {
        wrap_index(self.node.int("axis", default), rank)
    }

    /// A bound on the elements of the results, known before they are computed.
    fn result_size(&self, op: &str) -> Option<usize> {
        // Empty dimensions count as one: the others must not overflow either.
        let size = |data: &Data| data.shape().iter().map(|&dim| dim.max(1)).product::<usize>();
        let product = |dims: Vec<i64>| {
            dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?.max(1)))
        };
        let largest = self.operands.iter().flatten().map(|data| size(data)).max().unwrap_or(0);
        match op {
            "ConstantOfShape" => product(self.list(0)?),
            "Expand" => largest.checked_mul(product(self.list(1)?)?),
            "Tile" => largest.checked_mul(product(self.list(1)?)?),
            "Range" if self.reals().is_some() => self.real_range().map(|(_, _, count)| count),
            "Range" => self.range_count(),
            "Gather" => {
                let (input, indices) = (self.operand(0)?, self.operand(1)?);
                size(input).checked_mul(size(indices))
            }
            "Concat" => Some(self.operands.iter().flatten().map(|data| size(data)).sum()),
            "NonZero" => largest.checked_mul(self.operand(0)?.shape().len()),
            // The broadcast of all operands.
            _ => {
                let mut shape = Vec::new();
                for operand in self.operands.iter().flatten() {
                    shape = broadcast_shape(&shape, operand.shape()).unwrap_or(shape);
                }
                shape
                    .iter()
                    .try_fold(1_usize, |product, &dim| product.checked_mul(dim.max(1)))
                    .map(|size| size.max(largest))
            }
        }
    }

    fn range_count(&self) -> Option<usize> {
        let (start, limit, step) = (self.list(0)?, self.list(1)?, self.list(2)?);
        let (start, limit, step) =
            (i128::from(*start.first()?), i128::from(*limit.first()?), i128::from(*step.first()?));
        if step == 0 {
            return None;
        }
        let distance = (limit - start) * step.signum();
        usize::try_from(if distance > 0 { (distance + step.abs() - 1) / step.abs() } else { 0 }).ok()
    }

    fn fold(&self, op: &str) -> Option<Vec<Data>> {
        if op == "Split" {
            return self.split();
        }
        let one = match op {
            "ConstantOfShape" => self.constant_of_shape(),
            "Identity" => self.operand(0).cloned(),
            "Cast" => self.cast(),
            "Range" => self.range(),
            "Reshape" => self.reshape(),
            "Flatten" => self.flatten(),
            "Squeeze" => self.squeeze(),
            "Unsqueeze" => self.unsqueeze(),
            "Transpose" => self.transpose(),
            "Concat" => self.concat(),
            "Gather" => self.gather(),
            "Slice" => self.slice(),
            "Expand" => self.expand(),
            "Tile" => self.tile(),
            "Trilu" => self.trilu(),
            "Where" => self.select(),
            "NonZero" => self.non_zero(),
            "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Max" | "Min" | "Pow" => self.arithmetic(op),
            "Neg" | "Abs" | "Sign" => self.integer_function(op),
            "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" => self.comparison(op),
            "And" | "Or" | "Xor" | "Not" => self.logical(op),
            "ReduceSum" | "ReduceProd" | "ReduceMax" | "ReduceMin" => self.reduce(op),
            "CumSum" => self.cumulative_sum(),
            _ => None,
        };
        one.map(|data| vec![data])
    }

    fn constant_of_shape(&self) -> Option<Data> {
        let shape: Option<Vec<usize>> = self.list(0)?.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let value = match self.node.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
            Some(value) => tensor::decode(value, &super::External::default()).ok()?,
            None => Data::F32(ArrayD::zeros(IxDyn(&[1]))),
        };
        let shape = shape?;
        Some(moved!(&value, array => ArrayD::from_elem(shape, *array.first()?)))
    }

    fn cast(&self) -> Option<Data> {
        let to = i32::try_from(self.node.int("to", 0)).ok()?;
        Some(cast(self.operand(0)?, tensor::element(to).ok()?, tensor::integer_range(to)))
    }

    /// Start, limit and step where these are real numbers.
    fn reals(&self) -> Option<[f64; 3]> {
        let real = |index: usize| Some(f64::from(*self.operand(index)?.real()?.first()?));
        Some([real(0)?, real(1)?, real(2)?])
    }

    /// Start, step and number of elements of a range of real numbers.
    fn real_range(&self) -> Option<(f64, f64, usize)> {
        let [start, limit, step] = self.reals()?;
        let count = libm::ceil((limit - start) / step).max(0.0);
        (count < (1_u64 << 31) as f64).then_some((start, step, count as usize)) // not negative
    }

    fn range(&self) -> Option<Data> {
        if let Some((start, step, count)) = self.real_range() {
            return Some(Data::F32(ArrayD::from_shape_fn(IxDyn(&[count]), |at| (start + at[0] as f64 * step) as f32)));
        }
        let (start, step) = (*self.integers(0)?.first()?, *self.integers(2)?.first()?);
        let count = i64::try_from(self.range_count()?).ok()?;
        Some(vector((0..count).map(|index| start.wrapping_add(index.wrapping_mul(step))).collect()))
    }

    fn reshaped(&self, shape: &[usize]) -> Option<Data> {
        if shape.len() > MAX_RANK {
            return None;
        }
        Some(moved!(self.operand(0)?, array => array.clone().into_shape_with_order(shape).ok()?))
    }

    fn reshape(&self) -> Option<Data> {
        let allow_zero = self.node.int("allowzero", 0) != 0;
        self.reshaped(&reshape_target(self.operand(0)?.shape(), &self.list(1)?, allow_zero)?)
    }

    fn flatten(&self) -> Option<Data> {
        let shape = self.operand(0)?.shape();
        let axis = self.node.int("axis", 1);
        let axis = if axis == shape.len() as i64 { shape.len() } else { wrap_index(axis, shape.len())? };
        let (outer, inner) = shape.split_at(axis);
        self.reshaped(&[outer.iter().product(), inner.iter().product()])
    }

    /// Axes in operand 1, or before opset 13 in an attribute; `None` where the node has none.
    fn axes(&self) -> Option<Vec<i64>> {
        self.list(1).or_else(|| self.node.ints("axes").map(<[i64]>::to_vec))
    }

    fn squeeze(&self) -> Option<Data> {
        self.reshaped(&super::operators::squeezed(self.operand(0)?.shape(), self.axes().as_deref()).ok()?)
    }

    fn unsqueeze(&self) -> Option<Data> {
        self.reshaped(&super::operators::unsqueezed(self.operand(0)?.shape(), &self.axes()?).ok()?)
    }

    fn transpose(&self) -> Option<Data> {
        let data = self.operand(0)?;
        let rank = data.shape().len();
        let reversed: Vec<i64> = (0..rank as i64).rev().collect();
        let perm = self.node.ints("perm").unwrap_or(&reversed);
        let perm: Option<Vec<usize>> = perm.iter().map(|&axis| wrap_index(axis, rank)).collect();
        let perm = perm?;
        let is_permutation = perm.len() == rank && (0..rank).all(|axis| perm.contains(&axis));
        is_permutation
            .then(|| moved!(data, array => array.view().permuted_axes(perm).as_standard_layout().into_owned()))
    }

    fn concat(&self) -> Option<Data> {
        let rank = self.operand(0)?.shape().len();
        let axis = self.axis(0, rank)?;
        if self.operands.iter().flatten().any(|data| data.shape().len() != rank) {
            return None;
        }
        macro_rules! joined {
            ($variant:ident) => {{
                let parts: Option<Vec<_>> = self
                    .operands
                    .iter()
                    .map(|data| if let Some(Data::$variant(array)) = data { Some(array.view()) } else { None })
                    .collect();
                ndarray::concatenate(Axis(axis), &parts?).ok().map(|array| Data::$variant(standard(array)))
            }};
        }
        match self.operand(0)? {
            Data::F32(_) => joined!(F32),
            Data::I64(_) => joined!(I64),
            Data::Bool(_) => joined!(Bool),
        }
    }

    fn gather(&self) -> Option<Data> {
        let (data, indices) = (self.operand(0)?, self.integers(1)?);
        let axis = self.axis(0, data.shape().len())?;
        let dim = data.shape()[axis];
        let flat: Option<Vec<usize>> = indices.iter().map(|&index| wrap_index(index, dim)).collect();
        let (flat, shape) = (flat?, data.shape());
        let shape: Vec<usize> = [&shape[..axis], indices.shape(), &shape[axis + 1..]].concat();
        Some(moved!(data, array => standard(array.select(Axis(axis), &flat)).into_shape_with_order(shape).ok()?))
    }

    fn slice(&self) -> Option<Data> {
        let data = self.operand(0)?;
        let attribute = |name| self.node.ints(name).map(<[i64]>::to_vec);
        let slices = super::operators::slices(
            data.shape(),
            &self.list(1).or_else(|| attribute("starts"))?,
            &self.list(2).or_else(|| attribute("ends"))?,
            if self.node.has(3) { Some(self.list(3)?) } else { attribute("axes") },
            if self.node.has(4) { Some(self.list(4)?) } else { None },
        );
        let mut data = data.clone();
        for slice in slices.ok()? {
            let range = Slice::new(0, None, 1);
            data = moved!(&data, array => {
                let indices: Vec<usize> = slice.indices().collect();
                if indices.is_empty() {
                    standard(array.slice_axis(Axis(slice.axis), Slice { end: Some(0), ..range }).to_owned())
                } else {
                    standard(array.select(Axis(slice.axis), &indices))
                }
            });
        }
        Some(data)
    }

    fn split(&self) -> Option<Vec<Data>> {
        let data = self.operand(0)?;
        let axis = self.axis(0, data.shape().len())?;
        let sizes = if self.node.has(1) { Some(self.list(1)?) } else { None };
        let sizes = super::operators::split_sizes(self.node, data.shape()[axis], sizes).ok()?;
        let mut start = 0;
        let mut parts = Vec::new();
        for size in sizes {
            let range = Slice::from(start..start + size);
            parts.push(moved!(data, array => standard(array.slice_axis(Axis(axis), range).to_owned())));
            start += size;
        }
        Some(parts)
    }

    fn expand(&self) -> Option<Data> {
        let wanted: Option<Vec<usize>> = self.list(1)?.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let shape = broadcast_shape(self.operand(0)?.shape(), &wanted?)?;
        Some(moved!(self.operand(0)?, array => standard(array.broadcast(shape)?.to_owned())))
    }

    fn tile(&self) -> Option<Data> {
        let (data, repeats) = (self.operand(0)?, self.list(1)?);
        let repeats: Option<Vec<usize>> = repeats.iter().map(|&count| usize::try_from(count).ok()).collect();
        let repeats = repeats.filter(|repeats| repeats.len() == data.shape().len())?;
        let dims = data.shape().to_vec();
        let shape: Vec<usize> = dims.iter().zip(&repeats).map(|(dim, count)| dim * count).collect();
        let source = |at: &IxDyn| IxDyn(&(0..dims.len()).map(|axis| at[axis] % dims[axis]).collect::<Vec<_>>());
        Some(moved!(data, array => ArrayD::from_shape_fn(shape, |at| array[source(&at)])))
    }

    fn trilu(&self) -> Option<Data> {
        let (data, upper) = (self.operand(0)?, self.node.int("upper", 1) != 0);
        let offset = if self.node.has(1) { *self.integers(1)?.first()? } else { 0 };
        let rank = data.shape().len();
        if rank < 2 {
            return None;
        }
        let keeps = |at: &IxDyn| {
            let above = at[rank - 1] as i64 - at[rank - 2] as i64;
            if upper { above >= offset } else { above <= offset }
        };
        let mut result = data.clone();
        match &mut result {
            Data::F32(array) => array.indexed_iter_mut().filter(|(at, _)| !keeps(at)).for_each(|(_, x)| *x = 0.0),
            Data::I64(array) => array.indexed_iter_mut().filter(|(at, _)| !keeps(at)).for_each(|(_, x)| *x = 0),
            Data::Bool(array) => array.indexed_iter_mut().filter(|(at, _)| !keeps(at)).for_each(|(_, x)| *x = false),
        }
        Some(result)
    }

    fn select(&self) -> Option<Data> {
        let (condition, a, b) = (self.operand(0)?.truths()?, self.operand(1)?, self.operand(2)?);
        let shape = broadcast_shape(condition.shape(), &broadcast_shape(a.shape(), b.shape())?)?;
        let condition = condition.broadcast(shape.clone())?;
        macro_rules! selected {
            ($variant:ident, $a:ident, $b:ident) => {{
                let (a, b) = ($a.broadcast(shape.clone())?, $b.broadcast(shape)?);
                let choose = |&condition: &bool, &a: &_, &b: &_| if condition { a } else { b };
                Data::$variant(standard(ndarray::Zip::from(condition).and(a).and(b).map_collect(choose)))
            }};
        }
        Some(match (a, b) {
            (Data::F32(a), Data::F32(b)) => selected!(F32, a, b),
            (Data::I64(a), Data::I64(b)) => selected!(I64, a, b),
            (Data::Bool(a), Data::Bool(b)) => selected!(Bool, a, b),
            _ => return None,
        })
    }

    fn non_zero(&self) -> Option<Data> {
        let truths = cast(self.operand(0)?, Element::Bool, None);
        let truths = truths.truths()?;
        let found: Vec<IxDyn> = truths.indexed_iter().filter(|(_, truth)| **truth).map(|(at, _)| at).collect();
        let rank = truths.ndim();
        let indices = ArrayD::from_shape_fn(IxDyn(&[rank, found.len()]), |at| found[at[1]][at[0]] as i64);
        Some(Data::I64(indices))
    }

    /// Integers only; overflow wraps, a division by zero is left alone.
    fn arithmetic(&self, op: &str) -> Option<Data> {
        let remainder_of_c = self.node.int("fmod", 0) != 0;
        let apply = |a: i64, b: i64| -> Option<i64> {
            Some(match op {
                "Add" => a.wrapping_add(b),
                "Sub" => a.wrapping_sub(b),
                "Mul" => a.wrapping_mul(b),
                "Div" => a.checked_div(b)?,
                "Mod" if remainder_of_c => a.checked_rem(b)?,
                "Mod" => {
                    let rest = a.checked_rem(b)?;
                    if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
                }
                "Max" => a.max(b),
                "Min" => a.min(b),
                _ => a.checked_pow(u32::try_from(b).ok()?)?,
            })
        };
        let mut result = self.integers(0)?.clone();
        for index in 1..self.operands.len() {
            result = zip(&result, self.integers(index)?, apply)?;
        }
        Some(Data::I64(result))
    }

    fn integer_function(&self, op: &str) -> Option<Data> {
        let apply = |value: i64| match op {
            "Neg" => value.wrapping_neg(),
            "Abs" => value.wrapping_abs(),
            _ => value.signum(),
        };
        Some(Data::I64(self.integers(0)?.mapv(apply)))
    }

    fn comparison(&self, op: &str) -> Option<Data> {
        macro_rules! compared {
            ($a:ident, $b:ident) => {
                zip($a, $b, |a, b| {
                    Some(match op {
                        "Equal" => a == b,
                        "Less" => a < b,
                        "LessOrEqual" => a <= b,
                        "Greater" => a > b,
                        _ => a >= b,
                    })
                })
            };
        }
        match (self.operand(0)?, self.operand(1)?) {
            (Data::F32(a), Data::F32(b)) => compared!(a, b),
            (Data::I64(a), Data::I64(b)) => compared!(a, b),
            (Data::Bool(a), Data::Bool(b)) => compared!(a, b),
            _ => None,
        }
        .map(Data::Bool)
    }

    fn logical(&self, op: &str) -> Option<Data> {
        let a = self.operand(0)?.truths()?;
        if op == "Not" {
            return Some(Data::Bool(a.mapv(|truth| !truth)));
        }
        let apply = |a: bool, b: bool| {
            Some(match op {
                "And" => a && b,
                "Or" => a || b,
                _ => a != b,
            })
        };
        zip(a, self.operand(1)?.truths()?, apply).map(Data::Bool)
    }

    /// Integers only.
    fn reduce(&self, op: &str) -> Option<Data> {
        let array = self.integers(0)?;
        let rank = array.ndim();
        let given = if self.node.has(1) { Some(self.list(1)?) } else { self.node.ints("axes").map(<[i64]>::to_vec) };
        let mut axes = Vec::new();
        for axis in given.unwrap_or_default() {
            axes.push(wrap_index(axis, rank)?);
        }
        if axes.is_empty() {
            if self.node.int("noop_with_empty_axes", 0) != 0 {
                return Some(Data::I64(array.clone()));
            }
            axes = (0..rank).collect();
        }
        axes.sort_unstable();
        axes.dedup();
        let apply = |a: i64, b: i64| match op {
            "ReduceSum" => a.wrapping_add(b),
            "ReduceProd" => a.wrapping_mul(b),
            "ReduceMax" => a.max(b),
            _ => a.min(b),
        };
        let start = match op {
            "ReduceSum" => 0,
            "ReduceProd" => 1,
            "ReduceMax" => i64::MIN,
            _ => i64::MAX,
        };
        let mut result = array.clone();
        for &axis in axes.iter().rev() {
            let keep = self.node.int("keepdims", 1) != 0;
            result = result.fold_axis(Axis(axis), start, |&a, &b| apply(a, b));
            if keep {
                result.insert_axis_inplace(Axis(axis));
            }
        }
        Some(Data::I64(standard(result)))
    }

    fn cumulative_sum(&self) -> Option<Data> {
        if self.node.int("exclusive", 0) != 0 || self.node.int("reverse", 0) != 0 {
            return None;
        }
        let mut array = self.integers(0)?.clone();
        let axis = wrap_index(*self.integers(1)?.first()?, array.ndim())?;
        array.accumulate_axis_inplace(Axis(axis), |&before, value| *value = value.wrapping_add(before));
        Some(Data::I64(array))
    }
}

/// A scalar as a tensor of some rank.
pub(super) fn lifted(scalar: &Data, rank: usize) -> Data {
    moved!(scalar, array => array.to_shape(vec![1; rank]).expect("one element").into_owned())
}

fn standard<T: Clone>(array: ArrayD<T>) -> ArrayD<T> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

/// Both arrays broadcast, element by element; `None` where `apply` gives none.
fn zip<T: Copy, R>(a: &ArrayD<T>, b: &ArrayD<T>, apply: impl Fn(T, T) -> Option<R>) -> Option<ArrayD<R>> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    let (a, b) = (a.broadcast(shape.clone())?, b.broadcast(shape.clone())?);
    let values: Option<Vec<R>> = a.iter().zip(b.iter()).map(|(&a, &b)| apply(a, b)).collect();
    ArrayD::from_shape_vec(IxDyn(&shape), values?).ok()
}

/// The value of a Constant node.
pub(super) fn constant(node: &OnnxNode<'_>, external: &super::External) -> Result<Data, String> {
    let attribute: Option<&proto::Attribute> = node.proto.attribute.iter().find(|a| a.name.starts_with("value"));
    let attribute = attribute.ok_or("has no value")?;
    Ok(match attribute.name.as_str() {
        "value" => {
            let tensor = attribute.t.as_ref().ok_or("has no value")?;
            tensor::decode(tensor, external).map_err(|problem| format!("its value {problem}"))?
        }
        "value_int" => scalar(attribute.i),
        "value_ints" => vector(attribute.ints.clone()),
        "value_float" => Data::F32(ndarray::arr0(attribute.f).into_dyn()),
        "value_floats" => Data::F32(ndarray::Array1::from(attribute.floats.clone()).into_dyn()),
        other => return Err(format!("its `{other}` holds no numbers")),
    })
}
