//! Counts what generated code costs on microcontrollers: `cargo run -p quantize-measure -- --help`.

mod core;
mod goals;
mod layers;
mod onnx;
mod package;
mod report;
mod tflite;

use crate::core::{CORES, Core, Run, Size};
use package::{Generated, Workspace};
use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo run -p quantize-measure -- [--write | [--steps] [--core M4]... [NETWORK]...]

Compiles networks for cores, runs them in QEMU and prints what they cost; without names, all of them on all cores.

--steps   also the instructions of each step
--write   all networks on all cores, as docs/firmware-performance.md; fails if a goal there is missed
";

/// A file of the repository, `path` relative to its root.
fn repository(path: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in a folder of the repository");
    tests.parent().expect("the folder is in the repository").join(path)
}

/// A network and how it is quantized.
struct Network {
    name: &'static str,
    source: Source,
}

enum Source {
    Layer(&'static layers::Layer),
    /// A folder of the corpus.
    Corpus,
    /// A model in the package of microflow.
    Microflow,
}

/// What a network costs on a core.
struct Costs {
    core: &'static Core,
    size: Size,
    run: Run,
    /// Instructions of each step, where they were asked for.
    steps: Option<Vec<u64>>,
}

/// A network on all cores.
struct Measured {
    name: &'static str,
    /// Whether it is one layer of [`layers`].
    is_layer: bool,
    generated: Generated,
    costs: Vec<Costs>,
    /// The same network by microflow on the same cores, where it comes from there.
    peer: Vec<(Size, Run)>,
}

fn networks() -> Vec<Network> {
    let layers = layers::LAYERS.iter().map(|layer| Network { name: layer.name, source: Source::Layer(layer) });
    let corpus = ["mlperf_kws_dscnn", "mlperf_vww"].map(|name| Network { name, source: Source::Corpus });
    let peers = ["sine", "speech", "person_detect"].map(|name| Network { name, source: Source::Microflow });
    layers.chain(corpus).chain(peers).collect()
}

impl Network {
    /// Adds its package; `false` where a file is missing.
    fn add(&self, workspace: &Workspace) -> bool {
        match self.source {
            Source::Layer(layer) => workspace.network(self.name, layer.arguments, &[("model.onnx", &layer.model())]),
            Source::Corpus => {
                let folder = repository("../shared/corpus").join(self.name);
                let files = ["model.onnx", "calib.npy"].map(|file| package::present(&folder.join(file)));
                let [Some(model), Some(samples)] = files else { return false };
                let arguments = ", calibration = \"calib.npy\", global = int8(per_channel)";
                workspace.network(self.name, arguments, &[("model.onnx", &model), ("calib.npy", &samples)]);
            }
            Source::Microflow => {
                let model = workspace.peer(self.name);
                workspace.network(self.name, ", embed = constants", &[("model.onnx", &tflite::convert(&model))]);
            }
        }
        true
    }

    /// Measures it on these cores; `None` where a file is missing.
    fn measure(&self, workspace: &Workspace, cores: &[&'static Core], with_steps: bool) -> Option<Measured> {
        if !self.add(workspace) {
            return None;
        }
        let mut measured: Option<Measured> = None;
        for &core in cores {
            let built = workspace.build(self.name, core);
            let generated = Generated::read(&built);
            let run = core.run(&built.program);
            let most = generated.stack.get(core.kernels).copied().expect("all steps of these networks are counted");
            assert!(run.stack <= most as u64, "{} on {}: a stack of {}", self.name, core.name, run.stack);
            let steps = with_steps.then(|| {
                let name = format!("{}-steps", self.name);
                workspace.marked(&name, &generated);
                let marked = core.run(&workspace.build(&name, core).program);
                assert_eq!(marked.checksum, run.checksum, "{} with markers on {}", self.name, core.name);
                let regions = &marked.regions;
                assert_eq!(regions.len(), generated.steps.len() + 2, "before, between and after steps");
                regions[1..=generated.steps.len()].to_vec()
            });
            let costs = Costs { core, size: core::size(&built.program, generated.input), run, steps };
            let measured = measured.get_or_insert_with(|| Measured {
                name: self.name,
                is_layer: matches!(self.source, Source::Layer(_)),
                generated,
                costs: Vec::new(),
                peer: Vec::new(),
            });
            if let Some(first) = measured.costs.first() {
                let (on, at) = (first.core.name, core.name);
                assert_eq!(first.run.checksum, costs.run.checksum, "{} on {on} and {at}", self.name);
            }
            measured.costs.push(costs);
            if let Source::Microflow = self.source {
                let built = workspace.build(&package::peer_name(self.name), core);
                measured.peer.push((core::size(&built.program, measured.generated.input), core.run(&built.program)));
            }
        }
        measured
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let (mut cores, mut names, mut with_steps, mut is_written) = (Vec::new(), Vec::new(), false, false);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--steps" => with_steps = true,
            "--write" => is_written = true,
            "--core" => {
                let name = arguments.next().unwrap_or_default();
                let Some(core) = CORES.iter().find(|core| core.name == name) else {
                    eprintln!("no core {name:?}; there are {}", CORES.each_ref().map(|core| core.name).join(", "));
                    return ExitCode::FAILURE;
                };
                cores.push(core);
            }
            name if networks().iter().any(|network| network.name == name) => names.push(name.to_owned()),
            _ => {
                print!(
                    "{HELP}\nnetworks: {}\n",
                    networks().iter().map(|network| network.name).collect::<Vec<_>>().join(", ")
                );
                return if argument == "--help" { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            }
        }
    }
    if cores.is_empty() {
        cores = CORES.iter().collect();
    }
    let workspace = Workspace::new(core::environment(&cores));
    let chosen =
        networks().into_iter().filter(|network| names.is_empty() || names.iter().any(|name| name == network.name));
    let measured = chosen.filter_map(|network| {
        let measured = network.measure(&workspace, &cores, with_steps || is_written)?;
        print!("{}", report::lines(&measured));
        Some(measured)
    });
    let measured: Vec<Measured> = measured.collect();
    if is_written {
        let path = repository("docs/firmware-performance.md");
        std::fs::write(&path, report::document(&measured)).expect("the document can be written");
        let missed: Vec<_> = goals::goals(&measured).into_iter().filter(|goal| !goal.is_reached()).collect();
        for goal in &missed {
            eprintln!("not reached: {}", goal.what);
        }
        if !missed.is_empty() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
