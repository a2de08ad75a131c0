//! The same model through both front-ends: equal networks, node by node.

use quantize_build::frontend::{self, Model, Problem, Shapes};
use quantize_build::graph::{Data, Graph, Node, Scope, Type, ValueId};
use quantize_build::ops::Op;
use quantize_tests::{outside, repository};
use std::path::{Path, PathBuf};

/// ATen overloads of a `.pt2` file that the exporter of ONNX turns into others first; the names of such nodes change with them.
const RENAMED: [(&str, &[&str]); 15] = [
    ("aten.__and__.Tensor", &["aten.bitwise_and.Tensor"]),
    ("aten.chunk.default", &["aten.split.Tensor"]),
    ("aten.conv2d.padding", &["aten.conv2d.default"]),
    ("aten.conv_transpose2d.input", &["aten.convolution.default"]),
    ("aten.flatten.using_ints", &["aten.view.default", "aten._unsafe_view.default", "aten.reshape.default"]),
    ("aten.max.other", &["aten.maximum.default"]),
    ("aten.min.other", &["aten.minimum.default"]),
    ("aten.movedim.int", &["aten.permute.default"]),
    ("aten.reshape.default", &["aten.view.default", "aten._unsafe_view.default"]),
    ("aten.split.Tensor", &["aten.split.Tensor"]),
    ("aten.split_with_sizes.default", &["aten.split_with_sizes.default"]),
    ("aten.std.dim", &["aten.std.correction"]),
    ("aten.unbind.int", &["aten.unbind.int"]),
    ("aten.unflatten.int", &["aten.view.default"]),
    ("aten.var.dim", &["aten.var.correction"]),
];

/// Folders with a model in both forms.
fn folders() -> Vec<PathBuf> {
    // Cases elsewhere are compared too: `GOLDENS=folder`.
    let other = std::env::var_os("GOLDENS").map(PathBuf::from);
    let roots =
        [Some(repository("tests/data/goldens")), outside::shared("oracle/golden"), outside::shared("corpus"), other];
    let mut folders: Vec<PathBuf> = roots
        .into_iter()
        .flatten()
        .flat_map(|root| std::fs::read_dir(root).expect("a folder"))
        .map(|entry| entry.expect("readable").path())
        .filter(|folder| folder.join("model.onnx").is_file() && folder.join("model.pt2").is_file())
        .collect();
    folders.sort();
    folders
}

fn read(folder: &Path, file: &str) -> Result<Graph, Vec<Problem>> {
    let model = Model::read(folder, file).expect("readable");
    frontend::import(&model, &Shapes::new()).map(|import| import.graph).map_err(|failure| failure.problems)
}

/// Where an operand comes from, without the names that differ between files.
#[derive(PartialEq, Debug)]
enum Origin {
    Input(usize),
    Node {
        index: usize,
        result: usize,
    },
    /// Shape and bits.
    Constant(Type, Vec<u64>),
}

/// The exporter of ONNX leaves out what changes nothing, such as dropout.
fn is_identity(node: &Node) -> bool {
    matches!(node.op, Op::Identity(_))
}

fn kept(graph: &Graph) -> impl Iterator<Item = &Node> {
    graph.nodes.iter().filter(|node| !is_identity(node))
}

fn origin(graph: &Graph, id: ValueId) -> Origin {
    let position = |ids: &[ValueId]| ids.iter().position(|&known| known == id);
    if let Some(index) = position(&graph.inputs) {
        return Origin::Input(index);
    }
    let bits = match &graph.value(id).constant {
        Some(Data::F32(data)) => data.iter().map(|x| u64::from(x.to_bits())).collect(),
        Some(Data::I64(data)) => data.iter().map(|&x| x as u64).collect(),
        Some(Data::Bool(data)) => data.iter().map(|&x| u64::from(x)).collect(),
        None => {
            let maker = graph.nodes.iter().find(|node| node.outputs.contains(&id)).expect("the result of a node");
            if is_identity(maker) {
                return origin(graph, maker.inputs[0]);
            }
            let mut nodes = kept(graph).enumerate();
            let found = nodes.find_map(|(index, node)| Some((index, position(&node.outputs)?)));
            let (index, result) = found.expect("the maker is among them");
            return Origin::Node { index, result };
        }
    };
    Origin::Constant(graph.kinds(&[id]).remove(0), bits)
}

/// What must be equal of a node.
#[derive(PartialEq, Debug)]
struct Row {
    op: Op,
    scopes: Vec<Scope>,
    operands: Vec<Origin>,
    results: Vec<Type>,
}

fn row(graph: &Graph, node: &Node) -> Row {
    let mut operands: Vec<Origin> = node.inputs.iter().map(|&id| origin(graph, id)).collect();
    // The exporter of ONNX gives a convolution before a batch normalization a bias of zeros.
    let is_zero = |operand: &Origin| matches!(operand, Origin::Constant(_, bits) if bits.iter().all(|&bits| bits == 0));
    if matches!(node.op, Op::Conv1d(_) | Op::Conv2d(_)) && operands.get(2).is_some_and(is_zero) {
        operands.truncate(2);
    }
    let mut op = node.op.clone();
    match &mut op {
        // ONNX has this number in 32 bits.
        Op::LayerNorm(norm) => norm.eps = f64::from(norm.eps as f32),
        Op::GroupNorm(norm) => norm.eps = f64::from(norm.eps as f32),
        _ => {}
    }
    Row { op, scopes: node.scopes.clone(), operands, results: graph.kinds(&node.outputs) }
}

/// An overload without the mark of operators in place, which ONNX does not have.
fn functional(target: &str) -> String {
    target.replace("_.", ".")
}

/// A name without its number.
fn stem(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('_')
}

/// What differs between two networks.
fn differences(onnx: &Graph, pt2: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |what: &str, onnx: &dyn std::fmt::Debug, pt2: &dyn std::fmt::Debug| {
        let short = |value: &dyn std::fmt::Debug| format!("{value:?}").chars().take(300).collect::<String>();
        found.push(format!("  {what}\n    onnx {}\n    pt2  {}", short(onnx), short(pt2)));
    };
    let kinds = |graph: &Graph| graph.kinds(&graph.inputs);
    if kinds(onnx) != kinds(pt2) {
        note("inputs", &kinds(onnx), &kinds(pt2));
    }
    // Numbers behind a stem shift after the first node that was decomposed from or to it.
    let mut shifted: Vec<&str> = Vec::new();
    for (index, (a, b)) in kept(onnx).zip(kept(pt2)).enumerate() {
        let (row_a, row_b) = (row(onnx, a), row(pt2, b));
        if row_a != row_b {
            note(&format!("node {index}, {}", b.name), &row_a, &row_b);
        }
        let decomposed = RENAMED.iter().any(|(whole, parts)| *whole == b.target && parts.contains(&&*a.target));
        let (stem_a, stem_b) = (stem(&a.name), stem(&b.name));
        if a.target != b.target {
            shifted.extend([stem_a, stem_b]);
        }
        if !decomposed
            && (functional(&a.target) != functional(&b.target)
                || stem_a != stem_b
                || a.name != b.name && !shifted.contains(&stem_a))
        {
            note("name and target", &(&a.name, &a.target), &(&b.name, &b.target));
        }
    }
    let (count_a, count_b) = (kept(onnx).count(), kept(pt2).count());
    if count_a != count_b {
        note("number of nodes", &count_a, &count_b);
    }
    let outputs = |graph: &Graph| graph.outputs.iter().map(|output| origin(graph, output.value)).collect::<Vec<_>>();
    if outputs(onnx) != outputs(pt2) {
        note("outputs", &outputs(onnx), &outputs(pt2));
    }
    found
}

#[test]
fn both_forms_of_a_model_are_the_same_network() {
    let mut faults = Vec::new();
    let mut equal = Vec::new();
    for folder in folders() {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        match (read(&folder, "model.onnx"), read(&folder, "model.pt2")) {
            (Ok(onnx), Ok(pt2)) => match differences(&onnx, &pt2).as_slice() {
                [] => equal.push(name),
                differences => faults.push(format!("{name}:\n{}", differences[..differences.len().min(4)].join("\n"))),
            },
            (onnx, pt2) => {
                let forms = [("onnx", onnx), ("pt2", pt2)].map(|(form, graph)| (form, graph.err()));
                for (form, problems) in forms {
                    let messages: Vec<String> = problems.into_iter().flatten().map(|problem| problem.message).collect();
                    if !messages.is_empty() {
                        println!("{name}, {form}: {}", messages.join("\n"));
                    }
                }
            }
        }
    }
    println!("equal: {}", equal.join(", "));
    assert!(equal.len() >= 2, "nothing was compared");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
