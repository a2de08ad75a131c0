//! SCATTER: replaces rows of a tensor by their index.

use super::Visit;
use super::gather::rows;
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::tensor::{Element, with_type};
use alloc::vec;

/// `values`, but row `indices[n, w]` is `input[n, w]`.
///
/// Shapes: values and result `[N, K, C]` of i8, i16, i32 or f32, indices `[N, W]` of i32, each `0..K` and used once for
/// each n, input `[N, W, C]`.
///
/// Source: TOSA 1.0, SCATTER.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Scatter {
    /// The rows that stay where no index names them.
    pub values: ValueId,
    /// Which rows.
    pub indices: ValueId,
    /// The new rows.
    pub input: ValueId,
}

impl Scatter {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.values)?;
        visitor.tensor(&mut self.indices)?;
        visitor.tensor(&mut self.input)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let values = graph.moved(self.values, element)?;
        let [n, k, c] = values.axes()?;
        let [indices_n, w] = graph.operand(self.indices, ElementType::I32)?.axes()?;
        require(element != ElementType::Bool, "an operand has the wrong element type")?;
        require(indices_n == n, "values and indices have different numbers of batches")?;
        require(graph.operand(self.input, element)?.axes() == Ok([n, w, c]), "there is not one new row per index")?;
        require(w <= k, "there are more new rows than rows")?;
        Ok(*values)
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        let [n, k, c] = result.shape.sizes();
        let rows = rows(environment, self.indices, k)?;
        let mut written = vec![false; n * k];
        for &row in &rows {
            if core::mem::replace(&mut written[row], true) {
                return Err(Unpredictable);
            }
        }
        Ok(with_type!(result.element, T => {
            let mut output = environment.elements::<T>(self.values).to_vec();
            for (row, new) in rows.iter().zip(environment.elements::<T>(self.input).chunks_exact(c)) {
                output[row * c..][..c].copy_from_slice(new);
            }
            T::tensor(output)
        }))
    }
}
