//! Decodes what comes before the graph: types, constants, variables and the entry point.

use super::entity::{Entity, Type};
use super::instruction::{Instruction, numbers};
use super::{Decoder, EntryPoint, opcode};
use crate::Shape;
use crate::error::{Error, Rule};
use crate::graph::{Constant, ElementType};
use crate::shape::MAX_RANK;
use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;
use core::iter;

const INSTRUCTION_SET: &str = "TOSA.001000.1";
const UNIFORM_CONSTANT: u32 = 0;

/// Most bytes of all constants inside the code: a few words can stand for a tensor of any size.
const MAX_INLINE_BYTES: usize = 1 << 24;

impl<'a> Decoder<'_, 'a> {
    /// Takes an instruction before the graph.
    pub(super) fn declaration(&mut self, at: &Instruction<'a>) -> Result<(), Error> {
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
                    16 => Some(ElementType::I16),
                    64 => Some(ElementType::I48),
                    32 => Some(ElementType::I32),
                    _ => None,
                };
                (id, Entity::ScalarType(element))
            }
            opcode::TYPE_FLOAT => {
                let ([id, bits], encoding) = at.leading()?;
                (id, Entity::ScalarType((bits == 32 && encoding.is_empty()).then_some(ElementType::F32)))
            }
            opcode::TYPE_ARRAY => {
                let [id, element, len] = at.operands()?;
                let of_words = matches!(self.get(at, element)?, Entity::ScalarType(Some(ElementType::I32)));
                at.require(of_words, Rule::SpirvType)?;
                (id, Entity::ShapeType(self.word(at, len)?))
            }
            opcode::TYPE_TENSOR => self.declare_tensor_type(at)?,
            opcode::TYPE_STRUCT => {
                let ([id], types) = at.leading()?;
                (id, Entity::StructType(self.tensor_types(at, types)?))
            }
            opcode::TYPE_POINTER => {
                let [id, storage, tensor] = at.operands()?;
                at.require(storage == UNIFORM_CONSTANT, Rule::SpirvType)?;
                (id, Entity::PointerType(self.tensor_type(at, tensor)?))
            }
            opcode::TYPE_GRAPH => {
                let ([id, inputs], types) = at.leading()?;
                let types = self.tensor_types(at, types)?;
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
                let constant = Constant { data: Cow::Borrowed(constant.data), range: Some(constant.range) };
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
                    Entity::TensorType(tensor) => tensor.shape.dims().first().copied().unwrap_or_default(),
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
            Entity::BoolType => ElementType::Bool,
            Entity::ScalarType(None) => return Err(at.fail(Rule::UnsupportedElement)),
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
        let word = match (literal, element) {
            (&[low, high], ElementType::I48) => {
                u64::from(u32::from_le_bytes(low)) | u64::from(u32::from_le_bytes(high)) << 32
            }
            (&[word], ElementType::I8 | ElementType::I16 | ElementType::I32 | ElementType::F32) => {
                u32::from_le_bytes(word).into()
            }
            _ => return Err(at.fail(Rule::SpirvConstant)),
        };
        // Narrow literals are zero-extended, or sign-extended where the type says that it is signed.
        let narrow = 8 * element.size();
        let rest = (word as u32).cast_signed().checked_shr(narrow as u32).unwrap_or_default();
        let negative = word >> (narrow - 1) & 1 == 1;
        at.require(rest == 0 || rest == -1 && negative, Rule::SpirvConstant)?;
        Ok((id, Entity::Scalar(element, word)))
    }

    fn declare_null(&mut self, at: &Instruction<'a>) -> Result<(u32, Entity<'a>), Error> {
        let [type_, id] = at.operands()?;
        let entity = match *self.get(at, type_)? {
            Entity::BoolType => Entity::Flag(false),
            Entity::ScalarType(Some(element)) => Entity::Scalar(element, 0),
            Entity::ScalarType(None) => Entity::Opaque,
            Entity::TensorType(tensor) => {
                let zeros = vec![0; self.reserve(at, tensor)?];
                Entity::Constant(tensor.value(Some(Constant { data: Cow::Owned(zeros), range: None })))
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
                        Entity::Scalar(element, word) if rest.is_empty() && *element == tensor.element => {
                            data.extend_from_slice(&word.to_le_bytes()[..element.size()]);
                        }
                        Entity::Flag(flag) if rest.is_empty() && tensor.element == ElementType::Bool => {
                            data.push((*flag).into());
                        }
                        Entity::Constant(value) if Some(Type::of(value)) == slice => {
                            data.extend_from_slice(value.constant.as_ref().map_or(&[], |constant| &constant.data));
                        }
                        _ => return Err(at.fail(Rule::SpirvConstant)),
                    }
                }
                Ok(Entity::Constant(tensor.value(Some(Constant { data: Cow::Owned(data), range: None }))))
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
}
