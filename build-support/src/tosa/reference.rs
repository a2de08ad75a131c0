//! Compares random graphs, written as files, with the reference interpreter of TOSA; for tests.

use super::samples::{self, Random};
use super::{Lowered, rewrite, validate};
use crate::plan::{execute, plan};
use crate::vgf;
use quantize_runtime::graph::ElementType;
use quantize_runtime::graph::{Graph, Port, ValueId};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Graphs, unless `QUANTIZE_GRAPHS` says how many.
const GRAPHS: u64 = 200;

/// Operators of a graph.
const OPERATORS: usize = 14;

/// Prints the names of graphs with an operator whose result is another than the reference's from the same operands.
const JUDGE: &str = include_str!("reference.py");

/// A folder of the reference material and the Python that runs it; `None` where one is missing, which `CI=true` forbids.
fn judge() -> Option<[PathBuf; 2]> {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is a folder of the repository");
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    let paths = [repository.join("../shared/vgf"), cache.join("quantize-vulkan/bin/vgf-python")];
    match paths.iter().find(|path| !path.exists()) {
        Some(missing) => {
            assert_ne!(env::var("CI").as_deref(), Ok("true"), "{} is missing", missing.display());
            None
        }
        None => Some(paths),
    }
}

/// Writes a graph, its inputs and what interpreter and kernels make of them; nothing where TOSA defines no result.
fn write(lowered: &Lowered, seed: u64, name: &str, folder: &Path) -> Option<()> {
    let valid = validate(rewrite(lowered)).expect("a valid graph");
    let image = vgf::write(&valid);
    let graph = Vgf::new(image.as_bytes()).and_then(|file| file.graph()).expect("what was written is read");
    let inputs = Random::new(seed).inputs(lowered);
    let run = |graph: &Graph<'_>| Interpreter::new(graph).expect("a valid graph").run(&inputs).ok();
    let outputs = run(&graph)?;
    let plan = plan(&graph).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    for (bytes, expected) in execute::execute(&plan, &inputs).iter().zip(&outputs) {
        let stored = Tensor::from_le_bytes(expected.element(), bytes);
        assert_eq!(samples::bits(&stored), samples::bits(expected), "{name}");
    }
    let mut every = graph.clone();
    let port = |&value: &ValueId| Port { name: String::new(), value, unsigned: false };
    every.outputs = graph.nodes.iter().flat_map(|node| &node.outputs).map(port).collect();
    let results = run(&every).expect("the same graph");

    let folder = folder.join(name);
    fs::create_dir_all(&folder).expect("a writable folder");
    fs::write(folder.join("model.vgf"), image.as_bytes()).expect("a writable folder");
    let files = [
        ("inputs", &graph.inputs, &inputs),
        ("results", &every.outputs, &results),
        ("outputs", &graph.outputs, &outputs),
    ];
    for (file, ports, tensors) in files {
        let arrays = ports.iter().zip(tensors).flat_map(|(port, tensor)| npy(&graph, port, tensor));
        fs::write(folder.join(file), arrays.collect::<Vec<u8>>()).expect("a writable folder");
    }
    Some(())
}

/// A `.npy` file, version 1.0.
fn npy(graph: &Graph<'_>, port: &Port, tensor: &Tensor) -> Vec<u8> {
    let kind = match tensor.element() {
        ElementType::Bool => "|b1",
        ElementType::I8 => "|i1",
        ElementType::I16 => "<i2",
        ElementType::I32 => "<i4",
        ElementType::I48 => "<i8",
        ElementType::F32 => "<f4",
    };
    let mut dims = String::new();
    for dim in graph.values[port.value.0 as usize].shape.dims() {
        write!(dims, "{dim},").expect("memory");
    }
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({dims}), }}");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    let len = (header.len() + 11).next_multiple_of(64) - 10;
    file.extend((len as u16).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = len - 1).bytes());
    file.extend(tensor.to_le_bytes());
    file
}

/// The names of the graphs in a folder that differ, each with the operator that does.
fn differing([reference, python]: &[PathBuf; 2], folder: &Path) -> BTreeSet<String> {
    let output = Command::new(python).args(["-c", JUDGE]).arg(reference).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A difference is shown with as few operators as its graph can have: the graphs of one seed grow by adding to them.
#[test]
fn operators_of_random_graphs_give_the_results_of_the_reference_interpreter() {
    let Some(judge) = judge() else { return };
    let graphs = env::var("QUANTIZE_GRAPHS").map_or(GRAPHS, |graphs| graphs.parse().expect("a number of graphs"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/reference");
    let fresh = |name: &str| {
        let folder = folder.join(name);
        // Missing in the first run.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a writable folder");
        folder
    };
    let all = fresh("all");
    let written = (0..graphs)
        .filter_map(|seed| write(&samples::random(seed, OPERATORS), seed, &format!("{seed:05}"), &all))
        .count();
    assert!(written as u64 > graphs * 4 / 5, "{written} of {graphs}");
    let differences = differing(&judge, &all);
    let Some(first) = differences.first() else { return };

    let seed = first.split(' ').next().and_then(|seed| seed.parse().ok()).expect("names are seeds");
    let smaller = fresh("smaller");
    for operators in 1..=OPERATORS {
        write(&samples::random(seed, operators), seed, &format!("{operators:02}"), &smaller);
    }
    panic!(
        "{differences:?} differ; of the graphs of seed {seed} by size, in {}: {:?}",
        smaller.display(),
        differing(&judge, &smaller)
    );
}
