//! TABLE: a function of one i8 as 256 entries.

use super::Visit;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};

/// Entries of an i8 table; the first is for −128.
const ENTRIES: u32 = 256;

/// `output = table[input + 128]`, i8, any shape.
///
/// Source: TOSA 1.0, TABLE.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// Tensor, i8.
    pub input: ValueId,
    /// Constant, i8 `[256]`.
    pub table: ValueId,
}

impl Table {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.input)?;
        visitor.tensor(&mut self.table)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let input = graph.operand(self.input, ElementType::I8)?;
        let [entries] = graph.operand(self.table, ElementType::I8)?.axes()?;
        require(entries == ENTRIES, "an i8 table has 256 entries")?;
        graph.constant(self.table)?;
        require(element == ElementType::I8, "the result of an i8 table is i8")?;
        Ok(*input)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, _: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let table = environment.elements::<i8>(self.table);
        let entry = |&value| table[(i32::from(value) - i32::from(i8::MIN)) as usize]; // 0 to 255
        Ok(Tensor::I8(environment.elements::<i8>(self.input).iter().map(entry).collect()))
    }
}
