//! GATHER: rows of a tensor by their index.

use super::Visit;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Scalar, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use alloc::vec::Vec;

/// `output[n, w, c] = values[n, indices[n, w], c]`.
///
/// Shapes: values `[N, K, C]` of i8, i16, i32 or f32, indices `[N, W]` of i32, each `0..K`, result `[N, W, C]`.
///
/// Source: TOSA 1.0, GATHER.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Gather {
    /// The rows.
    pub values: ValueId,
    /// Which rows.
    pub indices: ValueId,
}

impl Gather {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.values)?;
        visitor.tensor(&mut self.indices)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let [n, _, c] = graph.moved(self.values, element)?.axes()?;
        let [indices_n, w] = graph.operand(self.indices, ElementType::I32)?.axes()?;
        require(element != ElementType::Bool, "an operand has the wrong element type")?;
        require(indices_n == n, "values and indices have different numbers of batches")?;
        Shape::new(&[n, w, c]).ok_or("the result is empty")
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, _: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [_, k, c] = environment.shape(self.values).sizes();
        let rows = rows(environment, self.indices, k)?;
        let positions = rows.iter().flat_map(|row| (row * c..(row + 1) * c).map(Some));
        Ok(environment.tensor(self.values).gather(positions, Scalar::default()))
    }
}

/// The rows that indices `[N, W]` name in a tensor `[N, K, C]`, counted from the start of that tensor.
pub(super) fn rows(environment: &Environment<'_>, indices: ValueId, k: usize) -> Result<Vec<usize>, Unpredictable> {
    let [_, w] = environment.shape(indices).sizes();
    let row = |(at, &index): (usize, &i32)| {
        let index = usize::try_from(index).ok().filter(|&index| index < k).ok_or(Unpredictable)?;
        Ok(at / w * k + index)
    };
    environment.elements::<i32>(indices).iter().enumerate().map(row).collect()
}
