//! Recurrent networks: those that PyTorch has as one operator, with its order of gates; others written out step by step.

use super::{apply, constant, number, one, shape_of};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Tensor, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::flip::Flip;
use crate::ops::linear::Linear;
use crate::ops::permute::Permute;
use crate::ops::recurrent::{Cell, Recurrent};
use crate::ops::select::Select;
use crate::ops::slice::Slice;
use crate::ops::stack::Stack;
use crate::ops::unary::Unary;
use crate::ops::view::View;
use ndarray::Axis;

/// Most steps that a network is written out for.
const MAX_STEPS: usize = 1024;

/// ONNX has the gates input, output, forget, cell; PyTorch input, forget, cell, output.
pub(super) fn lstm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let is_plain = !node.has(7) && node.int("input_forget", 0) == 0 && is_default(node, &["Sigmoid", "Tanh", "Tanh"]);
    import(importer, node, Kind::Lstm, is_plain.then_some((Cell::Lstm, &[0, 2, 3, 1])))
}

/// ONNX has the gates update, reset, new; PyTorch reset, update, new, and the reset after the product.
pub(super) fn gru(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let is_plain = node.int("linear_before_reset", 0) != 0 && is_default(node, &["Sigmoid", "Tanh"]);
    import(importer, node, Kind::Gru, is_plain.then_some((Cell::Gru, &[1, 0, 2])))
}

pub(super) fn rnn(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let plain: Option<(Cell, &[usize])> = match () {
        () if is_default(node, &["Tanh"]) => Some((Cell::Tanh, &[0])),
        () if is_default(node, &["Relu"]) && !activations(node).is_empty() => Some((Cell::Relu, &[0])),
        () => None,
    };
    import(importer, node, Kind::Rnn, plain)
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Lstm,
    Gru,
    Rnn,
}

impl Kind {
    fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Rnn => 1,
        }
    }

    /// Functions of a direction where none are given.
    fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Self::Gru => &["Sigmoid", "Tanh"],
            Self::Rnn => &["Tanh"],
        }
    }
}

fn activations(node: &OnnxNode<'_>) -> Vec<String> {
    let names = node.attribute("activations").map_or(&[][..], |attribute| attribute.strings.as_slice());
    names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// Whether all directions have these functions, or none are given.
fn is_default(node: &OnnxNode<'_>, functions: &[&str]) -> bool {
    activations(node).chunks(functions.len()).all(|names| names == functions)
}

/// Weights `[D, G · H, I]` and `[D, G · H, H]`, and biases `[D, 2 · G · H]`.
struct Parameters {
    weights: Tensor,
    recurrence: Tensor,
    bias: Option<Tensor>,
}

impl Parameters {
    fn read(importer: &Importer<'_>, node: &OnnxNode<'_>, directions: usize, gates: usize) -> Result<Self, String> {
        let of = |index: usize| {
            let data = importer.known(node, index).and_then(|data| data.real()).cloned();
            data.ok_or("its weights are computed at run time; only constant weights are supported")
        };
        let bias = if node.has(3) { Some(of(3)?) } else { None };
        let parameters = Self { weights: of(1)?, recurrence: of(2)?, bias };
        let rows = gates * parameters.hidden();
        let fits = |tensor: &Tensor, rank: usize, rows: usize| {
            tensor.ndim() == rank && tensor.shape()[0] == directions && tensor.shape()[1] == rows
        };
        let fit = fits(&parameters.weights, 3, rows)
            && fits(&parameters.recurrence, 3, rows)
            && parameters.bias.as_ref().is_none_or(|bias| fits(bias, 2, 2 * rows));
        if fit && rows > 0 { Ok(parameters) } else { Err("its weights do not fit each other".to_owned()) }
    }

    fn hidden(&self) -> usize {
        self.recurrence.shape().last().copied().unwrap_or(0)
    }

    /// The rows of these gates in a direction; `start` is the first row.
    fn rows(&self, tensor: &Tensor, direction: usize, gates: &[usize], start: usize) -> Tensor {
        let hidden = self.hidden();
        let rows: Vec<usize> =
            gates.iter().flat_map(|gate| (0..hidden).map(move |row| start + gate * hidden + row)).collect();
        tensor.index_axis(Axis(0), direction).select(Axis(0), &rows).as_standard_layout().into_owned()
    }
}

/// `plain`: PyTorch's cell, and the place in ONNX of each of its gates.
fn import(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    kind: Kind,
    plain: Option<(Cell, &[usize])>,
) -> Result<Vec<Entry>, String> {
    let (directions, is_reverse) = match node.text("direction") {
        None | Some("forward") => (1, false),
        Some("reverse") => (1, true),
        Some("bidirectional") => (2, false),
        Some(other) => return Err(format!("direction `{other}` is not supported")),
    };
    let batch_first = node.int("layout", 0) != 0;
    let mut input = importer.tensor(node, 0)?;
    if shape_of(importer, input).len() != 3 {
        return Err("needs sequences of three dimensions".to_owned());
    }
    if batch_first {
        input = apply(importer, node, Permute { perm: vec![1, 0, 2] }, vec![input])?;
    }
    let (time, batch) = (shape_of(importer, input)[0], shape_of(importer, input)[1]);
    if node.has(4) {
        let lengths = importer.known_integers(node, 4).ok_or("its lengths are computed at run time")?;
        if lengths.iter().any(|&length| length != time as i64) {
            return Err("has sequences of different lengths".to_owned());
        }
    }
    let parameters = Parameters::read(importer, node, directions, kind.gates())?;
    let mut states = Vec::new();
    for index in 0..if kind == Kind::Lstm { 2 } else { 1 } {
        let state = match node.has(5 + index) {
            false => {
                importer.spend(&[directions, batch, parameters.hidden()])?;
                constant(importer, node, "state", Tensor::zeros(vec![directions, batch, parameters.hidden()]))
            }
            true if batch_first => {
                let state = importer.tensor(node, 5 + index)?;
                apply(importer, node, Permute { perm: vec![1, 0, 2] }, vec![state])?
            }
            true => importer.tensor(node, 5 + index)?,
        };
        states.push(state);
    }
    let is_plain = node.attribute("clip").is_none();
    let results = match plain.filter(|_| is_plain) {
        Some((cell, gates)) => {
            if is_reverse {
                input = apply(importer, node, Flip { axes: vec![0] }, vec![input])?;
            }
            let mut results = whole(importer, node, cell, gates, &parameters, input, &states)?;
            if is_reverse {
                results[0] = apply(importer, node, Flip { axes: vec![0] }, vec![results[0]])?;
            }
            results
        }
        None if time > MAX_STEPS => return Err(format!("has {time} steps; up to {MAX_STEPS} are supported")),
        None => {
            let mut parts: Vec<Vec<ValueId>> = Vec::new();
            for direction in 0..directions {
                let backwards = is_reverse || direction == 1;
                let results = steps(importer, node, kind, &parameters, (direction, backwards), input, &states)?;
                parts.push(results);
            }
            let mut results = Vec::new();
            for index in 0..=states.len() {
                let of_directions = parts.iter().map(|part| part[index]).collect();
                let axis = usize::from(index == 0);
                results.push(apply(importer, node, Stack { axis }, of_directions)?);
            }
            results
        }
    };
    // `[T, D, N, H]`, then `[D, N, H]`.
    let mut entries = Vec::new();
    for (index, result) in results.into_iter().enumerate() {
        let perm = if index == 0 { vec![2, 0, 1, 3] } else { vec![1, 0, 2] };
        entries.push(Entry::Value(match batch_first {
            true => apply(importer, node, Permute { perm }, vec![result])?,
            false => result,
        }));
    }
    Ok(entries)
}

/// One operator.
fn whole(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    cell: Cell,
    gates: &[usize],
    parameters: &Parameters,
    input: ValueId,
    states: &[ValueId],
) -> Result<Vec<ValueId>, String> {
    let directions = parameters.weights.shape()[0];
    let mut inputs = [&[input], states].concat();
    for direction in 0..directions {
        let mut add = |tensor: &Tensor, what: &str, start: usize| {
            inputs.push(constant(importer, node, what, parameters.rows(tensor, direction, gates, start)));
        };
        add(&parameters.weights, "weight_ih", 0);
        add(&parameters.recurrence, "weight_hh", 0);
        if let Some(bias) = &parameters.bias {
            add(bias, "bias_ih", 0);
            add(bias, "bias_hh", gates.len() * parameters.hidden());
        }
    }
    let (bias, bidirectional) = (parameters.bias.is_some(), directions == 2);
    let shape = shape_of(importer, input)[..2].to_vec();
    let op = Recurrent { cell, layers: 1, bidirectional, batch_first: false, bias };
    let results = importer.push(node, op, inputs)?;
    let mut results = results.into_iter().map(|result| one(vec![result])).collect::<Result<Vec<_>, _>>()?;
    // `[T, N, D · H]` becomes `[T, D, N, H]`.
    let split = View { shape: [&shape[..], &[directions, parameters.hidden()]].concat() };
    let split = apply(importer, node, split, vec![results[0]])?;
    results[0] = apply(importer, node, Permute { perm: vec![0, 2, 1, 3] }, vec![split])?;
    Ok(results)
}

/// A direction step by step: the states `[T, N, H]`, then the last ones `[N, H]`.
fn steps(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    kind: Kind,
    parameters: &Parameters,
    (direction, backwards): (usize, bool),
    input: ValueId,
    states: &[ValueId],
) -> Result<Vec<ValueId>, String> {
    let names = activations(node);
    let count = kind.functions().len();
    let names: Vec<String> = match names.get(direction * count..(direction + 1) * count) {
        Some(names) => names.to_vec(),
        None => kind.functions().iter().map(|&name| name.to_owned()).collect(),
    };
    let functions: Vec<Op> = names.iter().map(|name| function(name)).collect::<Result<_, _>>()?;
    let gates: Vec<usize> = (0..kind.gates()).collect();
    let hidden = parameters.hidden();
    let bias = |start: usize| Some(parameters.rows(parameters.bias.as_ref()?, direction, &gates, start));
    let mut layer = |what: &str, tensor: &Tensor, bias: Option<Tensor>| {
        let weight = constant(importer, node, what, parameters.rows(tensor, direction, &gates, 0));
        let bias = bias.map(|bias| constant(importer, node, "bias", bias));
        [weight].into_iter().chain(bias).collect::<Vec<ValueId>>()
    };
    let inputs = layer("weight_ih", &parameters.weights, bias(0));
    let recurrence = layer("weight_hh", &parameters.recurrence, bias(gates.len() * hidden));
    let peepholes = match importer.known(node, 7).and_then(|data| data.real()) {
        Some(peepholes) if kind == Kind::Lstm && peepholes.shape() == [parameters.weights.shape()[0], 3 * hidden] => {
            Some(peepholes.index_axis(Axis(0), direction).to_owned())
        }
        _ if kind == Kind::Lstm && node.has(7) => {
            return Err("its peepholes do not fit, or are computed at run time".to_owned());
        }
        _ => None,
    };
    let mut peephole = |index: usize| {
        let part = |all: &Tensor| all.slice_axis(Axis(0), (index * hidden..(index + 1) * hidden).into()).to_owned();
        peepholes.as_ref().map(|all| {
            let part = part(all).into_shape_with_order(vec![1, hidden]).expect("one number for each state");
            constant(importer, node, "peephole", part)
        })
    };
    let mut cell = Step {
        kind,
        functions,
        hidden,
        peepholes: [peephole(0), peephole(1), peephole(2)],
        recurrence,
        clip: node.attribute("clip").map(|clip| clip.f),
    };
    let mut state = Vec::new();
    for &initial in states {
        state.push(apply(importer, node, Select { axis: 0, index: direction }, vec![initial])?);
    }
    let all = apply(importer, node, Linear, [&[input], &inputs[..]].concat())?;
    let time = shape_of(importer, input)[0];
    let mut results = vec![state[0]; time];
    for step in 0..time {
        let index = if backwards { time - 1 - step } else { step };
        let x = apply(importer, node, Select { axis: 0, index }, vec![all])?;
        state = cell.step(importer, node, x, &state)?;
        results[index] = state[0];
    }
    let stacked = apply(importer, node, Stack { axis: 0 }, results)?;
    Ok([&[stacked], &state[..]].concat())
}

fn function(name: &str) -> Result<Op, String> {
    Ok(match name {
        "Sigmoid" => Unary::Sigmoid.into(),
        "Tanh" => Unary::Tanh.into(),
        "Relu" => Clamp::RELU.into(),
        other => return Err(format!("activation {other} is not supported")),
    })
}

/// What a step needs beside its operands.
struct Step {
    kind: Kind,
    functions: Vec<Op>,
    hidden: usize,
    /// For input, output and forget gate.
    peepholes: [Option<ValueId>; 3],
    /// Weights `[G · H, H]` and perhaps biases.
    recurrence: Vec<ValueId>,
    clip: Option<f32>,
}

impl Step {
    /// The states after a step; `x` is the product of its input with all gates' weights, `[N, G · H]`.
    ///
    /// Source: ONNX, LSTM, GRU and RNN.
    fn step(
        &mut self,
        importer: &mut Importer<'_>,
        node: &OnnxNode<'_>,
        x: ValueId,
        state: &[ValueId],
    ) -> Result<Vec<ValueId>, String> {
        let h = apply(importer, node, Linear, [&state[..1], &self.recurrence[..]].concat())?;
        let hidden = self.hidden;
        let part = |importer: &mut Importer<'_>, all: ValueId, gate: usize| {
            apply(importer, node, Slice { axis: 1, start: gate * hidden, end: (gate + 1) * hidden }, vec![all])
        };
        let binary =
            |importer: &mut Importer<'_>, op: Binary, a: ValueId, b: ValueId| apply(importer, node, op, vec![a, b]);
        let activated = |importer: &mut Importer<'_>, function: usize, sum: ValueId| {
            let sum = match self.clip {
                Some(bound) => {
                    let clamp = Clamp { min: Some(-bound), max: Some(bound), kind: ClampKind::Clamp };
                    apply(importer, node, clamp, vec![sum])?
                }
                None => sum,
            };
            apply(importer, node, self.functions[function].clone(), vec![sum])
        };
        // A gate: the sum of both products, and perhaps of a peephole at a cell's state.
        let gate =
            |importer: &mut Importer<'_>, index: usize, function: usize, peephole: Option<(ValueId, ValueId)>| {
                let (x, h) = (part(importer, x, index)?, part(importer, h, index)?);
                let mut sum = binary(importer, Binary::Add, x, h)?;
                if let Some((weight, cell)) = peephole {
                    let seen = binary(importer, Binary::Mul, weight, cell)?;
                    sum = binary(importer, Binary::Add, sum, seen)?;
                }
                activated(importer, function, sum)
            };
        // `1 - gate`
        let rest = |importer: &mut Importer<'_>, gate: ValueId| {
            let unit = number(importer, node, "one", 1.0, 2);
            binary(importer, Binary::Sub, unit, gate)
        };
        match self.kind {
            Kind::Rnn => Ok(vec![gate(importer, 0, 0, None)?]),
            Kind::Gru => {
                let (update, reset) = (gate(importer, 0, 0, None)?, gate(importer, 1, 0, None)?);
                let x = part(importer, x, 2)?;
                let seen = if node.int("linear_before_reset", 0) != 0 {
                    let h = part(importer, h, 2)?;
                    binary(importer, Binary::Mul, reset, h)?
                } else {
                    let kept = binary(importer, Binary::Mul, reset, state[0])?;
                    let all = apply(importer, node, Linear, [&[kept], &self.recurrence[..]].concat())?;
                    part(importer, all, 2)?
                };
                let sum = binary(importer, Binary::Add, x, seen)?;
                let new = activated(importer, 1, sum)?;
                let share = rest(importer, update)?;
                let new = binary(importer, Binary::Mul, share, new)?;
                let old = binary(importer, Binary::Mul, update, state[0])?;
                Ok(vec![binary(importer, Binary::Add, new, old)?])
            }
            Kind::Lstm => {
                let [of_input, of_output, of_forget] = self.peepholes;
                let before = |weight: Option<ValueId>| weight.map(|weight| (weight, state[1]));
                let input = gate(importer, 0, 0, before(of_input))?;
                let forget = match node.int("input_forget", 0) {
                    0 => gate(importer, 2, 0, before(of_forget))?,
                    _ => rest(importer, input)?,
                };
                let new = gate(importer, 3, 1, None)?;
                let kept = binary(importer, Binary::Mul, forget, state[1])?;
                let new = binary(importer, Binary::Mul, input, new)?;
                let cell = binary(importer, Binary::Add, kept, new)?;
                let output = gate(importer, 1, 0, of_output.map(|weight| (weight, cell)))?;
                let shown = apply(importer, node, self.functions[2].clone(), vec![cell])?;
                Ok(vec![binary(importer, Binary::Mul, output, shown)?, cell])
            }
        }
    }
}
