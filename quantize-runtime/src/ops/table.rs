//! TABLE: a function of one integer as a list of its results.

use super::Visit;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::rescale::interpolate;
use alloc::vec::Vec;

/// Entries of an i8 table; the first is for −128.
const ENTRIES: u32 = 256;

/// Entries of an i16 table: for every 128th number from −32768 to 32768.
const POINTS: u32 = 513;

/// `output = table[input + 128]` of i8, or of i16 the straight line between two of its points, with 7 bits behind the
/// point; any shape.
///
/// The i16 form: `index = (input + 32768) >> 7`, `slope = table[index + 1] − table[index]`, which must fit i16, and
/// `output = (table[index] << 7) + slope · (input & 127)`, i32.
///
/// Source: TOSA 1.0, TABLE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Tensor, i8 or i16.
    pub input: ValueId,
    /// Constant of the input's type, `[256]` for i8 and `[513]` for i16.
    pub table: ValueId,
}

impl Table {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.tensor(&mut self.table)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.value(self.input)?;
        let (expected, result) = match input.element {
            ElementType::I8 => (ENTRIES, ElementType::I8),
            ElementType::I16 => (POINTS, ElementType::I32),
            _ => return Err("a table is for i8 or i16"),
        };
        let [entries] = graph.operand(self.table, input.element)?.axes()?;
        require(entries == expected, "a table has 256 entries for i8 and 513 for i16")?;
        graph.constant(self.table)?;
        require(element == result, "the result of a table is i8 for i8 and i32 for i16")?;
        Ok(input.shape)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        if result.element == ElementType::I8 {
            let table = environment.elements::<i8>(self.table);
            let entry = |&value| table[(i32::from(value) - i32::from(i8::MIN)) as usize]; // 0 to 255
            return Ok(Tensor::I8(environment.elements::<i8>(self.input).iter().map(entry).collect()));
        }
        let table = environment.elements::<i16>(self.table);
        let line = |&value: &i16| {
            let index = ((i32::from(value) - i32::from(i16::MIN)) >> 7) as usize; // 0 to 511
            let (from, to) = (table[index], table[index + 1]);
            to.checked_sub(from).ok_or(Unpredictable)?;
            Ok(interpolate(from, to, value))
        };
        Ok(Tensor::I32(environment.elements::<i16>(self.input).iter().map(line).collect::<Result<Vec<_>, _>>()?))
    }
}
