//! Recurrent networks: ONNX's order of gates and of parameters to PyTorch's.

use super::{one, shape_of};
use crate::frontend::onnx::{Entry, Importer, OnnxNode};
use crate::graph::{Tensor, ValueId};
use crate::ops::permute::Permute;
use crate::ops::recurrent::{Cell, Recurrent};
use crate::ops::view::View;
use ndarray::Axis;

/// ONNX has the gates input, output, forget, cell; PyTorch input, forget, cell, output.
pub(super) fn lstm(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.has(7) || node.int("input_forget", 0) != 0 {
        return Err("peepholes and coupled gates are not supported".to_owned());
    }
    default_activations(node, &["Sigmoid", "Tanh", "Tanh"])?;
    import(importer, node, Cell::Lstm, &[0, 2, 3, 1])
}

/// ONNX has the gates update, reset, new; PyTorch reset, update, new.
pub(super) fn gru(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    if node.int("linear_before_reset", 0) == 0 {
        return Err("the reset gate before the product is not supported; PyTorch has it after".to_owned());
    }
    default_activations(node, &["Sigmoid", "Tanh"])?;
    import(importer, node, Cell::Gru, &[1, 0, 2])
}

pub(super) fn rnn(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<Entry>, String> {
    let names = activations(node);
    let cell = match names.first().map(String::as_str) {
        None | Some("Tanh") => Cell::Tanh,
        Some("Relu") => Cell::Relu,
        Some(other) => return Err(format!("activation {other} is not supported")),
    };
    if names.iter().any(|name| *name != names[0]) {
        return Err("different activations for two directions are not supported".to_owned());
    }
    import(importer, node, cell, &[0])
}

fn activations(node: &OnnxNode<'_>) -> Vec<String> {
    let names = node.attribute("activations").map_or(&[][..], |attribute| attribute.strings.as_slice());
    names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

fn default_activations(node: &OnnxNode<'_>, default: &[&str]) -> Result<(), String> {
    let names = activations(node);
    match names.chunks(default.len()).all(|names| names == default) {
        true => Ok(()),
        false => Err(format!("activations {names:?} are not supported")),
    }
}

fn import(importer: &mut Importer<'_>, node: &OnnxNode<'_>, cell: Cell, gates: &[usize]) -> Result<Vec<Entry>, String> {
    if node.int("layout", 0) != 0 || node.has(4) || node.attribute("clip").is_some() {
        return Err("a batch before the time, lengths of sequences and clipping are not supported".to_owned());
    }
    let bidirectional = match node.text("direction") {
        None | Some("forward") => false,
        Some("bidirectional") => true,
        Some(other) => return Err(format!("direction `{other}` is not supported")),
    };
    let input = importer.tensor(node, 0)?;
    let &[time, batch, _] = shape_of(importer, input) else {
        return Err("needs sequences of three dimensions".to_owned());
    };
    let directions = 1 + usize::from(bidirectional);
    // Rows of each gate, for each direction: `[D, G · H, …]`.
    let parameters = |index: usize| {
        let data = importer.known(node, index).and_then(|data| data.real());
        data.ok_or("its weights are computed at run time; only constant weights are supported")
    };
    let (weights, recurrence) = (parameters(1)?.clone(), parameters(2)?.clone());
    let hidden = *recurrence.shape().last().unwrap_or(&0);
    let rows = gates.len() * hidden;
    let fits = |tensor: &Tensor, rank: usize, rows: usize| {
        tensor.ndim() == rank && tensor.shape()[0] == directions && tensor.shape()[1] == rows
    };
    let bias = if node.has(3) { Some(parameters(3)?.clone()) } else { None };
    if !fits(&weights, 3, rows)
        || !fits(&recurrence, 3, rows)
        || bias.as_ref().is_some_and(|bias| !fits(bias, 2, 2 * rows))
    {
        return Err("its weights do not fit each other".to_owned());
    }
    let name = node.scopes.name(node.proto);
    let mut inputs = vec![input];
    for state in 0..cell.states() {
        inputs.push(match node.has(5 + state) {
            true => importer.tensor(node, 5 + state)?,
            false => {
                let zeros = Tensor::zeros(vec![directions, batch, hidden]);
                importer.graph.add_constant(format!("{name}.state"), zeros)
            }
        });
    }
    for direction in 0..directions {
        let mut add = |tensor: &Tensor, what: &str, start: usize| -> ValueId {
            let tensor = tensor.index_axis(Axis(0), direction);
            let rows: Vec<usize> =
                gates.iter().flat_map(|gate| (0..hidden).map(move |row| start + gate * hidden + row)).collect();
            let rows = tensor.select(Axis(0), &rows).as_standard_layout().into_owned();
            importer.graph.add_constant(format!("{name}.{what}"), rows)
        };
        inputs.push(add(&weights, "weight_ih", 0));
        inputs.push(add(&recurrence, "weight_hh", 0));
        if let Some(bias) = &bias {
            inputs.push(add(bias, "bias_ih", 0));
            inputs.push(add(bias, "bias_hh", rows));
        }
    }
    let bias = bias.is_some();
    let results =
        importer.push(node, Recurrent { cell, layers: 1, bidirectional, batch_first: false, bias }, inputs)?;
    let mut results = results.into_iter();
    // `[T, N, D · H]` becomes `[T, D, N, H]`.
    let Some(Entry::Value(states)) = results.next() else { return Err("has no results".to_owned()) };
    let shape = vec![time, batch, directions, hidden];
    let split = one(importer.push(node, View { shape }, vec![states])?)?;
    let mut all = importer.push(node, Permute { perm: vec![0, 2, 1, 3] }, vec![split])?;
    all.extend(results);
    Ok(all)
}
