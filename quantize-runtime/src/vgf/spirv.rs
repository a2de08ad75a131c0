//! Decodes the SPIR-V of a graph segment: one operator an instruction, in the order of the module.
//!
//! Sources: SPV_ARM_tensors, SPV_ARM_graph, the extended instruction set TOSA.001000.1.

use super::check::{SPIRV_HEADER, TENSOR};
use super::sections::{Code, Module, ModuleKind, Resource, Segment, Slot};
use super::{Constant, Vgf};
use crate::Shape;
use crate::error::{Error, Rule};
use crate::graph::{self, ElementType, Graph, Node, Value, ValueId};
use crate::ops::{Enumeration, Like, Op, Visit};
use crate::shape::MAX_RANK;
use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::iter;

const INSTRUCTION_SET: &str = "TOSA.001000.1";
const UNIFORM_CONSTANT: u32 = 0;
const BINDING: u32 = 33;
const DESCRIPTOR_SET: u32 = 34;

/// Most bytes of all constants inside the code: a few words can stand for a tensor of any size.
const MAX_INLINE_BYTES: usize = 1 << 24;

/// Longest list among the attributes: two amounts of padding for each axis.
const MAX_LIST: usize = 2 * MAX_RANK;

/// Numbers of the instructions that are known.
mod opcode {
    pub(super) const NOP: u32 = 0;
    pub(super) const SOURCE_CONTINUED: u32 = 2;
    pub(super) const SOURCE: u32 = 3;
    pub(super) const SOURCE_EXTENSION: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const EXTENSION: u32 = 10;
    pub(super) const EXT_INST_IMPORT: u32 = 11;
    pub(super) const EXT_INST: u32 = 12;
    pub(super) const MEMORY_MODEL: u32 = 14;
    pub(super) const CAPABILITY: u32 = 17;
    pub(super) const TYPE_BOOL: u32 = 20;
    pub(super) const TYPE_INT: u32 = 21;
    pub(super) const TYPE_FLOAT: u32 = 22;
    pub(super) const TYPE_ARRAY: u32 = 28;
    pub(super) const TYPE_POINTER: u32 = 32;
    pub(super) const CONSTANT_TRUE: u32 = 41;
    pub(super) const CONSTANT_FALSE: u32 = 42;
    pub(super) const CONSTANT: u32 = 43;
    pub(super) const CONSTANT_COMPOSITE: u32 = 44;
    pub(super) const CONSTANT_NULL: u32 = 46;
    pub(super) const VARIABLE: u32 = 59;
    pub(super) const DECORATE: u32 = 71;
    pub(super) const MODULE_PROCESSED: u32 = 330;
    pub(super) const TYPE_TENSOR: u32 = 4163;
    pub(super) const GRAPH_CONSTANT: u32 = 4181;
    pub(super) const GRAPH_ENTRY_POINT: u32 = 4182;
    pub(super) const GRAPH: u32 = 4183;
    pub(super) const GRAPH_INPUT: u32 = 4184;
    pub(super) const GRAPH_SET_OUTPUT: u32 = 4185;
    pub(super) const GRAPH_END: u32 = 4186;
    pub(super) const TYPE_GRAPH: u32 = 4190;
    pub(super) const CONSTANT_COMPOSITE_REPLICATE: u32 = 4461;
}

impl<'a> Vgf<'a> {
    /// Decodes the graph of a file with a single graph segment, and checks that it is valid TOSA.
    ///
    /// The operators keep their order. Constants of the file are borrowed and know their place in it; those inside the
    /// code are owned. Inputs and outputs have the names of the file, or else `input_0`, `output_0` and so on.
    ///
    /// # Errors
    /// The first broken rule of the module, of its agreement with the file, or of TOSA; and, as rules called
    /// `Unsupported…`, what this version does not read. A hostile file can cost no more memory than in proportion to
    /// its size and 32 MiB, and no more time than in proportion to the square of its size.
    pub fn graph(&self) -> Result<Graph<'a>, Error> {
        let mut segments = self.segments();
        let segment = segments.next().filter(|segment| segment.kind() == ModuleKind::Graph && segments.len() == 0);
        let module = segment.and_then(|segment| Some((segment, self.modules.get(segment.module())?)));
        if let Some((segment, module)) = module
            && let Code::Spirv(words) = module.code()
        {
            return Decoder::new(self, &segment, &module, words).decode(words, module.words_offset());
        }
        Err(Error { rule: Rule::UnsupportedSegments, offset: self.header.sequence.start })
    }
}

/// An instruction of the module.
struct Instruction<'a> {
    opcode: u32,
    operands: &'a [[u8; 4]],
    /// Offset in the file.
    offset: usize,
}

impl<'a> Instruction<'a> {
    fn fail(&self, rule: Rule) -> Error {
        Error { rule, offset: self.offset }
    }

    fn require(&self, holds: bool, rule: Rule) -> Result<(), Error> {
        if holds { Ok(()) } else { Err(self.fail(rule)) }
    }

    /// All operands, which must be `N`.
    fn operands<const N: usize>(&self) -> Result<[u32; N], Error> {
        let (operands, rest) = self.leading()?;
        self.require(rest.is_empty(), Rule::SpirvOperands)?;
        Ok(operands)
    }

    /// The first `N` operands and the others.
    fn leading<const N: usize>(&self) -> Result<([u32; N], &'a [[u8; 4]]), Error> {
        let (operands, rest) = self.operands.split_first_chunk().ok_or(self.fail(Rule::SpirvOperands))?;
        Ok((operands.map(u32::from_le_bytes), rest))
    }

    /// The text that `words` start with and the words after it.
    fn text(&self, words: &'a [[u8; 4]]) -> Result<(&'a str, &'a [[u8; 4]]), Error> {
        let bytes = words.as_flattened();
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(self.fail(Rule::SpirvText))?;
        let text = core::str::from_utf8(&bytes[..end]).map_err(|_| self.fail(Rule::SpirvText))?;
        Ok((text, &words[end / 4 + 1..]))
    }
}

/// The instructions after the header; their lengths were checked with the container.
fn instructions(words: &[[u8; 4]], offset: usize) -> impl Iterator<Item = Instruction<'_>> {
    let mut at = SPIRV_HEADER;
    iter::from_fn(move || {
        let first = u32::from_le_bytes(*words.get(at)?);
        let end = at + (first >> 16) as usize;
        let operands = words.get(at + 1..end)?;
        let instruction = Instruction { opcode: first & 0xFFFF, operands, offset: offset + 4 * at };
        at = end;
        Some(instruction)
    })
}

/// Words as numbers.
fn numbers(words: &[[u8; 4]]) -> impl ExactSizeIterator<Item = u32> {
    words.iter().map(|word| u32::from_le_bytes(*word))
}

/// A type of tensors.
#[derive(Clone, Copy, PartialEq)]
struct Type {
    element: ElementType,
    shape: Shape,
}

impl Type {
    fn of(value: &Value<'_>) -> Self {
        Self { element: value.element, shape: value.shape }
    }

    fn value(self, constant: Option<graph::Constant<'_>>) -> Value<'_> {
        Value { element: self.element, shape: self.shape, constant }
    }

    /// Whether a resource has this type; −1 stands for any size.
    fn agrees(&self, resource: &Resource<'_>) -> bool {
        // R8 and R32, UINT and SINT: SPIR-V graphs know no sign.
        let element = match resource.format() {
            13 | 14 => Some(ElementType::I8),
            98 | 99 => Some(ElementType::I32),
            _ => None,
        };
        let (dims, sizes) = (self.shape.dims(), resource.shape());
        let same_size = |(&dim, size): (&u32, i64)| size == i64::from(dim) || size == -1;
        element == Some(self.element) && dims.len() == sizes.len() && dims.iter().zip(sizes).all(same_size)
    }
}

/// What an id stands for.
enum Entity<'a> {
    /// Nothing that an operator can use.
    Opaque,
    InstructionSet,
    BoolType,
    /// `None` for numbers other than i8 and i32.
    ScalarType(Option<ElementType>),
    /// An array of so many u32.
    ShapeType(u32),
    TensorType(Type),
    PointerType(Type),
    GraphType {
        inputs: Vec<Type>,
        outputs: Vec<Type>,
    },
    Flag(bool),
    Scalar(ElementType, i32),
    Shape(Shape),
    Variable(Type),
    /// A constant tensor that is not yet a value of the graph.
    Constant(Value<'a>),
    Value(ValueId),
}

/// The part of the module that an instruction belongs to, in their order.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Part {
    Declarations,
    Inputs,
    Operators,
    Outputs,
    End,
}

/// The graph that is run, by the variables of its interface.
struct EntryPoint<'a> {
    graph: u32,
    variables: &'a [[u8; 4]],
}

/// An input or output of the graph.
struct Port {
    type_: Type,
    /// Index of the resource it is bound to.
    resource: usize,
    /// The tensor, once the body has named it.
    value: Option<ValueId>,
}

struct Decoder<'v, 'a> {
    vgf: &'v Vgf<'a>,
    /// Name of the entry point.
    name: &'a str,
    /// Above all ids.
    bound: u32,
    ids: BTreeMap<u32, Entity<'a>>,
    /// Values by decorated id and decoration.
    decorations: BTreeMap<(u32, u32), u32>,
    /// Resources by descriptor set and binding, until a variable claims them.
    slots: BTreeMap<(u32, u32), usize>,
    /// Constants by graph constant id, until they are declared.
    constants: BTreeMap<u32, Constant<'a>>,
    inline_bytes: usize,
    entry_point: Option<EntryPoint<'a>>,
    part: Part,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    graph: Graph<'a>,
    /// Offset in the file of each node.
    offsets: Vec<usize>,
}

impl<'v, 'a> Decoder<'v, 'a> {
    fn new(vgf: &'v Vgf<'a>, segment: &Segment<'a>, module: &Module<'a>, words: &[[u8; 4]]) -> Self {
        let slots = segment.sets().enumerate().flat_map(|(position, set)| {
            set.slots().map(move |slot| ((set.number(position), slot.binding()), slot.resource()))
        });
        let constants = segment.constant_bindings().filter_map(|(id, index)| Some((id, vgf.constants.get(index)?)));
        Self {
            vgf,
            name: module.entry_point(),
            bound: words.get(3).map_or(0, |word| u32::from_le_bytes(*word)),
            ids: BTreeMap::new(),
            decorations: BTreeMap::new(),
            slots: slots.collect(),
            constants: constants.collect(),
            inline_bytes: 0,
            entry_point: None,
            part: Part::Declarations,
            inputs: Vec::new(),
            outputs: Vec::new(),
            graph: Graph::default(),
            offsets: Vec::new(),
        }
    }

    fn decode(mut self, words: &'a [[u8; 4]], offset: usize) -> Result<Graph<'a>, Error> {
        let fail = |rule| Error { rule, offset };
        for instruction in instructions(words, offset) {
            self.instruction(&instruction)?;
        }
        match self.part {
            Part::Declarations => return Err(fail(Rule::EntryPoint)),
            Part::Inputs | Part::Operators | Part::Outputs => return Err(fail(Rule::SpirvLayout)),
            Part::End => {}
        }
        self.graph.validate().map_err(|invalid| {
            let at = invalid.node.and_then(|node| self.offsets.get(node).copied());
            Error { rule: Rule::Operator(invalid.rule), offset: at.unwrap_or(offset) }
        })?;
        Ok(self.graph)
    }

    fn instruction(&mut self, instruction: &Instruction<'a>) -> Result<(), Error> {
        match instruction.opcode {
            opcode::GRAPH => self.begin(instruction),
            opcode::GRAPH_INPUT => self.input(instruction),
            opcode::EXT_INST => self.operator(instruction),
            opcode::GRAPH_SET_OUTPUT => self.output(instruction),
            opcode::GRAPH_END => self.end(instruction),
            _ => {
                instruction.require(self.part == Part::Declarations, Rule::SpirvLayout)?;
                self.declaration(instruction)
            }
        }
    }

    /// Decodes what comes before the graph.
    fn declaration(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        let (id, entity) = match at.opcode {
            // Nothing in the graph depends on these.
            opcode::NOP
            | opcode::SOURCE_CONTINUED
            | opcode::SOURCE
            | opcode::SOURCE_EXTENSION
            | opcode::NAME
            | opcode::EXTENSION
            | opcode::MEMORY_MODEL
            | opcode::CAPABILITY
            | opcode::MODULE_PROCESSED => return Ok(()),
            opcode::DECORATE => {
                let ([target, decoration], values) = at.leading()?;
                self.decorations.extend(numbers(values).map(|value| ((target, decoration), value)));
                return Ok(());
            }
            opcode::GRAPH_ENTRY_POINT => {
                let ([graph], rest) = at.leading()?;
                let (name, variables) = at.text(rest)?;
                if name == self.name {
                    self.entry_point = Some(EntryPoint { graph, variables });
                }
                return Ok(());
            }
            opcode::EXT_INST_IMPORT => {
                let ([id], name) = at.leading()?;
                let known = at.text(name)?.0 == INSTRUCTION_SET;
                (id, if known { Entity::InstructionSet } else { Entity::Opaque })
            }
            opcode::TYPE_BOOL => (at.operands::<1>()?[0], Entity::BoolType),
            opcode::TYPE_INT => {
                let [id, bits, _] = at.operands()?;
                let element = match bits {
                    8 => Some(ElementType::I8),
                    32 => Some(ElementType::I32),
                    _ => None,
                };
                (id, Entity::ScalarType(element))
            }
            opcode::TYPE_FLOAT => (at.leading::<2>()?.0[0], Entity::ScalarType(None)),
            opcode::TYPE_ARRAY => {
                let [id, element, len] = at.operands()?;
                let of_words = matches!(self.get(at, element)?, Entity::ScalarType(Some(ElementType::I32)));
                at.require(of_words, Rule::SpirvType)?;
                (id, Entity::ShapeType(self.word(at, len)?))
            }
            opcode::TYPE_TENSOR => self.declare_tensor_type(at)?,
            opcode::TYPE_POINTER => {
                let [id, storage, tensor] = at.operands()?;
                at.require(storage == UNIFORM_CONSTANT, Rule::SpirvType)?;
                (id, Entity::PointerType(self.tensor_type(at, tensor)?))
            }
            opcode::TYPE_GRAPH => {
                let ([id, inputs], types) = at.leading()?;
                let types = numbers(types).map(|id| self.tensor_type(at, id)).collect::<Result<Vec<_>, _>>()?;
                let (inputs, outputs) = types.split_at_checked(inputs as usize).ok_or(at.fail(Rule::SpirvOperands))?;
                (id, Entity::GraphType { inputs: inputs.to_vec(), outputs: outputs.to_vec() })
            }
            opcode::VARIABLE => {
                let [pointer, id, _] = at.operands()?;
                match self.get(at, pointer)? {
                    Entity::PointerType(tensor) => (id, Entity::Variable(*tensor)),
                    _ => return Err(at.fail(Rule::SpirvType)),
                }
            }
            opcode::GRAPH_CONSTANT => {
                let [tensor, id, graph_constant] = at.operands()?;
                let tensor = self.tensor_type(at, tensor)?;
                let constant = self.constants.remove(&graph_constant).ok_or(at.fail(Rule::GraphConstantUnbound))?;
                let agrees = self.vgf.resources.get(constant.resource).is_some_and(|resource| tensor.agrees(&resource));
                at.require(agrees, Rule::GraphConstantType)?;
                let constant = graph::Constant { data: Cow::Borrowed(constant.data), range: Some(constant.range) };
                (id, Entity::Constant(tensor.value(Some(constant))))
            }
            opcode::CONSTANT_TRUE | opcode::CONSTANT_FALSE => {
                let [type_, id] = at.operands()?;
                at.require(matches!(self.get(at, type_)?, Entity::BoolType), Rule::SpirvType)?;
                (id, Entity::Flag(at.opcode == opcode::CONSTANT_TRUE))
            }
            opcode::CONSTANT => self.declare_scalar(at)?,
            opcode::CONSTANT_NULL => self.declare_null(at)?,
            opcode::CONSTANT_COMPOSITE => {
                let ([type_, id], parts) = at.leading()?;
                (id, self.compose(at, type_, parts.len(), numbers(parts))?)
            }
            opcode::CONSTANT_COMPOSITE_REPLICATE => {
                let [type_, id, part] = at.operands()?;
                let parts = match self.get(at, type_)? {
                    Entity::ShapeType(len) => *len,
                    Entity::TensorType(tensor) => tensor.shape.sizes::<1>()[0] as u32,
                    _ => return Err(at.fail(Rule::SpirvType)),
                };
                (id, self.compose(at, type_, parts as usize, iter::repeat_n(part, parts as usize))?)
            }
            _ => return Err(at.fail(Rule::UnsupportedInstruction)),
        };
        self.define(at, id, entity)
    }

    fn declare_tensor_type(&self, at: &Instruction<'a>) -> Result<(u32, Entity<'a>), Error> {
        let ([id, element], shape) = at.leading()?;
        let element = match self.get(at, element)? {
            Entity::ScalarType(Some(element)) => *element,
            Entity::ScalarType(None) | Entity::BoolType => return Err(at.fail(Rule::UnsupportedElement)),
            _ => return Err(at.fail(Rule::SpirvType)),
        };
        let &[rank, shape] = shape else { return Err(at.fail(Rule::UnsupportedRank)) };
        let rank = self.word(at, u32::from_le_bytes(rank))?;
        match self.get(at, u32::from_le_bytes(shape))? {
            Entity::Shape(shape) if shape.rank() == rank as usize => {
                Ok((id, Entity::TensorType(Type { element, shape: *shape })))
            }
            _ => Err(at.fail(Rule::SpirvType)),
        }
    }

    fn declare_scalar(&self, at: &Instruction<'a>) -> Result<(u32, Entity<'a>), Error> {
        let ([type_, id], literal) = at.leading()?;
        let element = match self.get(at, type_)? {
            Entity::ScalarType(Some(element)) => *element,
            Entity::ScalarType(None) => return Ok((id, Entity::Opaque)),
            _ => return Err(at.fail(Rule::SpirvType)),
        };
        let &[word] = literal else { return Err(at.fail(Rule::SpirvConstant)) };
        let value = i32::from_le_bytes(word);
        let value = match element {
            // Narrow literals are zero-extended, or sign-extended where the type says that it is signed.
            ElementType::I8 => {
                at.require((-128..256).contains(&value), Rule::SpirvConstant)?;
                i32::from(value as i8) // the low byte is the value
            }
            ElementType::I32 => value,
        };
        Ok((id, Entity::Scalar(element, value)))
    }

    fn declare_null(&mut self, at: &Instruction<'a>) -> Result<(u32, Entity<'a>), Error> {
        let [type_, id] = at.operands()?;
        let entity = match *self.get(at, type_)? {
            Entity::BoolType => Entity::Flag(false),
            Entity::ScalarType(Some(element)) => Entity::Scalar(element, 0),
            Entity::ScalarType(None) => Entity::Opaque,
            Entity::TensorType(tensor) => {
                let zeros = vec![0; self.reserve(at, tensor)?];
                Entity::Constant(tensor.value(Some(graph::Constant { data: Cow::Owned(zeros), range: None })))
            }
            _ => return Err(at.fail(Rule::SpirvType)),
        };
        Ok((id, entity))
    }

    /// Joins constants to one of a type: the dimensions of a shape, or a tensor of scalars or of its slices.
    fn compose(
        &mut self,
        at: &Instruction<'a>,
        type_: u32,
        len: usize,
        parts: impl Iterator<Item = u32>,
    ) -> Result<Entity<'a>, Error> {
        match *self.get(at, type_)? {
            Entity::ShapeType(dims) => {
                at.require(len == dims as usize, Rule::SpirvConstant)?;
                at.require(len <= MAX_RANK, Rule::UnsupportedRank)?;
                let dims = parts.map(|part| self.word(at, part)).collect::<Result<Vec<_>, _>>()?;
                Shape::new(&dims).map(Entity::Shape).ok_or(at.fail(Rule::UnsupportedRank))
            }
            Entity::TensorType(tensor) => {
                let (first, rest) = tensor.shape.dims().split_first().ok_or(at.fail(Rule::SpirvConstant))?;
                at.require(len == *first as usize, Rule::SpirvConstant)?;
                let slice = Shape::new(rest).map(|shape| Type { shape, ..tensor });
                let mut data = Vec::with_capacity(self.reserve(at, tensor)?);
                for part in parts {
                    match self.get(at, part)? {
                        Entity::Scalar(element, value) if rest.is_empty() && *element == tensor.element => {
                            data.extend_from_slice(&value.to_le_bytes()[..element.size()]);
                        }
                        Entity::Constant(value) if Some(Type::of(value)) == slice => {
                            data.extend_from_slice(value.constant.as_ref().map_or(&[], |constant| &constant.data));
                        }
                        _ => return Err(at.fail(Rule::SpirvConstant)),
                    }
                }
                Ok(Entity::Constant(tensor.value(Some(graph::Constant { data: Cow::Owned(data), range: None }))))
            }
            _ => Err(at.fail(Rule::SpirvType)),
        }
    }

    /// Counts a constant inside the code and gives its bytes.
    fn reserve(&mut self, at: &Instruction<'a>, tensor: Type) -> Result<usize, Error> {
        let bytes = tensor.shape.len().saturating_mul(tensor.element.size());
        self.inline_bytes = self.inline_bytes.saturating_add(bytes);
        at.require(self.inline_bytes <= MAX_INLINE_BYTES, Rule::UnsupportedConstants)?;
        Ok(bytes)
    }

    /// Starts the graph: its ports and their places in the file.
    fn begin(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        let [type_, id] = at.operands()?;
        let entry_point = self.entry_point.as_ref().ok_or(at.fail(Rule::EntryPoint))?;
        at.require(entry_point.graph == id, Rule::UnsupportedGraphs)?;
        at.require(self.part == Part::Declarations, Rule::SpirvLayout)?;
        self.part = Part::Inputs;
        let variables = entry_point.variables;
        let Entity::GraphType { inputs, outputs } = self.get(at, type_)? else {
            return Err(at.fail(Rule::SpirvType));
        };
        let (types, inputs) = ([&inputs[..], outputs].concat(), inputs.len());
        at.require(variables.len() == types.len(), Rule::Interface)?;
        let ports = numbers(variables).zip(types).map(|(variable, type_)| self.port(at, variable, type_));
        self.inputs = ports.collect::<Result<_, _>>()?;
        self.outputs = self.inputs.split_off(inputs);
        at.require(self.slots.is_empty(), Rule::Interface)?;
        self.define(at, id, Entity::Opaque)
    }

    /// The port of the graph that a variable stands for.
    fn port(&mut self, at: &Instruction<'a>, variable: u32, type_: Type) -> Result<Port, Error> {
        let Entity::Variable(declared) = *self.get(at, variable)? else {
            return Err(at.fail(Rule::Interface));
        };
        let decoration = |decoration| self.decorations.get(&(variable, decoration)).copied();
        let binding = decoration(BINDING).ok_or(at.fail(Rule::Interface))?;
        let place = (decoration(DESCRIPTOR_SET).unwrap_or_default(), binding);
        let resource = self.slots.remove(&place).ok_or(at.fail(Rule::Interface))?;
        let agrees = self.vgf.resources.get(resource).is_some_and(|resource| {
            resource.descriptor_type() == Some(TENSOR) && declared == type_ && type_.agrees(&resource)
        });
        at.require(agrees, Rule::InterfaceType)?;
        Ok(Port { type_, resource, value: None })
    }

    fn input(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        self.enter(at, Part::Inputs)?;
        let [type_, id, index] = at.operands()?;
        let (type_, index) = (self.tensor_type(at, type_)?, self.word(at, index)?);
        let input = self.inputs.get_mut(index as usize).filter(|port| port.type_ == type_ && port.value.is_none());
        let value = add(&mut self.graph, type_.value(None));
        input.ok_or(at.fail(Rule::GraphPorts))?.value = Some(value);
        self.define(at, id, Entity::Value(value))
    }

    fn operator(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        self.enter(at, Part::Operators)?;
        let ([type_, id, set, number], operands) = at.leading()?;
        let known = matches!(self.get(at, set)?, Entity::InstructionSet);
        at.require(known, Rule::UnsupportedInstruction)?;
        let mut op = Op::from_opcode(number).ok_or(at.fail(Rule::UnsupportedOperator))?;
        let result = self.tensor_type(at, type_)?;
        let mut visitor = Operands { decoder: self, at, operands, result: result.element };
        op.visit(&mut visitor)?;
        at.require(visitor.operands.is_empty(), Rule::OperandCount)?;
        let output = add(&mut self.graph, result.value(None));
        self.graph.nodes.push(Node { op, output });
        self.offsets.push(at.offset);
        self.define(at, id, Entity::Value(output))
    }

    fn output(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        self.enter(at, Part::Outputs)?;
        let [id, index] = at.operands()?;
        let (value, index) = (self.value(at, id, Rule::SpirvType)?, self.word(at, index)?);
        let type_ = Type::of(&self.graph.values[value.0 as usize]);
        let output = self.outputs.get_mut(index as usize).filter(|port| port.type_ == type_ && port.value.is_none());
        output.ok_or(at.fail(Rule::GraphPorts))?.value = Some(value);
        Ok(())
    }

    fn end(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        self.enter(at, Part::End)?;
        let [] = at.operands()?;
        // An input that nothing reads needs no instruction.
        for input in &mut self.inputs {
            input.value.get_or_insert_with(|| add(&mut self.graph, input.type_.value(None)));
        }
        let vgf = self.vgf;
        self.graph.inputs = model_ports(at, &self.inputs, vgf.inputs(), vgf.input_names(), "input")?;
        self.graph.outputs = model_ports(at, &self.outputs, vgf.outputs(), vgf.output_names(), "output")?;
        Ok(())
    }

    /// Checks that an instruction of this part of the graph may come now.
    fn enter(&mut self, at: &Instruction<'a>, part: Part) -> Result<(), Error> {
        at.require(Part::Inputs <= self.part && self.part <= part && self.part != Part::End, Rule::SpirvLayout)?;
        self.part = part;
        Ok(())
    }

    fn define(&mut self, at: &Instruction<'a>, id: u32, entity: Entity<'a>) -> Result<(), Error> {
        let free = (1..self.bound).contains(&id) && self.ids.insert(id, entity).is_none();
        at.require(free, Rule::SpirvId)
    }

    fn get(&self, at: &Instruction<'a>, id: u32) -> Result<&Entity<'a>, Error> {
        self.ids.get(&id).ok_or(at.fail(Rule::SpirvId))
    }

    fn tensor_type(&self, at: &Instruction<'a>, id: u32) -> Result<Type, Error> {
        match self.get(at, id)? {
            Entity::TensorType(type_) => Ok(*type_),
            _ => Err(at.fail(Rule::SpirvType)),
        }
    }

    fn word(&self, at: &Instruction<'a>, id: u32) -> Result<u32, Error> {
        match self.get(at, id)? {
            Entity::Scalar(ElementType::I32, value) => Ok(value.cast_unsigned()),
            _ => Err(at.fail(Rule::SpirvType)),
        }
    }

    /// The value with this id; a constant becomes one at its first use. Breaks `rule` where the id is no tensor.
    fn value(&mut self, at: &Instruction<'a>, id: u32, rule: Rule) -> Result<ValueId, Error> {
        let entity = self.ids.get_mut(&id).ok_or(at.fail(Rule::SpirvId))?;
        match entity {
            Entity::Value(value) => Ok(*value),
            Entity::Constant(constant) => {
                let value = add(&mut self.graph, Value { constant: constant.constant.take(), ..*constant });
                *entity = Entity::Value(value);
                Ok(value)
            }
            _ => Err(at.fail(rule)),
        }
    }
}

fn add<'a>(graph: &mut Graph<'a>, value: Value<'a>) -> ValueId {
    graph.values.push(value);
    ValueId(graph.values.len() as u32 - 1) // each value has an instruction, and those have fewer words than 2^32
}

/// The ports in the order and with the names of the model's.
fn model_ports<'a>(
    at: &Instruction<'_>,
    ports: &[Port],
    slots: impl ExactSizeIterator<Item = Slot<'a>>,
    mut names: impl Iterator<Item = &'a str>,
    unnamed: &str,
) -> Result<Vec<graph::Port>, Error> {
    let mut values: BTreeMap<_, _> = ports.iter().map(|port| (port.resource, port.value)).collect();
    at.require(ports.len() == slots.len() && ports.len() == values.len(), Rule::Interface)?;
    let port = |(index, slot): (usize, Slot<'_>)| {
        let value = values.remove(&slot.resource()).ok_or(at.fail(Rule::Interface))?;
        let name = names.next().map_or_else(|| format!("{unnamed}_{index}"), String::from);
        Ok(graph::Port { name, value: value.ok_or(at.fail(Rule::GraphPorts))? })
    };
    slots.enumerate().map(port).collect()
}

/// Fills an operator from the operands of its instruction.
struct Operands<'d, 'v, 'a> {
    decoder: &'d mut Decoder<'v, 'a>,
    at: &'d Instruction<'a>,
    /// Those that are left.
    operands: &'a [[u8; 4]],
    /// Element type of the result.
    result: ElementType,
}

impl<'a> Operands<'_, '_, 'a> {
    fn next(&mut self) -> Result<u32, Error> {
        let (id, rest) = self.operands.split_first().ok_or(self.at.fail(Rule::OperandCount))?;
        self.operands = rest;
        Ok(u32::from_le_bytes(*id))
    }

    fn next_entity(&mut self) -> Result<&Entity<'a>, Error> {
        let id = self.next()?;
        self.decoder.get(self.at, id)
    }

    /// A constant tensor of rank 1, short enough to be an attribute.
    fn constant(&mut self, element: ElementType) -> Result<Vec<i32>, Error> {
        let fail = self.at.fail(Rule::OperandKind);
        let id = self.next()?;
        let value = match self.decoder.get(self.at, id)? {
            Entity::Constant(value) => value,
            Entity::Value(value) => &self.decoder.graph.values[value.0 as usize],
            _ => return Err(fail),
        };
        let constant = value.constant.as_ref().ok_or(fail)?;
        if value.element != element || value.shape.rank() != 1 || value.shape.len() > MAX_LIST {
            return Err(fail);
        }
        Ok(match element {
            ElementType::I8 => constant.data.iter().map(|byte| i32::from(byte.cast_signed())).collect(),
            ElementType::I32 => constant.data.as_chunks().0.iter().map(|word| i32::from_le_bytes(*word)).collect(),
        })
    }

    /// A constant tensor of as many elements as `values` has.
    fn fill(&mut self, element: ElementType, values: &mut [i32]) -> Result<(), Error> {
        let constant = self.constant(element)?;
        self.at.require(constant.len() == values.len(), Rule::OperandKind)?;
        values.copy_from_slice(&constant);
        Ok(())
    }
}

impl Visit for Operands<'_, '_, '_> {
    type Error = Error;

    fn tensor(&mut self, id: &mut ValueId) -> Result<(), Error> {
        let operand = self.next()?;
        *id = self.decoder.value(self.at, operand, Rule::OperandKind)?;
        Ok(())
    }

    fn tensors(&mut self, ids: &mut Vec<ValueId>) -> Result<(), Error> {
        while !self.operands.is_empty() {
            let mut id = ValueId::default();
            self.tensor(&mut id)?;
            ids.push(id);
        }
        Ok(())
    }

    fn word(&mut self, value: &mut u32) -> Result<(), Error> {
        let fail = self.at.fail(Rule::OperandKind);
        match *self.next_entity()? {
            Entity::Scalar(ElementType::I32, word) => *value = word.cast_unsigned(),
            _ => return Err(fail),
        }
        Ok(())
    }

    fn flag(&mut self, value: &mut bool) -> Result<(), Error> {
        let fail = self.at.fail(Rule::OperandKind);
        match *self.next_entity()? {
            Entity::Flag(flag) => *value = flag,
            _ => return Err(fail),
        }
        Ok(())
    }

    fn ints(&mut self, values: &mut [i32]) -> Result<(), Error> {
        self.fill(ElementType::I32, values)
    }

    fn list(&mut self, values: &mut Vec<i32>) -> Result<(), Error> {
        *values = self.constant(ElementType::I32)?;
        Ok(())
    }

    fn bound(&mut self, value: &mut i32) -> Result<(), Error> {
        let (fail, result) = (self.at.fail(Rule::OperandKind), self.result);
        match *self.next_entity()? {
            Entity::Scalar(element, bound) if element == result => *value = bound,
            _ => return Err(fail),
        }
        Ok(())
    }

    fn single(&mut self, like: Like, value: &mut i32) -> Result<(), Error> {
        let element = match like {
            Like::Operand(id) => self.decoder.graph.values[id.0 as usize].element,
            Like::Result => self.result,
            Like::I8 => ElementType::I8,
        };
        self.fill(element, core::slice::from_mut(value))
    }

    fn enumeration<E: Enumeration>(&mut self, value: &mut E) -> Result<(), Error> {
        let mut word = 0;
        self.word(&mut word)?;
        *value = E::from_word(word).ok_or(self.at.fail(Rule::Enumeration))?;
        Ok(())
    }
}
