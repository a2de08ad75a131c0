//! Everything else that runs programs: generated code, the reference interpreter of TOSA, a Vulkan device in software.
//!
//! Each gives the names of the programs whose outputs are those of the interpreter.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use quantize_build::config::Dtype;
use quantize_build::emit::{Codes, Content, Interface, PortInfo, RUNTIME};
use quantize_build::{emit, plan};
use quantize_runtime::graph::{ElementType, Graph, Port};
use quantize_runtime::interpreter::Tensor;
use quantize_runtime::vgf::Vgf;
use quantize_syntax::attr::{Embed, Layout};
use serde_json::{Value, json};

use super::Program;
use crate::fixture::Fixture;
use crate::golden::execute;
use crate::{npy, outside, repository};

/// Names of programs.
pub type Names = BTreeSet<String>;

/// Processes of the Vulkan runner, side by side.
const VULKAN_PROCESSES: usize = 2;

/// Compares the outputs in each folder with what `tosa_ref.py` makes of the inputs, and prints the names of folders with equal
/// ones. Arguments: the folder of `tosa_ref.py`, the folder of the folders.
const REFERENCE: &str = r#"
import os, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import tosa_ref, vgf_check
np.seterr(all="ignore")
for name in sorted(os.listdir(sys.argv[2])):
    folder = os.path.join(sys.argv[2], name)
    with open(f"{folder}/model.vgf", "rb") as file:
        model, faults = vgf_check.load(file.read())
    ports = lambda kind: range(len(model["sequence"][kind + "puts"]))
    load = lambda kind: zip(*(np.load(f"{folder}/{kind}{i}.npy") for i in ports(kind)))
    try:
        assert not faults, faults
        for inputs, outputs in zip(load("in"), load("out")):
            for found, expected in zip(tosa_ref.execute(model, inputs), outputs):
                assert found.shape == expected.shape, (found.shape, expected.shape)
                if expected.dtype == np.float32:
                    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True)
                else:
                    assert (found == expected).all()
        print(name)
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
"#;

/// The elements of inputs and outputs as bytes, for the generated programs.
const MAIN: &str = r#"#![allow(warnings)]
use quantize_runtime::Model;

trait Element: Copy {
    fn take(bytes: &mut impl Iterator<Item = u8>) -> Self;
    fn put(self, bytes: &mut Vec<u8>);
}

macro_rules! element {
    ($($Type:ident)*) => {$(
        impl Element for $Type {
            fn take(bytes: &mut impl Iterator<Item = u8>) -> Self {
                Self::from_le_bytes(std::array::from_fn(|_| bytes.next().expect("as many as written")))
            }
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}

element!(i8 i16 i32 f32);

impl Element for bool {
    fn take(bytes: &mut impl Iterator<Item = u8>) -> Self {
        u8::from_le_bytes([bytes.next().expect("as many as written")]) != 0
    }
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(self.into());
    }
}

fn take<T: Element, const N: usize>(bytes: &mut impl Iterator<Item = u8>) -> [T; N] {
    std::array::from_fn(|_| T::take(bytes))
}

fn put<T: Element>(elements: &[T], bytes: &mut Vec<u8>) {
    elements.iter().for_each(|element| element.put(bytes));
}
"#;

/// Compiles the generated code of all programs and runs it, in a crate of its own; other outputs than the interpreter's are a
/// panic. `tmp` is the test's `env!("CARGO_TARGET_TMPDIR")`.
pub fn generated(programs: &[&Program], tmp: &str) -> Names {
    let fixture = Fixture::new(tmp, "probes", "probes");
    let runtime = repository("quantize-runtime");
    let manifest = format!(
        "[package]\nname = \"probes\"\nversion = \"0.1.0\"\nedition = \"2024\"\nbuild = false\n\n\
         [dependencies]\nquantize-runtime = {{ path = {runtime:?}, features = [\"libm\"] }}\n\n\
         [profile.dev.package]\nquantize-runtime.opt-level = 3\nprobes.debug = false\n\n[workspace]\n"
    );
    fixture.write("Cargo.toml", manifest);
    let mut planned = Vec::new();
    let (mut source, mut calls) = (MAIN.to_owned(), String::new());
    for &program in programs {
        let graph = decoded(program);
        let plan = plan::plan(&graph).unwrap_or_else(|error| panic!("{}: {error}", program.name));
        let name = format!("P{}", planned.len());
        let interface = interface(&name, &graph);
        let (file, labels) = (&program.file, &program.labels);
        let image = emit::Image::new((interface.embed, interface.layout), file, &graph, labels, &plan);
        let parts = emit::Program { file, image: &image, expected: None, graph: &graph, labels, plan: &plan };
        fixture.write(&format!("src/{name}.rs"), emit::emit(&interface, parts, &format!("{name}.vgf")).code);
        fixture.write(&format!("src/{name}.vgf"), &program.file);
        fixture.write(&format!("{name}.in"), bytes(program, 0));
        source += &caller(&name, &interface, program.samples.len());
        let _ = writeln!(calls, "    run_{}();", name.to_lowercase());
        planned.push((name, program));
    }
    fixture.write("src/main.rs", format!("{source}\nfn main() {{\n{calls}}}\n"));
    let output = fixture.cargo(&["run", "--quiet"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, program) in &planned {
        let results = fs::read(fixture.path(&format!("{name}.out"))).expect("written by the program");
        assert_eq!(results, bytes(program, 1), "{}: generated code and interpreter differ", program.name);
    }
    planned.iter().map(|(_, program)| program.name.clone()).collect()
}

/// The struct of a program and a function that runs it on all samples.
fn caller(name: &str, interface: &Interface, samples: usize) -> String {
    let module = name.to_lowercase();
    let is_quantized = |port: &PortInfo| matches!(port.content, Content::Quantized(_));
    let any_quantized = interface.inputs.iter().chain(&interface.outputs).any(is_quantized);
    let (run, kind) = if any_quantized { ("run_quantized", "Quantized") } else { ("run", "") };
    let element = |port: &PortInfo| match port.content {
        Content::Quantized(Codes { dtype: Dtype::Int16, .. }) => "i16",
        Content::Quantized(_) => "i8",
        Content::Real => "f32",
        Content::Integers => "i32",
        Content::Truths => "bool",
    };
    let take = |port: &PortInfo| {
        let count: usize = port.shape.iter().product();
        format!("        let {} = take::<{}, {count}>(&mut bytes);\n", port.name, element(port))
    };
    let argument = match &interface.inputs[..] {
        [port] => format!("&{}", port.name),
        ports => {
            let fields: Vec<String> = ports.iter().map(|port| format!("{0}: &{0}", port.name)).collect();
            format!("&{module}::{name}{kind}Inputs {{ {} }}", fields.join(", "))
        }
    };
    let results: Vec<String> = match &interface.outputs[..] {
        [_] => vec!["outputs".to_owned()],
        ports => ports.iter().map(|port| format!("outputs.{}", port.name)).collect(),
    };
    let puts: String = results.iter().map(|result| format!("        put({result}, &mut results);\n")).collect();
    let takes: String = interface.inputs.iter().map(take).collect();
    format!(
        "\npub struct {name} {{\n    memory: &'static mut <{name} as Model>::Memory,\n}}\n\n\
         mod {module} {{\n    include!(\"{name}.rs\");\n}}\n\n\
         fn run_{module}() {{\n    let mut network = {name}::new(Box::leak(Box::new(<{name} as Model>::EMPTY)));\n    \
         let mut bytes = std::fs::read(\"{name}.in\").expect(\"beside the manifest\").into_iter();\n    \
         let mut results = Vec::new();\n    for _ in 0..{samples} {{\n{takes}        \
         let outputs = network.{run}({argument});\n{puts}    }}\n    \
         std::fs::write(\"{name}.out\", results).expect(\"writable\");\n}}\n"
    )
}

/// The inputs (0) or outputs (1) of all samples.
fn bytes(program: &Program, side: usize) -> Vec<u8> {
    program.samples.iter().flat_map(|sample| &sample[side]).flat_map(Tensor::to_le_bytes).collect()
}

/// What the program takes and gives.
fn interface(name: &str, graph: &Graph<'_>) -> Interface {
    let codes = |dtype: Dtype| Content::Quantized(Codes { dtype, scale: 1.0, zero_point: 0, min: dtype.limits()[0] });
    let ports = |prefix: &str, ports: &[Port]| {
        let info = |(index, port): (usize, &Port)| {
            let value = &graph.values[port.value.0 as usize];
            let content = match value.element {
                ElementType::I8 => codes(Dtype::Int8),
                ElementType::I16 => codes(Dtype::Int16),
                ElementType::F32 => Content::Real,
                ElementType::Bool => Content::Truths,
                ElementType::I32 => Content::Integers,
                ElementType::I48 => unreachable!("sums stay inside"),
            };
            PortInfo { name: format!("{prefix}{index}"), shape: dims(graph, port), content, sensor: None }
        };
        ports.iter().enumerate().map(info).collect()
    };
    Interface {
        embed: Embed::Vgf,
        layout: Layout::Canonical,
        struct_name: name.to_owned(),
        model_path: String::new(),
        runtime: RUNTIME.to_owned(),
        inputs: ports("input_", &graph.inputs),
        outputs: ports("output_", &graph.outputs),
    }
}

/// Runs all programs through `tosa_ref.py`; nothing where it or its Python is missing.
pub fn reference(programs: &[&Program], folder: &Path) -> Option<Names> {
    let tosa_ref = outside::shared("vgf/tosa_ref.py")?;
    let python = outside::installed("quantize-vulkan/bin/vgf-python")?;
    for program in programs {
        let graph = decoded(program);
        let place = folder.join(&program.name);
        fs::create_dir_all(&place).expect("a writable folder");
        fs::write(place.join("model.vgf"), &program.file).expect("a writable folder");
        for (side, prefix, ports) in [(0, "in", &graph.inputs), (1, "out", &graph.outputs)] {
            for (index, port) in ports.iter().enumerate() {
                let tensors: Vec<&Tensor> = program.samples.iter().map(|sample| &sample[side][index]).collect();
                fs::write(place.join(format!("{prefix}{index}.npy")), stacked(&dims(&graph, port), &tensors))
                    .expect("a writable folder");
            }
        }
    }
    let parent = tosa_ref.parent().expect("a file in a folder");
    let output = Command::new(python).args(["-c", REFERENCE]).arg(parent).arg(folder).output().expect("Python runs");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

/// Runs the first sample of all programs on a Vulkan device in software, many in a process, whose start takes longer than most
/// of them; nothing where it is missing.
pub fn vulkan(programs: &[&Program], folder: &Path) -> Option<Names> {
    let setup = outside::shared("vgf/setup-vulkan.sh")?;
    outside::installed("quantize-vulkan/.done")?;
    fs::create_dir_all(folder).expect("a writable folder");
    let batches = programs.chunks(programs.len().div_ceil(VULKAN_PROCESSES).max(1)).enumerate();
    let run = |(index, batch): (usize, &[&Program])| {
        let scenario = folder.join(format!("scenario{index}.json"));
        fs::write(&scenario, scenario_of(batch, folder).to_string()).expect("a writable folder");
        let script = r#"eval "$("$0")"; exec scenario-runner --scenario "$1" --output "$2" --log-level error"#;
        outside::run(Command::new("bash").args(["-c", script]).arg(&setup).arg(scenario).arg(folder));
        let equal = batch.iter().filter(|program| is_equal_on_vulkan(program, folder));
        equal.map(|program| program.name.clone()).collect::<Names>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = batches.map(|batch| scope.spawn(move || run(batch))).collect();
        Some(threads.into_iter().flat_map(|thread| thread.join().expect("the runner accepts all programs")).collect())
    })
}

/// Inputs and outputs of the first sample of a program: the file for each, and the tensor.
fn ports<'a>(program: &'a Program, side: usize, folder: &Path) -> Vec<(String, Vec<usize>, &'a Tensor)> {
    let graph = decoded(program);
    let ports = if side == 0 { &graph.inputs } else { &graph.outputs };
    let file = |index| folder.join(format!("{}-{}{index}.npy", program.name, ["in", "out"][side]));
    let port = |(index, port): (usize, &Port)| {
        (file(index).display().to_string(), dims(&graph, port), &program.samples[0][side][index])
    };
    ports.iter().enumerate().map(port).collect()
}

/// What Arm's scenario runner does: it runs each program once. Writes the files with the inputs, too.
fn scenario_of(programs: &[&Program], folder: &Path) -> Value {
    let (mut commands, mut resources) = (Vec::new(), Vec::new());
    for program in programs {
        let name = &program.name;
        let file = folder.join(format!("{name}.vgf"));
        fs::write(&file, &program.file).expect("a writable folder");
        resources.push(json!({ "graph": { "src": file, "uid": name } }));
        let mut bindings = Vec::new();
        for side in 0..2 {
            for (path, dims, tensor) in ports(program, side, folder) {
                let uid = format!("{name}:{}", bindings.len());
                let (access, key) = [("readonly", "src"), ("writeonly", "dst")][side];
                let (_, format) = formats(tensor.element());
                if side == 0 {
                    let (descr, _) = formats(tensor.element());
                    fs::write(&path, npy::file(descr, &dims, &tensor.to_le_bytes())).expect("a writable folder");
                }
                // The runner has no tensors of rank 0.
                let dims = if dims.is_empty() { vec![1] } else { dims };
                let tensor = json!({ "dims": dims, "format": format, "shader_access": access, key: path, "uid": uid });
                resources.push(json!({ "tensor": tensor }));
                bindings.push(json!({ "id": bindings.len(), "set": 0, "resource_ref": uid }));
            }
        }
        commands
            .push(json!({ "dispatch_graph": { "bindings": bindings, "graph_ref": name, "shader_substitutions": [] } }));
    }
    json!({ "commands": commands, "resources": resources })
}

fn is_equal_on_vulkan(program: &Program, folder: &Path) -> bool {
    ports(program, 1, folder).into_iter().all(|(path, _, expected)| {
        let found = npy::numbers(path);
        match expected {
            Tensor::F32(reals) => {
                let close = |(found, &real): (&f64, &f32)| {
                    (found - f64::from(real)).abs() <= 1e-4 * f64::from(real).abs().max(1.0)
                };
                found.iter().zip(reals).all(close)
            }
            codes => found == execute::numbers(codes),
        }
    })
}

/// How `.npy` files and Vulkan name an element type.
fn formats(element: ElementType) -> (&'static str, &'static str) {
    match element {
        ElementType::Bool => ("|b1", "VK_FORMAT_R8_BOOL_ARM"),
        ElementType::I8 => ("|i1", "VK_FORMAT_R8_SINT"),
        ElementType::I16 => ("<i2", "VK_FORMAT_R16_SINT"),
        ElementType::I32 => ("<i4", "VK_FORMAT_R32_SINT"),
        ElementType::I48 => ("<i8", "VK_FORMAT_R64_SINT"),
        ElementType::F32 => ("<f4", "VK_FORMAT_R32_SFLOAT"),
    }
}

/// A `.npy` file of tensors of one shape.
fn stacked(shape: &[usize], tensors: &[&Tensor]) -> Vec<u8> {
    let (descr, _) = formats(tensors[0].element());
    let shape: Vec<usize> = [tensors.len()].into_iter().chain(shape.iter().copied()).collect();
    npy::file(descr, &shape, &tensors.iter().flat_map(|tensor| tensor.to_le_bytes()).collect::<Vec<u8>>())
}

fn decoded(program: &Program) -> Graph<'_> {
    Vgf::new(&program.file).and_then(|file| file.graph()).expect("a sound file")
}

fn dims(graph: &Graph<'_>, port: &Port) -> Vec<usize> {
    graph.values[port.value.0 as usize].shape.dims().iter().map(|&dim| dim as usize).collect()
}
