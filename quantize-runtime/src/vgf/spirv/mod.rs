//! Decodes the SPIR-V of a graph segment: one operator an instruction, in the order of the module.
//!
//! Sources: SPV_ARM_tensors, SPV_ARM_graph, the extended instruction set TOSA.001000.1.

mod declarations;
mod entity;
mod instruction;
pub mod opcode;
mod operands;

use super::check::TENSOR;
use super::sections::{Code, Module, ModuleKind, Resource, Segment, Slot};
use super::{Constant, Vgf};
use crate::error::{Error, Rule};
use crate::graph::{self, ElementType, Graph, Node, Value, ValueId};
use crate::ops::Op;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use entity::{Entity, Type, is_unsigned};
use instruction::{Instruction, instructions, numbers};
use operands::Operands;

const BINDING: u32 = 33;
const DESCRIPTOR_SET: u32 = 34;

impl<'a> Vgf<'a> {
    /// Decodes the graph of a file with a single graph segment, and checks that it is valid TOSA.
    ///
    /// The operators keep their order. Constants of the file are borrowed and know their place in it; those inside the
    /// code are owned. Inputs and outputs have the names of the file, or else `input_0`, `output_0` and so on.
    ///
    /// # Errors
    /// The first broken rule of the module, of its agreement with the file, or of TOSA; and, as rules called
    /// `Unsupported…`, what this version does not read. A hostile file can cost no more memory than in proportion to
    /// its size and 16 MiB, and no more time than in proportion to the square of its size.
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
    /// Whether the resource has unsigned numbers.
    unsigned: bool,
    /// The tensor, once the body has named it.
    value: Option<ValueId>,
}

/// What is known after each instruction.
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
    /// Bytes of all constants inside the code.
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
            opcode::COMPOSITE_EXTRACT => self.extract(instruction),
            opcode::GRAPH_SET_OUTPUT => self.output(instruction),
            opcode::GRAPH_END => self.end(instruction),
            _ => {
                instruction.require(self.part == Part::Declarations, Rule::SpirvLayout)?;
                self.declaration(instruction)
            }
        }
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
        let agrees = |resource: &Resource<'_>| {
            resource.descriptor_type() == Some(TENSOR) && declared == type_ && type_.agrees(resource)
        };
        let bound = self.vgf.resources.get(resource).filter(agrees).ok_or(at.fail(Rule::InterfaceType))?;
        Ok(Port { type_, resource, unsigned: is_unsigned(&bound), value: None })
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
        let (types, is_struct) = match self.get(at, type_)? {
            Entity::StructType(types) => (types.clone(), true),
            _ => (vec![self.tensor_type(at, type_)?], false),
        };
        at.require(types.len() == op.results() && is_struct == (types.len() > 1), Rule::SpirvType)?;
        let mut visitor = Operands { decoder: self, at, operands, result: types[0].element };
        op.visit(&mut visitor)?;
        at.require(visitor.operands.is_empty(), Rule::OperandCount)?;
        let outputs: Vec<ValueId> = types.iter().map(|type_| add(&mut self.graph, type_.value(None))).collect();
        let entity = if is_struct { Entity::Struct(outputs.clone()) } else { Entity::Value(outputs[0]) };
        self.graph.nodes.push(Node { op, outputs });
        self.offsets.push(at.offset);
        self.define(at, id, entity)
    }

    /// One of several results of an operator.
    fn extract(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
        self.enter(at, Part::Operators)?;
        let [type_, id, composite, index] = at.operands()?;
        let type_ = self.tensor_type(at, type_)?;
        let Entity::Struct(values) = self.get(at, composite)? else { return Err(at.fail(Rule::SpirvType)) };
        let value = *values.get(index as usize).ok_or(at.fail(Rule::SpirvOperands))?;
        at.require(type_ == Type::of(&self.graph.values[value.0 as usize]), Rule::SpirvType)?;
        self.define(at, id, Entity::Value(value))
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

    fn tensor_types(&self, at: &Instruction<'a>, ids: &[[u8; 4]]) -> Result<Vec<Type>, Error> {
        numbers(ids).map(|id| self.tensor_type(at, id)).collect()
    }

    fn word(&self, at: &Instruction<'a>, id: u32) -> Result<u32, Error> {
        match self.get(at, id)? {
            Entity::Scalar(ElementType::I32, word) => Ok(*word as u32), // the high half is 0
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

/// Makes a tensor a value of the graph.
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
    let mut values: BTreeMap<_, _> = ports.iter().map(|port| (port.resource, (port.value, port.unsigned))).collect();
    at.require(ports.len() == slots.len() && ports.len() == values.len(), Rule::Interface)?;
    let port = |(index, slot): (usize, Slot<'_>)| {
        let (value, unsigned) = values.remove(&slot.resource()).ok_or(at.fail(Rule::Interface))?;
        let name = names.next().map_or_else(|| format!("{unnamed}_{index}"), String::from);
        Ok(graph::Port { name, value: value.ok_or(at.fail(Rule::GraphPorts))?, unsigned })
    };
    slots.enumerate().map(port).collect()
}
