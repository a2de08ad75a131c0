//! Graph modules written by hand, sound and broken, in the place of the one in a converted file.
//!
//! The file maps a `[1, 16, 16, 1]` tensor to another by a table of 256 entries, its graph constant 0.

mod shared;

use quantize_runtime::error::Rule;
use quantize_runtime::interpreter::{Interpreter, Tensor};
use quantize_runtime::vgf::Vgf;
use shared::{read, shared};

const EXT_INST_IMPORT: u32 = 11;
const EXT_INST: u32 = 12;
const TYPE_BOOL: u32 = 20;
const TYPE_INT: u32 = 21;
const TYPE_FLOAT: u32 = 22;
const TYPE_ARRAY: u32 = 28;
const TYPE_STRUCT: u32 = 30;
const TYPE_POINTER: u32 = 32;
const CONSTANT_TRUE: u32 = 41;
const CONSTANT: u32 = 43;
const COMPOSITE: u32 = 44;
const NULL: u32 = 46;
const FUNCTION: u32 = 54;
const VARIABLE: u32 = 59;
const DECORATE: u32 = 71;
const EXTRACT: u32 = 81;
const TYPE_TENSOR: u32 = 4163;
const GRAPH_CONSTANT: u32 = 4181;
const ENTRY_POINT: u32 = 4182;
const GRAPH: u32 = 4183;
const GRAPH_INPUT: u32 = 4184;
const SET_OUTPUT: u32 = 4185;
const GRAPH_END: u32 = 4186;
const TYPE_GRAPH: u32 = 4190;
const REPLICATE: u32 = 4461;

const BINDING: u32 = 33;
const DESCRIPTOR_SET: u32 = 34;
const FFT2D: u32 = 5;
const CLAMP: u32 = 10;
const TABLE: u32 = 30;
const CAST: u32 = 64;

// Ids of the module; those from 50 on are free for the cases.
const BOUND: u32 = 80;
const SET: u32 = 1;
const I8: u32 = 2;
const I32: u32 = 3;
const BOOL: u32 = 4;
const ZERO: u32 = 10;
const ONE: u32 = 11;
const FOUR: u32 = 12;
const SIXTEEN: u32 = 13;
const ENTRIES: u32 = 14;
const ARRAY_4: u32 = 20;
const ARRAY_1: u32 = 21;
const IMAGE_SHAPE: u32 = 22;
const TABLE_SHAPE: u32 = 23;
const IMAGE: u32 = 24;
const TABLE_TYPE: u32 = 25;
const POINTER: u32 = 26;
const INPUT_VARIABLE: u32 = 27;
const OUTPUT_VARIABLE: u32 = 28;
const SIGNATURE: u32 = 29;
const ENTRIES_OF_FILE: u32 = 30;
const THE_GRAPH: u32 = 31;
const INPUT: u32 = 40;
const RESULT: u32 = 41;

/// Instructions: number and operands.
#[derive(Clone)]
struct Module(Vec<(u32, Vec<u32>)>);

/// A literal string.
fn text(text: &str) -> Vec<u32> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize((bytes.len() + 1).next_multiple_of(4), 0);
    bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

impl Module {
    fn sound() -> Self {
        let constant = |id, value| (CONSTANT, vec![I32, id, value]);
        let entry_point = [&[THE_GRAPH][..], &text("graph_partition_0"), &[INPUT_VARIABLE, OUTPUT_VARIABLE]];
        Self(vec![
            (EXT_INST_IMPORT, [&[SET][..], &text("TOSA.001000.1")].concat()),
            (DECORATE, vec![INPUT_VARIABLE, BINDING, 0]),
            (DECORATE, vec![INPUT_VARIABLE, DESCRIPTOR_SET, 0]),
            (DECORATE, vec![OUTPUT_VARIABLE, BINDING, 1]),
            (TYPE_INT, vec![I8, 8, 0]),
            (TYPE_INT, vec![I32, 32, 0]),
            (TYPE_BOOL, vec![BOOL]),
            constant(ZERO, 0),
            constant(ONE, 1),
            constant(FOUR, 4),
            constant(SIXTEEN, 16),
            constant(ENTRIES, 256),
            (TYPE_ARRAY, vec![ARRAY_4, I32, FOUR]),
            (TYPE_ARRAY, vec![ARRAY_1, I32, ONE]),
            (COMPOSITE, vec![ARRAY_4, IMAGE_SHAPE, ONE, SIXTEEN, SIXTEEN, ONE]),
            (COMPOSITE, vec![ARRAY_1, TABLE_SHAPE, ENTRIES]),
            (TYPE_TENSOR, vec![IMAGE, I8, FOUR, IMAGE_SHAPE]),
            (TYPE_TENSOR, vec![TABLE_TYPE, I8, ONE, TABLE_SHAPE]),
            (TYPE_POINTER, vec![POINTER, 0, IMAGE]),
            (VARIABLE, vec![POINTER, INPUT_VARIABLE, 0]),
            (VARIABLE, vec![POINTER, OUTPUT_VARIABLE, 0]),
            (TYPE_GRAPH, vec![SIGNATURE, 1, IMAGE, IMAGE]),
            (GRAPH_CONSTANT, vec![TABLE_TYPE, ENTRIES_OF_FILE, 0]),
            (ENTRY_POINT, entry_point.concat()),
            (GRAPH, vec![SIGNATURE, THE_GRAPH]),
            (GRAPH_INPUT, vec![IMAGE, INPUT, ZERO]),
            (EXT_INST, vec![IMAGE, RESULT, SET, TABLE, INPUT, ENTRIES_OF_FILE]),
            (SET_OUTPUT, vec![RESULT, ZERO]),
            (GRAPH_END, vec![]),
        ])
    }

    fn position(&self, opcode: u32) -> usize {
        self.0.iter().position(|(other, _)| *other == opcode).expect("an instruction of the sound module")
    }

    /// The operands of the first such instruction.
    fn operands(mut self, opcode: u32, operands: &[u32]) -> Self {
        let at = self.position(opcode);
        self.0[at].1 = operands.to_vec();
        self
    }

    /// Without the first such instruction.
    fn without(mut self, opcode: u32) -> Self {
        self.0.remove(self.position(opcode));
        self
    }

    /// With other instructions before the first one of this kind.
    fn before(mut self, opcode: u32, instructions: &[(u32, &[u32])]) -> Self {
        let at = self.position(opcode);
        let instructions = instructions.iter().map(|(opcode, operands)| (*opcode, operands.to_vec()));
        self.0.splice(at..at, instructions);
        self
    }

    /// With another declaration.
    fn declaring(self, opcode: u32, operands: &[u32]) -> Self {
        self.before(ENTRY_POINT, &[(opcode, operands)])
    }

    /// With another instruction at the end.
    fn then(mut self, opcode: u32, operands: &[u32]) -> Self {
        self.0.push((opcode, operands.to_vec()));
        self
    }

    /// The file with this module, filled up to the size of the old one, or as many words larger as keep the alignment of
    /// the sections behind it.
    fn put_into(&self, mut file: Vec<u8>) -> Vec<u8> {
        const NOP: u32 = 1 << 16;
        const MODULES: usize = 16;
        let magic = 0x0723_0203_u32.to_le_bytes();
        let start = file.windows(4).position(|word| word == magic).expect("a SPIR-V module");
        let len = u32::from_le_bytes(file[start - 4..start].try_into().expect("a word")) as usize;
        let instruction = |(opcode, operands): &(u32, Vec<u32>)| {
            [&[(operands.len() as u32 + 1) << 16 | opcode][..], operands].concat()
        };
        let body: Vec<u32> = self.0.iter().flat_map(instruction).collect();
        let header = [0x0723_0203, 0x0001_0500, 0, BOUND, 0];
        let added = (header.len() + body.len()).saturating_sub(len).next_multiple_of(2);
        let fill = len + added - header.len() - body.len();
        let words = header.into_iter().chain(std::iter::repeat_n(NOP, fill)).chain(body);
        let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
        file.splice(start..start + 4 * len, bytes);
        // The number of words, the size of the modules' section, which ends with them, and where the others start.
        let grown = [(start - 4, added), (MODULES + 8, 4 * added)];
        let moved = [1, 2, 3].map(|section| (MODULES + 16 * section, 4 * added));
        for (at, amount) in grown.into_iter().chain(moved) {
            let number = file[at..].first_chunk_mut().expect("a field of the file");
            *number = (u32::from_le_bytes(*number) + amount as u32).to_le_bytes();
        }
        file
    }
}

/// Checks the rules that modules break.
fn check(cases: &[(Module, Rule)]) {
    let Some(folder) = shared("vgf/fixtures/table_i8") else { return };
    let file = read(&folder.join("model-0.5.0.vgf"));
    for (index, (module, rule)) in cases.iter().enumerate() {
        let file = module.put_into(file.clone());
        let found = Vgf::new(&file).and_then(|vgf| vgf.graph()).map(drop).map_err(|error| error.rule);
        assert_eq!(found, Err(*rule), "case {index}");
    }
}

/// What a module gives for a ramp from −128 to 127.
fn run(module: &Module) -> Option<Vec<i8>> {
    let file = module.put_into(read(&shared("vgf/fixtures/table_i8")?.join("model-0.5.0.vgf")));
    let graph = Vgf::new(&file).expect("a sound file").graph().expect("a sound module");
    let outputs = Interpreter::new(&graph).expect("a valid graph").run(&[Tensor::I8((-128..=127).collect())]);
    match &outputs.expect("defined for all inputs")[..] {
        [Tensor::I8(output)] => Some(output.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn constants_of_every_kind_are_read() {
    let Some(of_file) = run(&Module::sound()) else { return };
    assert_eq!(of_file.len(), 256);
    let clamp = |min, max| Module::sound().operands(EXT_INST, &[IMAGE, RESULT, SET, CLAMP, min, max, ONE, INPUT]);
    let bounds: [(u32, &[u32]); 2] = [(NULL, &[I8, 50]), (CONSTANT, &[I8, 51, 7])];
    let clamped = run(&clamp(50, 51).before(ENTRY_POINT, &bounds));
    assert!(clamped.is_some_and(|output| output.iter().copied().eq((-128..=127).map(|value: i8| value.clamp(0, 7)))));
    // −3 as an unsigned literal and as a signed one.
    for literal in [253, -3_i32 as u32] {
        let repeated: [(u32, &[u32]); 2] = [(CONSTANT, &[I8, 50, literal]), (REPLICATE, &[TABLE_TYPE, 51, 50])];
        let module = Module::sound().operands(EXT_INST, &[IMAGE, RESULT, SET, TABLE, INPUT, 51]);
        assert_eq!(run(&module.before(ENTRY_POINT, &repeated)), Some(vec![-3; 256]));
    }
    // A tensor of rank 4 is made of one of rank 3; the input is left alone.
    let slices: [(u32, &[u32]); 8] = [
        (CONSTANT, &[I32, 50, 3]),
        (TYPE_ARRAY, &[51, I32, 50]),
        (COMPOSITE, &[51, 52, SIXTEEN, SIXTEEN, ONE]),
        (TYPE_TENSOR, &[53, I8, 50, 52]),
        (CONSTANT, &[I8, 54, 9]),
        (NULL, &[53, 55]),
        (COMPOSITE, &[IMAGE, 56, 55]),
        (CONSTANT_TRUE, &[BOOL, 57]),
    ];
    let constant = Module::sound().without(GRAPH_INPUT).without(EXT_INST).operands(SET_OUTPUT, &[56, ZERO]);
    assert_eq!(run(&constant.before(ENTRY_POINT, &slices)), Some(vec![0; 256]));
}

#[test]
fn broken_declarations_are_refused() {
    let sound = Module::sound;
    check(&[
        (sound().declaring(TYPE_INT, &[I8, 8, 0]), Rule::SpirvId),
        (sound().declaring(TYPE_BOOL, &[0]), Rule::SpirvId),
        (sound().declaring(TYPE_BOOL, &[BOUND]), Rule::SpirvId),
        (sound().declaring(TYPE_ARRAY, &[50, I32, 51]), Rule::SpirvId),
        (sound().declaring(TYPE_BOOL, &[50, 51]), Rule::SpirvOperands),
        (sound().declaring(TYPE_BOOL, &[]), Rule::SpirvOperands),
        (sound().declaring(TYPE_GRAPH, &[50, 3, IMAGE, IMAGE]), Rule::SpirvOperands),
        (sound().declaring(EXT_INST_IMPORT, &[50, u32::from_le_bytes(*b"TOSA")]), Rule::SpirvText),
        (sound().declaring(EXT_INST_IMPORT, &[50, 0xFF]), Rule::SpirvText),
        (sound().declaring(TYPE_ARRAY, &[50, I8, ONE]), Rule::SpirvType),
        (sound().declaring(TYPE_POINTER, &[50, 0, I8]), Rule::SpirvType),
        (sound().declaring(TYPE_POINTER, &[50, 1, IMAGE]), Rule::SpirvType),
        (sound().declaring(TYPE_TENSOR, &[50, I8, ONE, IMAGE_SHAPE]), Rule::SpirvType),
        (sound().declaring(CONSTANT_TRUE, &[I8, 50]), Rule::SpirvType),
        (sound().declaring(CONSTANT, &[I8, 50, 256]), Rule::SpirvConstant),
        (sound().declaring(CONSTANT, &[I32, 50, 1, 0]), Rule::SpirvConstant),
        (sound().before(ENTRY_POINT, &[(TYPE_INT, &[50, 16, 0]), (CONSTANT, &[50, 51, 1 << 16])]), Rule::SpirvConstant),
        (sound().before(ENTRY_POINT, &[(TYPE_INT, &[50, 64, 0]), (CONSTANT, &[50, 51, 1])]), Rule::SpirvConstant),
        (sound().before(ENTRY_POINT, &[(TYPE_FLOAT, &[50, 32]), (CONSTANT, &[50, 51, 0, 0])]), Rule::SpirvConstant),
        (sound().declaring(CONSTANT, &[BOOL, 50, 1]), Rule::SpirvType),
        (sound().declaring(COMPOSITE, &[ARRAY_4, 50, ONE, ONE, ONE]), Rule::SpirvConstant),
        (sound().declaring(COMPOSITE, &[TABLE_TYPE, 50, ONE]), Rule::SpirvConstant),
        (sound().declaring(REPLICATE, &[TABLE_TYPE, 50, ONE]), Rule::SpirvConstant),
        (sound().declaring(COMPOSITE, &[ARRAY_1, 50, ZERO]), Rule::UnsupportedRank),
        (sound().declaring(TYPE_TENSOR, &[50, I8]), Rule::UnsupportedRank),
        (
            sound().before(ENTRY_POINT, &[(TYPE_FLOAT, &[50, 16]), (TYPE_TENSOR, &[51, 50, ONE, TABLE_SHAPE])]),
            Rule::UnsupportedElement,
        ),
        (sound().declaring(FUNCTION, &[I8, 50, 0, I8]), Rule::UnsupportedInstruction),
        (sound().declaring(GRAPH_CONSTANT, &[TABLE_TYPE, 50, 0]), Rule::GraphConstantUnbound),
        (sound().declaring(GRAPH_CONSTANT, &[TABLE_TYPE, 50, 1]), Rule::GraphConstantUnbound),
        (sound().operands(GRAPH_CONSTANT, &[IMAGE, ENTRIES_OF_FILE, 0]), Rule::GraphConstantType),
    ]);
}

#[test]
fn large_constants_cost_nothing() {
    // An i32 tensor type of rank 1, id 53.
    let sized = |size: u32, constants: &[(u32, &[u32])]| {
        let size = [I32, 50, size];
        let types: [(u32, &[u32]); 3] =
            [(CONSTANT, &size), (COMPOSITE, &[ARRAY_1, 52, 50]), (TYPE_TENSOR, &[53, I32, ONE, 52])];
        Module::sound().before(ENTRY_POINT, &[&types, constants].concat())
    };
    let quarters: [(u32, &[u32]); 5] =
        [(NULL, &[53, 60]), (NULL, &[53, 61]), (NULL, &[53, 62]), (NULL, &[53, 63]), (NULL, &[53, 64])];
    check(&[
        (sized(u32::MAX, &[(NULL, &[53, 60])]), Rule::UnsupportedConstants),
        (sized(u32::MAX, &[(REPLICATE, &[53, 60, ZERO])]), Rule::UnsupportedConstants),
        (sized(1 << 20, &quarters), Rule::UnsupportedConstants),
        (sized(u32::MAX, &[(TYPE_ARRAY, &[54, I32, 50]), (REPLICATE, &[54, 60, ONE])]), Rule::UnsupportedRank),
    ]);
}

#[test]
fn interfaces_that_differ_are_refused() {
    let sound = Module::sound;
    let entry_point = |name: &str, variables: &[u32]| {
        sound().operands(ENTRY_POINT, &[&[THE_GRAPH][..], &text(name), variables].concat())
    };
    let name = "graph_partition_0";
    check(&[
        (entry_point("graph", &[INPUT_VARIABLE, OUTPUT_VARIABLE]), Rule::EntryPoint),
        (entry_point(name, &[INPUT_VARIABLE]), Rule::Interface),
        (entry_point(name, &[INPUT_VARIABLE, INPUT_VARIABLE]), Rule::Interface),
        (entry_point(name, &[OUTPUT_VARIABLE, INPUT_VARIABLE]), Rule::Interface),
        (entry_point(name, &[INPUT_VARIABLE, ONE]), Rule::Interface),
        (sound().without(DECORATE), Rule::Interface),
        (sound().operands(DECORATE, &[INPUT_VARIABLE, BINDING, 2]), Rule::Interface),
        (sound().declaring(DECORATE, &[OUTPUT_VARIABLE, DESCRIPTOR_SET, 1]), Rule::Interface),
        (sound().operands(TYPE_POINTER, &[POINTER, 0, TABLE_TYPE]), Rule::InterfaceType),
        (sound().operands(TYPE_GRAPH, &[SIGNATURE, 1, TABLE_TYPE, IMAGE]), Rule::InterfaceType),
        (sound().operands(TYPE_GRAPH, &[SIGNATURE, 2, IMAGE, IMAGE]), Rule::GraphPorts),
    ]);
}

#[test]
fn broken_graphs_are_refused() {
    let sound = Module::sound;
    let operator = |operands: &[u32]| sound().operands(EXT_INST, &[&[IMAGE, RESULT, SET], operands].concat());
    check(&[
        (sound().operands(GRAPH, &[SIGNATURE, 50]), Rule::UnsupportedGraphs),
        (sound().then(GRAPH, &[SIGNATURE, 50]), Rule::UnsupportedGraphs),
        (sound().then(GRAPH, &[SIGNATURE, THE_GRAPH]), Rule::SpirvLayout),
        (sound().then(GRAPH_END, &[]), Rule::SpirvLayout),
        (sound().then(TYPE_BOOL, &[50]), Rule::SpirvLayout),
        (sound().without(GRAPH_END), Rule::SpirvLayout),
        (sound().without(GRAPH), Rule::SpirvLayout),
        (sound().before(SET_OUTPUT, &[(GRAPH_INPUT, &[IMAGE, 50, ZERO])]), Rule::SpirvLayout),
        (sound().before(EXT_INST, &[(SET_OUTPUT, &[INPUT, ZERO])]), Rule::SpirvLayout),
        (sound().before(SET_OUTPUT, &[(TYPE_BOOL, &[50])]), Rule::SpirvLayout),
        (sound().before(EXT_INST, &[(GRAPH_INPUT, &[IMAGE, 50, ZERO])]), Rule::GraphPorts),
        (sound().operands(GRAPH_INPUT, &[IMAGE, INPUT, ONE]), Rule::GraphPorts),
        (sound().operands(GRAPH_INPUT, &[TABLE_TYPE, INPUT, ZERO]), Rule::GraphPorts),
        (sound().operands(GRAPH_INPUT, &[IMAGE, INPUT, ZERO, ZERO]), Rule::SpirvOperands),
        (sound().before(GRAPH_END, &[(SET_OUTPUT, &[INPUT, ZERO])]), Rule::GraphPorts),
        (sound().operands(SET_OUTPUT, &[ENTRIES_OF_FILE, ZERO]), Rule::GraphPorts),
        (sound().operands(SET_OUTPUT, &[ONE, ZERO]), Rule::SpirvType),
        (sound().without(SET_OUTPUT), Rule::GraphPorts),
        (operator(&[99, INPUT]), Rule::UnsupportedOperator),
        (operator(&[TABLE, INPUT]), Rule::OperandCount),
        (operator(&[TABLE, INPUT, ENTRIES_OF_FILE, INPUT]), Rule::OperandCount),
        (operator(&[TABLE, INPUT, ONE]), Rule::OperandKind),
        (operator(&[TABLE, INPUT, 50]), Rule::SpirvId),
        (operator(&[TABLE, INPUT, RESULT]), Rule::SpirvId),
        (operator(&[TABLE, INPUT, INPUT]), Rule::Operator("an operand has the wrong rank")),
        (operator(&[CLAMP, ONE, ONE, ONE, INPUT]), Rule::OperandKind),
        (operator(&[CLAMP, INPUT, INPUT, ONE, INPUT]), Rule::OperandKind),
        (sound().operands(EXT_INST, &[TABLE_TYPE, RESULT, SET, TABLE, INPUT, ENTRIES_OF_FILE]), Rule::GraphPorts),
        (
            sound()
                .before(ENTRY_POINT, &[(EXT_INST_IMPORT, &[50, 0])])
                .operands(EXT_INST, &[IMAGE, RESULT, 50, TABLE, INPUT, ENTRIES_OF_FILE]),
            Rule::UnsupportedInstruction,
        ),
    ]);
}

// Ids of a module with a Fourier transform.
const THREE: u32 = 50;
const F32: u32 = 51;
const PLANE: u32 = 54;
const PARTS: u32 = 55;
const FALSE: u32 = 57;
const TRANSFORMED: u32 = 71;
const PART: u32 = 72;

/// Real numbers `[16, 4, 4]` transformed, twice forth, so that each plane is left as it was but for a factor of 16 and the
/// signs of its indices; the second transform and what takes it apart are `last`.
fn transforms(last: &[(u32, &[u32])]) -> Module {
    const RESHAPE: u32 = 56;
    const REALS: u32 = 58;
    const SHAPE: u32 = 59;
    const IMAGE_DIMS: u32 = 60;
    const LIST_4: u32 = 62;
    const LIST_3: u32 = 64;
    let declarations: [(u32, &[u32]); 15] = [
        (CONSTANT, &[I32, THREE, 3]),
        (TYPE_FLOAT, &[F32, 32]),
        (TYPE_ARRAY, &[52, I32, THREE]),
        (COMPOSITE, &[52, 53, SIXTEEN, FOUR, FOUR]),
        (TYPE_TENSOR, &[PLANE, F32, THREE, 53]),
        (TYPE_STRUCT, &[PARTS, PLANE, PLANE]),
        (NULL, &[BOOL, FALSE]),
        (TYPE_TENSOR, &[REALS, F32, FOUR, IMAGE_SHAPE]),
        (COMPOSITE, &[ARRAY_1, 61, FOUR]),
        (TYPE_TENSOR, &[LIST_4, I32, ONE, 61]),
        (COMPOSITE, &[LIST_4, IMAGE_DIMS, ONE, SIXTEEN, SIXTEEN, ONE]),
        (COMPOSITE, &[ARRAY_1, 63, THREE]),
        (TYPE_TENSOR, &[LIST_3, I32, ONE, 63]),
        (COMPOSITE, &[LIST_3, SHAPE, SIXTEEN, FOUR, FOUR]),
        (NULL, &[PLANE, 65]),
    ];
    let operators: [(u32, &[u32]); 5] = [
        (EXT_INST, &[REALS, 66, SET, CAST, INPUT]),
        (EXT_INST, &[PLANE, 67, SET, RESHAPE, 66, SHAPE]),
        (EXT_INST, &[PARTS, 68, SET, FFT2D, FALSE, FALSE, 67, 65]),
        (EXTRACT, &[PLANE, 69, 68, 0]),
        (EXTRACT, &[PLANE, 70, 68, 1]),
    ];
    let end: [(u32, &[u32]); 2] =
        [(EXT_INST, &[REALS, 73, SET, RESHAPE, PART, IMAGE_DIMS]), (EXT_INST, &[IMAGE, RESULT, SET, CAST, 73])];
    let body = [&operators[..], last, &end].concat();
    Module::sound().before(ENTRY_POINT, &declarations).without(EXT_INST).before(SET_OUTPUT, &body)
}

/// The second transform, of operands 69 and 70.
const AGAIN: (u32, &[u32]) = (EXT_INST, &[PARTS, TRANSFORMED, SET, FFT2D, FALSE, FALSE, 69, 70]);
const REAL_PART: (u32, &[u32]) = (EXTRACT, &[PLANE, PART, TRANSFORMED, 0]);

#[test]
fn parts_of_a_transform_are_taken_apart() {
    let Some(output) = run(&transforms(&[AGAIN, REAL_PART])) else { return };
    let expected = (0..256).map(|i| {
        let (plane, y, x) = (i / 16, i / 4 % 4, i % 4);
        let number = plane * 16 + (4 - y) % 4 * 4 + (4 - x) % 4 - 128;
        (16 * number).clamp(-128, 127)
    });
    assert!(output.iter().map(|&code| i32::from(code)).eq(expected), "{output:?}");
    // A part may have several names, and neither needs one.
    let twice = transforms(&[AGAIN, REAL_PART, (EXTRACT, &[PLANE, 74, TRANSFORMED, 0])]);
    assert_eq!(run(&twice), Some(output));
}

#[test]
fn broken_structs_are_refused() {
    let (sound, again) = (Module::sound, |last: (u32, &[u32])| transforms(&[AGAIN, last]));
    let transform = |operands: &[u32]| transforms(&[(EXT_INST, operands), REAL_PART]);
    let with_type = |members: &[u32]| {
        let module = transform(&[75, TRANSFORMED, SET, FFT2D, FALSE, FALSE, 69, 70]);
        module.before(ENTRY_POINT, &[(TYPE_STRUCT, &[&[75], members].concat())])
    };
    let output = |id| transforms(&[AGAIN, REAL_PART]).operands(SET_OUTPUT, &[id, ZERO]);
    check(&[
        (sound().declaring(TYPE_STRUCT, &[]), Rule::SpirvOperands),
        (sound().declaring(TYPE_STRUCT, &[50, I8]), Rule::SpirvType),
        (sound().declaring(TYPE_STRUCT, &[50, 50]), Rule::SpirvId),
        (sound().declaring(EXTRACT, &[IMAGE, 50, INPUT, 0]), Rule::SpirvLayout),
        (sound().before(GRAPH_END, &[(EXTRACT, &[IMAGE, 50, INPUT, 0])]), Rule::SpirvLayout),
        (sound().before(SET_OUTPUT, &[(EXTRACT, &[IMAGE, 50, INPUT, 0])]), Rule::SpirvType),
        (
            sound()
                .before(ENTRY_POINT, &[(TYPE_STRUCT, &[50, IMAGE])])
                .operands(EXT_INST, &[50, RESULT, SET, TABLE, INPUT, ENTRIES_OF_FILE]),
            Rule::SpirvType,
        ),
        (transform(&[PLANE, TRANSFORMED, SET, FFT2D, FALSE, FALSE, 69, 70]), Rule::SpirvType),
        (transform(&[PARTS, TRANSFORMED, SET, FFT2D, FALSE, FALSE, 69, 68]), Rule::OperandKind),
        (transform(&[PARTS, TRANSFORMED, SET, FFT2D, FALSE, FALSE, 69]), Rule::OperandCount),
        (with_type(&[]), Rule::SpirvType),
        (with_type(&[PLANE]), Rule::SpirvType),
        (with_type(&[PLANE, PLANE, PLANE]), Rule::SpirvType),
        (with_type(&[PLANE, IMAGE]), Rule::Operator("a Fourier transform is of f32")),
        (again((EXTRACT, &[PLANE, PART, TRANSFORMED, 2])), Rule::SpirvOperands),
        (again((EXTRACT, &[PLANE, PART, TRANSFORMED])), Rule::SpirvOperands),
        (again((EXTRACT, &[PLANE, PART, TRANSFORMED, 0, 0])), Rule::SpirvOperands),
        (again((EXTRACT, &[IMAGE, PART, TRANSFORMED, 0])), Rule::SpirvType),
        (again((EXTRACT, &[PLANE, PART, 75, 0])), Rule::SpirvId),
        (again((EXTRACT, &[PLANE, INPUT, TRANSFORMED, 0])), Rule::SpirvId),
        (again((EXTRACT, &[PLANE, BOUND, TRANSFORMED, 0])), Rule::SpirvId),
        (output(TRANSFORMED), Rule::SpirvType),
    ]);
}
