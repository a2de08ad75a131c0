//! Exported programs (`.pt2`) with what torch's exporter can put into one; `make_programs.py` wrote them.

use quantize_build::frontend::{self, Import, Model, Problem, Shapes};
use quantize_build::graph::{Data, Element, Graph, Type};
use quantize_build::ops::Op;
use quantize_tests::repository;

fn read(file: &str, shapes: &[(&str, &[usize])]) -> Result<Import, Vec<String>> {
    let model = Model::read(&repository("tests/data/models"), file).expect("committed");
    let shapes: Shapes = shapes.iter().map(|(name, dims)| ((*name).to_owned(), dims.to_vec())).collect();
    let import = frontend::import(&model, &shapes);
    let message = |problem: &Problem| format!("{}: {}", problem.at, problem.message);
    import.map_err(|failure| failure.problems.iter().map(message).collect())
}

/// The data of constant operand `index` of the node of this name.
fn constant(graph: &Graph, node: &str, index: usize) -> Data {
    let node = graph.nodes.iter().find(|known| known.name == node).expect("a node");
    graph.value(node.inputs[index]).constant.clone().expect("a constant")
}

#[test]
fn inputs_and_outputs_have_the_names_of_the_users_structures() {
    let Import { graph, warnings } = read("nested.pt2", &[]).expect("supported");
    let input = |&id| (graph.value(id).name.as_str(), graph.kinds(&[id]).remove(0));
    let inputs: Vec<_> = graph.inputs.iter().map(input).collect();
    let expected = [
        ("x", Type::real(vec![2, 4])),
        ("extra_bias", Type::real(vec![3])),
        ("unused", Type { element: Element::I64, shape: vec![1] }),
    ];
    assert_eq!(inputs, expected);
    let outputs: Vec<_> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(outputs, ["logits", "aux_0", "aux_1", "table"]);
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn parameters_buffers_and_constants_are_read_and_computed_with() {
    let Import { graph, .. } = read("nested.pt2", &[]).expect("supported");
    let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["add", "linear", "add_1", "linear_1", "linear_2", "mul_1"]);
    let real = |values: &[f32], shape: &[usize]| {
        Data::F32(ndarray::ArrayD::from_shape_vec(shape, values.to_vec()).expect("as many"))
    };
    assert_eq!(constant(&graph, "add", 1), real(&[1.0, 2.0, 3.0, 4.0], &[4]));
    // The buffers' product, which no sample changes.
    assert_eq!(constant(&graph, "add_1", 1), real(&[0.0, 2.0, 4.0, 6.0, 8.0, 10.0], &[6]));
    let table = graph.outputs.iter().find(|output| output.name == "table").expect("an output");
    assert_eq!(graph.value(table.value).constant, Some(real(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], &[6])));
}

#[test]
fn a_weight_may_be_another_one_transposed() {
    let Import { graph, .. } = read("nested.pt2", &[]).expect("supported");
    let (Data::F32(square), Data::F32(shared)) = (constant(&graph, "linear_1", 1), constant(&graph, "linear_2", 1))
    else {
        panic!("floats")
    };
    assert!(square.iter().any(|&x| x != 0.0));
    assert_eq!(shared, square.reversed_axes());
}

#[test]
fn pinned_sizes_run_through_the_program() {
    let Import { graph, .. } = read("dynamic.pt2", &[("x", &[1, 3, 4, 6])]).expect("supported");
    let shape = |name: &str| {
        let node = graph.nodes.iter().find(|node| node.name == name).expect("a node");
        graph.value(node.output()).shape.clone()
    };
    assert_eq!(shape("reshape"), [1, 4, 24]);
    assert_eq!(shape("linear"), [1, 2]);
    let steps = ndarray::ArrayD::from_shape_vec(vec![1, 4], vec![0.0, 2.0, 4.0, 6.0]).expect("four");
    assert_eq!(constant(&graph, "add", 1), Data::F32(steps));
    assert!(!graph.nodes.iter().any(|node| matches!(node.op, Op::Permute(_))));
}

#[test]
fn sizes_that_are_open_or_do_not_fit_are_reported_at_the_shape() {
    let open = "model: dimensions 0 (`s77`), 2 (`s53`), 3 (`s0`) of input `x` are dynamic; give its shape, such as \
                `shape(x = [2, 3, 8, 8])`";
    assert_eq!(read("dynamic.pt2", &[]).expect_err("open"), [open]);
    let large = "shape.x: dimension 0 of input `x` is at most 16 in the model, not 17";
    assert_eq!(read("dynamic.pt2", &[("x", &[17, 3, 8, 8])]).expect_err("too large"), [large]);
    let channels = "shape.x: dimension 1 of input `x` is 3 in the model, not 1";
    assert_eq!(read("dynamic.pt2", &[("x", &[1, 1, 8, 8])]).expect_err("fixed"), [channels]);
}

#[test]
fn other_precisions_become_float32_with_a_warning() {
    let warnings = |file| read(file, &[]).expect("supported").warnings;
    let half = [
        "2 tensors are float16 and widened to float32: `weight`, `bias`",
        "input `input` is float16 in the model; the program takes float32",
    ];
    assert_eq!(warnings("half.pt2"), half);
    let double = [
        "2 tensors are float64 and rounded to float32: `weight`, `bias`",
        "input `input` is float64 in the model; the program takes float32",
    ];
    assert_eq!(warnings("double.pt2"), double);
}

#[test]
fn control_flow_and_state_are_refused_by_name() {
    let branch = read("branch.pt2", &[]).expect_err("not supported");
    assert!(branch[0].contains("higher_order.cond, 1 node: cond; control flow is not supported yet"), "{branch:?}");
    let counter = read("counter.pt2", &[]).expect_err("not supported");
    assert!(counter[0].contains("changes `b_count` while it runs; a program keeps no state yet"), "{counter:?}");
}
