//! `docs/memory.md`: the arena of each network of the corpus, and the least that any arena needs; memory that models share.

use std::fmt::Write;

use quantize_build::config::{Profile, Recipe};
use quantize_build::plan::{plan, plan_within};
use quantize_build::quantize::QuantParams;
use quantize_runtime::graph::{Graph, ValueId};
use quantize_runtime::vgf::Vgf;
use quantize_runtime::{Arena, Either, Model};
use quantize_syntax::attr::Attr;
use quantize_tests::fixture::Fixture;
use quantize_tests::golden::Annotated;
use quantize_tests::golden::execute::Program;
use quantize_tests::{ConvNet, Digits, Mlp, npy, outside, texts};

const INTRODUCTION: &str = "\
# Memory

Written by `BLESS=1 cargo test -p quantize-tests --test memory`: bytes of the arena of networks with
`global = int8(per_channel)`, inputs and outputs included. Sizes do not hang on what calibration finds.

The lower bound is the most that lives at one time. A tensor lives from the step that writes it to the last that reads it, an
input from the beginning and an output to the end; tensors that are contiguous parts of another one are not counted beside it.
Where a result can be written over an operand that no later step reads, the bytes that both can share count once. The tensors
that live at the time of the bound are beside it.

| model | arena | lower bound | arena / bound | live at the bound |
| --- | --- | --- | --- | --- |
";

const IN_TURN: &str = "
## With `budget(ram = …)`

Where the arena does not fit the budget, layers are computed in turn, a row at a time, until it does: of the tensors between
them only the rows that a later window still reads are kept. The smallest arena is below, which is what a budget of `1 B` asks
for; a larger budget changes fewer layers. No row is computed twice, so that there are no more MACs; what it costs are calls
of kernels for single rows, and the bytes that are moved in a run to make room for the next row. Tensors between layers in turn
are among those that live with the rows that are kept.

| model | arena | smallest | lower bound | layers in turn | bytes moved | live at the bound |
| --- | --- | --- | --- | --- | --- | --- |
";

#[test]
fn every_arena_reaches_its_lower_bound() {
    let Some(corpus) = outside::shared("corpus") else { return };
    let mut folders: Vec<_> = std::fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut text, mut in_turn) = (INTRODUCTION.to_owned(), IN_TURN.to_owned());
    for folder in folders.iter().filter(|folder| folder.join("model.onnx").is_file()) {
        let name = folder.file_name().unwrap().to_string_lossy();
        let attribute = "model = \"model.onnx\", calibration = \"calib.npy\", global = int8(per_channel)";
        let recipe = Recipe::new(&Attr::parse(attribute.parse().unwrap()).unwrap());
        let network = Annotated::new(folder, "model.onnx", &recipe).unwrap();
        let params = vec![QuantParams::int8(0.05, -128); network.annotation.observers.len()];
        let program = Program::new(&network.quantized(params), Profile::Int).unwrap();
        let graph = Vgf::new(program.image.as_bytes()).and_then(|file| file.graph()).unwrap();
        let plan = plan(&graph).unwrap();
        let ratio = plan.arena_bytes as f64 / plan.lower_bound as f64;
        assert!((1.0..=1.02).contains(&ratio), "{name}: {} of {}", plan.arena_bytes, plan.lower_bound);
        let live: Vec<String> = plan.peak.iter().map(|live| shape(&graph, live.value)).collect();
        let (arena, bound) = (plan.arena_bytes, plan.lower_bound);
        writeln!(text, "| {name} | {arena} | {bound} | {ratio:.4} | {} |", live.join(", ")).unwrap();

        let plan = plan_within(&graph, 0).unwrap();
        let (smallest, bound) = (plan.arena_bytes, plan.lower_bound);
        assert!(smallest <= arena && plan.without_strips == arena);
        let layers: usize = plan.strips.iter().map(|strip| strip.steps.len()).sum();
        let moved: usize = plan.strips.iter().map(|strip| strip.moved).sum();
        let live: Vec<String> = plan.peak.iter().map(|live| shape(&graph, live.value)).collect();
        let live = live.join(", ");
        writeln!(in_turn, "| {name} | {arena} | {smallest} | {bound} | {layers} | {moved} | {live} |").unwrap();
    }
    text += &in_turn;
    texts::compare("docs/memory.md", &text).unwrap_or_else(|difference| panic!("{difference}"));
}

/// `1×8×8×16`
fn shape(graph: &Graph<'_>, value: Option<ValueId>) -> String {
    let Some(value) = value else { return "copy of an output".to_owned() };
    let dims: Vec<String> = graph.values[value.0 as usize].shape.dims().iter().map(ToString::to_string).collect();
    dims.join("×")
}

/// A program of one network twice: as it is, and for the bytes of a camera with a budget of RAM that needs layers in turn. The
/// layout of the input changes in place in both.
const PROGRAM: &str = r#"//! A user's program.

use quantize_runtime::{Arena, Model, quantize};

#[quantize(model = "models/mobilenet.onnx", calibration = "models/calib.npy", global = int8(per_channel))]
struct Whole;

#[quantize(model = "models/mobilenet.onnx", calibration = "models/calib.npy", global = int8(per_channel),
           from(input = u8, layout = nhwc), budget(ram = "LIMIT B"))]
struct Small;

static WHOLE: Arena<Whole> = Arena::new();
static SMALL: Arena<Small> = Arena::new();

const PIXELS: usize = 96 * 96;

fn main() {
    let (mut whole, mut small) = (Whole::new(WHOLE.take()), Small::new(SMALL.take()));
    assert!(small.self_test().is_ok());
    for sample in 0..3 {
        let bytes: [u8; PIXELS * 3] = std::array::from_fn(|at| (at * (7 + sample) % 256) as u8);
        let image: [f32; 3 * PIXELS] = std::array::from_fn(|at| f32::from(bytes[at % PIXELS * 3 + at / PIXELS]) / 255.0);
        assert_eq!(small.run(&bytes), whole.run(&image));
        let codes = image.map(|real| Whole::INPUT.quantize(real));
        assert_eq!(small.run_quantized(&codes), whole.run_quantized(&codes));
    }
    println!("{}", size_of::<<Small as Model>::Memory>());
}
"#;

#[test]
fn layers_are_computed_in_turn_where_a_budget_asks_for_it() {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "in-turn", "in-turn");
    fixture.copy("examples/firmware-person/models/mobilenet.onnx", "models/mobilenet.onnx");
    let ramp: Vec<f32> = (0..3 * 96 * 96).map(|at| (at % 256) as f32 / 255.0).collect();
    fixture.write("models/calib.npy", npy::bytes(&[1, 3, 96, 96], &ramp));
    fixture.write("src/main.rs", PROGRAM.replace("LIMIT", "20000"));
    let said = fixture.failure(&["build"]);
    let least = said.split_once("`Small` needs ").and_then(|(_, rest)| rest.split_once(" bytes, ")).expect(&said).0;
    let way = "for results; that is the least, with 2 layers computed a row at a time, which saves 9 216;";
    assert!(least == "28 048" && said.contains(way), "{said}");

    fixture.write("src/main.rs", PROGRAM.replace("LIMIT", "28048"));
    let output = fixture.cargo(&["run"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout, b"28048\n");
}

#[test]
fn models_share_memory_in_a_section_of_the_users() {
    static ALONE: Arena<Digits> = Arena::new();
    #[unsafe(link_section = ".models")]
    static SHARED: Arena<Either<Digits, Either<Mlp, ConvNet>>> = Arena::new();

    let image: [f32; 64] = std::array::from_fn(|pixel| pixel as f32 / 8.0);
    let mut alone = Digits::new(ALONE.take());
    let memory = SHARED.take();
    let sizes = [
        size_of::<<Digits as Model>::Memory>(),
        size_of::<<Mlp as Model>::Memory>(),
        size_of::<<ConvNet as Model>::Memory>(),
    ];
    assert_eq!(size_of_val(memory), sizes.into_iter().max().unwrap());
    let mut results = Vec::new();
    for _ in 0..2 {
        assert_eq!(Digits::run_in(memory.first(), &image), alone.run(&image));
        results.push(Mlp::run_in(memory.second().first(), &[0.5; 64]).to_vec());
    }
    assert_eq!(results[0], results[1]);
}
