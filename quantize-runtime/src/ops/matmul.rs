//! MATMUL: products of matrices, one per batch.

use super::convolution::{Accumulator, Factor, sum_of_products};
use super::{Like, Visit};
use crate::Shape;
use crate::graph::{ElementType, Graph, Rule, Value, ValueId, require};
use crate::interpreter::{Environment, Tensor, Unpredictable};
use crate::shape::MAX_RANK;
use alloc::vec::Vec;

/// `output[n, h, w] = Σ (a[n, h, c] − a_zero_point) · (b[n, c, w] − b_zero_point)` over c, in order.
///
/// Shapes: a `[N, H, C]`, b `[N, C, W]`, result `[N, H, W]`. Operands and result are i8 and i32, i16 and i48, or all f32.
///
/// Source: TOSA 1.0, MATMUL.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MatMul {
    /// First operand.
    pub a: ValueId,
    /// Second operand, of the same element type.
    pub b: ValueId,
    /// Quantized zero of the first operand.
    pub a_zero_point: i32,
    /// Quantized zero of the second operand.
    pub b_zero_point: i32,
}

impl MatMul {
    pub(super) fn visit<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.tensor(&mut self.a)?;
        visitor.tensor(&mut self.b)?;
        visitor.whole(Like::Operand(self.a), &mut self.a_zero_point)?;
        visitor.whole(Like::Operand(self.b), &mut self.b_zero_point)
    }

    pub(super) fn infer(&self, graph: &Graph<'_>, element: ElementType) -> Result<Shape, Rule> {
        let operands = match element {
            ElementType::I32 => ElementType::I8,
            ElementType::I48 => ElementType::I16,
            ElementType::F32 => ElementType::F32,
            ElementType::Bool | ElementType::I8 | ElementType::I16 => {
                return Err("a product of matrices is i32, i48 or f32");
            }
        };
        let [n, h, c] = graph.operand(self.a, operands)?.axes()?;
        let [b_n, b_c, w] = graph.operand(self.b, operands)?.axes()?;
        require(b_n == n, "the operands have different numbers of matrices")?;
        require(b_c == c, "the operands' inner dimensions differ")?;
        operands.check_zero_point(self.a_zero_point)?;
        operands.check_zero_point(self.b_zero_point)?;
        Shape::new(&[n, h, w]).ok_or("the result is empty")
    }

    pub(super) fn evaluate(&self, environment: &Environment<'_>, result: &Value<'_>) -> Result<Tensor, Unpredictable> {
        match result.element {
            ElementType::F32 => self.products::<f32, f32>(environment, result),
            ElementType::I48 => self.products::<i64, i16>(environment, result),
            _ => self.products::<i32, i8>(environment, result),
        }
    }

    fn products<A: Accumulator, X: Factor<A>>(
        &self,
        environment: &Environment<'_>,
        result: &Value<'_>,
    ) -> Result<Tensor, Unpredictable> {
        let operands = (environment.elements::<X>(self.a), environment.elements::<X>(self.b));
        let [_, h, c] = environment.shape(self.a).sizes();
        let [_, _, w] = result.shape.sizes();
        let element = |[n, y, x, ..]: [usize; MAX_RANK]| {
            let pairs = (0..c).map(|i| [(n * h + y) * c + i, (n * c + i) * w + x]);
            sum_of_products(operands, [self.a_zero_point, self.b_zero_point], pairs, 1)
        };
        Ok(A::tensor(result.shape.indices().map(element).collect::<Result<Vec<A>, _>>()?))
    }
}
