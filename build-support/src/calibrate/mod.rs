//! Runs the float network over the samples and lets observers find each tensor's range.

pub mod dataset;
pub mod observer;
mod turns;

use crate::annotate::{Annotation, GroupId, Observed};
use crate::config::Dtype;
use crate::graph::{Data, Graph, NodeId, Tensor, ValueId};
use crate::quantize::{Params, QuantParams};
pub use dataset::Dataset;
use observer::Observer;
pub(crate) use observer::symmetric_scale;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::thread;
use turns::{Abandoned, Turns};

/// Samples that are under way at the same time, at most: each has the memory of the widest point of the network.
const MOST_SAMPLES: usize = 8;

/// What calibration found.
#[derive(Debug)]
pub struct Calibrated {
    /// The parameters of every group.
    pub params: Params,
    /// By [`GroupId`]: what its observer has seen.
    pub seen: Vec<Observer>,
    /// By model input: smallest and largest number; `None` for one that holds no real numbers.
    pub inputs: Vec<Option<[f32; 2]>>,
    /// How many samples there were.
    pub samples: u64,
}

/// The parameters of every group of tensors.
///
/// # Errors
///
/// As [`observe`].
pub fn calibrate(graph: &Graph, annotation: &Annotation, dataset: &mut Dataset) -> Result<Params, String> {
    observe(graph, annotation, dataset).map(|calibrated| calibrated.params)
}

/// Observes every group of tensors over all samples, in order. Samples are spread over the processor's cores, which changes no
/// result.
///
/// # Errors
///
/// Tensors that became infinite or not a number, with the name of the first one and the sample.
pub fn observe(graph: &Graph, annotation: &Annotation, dataset: &mut Dataset) -> Result<Calibrated, String> {
    let samples = dataset.samples();
    let observers = annotation.observers.iter().map(|observed| Observer::new(observed.activation)).collect();
    let consumers = graph.consumers();
    // Results that nobody reads are not observed, as upstream puts observers between maker and reader; inputs are.
    let is_read = |id: ValueId| !consumers[id.index()].is_empty() || graph.is_output(id) || graph.inputs.contains(&id);
    let observers_of = |id| if is_read(id) { annotation.observers_of(graph, id) } else { Vec::new() };
    let groups: Vec<Vec<GroupId>> = (0..graph.value_count()).map(|value| observers_of(ValueId(value as u32))).collect();
    let turns = Turns::new(graph, observers, groups);

    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let together = cores.min(samples).min(MOST_SAMPLES);
    let source = Mutex::new((0, dataset));
    // Takes samples until there are no more.
    let work = || {
        while let Some((number, inputs)) = next_sample(&source) {
            let one = || inputs.and_then(|inputs| observe_sample(graph, &consumers, &turns, number, inputs));
            match catch_unwind(AssertUnwindSafe(one)) {
                Ok(Ok(())) => {}
                Ok(Err(message)) => return turns.fail(number, message),
                Err(panic) => {
                    // Nobody may wait for this sample.
                    turns.fail(number, String::new());
                    resume_unwind(panic);
                }
            }
        }
    };
    if together == 1 {
        work();
    } else {
        quantize_float::all_at_once((0..together).map(|_| || quantize_float::on_one_core(work)));
    }
    let seen = turns.finish()?;
    let (_, dataset) = source.into_inner().expect("a thread that panics ends the calibration");
    let params = |(observer, observed): (&Observer, &Observed)| match observed.fixed {
        None => observer.params(),
        Some(range) => {
            let bits = if observed.activation.dtype == Dtype::Int16 { 16 } else { 8 };
            QuantParams { scale: range.scale(bits), zero_point: 0, ..observer.params() }
        }
    };
    let params = Params(seen.iter().zip(&annotation.observers).map(params).collect());
    Ok(Calibrated { params, seen, inputs: dataset.extremes(), samples: samples as u64 })
}

/// The next sample with its number, or why it cannot be read.
fn next_sample(source: &Mutex<(usize, &mut Dataset)>) -> Option<(usize, Result<Vec<Data>, String>)> {
    let mut source = source.lock().ok()?;
    let (number, dataset) = &mut *source;
    let inputs = dataset.next_sample().transpose()?;
    *number += 1;
    Some((*number - 1, inputs))
}

/// Runs one sample and shows its tensors to the observers; an abandoned sample has no result.
fn observe_sample(
    graph: &Graph,
    consumers: &[Vec<NodeId>],
    turns: &Turns,
    number: usize,
    inputs: Vec<Data>,
) -> Result<(), String> {
    let mut sample = turns.begin(number);
    match run(graph, consumers, inputs, &mut |id, tensor| sample.observe(id, tensor)) {
        Ok(_) | Err(Stop::Abandoned) => Ok(()),
        Err(Stop::Overflow(id)) => Err(format!(
            "sample {number} makes `{}` infinite or not a number: the network overflows in f32",
            graph.value(id).name
        )),
    }
}

/// The parameters of every group of a network that brings its own.
pub fn given(graph: &Graph, annotation: &Annotation) -> Params {
    let params = |observed: &Observed| {
        let given = graph.value(observed.value).given.as_ref().expect("groups are of tensors with parameters");
        QuantParams::int8(given.scales[0], given.zero_point)
    };
    Params(annotation.observers.iter().map(params).collect())
}

/// Parameters as of observers that have seen nothing: what depends on types only can be found with them.
pub(crate) fn unseen(annotation: &Annotation) -> Params {
    Params(annotation.observers.iter().map(|observed| Observer::new(observed.activation).params()).collect())
}

/// The float result of the network, in the order of its outputs.
///
/// # Errors
///
/// The first tensor with a value that is infinite or not a number although it was computed from finite ones.
pub fn evaluate(graph: &Graph, inputs: Vec<Data>) -> Result<Vec<Data>, ValueId> {
    run(graph, &graph.consumers(), inputs, &mut |_, _| Ok(())).map_err(|stop| match stop {
        Stop::Overflow(id) => id,
        Stop::Abandoned => unreachable!("nobody abandons the only sample"),
    })
}

/// Why a sample was not run to its end.
#[derive(Debug)]
enum Stop {
    /// The first tensor with a value that is infinite or not a number although it was computed from finite ones.
    Overflow(ValueId),
    Abandoned,
}

impl From<Abandoned> for Stop {
    fn from(Abandoned: Abandoned) -> Self {
        Self::Abandoned
    }
}

/// Runs the network on one sample, showing each tensor of real numbers to `observe` in execution order.
fn run(
    graph: &Graph,
    consumers: &[Vec<NodeId>],
    inputs: Vec<Data>,
    observe: &mut impl FnMut(ValueId, &Tensor) -> Result<(), Abandoned>,
) -> Result<Vec<Data>, Stop> {
    let mut observe = |id: ValueId, data: &Data| data.real().map_or(Ok(()), |tensor| observe(id, tensor));
    let mut values: Vec<Option<Data>> = vec![None; graph.value_count()];
    let mut readers: Vec<usize> = consumers.iter().map(Vec::len).collect();
    for output in &graph.outputs {
        readers[output.value.index()] += 1;
    }
    for (&id, data) in graph.inputs.iter().zip(inputs) {
        observe(id, &data)?;
        values[id.index()] = Some(data);
    }
    for node in &graph.nodes {
        let constant = |id: ValueId| graph.value(id).constant.as_ref();
        for &id in &node.inputs {
            if let Some(data) = constant(id) {
                observe(id, data)?;
            }
        }
        let operands: Vec<&Data> = node
            .inputs
            .iter()
            .map(|&id| constant(id).or(values[id.index()].as_ref()).expect("nodes are in execution order"))
            .collect();
        let results = node.op.evaluate(&operands);
        // A mask of infinities goes through a network on purpose; one that appears is an overflow.
        let overflows = |result: &Data| !is_finite(result) && operands.iter().all(|operand| is_finite(operand));
        if let Some(index) = results.iter().position(overflows) {
            return Err(Stop::Overflow(node.outputs[index]));
        }
        for (&id, result) in node.outputs.iter().zip(results) {
            observe(id, &result)?;
            values[id.index()] = Some(result);
        }
        // A tensor is dropped after its last reader, so that memory follows the widest point of the network.
        for &id in &node.inputs {
            readers[id.index()] -= 1;
            if readers[id.index()] == 0 {
                values[id.index()] = None;
            }
        }
        for &id in &node.outputs {
            if readers[id.index()] == 0 {
                values[id.index()] = None;
            }
        }
    }
    for output in &graph.outputs {
        if let Some(data) = &graph.value(output.value).constant {
            observe(output.value, data)?;
        }
    }
    let output = |id: ValueId| values[id.index()].as_ref().or(graph.value(id).constant.as_ref()).cloned();
    Ok(graph.outputs.iter().map(|o| output(o.value).expect("outputs are computed")).collect())
}

fn is_finite(data: &Data) -> bool {
    data.real().is_none_or(|tensor| quantize_float::all_finite(tensor.as_slice().expect("standard layout")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Output, Type};

    #[test]
    fn a_constant_that_is_returned_is_observed() {
        let mut graph = Graph::default();
        let input = graph.add_value("x", Type::real(vec![2]));
        let constant = graph.add_constant("table", Tensor::from_elem(vec![2], 3.0));
        graph.inputs = vec![input];
        graph.outputs = vec![Output { name: "table".to_owned(), value: constant }];
        let mut seen = Vec::new();
        let mut observe = |id: ValueId, tensor: &Tensor| {
            seen.push((id, tensor.sum()));
            Ok(())
        };
        let sample = vec![Tensor::zeros(vec![2]).into()];
        run(&graph, &graph.consumers(), sample, &mut observe).expect("finite numbers");
        assert_eq!(seen, [(input, 0.0), (constant, 6.0)]);
    }
}
