//! Writes a TOSA graph as a SPIR-V 1.5 graph module, one instruction an operator and one for each of several results.
//!
//! Sources: SPV_ARM_tensors, SPV_ARM_graph, the extended instruction set TOSA.001000.1.

use super::sections::ENTRY_POINT;
use quantize_runtime::graph::{ElementType, Graph, Scalar, ValueId};
use quantize_runtime::ops::{Like, Visit};
use quantize_runtime::vgf::opcode;
use std::collections::BTreeMap;
use std::convert::Infallible;

const MAGIC: u32 = 0x0723_0203;
const VERSION_1_5: u32 = 0x0001_0500;
const CAPABILITIES: [u32; 6] = [SHADER, INT8, TENSORS, GRAPH, VULKAN_MEMORY_MODEL, MATRIX];
const SHADER: u32 = 1;
const INT64: u32 = 11;
const INT16: u32 = 22;
const INT8: u32 = 39;
const TENSORS: u32 = 4174;
const GRAPH: u32 = 4191;
const VULKAN_MEMORY_MODEL: u32 = 5345;
const MATRIX: u32 = 0;
const EXTENSIONS: [&str; 3] = ["SPV_ARM_tensors", "SPV_ARM_graph", "SPV_KHR_vulkan_memory_model"];
const INSTRUCTION_SET: &str = "TOSA.001000.1";
const LOGICAL: u32 = 0;
const VULKAN: u32 = 3;
/// No registered tool.
const GENERATOR: u32 = 0;
const SCHEMA: u32 = 0;
const UNIFORM_CONSTANT: u32 = 0;
const BINDING: u32 = 33;
const DESCRIPTOR_SET: u32 = 34;

/// A graph module.
pub(super) struct Module {
    /// The SPIR-V.
    pub(super) words: Vec<u32>,
    /// The graph constants; the index is the graph constant id.
    pub(super) constants: Vec<ValueId>,
}

/// The module of a graph; its interface variables have bindings 0, 1, … in the order inputs, outputs.
pub(super) fn encode(graph: &Graph<'_>) -> Module {
    let mut encoder = Encoder::new(graph);
    let instruction_set = encoder.id();

    let ports = || graph.inputs.iter().chain(&graph.outputs);
    let mut decorations = Vec::new();
    let mut variables = Vec::new();
    for (binding, port) in (0_u32..).zip(ports()) {
        let variable = encoder.variable(port.value);
        instruction(&mut decorations, opcode::DECORATE, &[variable, BINDING, binding]);
        instruction(&mut decorations, opcode::DECORATE, &[variable, DESCRIPTOR_SET, 0]);
        variables.push(variable);
    }
    let mut signature = vec![graph.inputs.len() as u32];
    signature.extend(ports().map(|port| encoder.value_type(port.value)));
    let graph_type = encoder.type_(opcode::TYPE_GRAPH, &signature);
    let graph_id = encoder.id();

    let mut body = Vec::new();
    instruction(&mut body, opcode::GRAPH, &[graph_type, graph_id]);
    for (index, port) in (0_u32..).zip(&graph.inputs) {
        let (tensor, index) = (encoder.value_type(port.value), encoder.word(index));
        let input = encoder.id();
        instruction(&mut body, opcode::GRAPH_INPUT, &[tensor, input, index]);
        encoder.ids[port.value.0 as usize] = Some(input);
    }
    for node in &graph.nodes {
        let types: Vec<u32> = node.outputs.iter().map(|&output| encoder.value_type(output)).collect();
        let result_type = match types[..] {
            [tensor] => tensor,
            _ => encoder.type_(opcode::TYPE_STRUCT, &types),
        };
        let mut op = node.op.clone();
        let mut operands = Operands { encoder: &mut encoder, result: node.output(), ids: Vec::new() };
        let Ok(()) = op.visit(&mut operands);
        let operands = operands.ids;
        let result = encoder.id();
        let words = [&[result_type, result, instruction_set, op.opcode()][..], &operands].concat();
        instruction(&mut body, opcode::EXT_INST, &words);
        if let [output] = node.outputs[..] {
            encoder.ids[output.0 as usize] = Some(result);
            continue;
        }
        for ((index, &output), tensor) in (0_u32..).zip(&node.outputs).zip(types) {
            let part = encoder.id();
            instruction(&mut body, opcode::COMPOSITE_EXTRACT, &[tensor, part, result, index]);
            encoder.ids[output.0 as usize] = Some(part);
        }
    }
    for (index, port) in (0_u32..).zip(&graph.outputs) {
        let operands = [encoder.value(port.value), encoder.word(index)];
        instruction(&mut body, opcode::GRAPH_SET_OUTPUT, &operands);
    }
    instruction(&mut body, opcode::GRAPH_END, &[]);

    let mut words = vec![MAGIC, VERSION_1_5, GENERATOR, encoder.bound, SCHEMA];
    for capability in CAPABILITIES.into_iter().chain(encoder.capabilities()) {
        instruction(&mut words, opcode::CAPABILITY, &[capability]);
    }
    for extension in EXTENSIONS {
        instruction(&mut words, opcode::EXTENSION, &literal(extension));
    }
    let import = [&[instruction_set][..], &literal(INSTRUCTION_SET)].concat();
    instruction(&mut words, opcode::EXT_INST_IMPORT, &import);
    instruction(&mut words, opcode::MEMORY_MODEL, &[LOGICAL, VULKAN]);
    words.extend(decorations);
    words.extend(encoder.globals);
    let entry_point = [&[graph_id][..], &literal(ENTRY_POINT), &variables].concat();
    instruction(&mut words, opcode::GRAPH_ENTRY_POINT, &entry_point);
    words.extend(body);
    Module { words, constants: encoder.constants }
}

struct Encoder<'a> {
    graph: &'a Graph<'a>,
    /// The next free id.
    bound: u32,
    /// Types, constants and variables in dependency order.
    globals: Vec<u32>,
    /// Types and constants by opcode, result type (0 for types) and operands. SPIR-V forbids equal types, and tensor
    /// types are equal only if they name the same shape constant.
    known: BTreeMap<(u32, u32, Vec<u32>), u32>,
    /// By value: its id, once defined.
    ids: Vec<Option<u32>>,
    constants: Vec<ValueId>,
}

impl<'a> Encoder<'a> {
    fn new(graph: &'a Graph<'a>) -> Self {
        let ids = vec![None; graph.values.len()];
        Self { graph, bound: 1, globals: Vec::new(), known: BTreeMap::new(), ids, constants: Vec::new() }
    }

    fn id(&mut self) -> u32 {
        self.bound += 1;
        self.bound - 1
    }

    fn type_(&mut self, opcode: u32, operands: &[u32]) -> u32 {
        let key = (opcode, 0, operands.to_vec());
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = self.id();
        instruction(&mut self.globals, opcode, &[&[id][..], operands].concat());
        self.known.insert(key, id);
        id
    }

    fn constant(&mut self, opcode: u32, result_type: u32, operands: &[u32]) -> u32 {
        let key = (opcode, result_type, operands.to_vec());
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = self.id();
        instruction(&mut self.globals, opcode, &[&[result_type, id][..], operands].concat());
        self.known.insert(key, id);
        id
    }

    /// What types declared so far need beyond [`CAPABILITIES`].
    fn capabilities(&self) -> impl Iterator<Item = u32> {
        let by_type = [(ElementType::I16, INT16), (ElementType::I48, INT64)];
        by_type
            .into_iter()
            .filter(|&(element, _)| {
                let (opcode, operands) = scalar_type(element);
                self.known.contains_key(&(opcode, 0, operands))
            })
            .map(|(_, capability)| capability)
    }

    fn element_type(&mut self, element: ElementType) -> u32 {
        let (opcode, operands) = scalar_type(element);
        self.type_(opcode, &operands)
    }

    fn tensor_type(&mut self, element: ElementType, dims: &[u32]) -> u32 {
        let rank = self.word(dims.len() as u32);
        let word = self.element_type(ElementType::I32);
        let array = self.type_(opcode::TYPE_ARRAY, &[word, rank]);
        let dims: Vec<u32> = dims.iter().map(|&dim| self.word(dim)).collect();
        let shape = self.constant(opcode::CONSTANT_COMPOSITE, array, &dims);
        let element = self.element_type(element);
        self.type_(opcode::TYPE_TENSOR, &[element, rank, shape])
    }

    fn value_type(&mut self, value: ValueId) -> u32 {
        let value = &self.graph.values[value.0 as usize];
        self.tensor_type(value.element, value.shape.dims())
    }

    fn variable(&mut self, value: ValueId) -> u32 {
        let tensor = self.value_type(value);
        let pointer = self.type_(opcode::TYPE_POINTER, &[UNIFORM_CONSTANT, tensor]);
        let variable = self.id();
        instruction(&mut self.globals, opcode::VARIABLE, &[pointer, variable, UNIFORM_CONSTANT]);
        variable
    }

    /// The id of a tensor; a constant becomes a graph constant at its first use.
    fn value(&mut self, value: ValueId) -> u32 {
        if let Some(id) = self.ids[value.0 as usize] {
            return id;
        }
        let tensor = self.value_type(value);
        let id = self.id();
        let constant_id = self.constants.len() as u32;
        instruction(&mut self.globals, opcode::GRAPH_CONSTANT, &[tensor, id, constant_id]);
        self.constants.push(value);
        self.ids[value.0 as usize] = Some(id);
        id
    }

    /// A scalar u32 constant.
    fn word(&mut self, value: u32) -> u32 {
        let word = self.element_type(ElementType::I32);
        self.constant(opcode::CONSTANT, word, &[value])
    }

    /// A boolean constant.
    fn flag(&mut self, value: bool) -> u32 {
        let result_type = self.element_type(ElementType::Bool);
        let opcode = if value { opcode::CONSTANT_TRUE } else { opcode::CONSTANT_FALSE };
        self.constant(opcode, result_type, &[])
    }

    /// A scalar constant of this type.
    fn scalar(&mut self, element: ElementType, value: Scalar) -> u32 {
        let word = value.to_bits();
        let (low, high) = (word as u32, (word >> 32) as u32);
        // Narrow literals are zero-extended.
        let operands = match element {
            ElementType::Bool => return self.flag(low != 0),
            ElementType::I8 => vec![low & 0xFF],
            ElementType::I16 => vec![low & 0xFFFF],
            ElementType::I32 | ElementType::F32 => vec![low],
            ElementType::I48 => vec![low, high],
        };
        let result_type = self.element_type(element);
        self.constant(opcode::CONSTANT, result_type, &operands)
    }

    /// A constant tensor of rank 1 inside the module.
    fn inline(&mut self, element: ElementType, values: &[Scalar]) -> u32 {
        let tensor = self.tensor_type(element, &[values.len() as u32]);
        if values.iter().all(|value| value.to_bits() == 0) {
            return self.constant(opcode::CONSTANT_NULL, tensor, &[]);
        }
        let elements: Vec<u32> = values.iter().map(|&value| self.scalar(element, value)).collect();
        self.constant(opcode::CONSTANT_COMPOSITE, tensor, &elements)
    }
}

/// Collects the ids of an operator's operands.
struct Operands<'e, 'a> {
    encoder: &'e mut Encoder<'a>,
    result: ValueId,
    ids: Vec<u32>,
}

impl Operands<'_, '_> {
    fn element(&self, like: Like) -> ElementType {
        let of = |value: ValueId| self.encoder.graph.values[value.0 as usize].element;
        match like {
            Like::Operand(value) => of(value),
            Like::Result => of(self.result),
            Like::I8 => ElementType::I8,
        }
    }
}

impl Visit for Operands<'_, '_> {
    type Error = Infallible;

    fn tensor(&mut self, id: &mut ValueId) -> Result<(), Infallible> {
        self.ids.push(self.encoder.value(*id));
        Ok(())
    }

    fn tensors(&mut self, ids: &mut Vec<ValueId>) -> Result<(), Infallible> {
        ids.iter_mut().try_for_each(|id| self.tensor(id))
    }

    fn word(&mut self, value: &mut u32) -> Result<(), Infallible> {
        self.ids.push(self.encoder.word(*value));
        Ok(())
    }

    fn flag(&mut self, value: &mut bool) -> Result<(), Infallible> {
        self.ids.push(self.encoder.flag(*value));
        Ok(())
    }

    fn ints(&mut self, values: &mut [i32]) -> Result<(), Infallible> {
        let values: Vec<Scalar> = values.iter().map(|&value| value.into()).collect();
        self.ids.push(self.encoder.inline(ElementType::I32, &values));
        Ok(())
    }

    fn list(&mut self, values: &mut Vec<i32>) -> Result<(), Infallible> {
        self.ints(values)
    }

    fn bound(&mut self, value: &mut Scalar) -> Result<(), Infallible> {
        let element = self.element(Like::Result);
        self.ids.push(self.encoder.scalar(element, *value));
        Ok(())
    }

    fn single(&mut self, like: Like, value: &mut Scalar) -> Result<(), Infallible> {
        let element = self.element(like);
        self.ids.push(self.encoder.inline(element, &[*value]));
        Ok(())
    }

    fn whole(&mut self, like: Like, value: &mut i32) -> Result<(), Infallible> {
        // The bits of 0, the only whole number that a valid graph has for f32, are those of 0.0.
        self.single(like, &mut Scalar::Int(*value))
    }
}

/// Instruction and operands of the type of a tensor's elements; integers are signless.
fn scalar_type(element: ElementType) -> (u32, Vec<u32>) {
    match element {
        ElementType::Bool => (opcode::TYPE_BOOL, vec![]),
        ElementType::F32 => (opcode::TYPE_FLOAT, vec![32]),
        ElementType::I8 | ElementType::I16 | ElementType::I32 | ElementType::I48 => {
            (opcode::TYPE_INT, vec![8 * element.size() as u32, 0])
        }
    }
}

/// Appends an instruction: word count and opcode, then the operands.
fn instruction(words: &mut Vec<u32>, opcode: u32, operands: &[u32]) {
    let count = u16::try_from(operands.len() + 1).expect("instructions have at most 65535 words");
    words.push(u32::from(count) << 16 | opcode);
    words.extend(operands);
}

/// A literal string: UTF-8, at least one zero byte, filled up to a word.
fn literal(text: &str) -> Vec<u32> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize((bytes.len() + 1).next_multiple_of(4), 0);
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
}
