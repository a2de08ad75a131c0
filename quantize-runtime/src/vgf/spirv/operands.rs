//! Fills an operator, one operand of its instruction after the other.

use super::Decoder;
use super::entity::Entity;
use super::instruction::Instruction;
use crate::error::{Error, Rule};
use crate::graph::{ElementType, Scalar, ValueId};
use crate::ops::{Enumeration, Like, Visit};
use crate::shape::MAX_RANK;
use alloc::vec::Vec;

/// Longest list among the attributes: two amounts of padding for each axis.
const MAX_LIST: usize = 2 * MAX_RANK;

/// The operands of an instruction, as a visitor of its operator.
pub(super) struct Operands<'d, 'v, 'a> {
    pub(super) decoder: &'d mut Decoder<'v, 'a>,
    pub(super) at: &'d Instruction<'a>,
    /// Those that are left.
    pub(super) operands: &'a [[u8; 4]],
    /// Element type of the result.
    pub(super) result: ElementType,
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
    fn constant(&mut self, element: ElementType) -> Result<Vec<Scalar>, Error> {
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
        let scalar = |bytes: &[u8]| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            Scalar::from_bits(element, u64::from_le_bytes(word)).ok_or(fail)
        };
        constant.data.chunks_exact(element.size()).map(scalar).collect()
    }

    /// A constant tensor of whole numbers.
    fn whole_numbers(&mut self, element: ElementType) -> Result<Vec<i32>, Error> {
        let fail = self.at.fail(Rule::OperandKind);
        let whole = |scalar| match scalar {
            Scalar::Int(value) => Ok(value),
            Scalar::F32(0.0) => Ok(0),
            Scalar::F32(_) => Err(fail),
        };
        self.constant(element)?.into_iter().map(whole).collect()
    }

    /// The element type of a one-element constant.
    fn element(&self, like: Like) -> ElementType {
        match like {
            Like::Operand(id) => self.decoder.graph.values[id.0 as usize].element,
            Like::Result => self.result,
            Like::I8 => ElementType::I8,
        }
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
            Entity::Scalar(ElementType::I32, word) => *value = word as u32, // the high half is 0
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
        let constant = self.whole_numbers(ElementType::I32)?;
        self.at.require(constant.len() == values.len(), Rule::OperandKind)?;
        values.copy_from_slice(&constant);
        Ok(())
    }

    fn list(&mut self, values: &mut Vec<i32>) -> Result<(), Error> {
        *values = self.whole_numbers(ElementType::I32)?;
        Ok(())
    }

    fn bound(&mut self, value: &mut Scalar) -> Result<(), Error> {
        let (fail, result) = (self.at.fail(Rule::OperandKind), self.result);
        match *self.next_entity()? {
            Entity::Scalar(element, word) if element == result => {
                *value = Scalar::from_bits(element, word).ok_or(fail)?;
            }
            _ => return Err(fail),
        }
        Ok(())
    }

    fn single(&mut self, like: Like, value: &mut Scalar) -> Result<(), Error> {
        let constant = self.constant(self.element(like))?;
        let [only] = constant[..] else { return Err(self.at.fail(Rule::OperandKind)) };
        *value = only;
        Ok(())
    }

    fn whole(&mut self, like: Like, value: &mut i32) -> Result<(), Error> {
        let constant = self.whole_numbers(self.element(like))?;
        let [only] = constant[..] else { return Err(self.at.fail(Rule::OperandKind)) };
        *value = only;
        Ok(())
    }

    fn enumeration<E: Enumeration>(&mut self, value: &mut E) -> Result<(), Error> {
        let mut word = 0;
        self.word(&mut word)?;
        *value = E::from_word(word).ok_or(self.at.fail(Rule::Enumeration))?;
        Ok(())
    }
}
