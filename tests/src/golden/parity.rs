//! How far one model is from upstream's, from annotation to outputs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use quantize_build::annotate::GroupId;
use quantize_build::config::{Dtype, Profile};
use quantize_build::graph::{Element, Graph, NodeId, Tensor, ValueId};
use quantize_build::quantize::{QuantGraph, QuantParams};

use super::align::Alignment;
use super::execute::Program;
use super::upstream::{Observer, Prepared, family};
use super::{Annotated, Case};
use crate::npy;

/// How many of how many are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// Equal ones.
    pub equal: usize,
    /// All.
    pub total: usize,
}

impl Share {
    fn of(flags: impl IntoIterator<Item = bool>) -> Self {
        flags.into_iter().fold(Self::default(), |share, flag| share.and(flag))
    }

    fn and(self, flag: bool) -> Self {
        Self { equal: self.equal + usize::from(flag), total: self.total + 1 }
    }

    /// Whether none differs.
    pub fn is_whole(self) -> bool {
        self.equal == self.total
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {}", self.equal, self.total)
    }
}

/// Relative difference of scales that different float forwards explain.
pub const SCALE_TOLERANCE: f64 = 1e-5;

/// The comparison of one model.
#[derive(Debug, Default)]
pub struct Parity {
    /// Operators on the same side: integers or float.
    pub float_nodes: Share,
    /// Observers at the same places, with the same readers and sharing.
    pub observers: Share,
    /// What is elsewhere: operators without a counterpart, observers at other places.
    pub strays: Vec<String>,
    /// Integer weights, biases and constants, given the recorded parameters.
    pub weights: Share,
    /// Integer outputs, given the recorded parameters and inputs; none where upstream has several programs.
    pub integers: Share,
    /// TRANSPOSE operators of our program and of upstream's; none where upstream has several programs.
    pub transposes: Option<[usize; 2]>,
    /// Largest relative difference of scales that are within the tolerance.
    pub scales: f64,
    /// Observers whose search stopped at another bin: name and relative difference.
    pub flips: Vec<(String, f64)>,
    /// Largest difference of zero points.
    pub zero_points: i32,
    /// Outputs of the program with real numbers at its ends within one quantum of upstream's, given the recorded
    /// parameters; none where upstream has no such program.
    pub full: Share,
    /// Outputs within one quantum of upstream's, ours being calibrated by us.
    pub outputs: Share,
    /// Largest difference of outputs in quanta.
    pub largest: f64,
    /// What this version does not do with the annotated network.
    pub missing: Option<String>,
}

impl Parity {
    /// Compares one model file of a case with upstream's recordings.
    ///
    /// # Errors
    ///
    /// What keeps the model from being annotated.
    pub fn measure(case: &Case, file: &str) -> Result<Self, String> {
        let ours = caught(|| case.annotated(file))?;
        let upstream = caught(|| Ok(Prepared::new(case)))?;
        let alignment = Alignment::new(&upstream, &ours);
        let mut parity = Self { strays: alignment.unpaired.clone(), ..Self::default() };
        parity.strays.extend(alignment.misplaced.iter().cloned());
        let activations = || upstream.observers.iter().filter(|(_, observer)| !observer.is_parameter);
        let placed = |id: &String| alignment.observers.contains_key(id) && !alignment.misplaced.contains(id);
        parity.observers = Share::of(activations().map(|(id, _)| placed(id)));
        if alignment.surplus > 0 {
            parity.strays.push(format!("{} observers of ours alone", alignment.surplus));
        }
        if let Err(missing) = parity.compare(case, &ours, &upstream, &alignment) {
            parity.missing = Some(missing);
        }
        Ok(parity)
    }

    fn compare(
        &mut self,
        case: &Case,
        ours: &Annotated,
        upstream: &Prepared,
        alignment: &Alignment,
    ) -> Result<(), String> {
        let params = caught(|| ours.calibrated(|index| case.folder.join(format!("calib_in_{index}.npy"))))?.0;
        for (id, group) in &alignment.observers {
            self.compare_params(id, &params[group.0 as usize], &upstream.observers[id]);
        }
        let injected = caught(|| Ok(with_recorded(ours, upstream, alignment, &params)))?;
        let sides = alignment.float_nodes(upstream, ours, &injected.float);
        self.float_nodes = Share::of(sides.values().copied());
        self.strays.extend(sides.iter().filter(|(_, equal)| !**equal).map(|(name, _)| name.clone()));
        self.strays.sort();
        self.strays.dedup();
        self.weights = weights(case, ours, &injected, alignment);
        let program = caught(|| Program::new(&injected, Profile::Int))?;
        let recorded = case.arrays("tosa_int_e2e_out");
        // Beside float operators upstream's integer program is a part of the network only.
        let network = &injected.graph;
        let is_real = |id: NodeId| {
            let node = network.node(id);
            node.inputs.iter().chain(&node.outputs).any(|&value| network.value(value).element == Element::F32)
        };
        let stays_float =
            |id: NodeId| injected.float[id.0 as usize] && !injected.fused.contains(&Some(id)) && is_real(id);
        let whole = !network.node_ids().any(stays_float);
        if !recorded.is_empty() && whole && injected.returned.iter().all(Option::is_some) {
            // Codes are equal where the numbers are that they stand for.
            let outputs = caught(|| program.run(&case.arrays("test_in")))?;
            self.transposes = recorded_transposes(case).map(|theirs| [program.transposes(), theirs]);
            self.integers = Share::of(outputs.iter().flatten().zip(recorded.iter().flatten()).map(|(a, b)| a == b));
        }
        self.full = caught(|| full_outputs(case, &injected))?;
        let network = caught(|| Ok(ours.quantized(params)))?;
        let program = caught(|| Program::new(&network, Profile::Int))?;
        let outputs = caught(|| program.run(&case.arrays("test_in")))?;
        caught(|| {
            self.compare_outputs(&network, &outputs, &case.arrays("test_out"));
            Ok(())
        })
    }

    fn compare_params(&mut self, id: &str, ours: &QuantParams, recorded: &Observer) {
        let difference = (f64::from(ours.scale) / f64::from(recorded.scale) - 1.0).abs();
        if difference > SCALE_TOLERANCE {
            self.flips.push((id.replace("activation_post_process_", "#"), difference));
        } else {
            self.scales = self.scales.max(difference);
        }
        self.zero_points = self.zero_points.max((ours.zero_point - recorded.zero_point).abs());
        let codes = [i64::from(ours.qmin), i64::from(ours.qmax)];
        if codes != recorded.range || ours.dtype.name() != recorded.dtype {
            self.strays.push(format!("{id}: {} {codes:?}", ours.dtype.name()));
        }
    }

    fn compare_outputs(&mut self, network: &QuantGraph, outputs: &[Vec<f64>], recorded: &[Vec<f64>]) {
        for difference in quanta(network, outputs, recorded) {
            self.largest = self.largest.max(difference);
            self.outputs = self.outputs.and(difference <= 1.0);
        }
    }
}

/// TRANSPOSE operators in the listing of upstream's integer program; none where it is not at hand.
fn recorded_transposes(case: &Case) -> Option<usize> {
    let listing = std::fs::read_to_string(case.folder.join("model_int.tosa.txt")).ok()?;
    Some(listing.matches(" = TRANSPOSE(").count())
}

/// How far outputs are from recorded ones.
fn quanta(network: &QuantGraph, outputs: &[Vec<f64>], recorded: &[Vec<f64>]) -> Vec<f64> {
    let mut differences = Vec::new();
    for ((output, recorded), params) in outputs.iter().zip(recorded).zip(&network.returned) {
        assert_eq!(output.len(), recorded.len(), "elements of an output");
        // Without codes at the end one quantum is that of an int8 tensor of this range.
        let largest = recorded.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let quantum = params.map_or(largest / 127.0, |params| f64::from(params.scale)).max(f64::MIN_POSITIVE);
        differences.extend(output.iter().zip(recorded).map(|(ours, recorded)| {
            let difference = ((ours - recorded) / quantum).abs();
            // Reals of equal codes differ in the last bits of f32.
            if params.is_some() { difference.round() } else { difference }
        }));
    }
    differences
}

/// The network with the parameters that upstream recorded, ours where it has none.
fn with_recorded(ours: &Annotated, upstream: &Prepared, alignment: &Alignment, params: &[QuantParams]) -> QuantGraph {
    let recorded = |(index, found): (usize, &QuantParams)| {
        let id = alignment.observers.iter().find(|(_, group)| **group == GroupId(index as u32));
        id.map_or(*found, |(id, _)| upstream.observers[id].params(*found))
    };
    ours.quantized(params.iter().enumerate().map(recorded).collect())
}

/// The program with real numbers at its ends against upstream's; with uint8 ends, where upstream's has a fault, against the
/// quantized network.
fn full_outputs(case: &Case, network: &QuantGraph) -> Result<Share, String> {
    let recorded = case.arrays("tosa_e2e_out");
    if recorded.is_empty() {
        return Ok(Share::default());
    }
    let inputs = network.graph.inputs.iter().map(|id| network.stored[id.0 as usize]);
    let has_uint8 = inputs.chain(network.returned.iter().copied()).flatten().any(|params| params.dtype == Dtype::Uint8);
    let recorded = if has_uint8 { case.arrays("test_out") } else { recorded };
    let program = caught(|| Program::new(network, Profile::Full))?;
    let outputs = caught(|| program.run(&case.arrays("test_in")))?;
    Ok(Share::of(quanta(network, &outputs, &recorded).into_iter().map(|difference| difference <= 1.0)))
}

impl Observer {
    /// Its parameters; ours where upstream recorded none.
    pub fn params(&self, ours: QuantParams) -> QuantParams {
        let dtype = [Dtype::Int8, Dtype::Uint8, Dtype::Int16].into_iter().find(|dtype| dtype.name() == self.dtype);
        let code = |code: i64| i32::try_from(code).expect("at most 16 bits");
        QuantParams {
            dtype: dtype.unwrap_or(ours.dtype),
            scale: self.scale,
            zero_point: self.zero_point,
            qmin: code(self.range[0]),
            qmax: code(self.range[1]),
        }
    }
}

/// Frozen constants of upstream's that ours equal.
fn weights(case: &Case, ours: &Annotated, network: &QuantGraph, alignment: &Alignment) -> Share {
    let json = case.json("qparams.json");
    let constants = json["constants"].as_array().expect("a list").iter();
    Share::of(constants.map(|constant| {
        let (consumer, arg) = (constant["consumer"].as_str().expect("text"), &constant["arg"]);
        let recorded = npy::numbers(case.folder.join(constant["file"].as_str().expect("text")));
        let graph = &ours.graph;
        let (values, read): (Vec<ValueId>, &[Option<QuantParams>]) = if consumer == "output" {
            (graph.outputs.iter().map(|output| output.value).collect(), &network.returned)
        } else {
            let Some(id) = alignment.nodes.get(consumer) else { return false };
            if let Some(weights) = &network.weights[id.0 as usize] {
                return match arg.as_u64() {
                    Some(1) => weights.codes.iter().map(|&code| f64::from(code)).eq(recorded),
                    _ => weights.bias.iter().map(|&code| f64::from(code)).eq(recorded),
                };
            }
            (graph.nodes[id.0 as usize].inputs.clone(), &network.read[id.0 as usize])
        };
        // A constant operand, or one of a list, quantized as it is read.
        values.iter().zip(read).any(|(&value, params)| {
            let Some((params, real)) = params.zip(known(graph, value)) else { return false };
            real.iter().map(|&real| f64::from(params.quantize(real))).eq(recorded.iter().copied())
        })
    }))
}

/// The data of a constant, or of a view of one, which upstream freezes behind the view.
fn known(graph: &Graph, value: ValueId) -> Option<&Tensor> {
    let viewed = || {
        let view = graph.nodes.iter().find(|node| node.outputs == [value] && family(&node.target) == "view")?;
        known(graph, view.inputs[0])
    };
    graph.value(value).real().or_else(viewed)
}

/// The result of a stage; what it says when it panics is an error, too: a case must not hide the others.
///
/// # Errors
///
/// Those of the stage.
pub fn caught<T>(stage: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(stage)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(format!("panics: {}", message.unwrap_or_default()))
    })
}
