//! Compiles what is written for random graphs and compares its results with the interpreter's; for tests.

use super::{Codes, Content, Image, Interface, PortInfo, Program, RUNTIME, emit};
use crate::config::Dtype;
use crate::plan::plan_within;
use crate::self_test;
use crate::tosa::samples::{self, Random};
use crate::tosa::{rewrite, validate};
use crate::vgf;
use quantize_runtime::graph::{Graph, Port};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use quantize_syntax::attr::{Embed, Layout};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, iter};

/// Networks in the first program.
const NETWORKS: usize = 24;

/// Networks in each further program.
const MANY: usize = 400;

/// One network as the program has it, and its outputs one after the other.
struct Network {
    source: String,
    expected: Vec<i8>,
}

/// Writes the files of a random network; `None` where TOSA defines no result. Of every third one the arena is as small as it
/// can be.
fn network(seed: u64, folder: &Path) -> Option<Network> {
    let is_small = seed.is_multiple_of(3);
    let lowered = if is_small { samples::random_layers(seed) } else { samples::random_codes(seed, 16) };
    let valid = validate(rewrite(&lowered)).expect("a valid graph");
    let image = vgf::write(&valid);
    let graph = Vgf::new(image.as_bytes()).and_then(|file| file.graph()).expect("what was written is read");
    let inputs: Vec<Vec<i8>> =
        graph.inputs.iter().map(|port| Random::new(seed).i8s(shape(&graph, port).iter().product())).collect();
    let tensors: Vec<Tensor> = inputs.iter().cloned().map(Tensor::I8).collect();
    let outputs = Interpreter::new(&graph).expect("a valid graph").run(&tensors).ok()?;
    let expected = outputs.iter().flat_map(Tensor::to_le_bytes).map(u8::cast_signed).collect();

    let plan = plan_within(&graph, if is_small { 0 } else { usize::MAX });
    let plan = plan.unwrap_or_else(|reason| panic!("seed {seed}: {reason}"));
    let name = format!("Network{seed}");
    let ports = |ports: &[Port]| {
        let content = Content::Quantized(Codes { dtype: Dtype::Int8, scale: 1.0, zero_point: 0, min: -128 });
        let port =
            |port: &Port| PortInfo { name: port.name.clone(), shape: shape(&graph, port), content, sensor: None };
        ports.iter().map(port).collect()
    };
    let embed = if seed.is_multiple_of(2) { Embed::Vgf } else { Embed::Constants };
    let layout = if seed % 4 == 1 { Layout::Packed } else { Layout::Canonical };
    let interface = Interface {
        struct_name: name.clone(),
        model_path: String::new(),
        runtime: RUNTIME.to_owned(),
        embed,
        layout,
        inputs: ports(&graph.inputs),
        outputs: ports(&graph.outputs),
    };
    let file = image.as_bytes();
    let embedded = Image::new((embed, layout), file, &graph, valid.labels(), &plan);
    let hashes = self_test::expected(&graph, 0)?;
    let program =
        Program { file, image: &embedded, expected: Some(&hashes), graph: &graph, labels: valid.labels(), plan: &plan };
    let emitted = emit(&interface, program, &format!("{name}.vgf"));
    fs::write(folder.join(format!("{name}.rs")), emitted.code).expect("a writable folder");
    fs::write(folder.join(format!("{name}.vgf")), image.as_bytes()).expect("a writable folder");

    let mut source = String::new();
    let module = name.to_lowercase();
    writeln!(source, "pub struct {name} {{ memory: &'static mut <{name} as Model>::Memory }}").unwrap();
    writeln!(source, "mod {module} {{ include!(\"{name}.rs\"); }}").unwrap();
    writeln!(source, "fn run_{module}() -> Vec<i8> {{").unwrap();
    writeln!(source, "    let memory = Box::leak(Box::new(<{name} as Model>::EMPTY));").unwrap();
    let inputs = match &inputs[..] {
        [codes] => format!("{codes:?}"),
        _ => {
            let fields = graph.inputs.iter().zip(&inputs).map(|(port, codes)| format!("{}: &{codes:?}", port.name));
            format!("{module}::{name}QuantizedInputs {{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
    };
    writeln!(source, "    let inputs = {inputs};").unwrap();
    writeln!(source, "    let mut network = {name}::new(memory);").unwrap();
    writeln!(source, "    let outputs = network.run_quantized(&inputs);").unwrap();
    let outputs = match &graph.outputs[..] {
        [_] => "&outputs[..]".to_owned(),
        ports => ports.iter().map(|port| format!("&outputs.{}[..]", port.name)).collect::<Vec<_>>().join(", "),
    };
    writeln!(source, "    let outputs = [{outputs}].concat();").unwrap();
    writeln!(source, "    network.self_test().unwrap();\n    outputs\n}}").unwrap();
    Some(Network { source, expected })
}

fn shape(graph: &Graph<'_>, port: &Port) -> Vec<usize> {
    graph.values[port.value.0 as usize].shape.dims().iter().map(|&dim| dim as usize).collect()
}

/// A package of its own.
struct Package {
    folder: PathBuf,
    runtime: PathBuf,
}

impl Package {
    fn cargo(&self, command: &str, features: &[&str]) -> Output {
        let manifest = format!(
            "[package]\nname = \"generated\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             quantize-runtime = {{ path = {:?}, default-features = false, features = {features:?} }}\n",
            self.runtime
        );
        fs::write(self.folder.join("Cargo.toml"), manifest).expect("a writable folder");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([command, "--quiet", "--offline", "--manifest-path"]).arg(self.folder.join("Cargo.toml"));
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target")).output().expect("cargo runs")
    }

    /// Writes a program of these networks.
    fn write(&self, networks: &[(u64, Network)]) {
        let head = "#![allow(warnings)]\nuse quantize_runtime::Model;\n".to_owned();
        let calls = networks.iter().map(|(seed, _)| format!("    println!(\"{{:?}}\", run_network{seed}());\n"));
        let main = iter::once("fn main() {\n".to_owned()).chain(calls).chain(iter::once("}\n".to_owned()));
        let sources = networks.iter().map(|(_, network)| network.source.clone());
        let source: String = iter::once(head).chain(sources).chain(main).collect();
        fs::write(self.folder.join("src/main.rs"), source).expect("a writable folder");
    }

    /// Runs the program of these networks and compares each one's results with the interpreter's.
    fn check(&self, networks: &[(u64, Network)]) {
        let output = self.cargo("run", &["libm"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).expect("numbers");
        assert_eq!(printed.lines().count(), networks.len());
        for (line, (seed, network)) in printed.lines().zip(networks) {
            assert_eq!(line, format!("{:?}", network.expected), "seed {seed}");
        }
    }
}

/// `QUANTIZE_GRAPHS` says how many networks there are instead of one program's.
#[test]
fn generated_code_gives_the_results_of_the_interpreter() {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the repository");
    let package = Package { folder: repository.join("target/generated"), runtime: repository.join("quantize-runtime") };
    // Networks of an earlier run; missing in the first one.
    let _ = fs::remove_dir_all(package.folder.join("src"));
    fs::create_dir_all(package.folder.join("src")).expect("a writable folder");
    let count = env::var("QUANTIZE_GRAPHS").map_or(NETWORKS, |graphs| graphs.parse().expect("a number of graphs"));
    let networks = (0..).filter_map(|seed| Some((seed, network(seed, &package.folder.join("src"))?)));
    let mut networks = networks.take(count).peekable();

    let first = networks.by_ref().take(NETWORKS).collect::<Vec<_>>();
    package.write(&first);
    let refused = String::from_utf8_lossy(&package.cargo("check", &[]).stderr).into_owned();
    let line = "write `quantize-runtime = { version = \"0.1\", features = [\"libm\"] }` under `[dependencies]`";
    assert!(refused.contains(line), "{refused}");
    package.check(&first);
    while networks.peek().is_some() {
        let next = networks.by_ref().take(MANY).collect::<Vec<_>>();
        package.write(&next);
        package.check(&next);
    }
}
