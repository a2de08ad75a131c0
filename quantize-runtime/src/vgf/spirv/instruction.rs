//! The words of a module as instructions.

use crate::error::{Error, Rule};
use crate::vgf::check::SPIRV_HEADER;
use core::iter;

/// An instruction of the module.
pub(super) struct Instruction<'a> {
    pub(super) opcode: u32,
    pub(super) operands: &'a [[u8; 4]],
    /// Offset in the file.
    pub(super) offset: usize,
}

impl<'a> Instruction<'a> {
    pub(super) fn fail(&self, rule: Rule) -> Error {
        Error { rule, offset: self.offset }
    }

    pub(super) fn require(&self, holds: bool, rule: Rule) -> Result<(), Error> {
        if holds { Ok(()) } else { Err(self.fail(rule)) }
    }

    /// All operands, which must be `N`.
    pub(super) fn operands<const N: usize>(&self) -> Result<[u32; N], Error> {
        let (operands, rest) = self.leading()?;
        self.require(rest.is_empty(), Rule::SpirvOperands)?;
        Ok(operands)
    }

    /// The first `N` operands and the others.
    pub(super) fn leading<const N: usize>(&self) -> Result<([u32; N], &'a [[u8; 4]]), Error> {
        let (operands, rest) = self.operands.split_first_chunk().ok_or(self.fail(Rule::SpirvOperands))?;
        Ok((operands.map(u32::from_le_bytes), rest))
    }

    /// The text that `words` start with and the words after it.
    pub(super) fn text(&self, words: &'a [[u8; 4]]) -> Result<(&'a str, &'a [[u8; 4]]), Error> {
        let bytes = words.as_flattened();
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(self.fail(Rule::SpirvText))?;
        let text = core::str::from_utf8(&bytes[..end]).map_err(|_| self.fail(Rule::SpirvText))?;
        Ok((text, &words[end / 4 + 1..]))
    }
}

/// The instructions after the header; their lengths were checked with the container.
pub(super) fn instructions(words: &[[u8; 4]], offset: usize) -> impl Iterator<Item = Instruction<'_>> {
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
pub(super) fn numbers(words: &[[u8; 4]]) -> impl ExactSizeIterator<Item = u32> {
    words.iter().map(|word| u32::from_le_bytes(*word))
}
