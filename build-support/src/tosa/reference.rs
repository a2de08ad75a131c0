//! Compares random graphs, written as files, with the reference interpreter of TOSA; for tests.

use super::samples::{self, Random};
use super::{Lowered, rewrite, validate};
use crate::plan::{execute, plan};
use crate::vgf;
use quantize_runtime::graph::ElementType::{self, F32};
use quantize_runtime::graph::{Graph, Port};
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::ops::Op;
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

/// Runs `tosa_ref.py` on each folder and prints the names of those whose outputs are others than recorded. In a folder
/// called `…-exact` integers are equal; f32 are close everywhere. It knows no way to ignore NaN and casts it to some
/// number, so that what it makes of NaN is no measure. It knows no operator of several results either, so that it gets
/// each result of a Fourier transform as an instruction of its own, which numpy computes.
const JUDGE: &str = r#"
import os, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import tosa_ref, vgf_check
np.seterr(all="ignore")
TRANSFORMS = {5: "FFT2D", 8: "RFFT2D"}
for number in TRANSFORMS:
    for part in (0, 1):
        tosa_ref.NAMES[number + 100 * part + 100] = dict(tosa_ref.NAMES[number], name=(number, part))
def run(name, a, *types, others=tosa_ref.run):
    if isinstance(name, str):
        return others(name, a, *types)
    number, part = name
    if number == 8:
        result = np.fft.rfft2(a["input_real"].astype(float))
    else:
        complex_input = a["input_real"].astype(float) + 1j * a["input_imag"]
        result = np.fft.ifft2(complex_input, norm="forward") if a["inverse"] else np.fft.fft2(complex_input)
    return (result.imag if part else result.real).astype(np.float32)
tosa_ref.run = run
class Module(tosa_ref.Module):
    def __init__(self, words, const):
        words, at, transforms = list(words), 5, {}
        while at < len(words):
            count, number = words[at] >> 16, words[at] & 0xFFFF
            operands = words[at + 1:at + count]
            split = []
            if number == 12 and operands[3] in TRANSFORMS:
                transforms[operands[1]] = operands
            elif number == 81:
                kind, result, of, part = operands
                _, _, instructions, number, *rest = transforms[of]
                split = [12, kind, result, instructions, number + 100 * part + 100, *rest]
                split[0] |= len(split) << 16
            else:
                at += count
                continue
            words[at:at + count] = split
            at += len(split)
        super().__init__(words, const)
tosa_ref.Module = Module
for name in sorted(os.listdir(sys.argv[2])):
    folder = os.path.join(sys.argv[2], name)
    load = lambda kind, n: [np.load(f"{folder}/{kind}{i}.npy") for i in range(n)]
    with open(f"{folder}/model.vgf", "rb") as file:
        model, faults = vgf_check.load(file.read())
    assert not faults, (name, faults)
    try:
        outputs = tosa_ref.execute(model, load("in", len(model["sequence"]["inputs"])))
    except OverflowError:
        assert not name.endswith("-exact"), name
        continue
    for found, expected in zip(outputs, load("out", len(outputs))):
        if expected.dtype == np.float32:
            close = np.abs(found.astype(float) - expected) <= 1e-4 * np.maximum(1, np.abs(expected))
            equal = (close | (found == expected) | np.isnan(found)).all()
        else:
            equal = (found == expected).all() or not name.endswith("-exact")
        if found.shape != expected.shape or not equal:
            print(name)
            break
"#;

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

/// Whether every implementation gives the same integers: an operator on f32 that may round in another way can change
/// an integer behind it.
fn is_exact(graph: &Graph<'_>) -> bool {
    let element = |id: quantize_runtime::graph::ValueId| graph.values[id.0 as usize].element;
    graph.nodes.iter().filter(|node| element(node.output()) == F32).all(|node| {
        matches!(
            node.op,
            Op::Abs(_)
                | Op::Add(_)
                | Op::Cast(_)
                | Op::Ceil(_)
                | Op::Clamp(_)
                | Op::Concat(_)
                | Op::Floor(_)
                | Op::Maximum(_)
                | Op::Minimum(_)
                | Op::Mul(_)
                | Op::Negate(_)
                | Op::Pad(_)
                | Op::Reshape(_)
                | Op::Reverse(_)
                | Op::Select(_)
                | Op::Slice(_)
                | Op::Sub(_)
                | Op::Tile(_)
                | Op::Transpose(_)
        )
    })
}

/// Writes a graph, its inputs and what interpreter and kernels make of them; nothing where TOSA defines no result.
fn write(lowered: &Lowered, seed: u64, name: &str, folder: &Path) -> Option<()> {
    let valid = validate(rewrite(lowered)).expect("a valid graph");
    let image = vgf::write(&valid);
    let graph = Vgf::new(image.as_bytes()).and_then(|file| file.graph()).expect("what was written is read");
    let inputs = Random::new(seed).inputs(lowered);
    let outputs = Interpreter::new(&graph).expect("a valid graph").run(&inputs).ok()?;
    let plan = plan(&graph).unwrap_or_else(|reason| panic!("{name}: {reason}"));
    for (bytes, expected) in execute::execute(&plan, &inputs).iter().zip(&outputs) {
        let stored = Tensor::from_le_bytes(expected.element(), bytes);
        assert_eq!(samples::bits(&stored), samples::bits(expected), "{name}");
    }
    let exactness = if is_exact(&graph) { "exact" } else { "close" };
    let folder = folder.join(format!("{name}-{exactness}"));
    fs::create_dir_all(&folder).expect("a writable folder");
    fs::write(folder.join("model.vgf"), image.as_bytes()).expect("a writable folder");
    for (kind, ports, tensors) in [("in", &graph.inputs, &inputs), ("out", &graph.outputs, &outputs)] {
        for (index, (port, tensor)) in ports.iter().zip(tensors).enumerate() {
            fs::write(folder.join(format!("{kind}{index}.npy")), npy(&graph, port, tensor)).expect("a writable folder");
        }
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

/// The names of the graphs in a folder that differ.
fn differing([reference, python]: &[PathBuf; 2], folder: &Path) -> BTreeSet<String> {
    let output = Command::new(python).args(["-c", JUDGE]).arg(reference).arg(folder).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A difference is shown with as few operators as its graph can have: the graphs of one seed grow by adding to them.
#[test]
fn random_graphs_give_the_results_of_the_reference_interpreter() {
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
    let Some(name) = differing(&judge, &all).pop_first() else { return };

    let seed = name.split('-').next().and_then(|seed| seed.parse().ok()).expect("names start with the seed");
    let smaller = fresh("smaller");
    for operators in 1..=OPERATORS {
        write(&samples::random(seed, operators), seed, &format!("{operators:02}"), &smaller);
    }
    panic!("seed {seed} differs; of its graphs by size, in {}: {:?}", smaller.display(), differing(&judge, &smaller));
}
