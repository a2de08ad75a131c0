//! Rows of a table by their indices; decomposed before annotation.

use super::indexing::check_indices;
use super::index_select::IndexSelect;
use super::{Pattern, Room, shapes_of};
use crate::graph::{Data, Element, Node, Tensor, Type};
use crate::lower::Lowering;

/// The rows of a table `[K, C]` at indices of any shape; the last dimension of the result is `C`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Embedding;

impl Room for Embedding {
    const NAME: &'static str = "embedding";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        match inputs[0] {
            &[_, columns] => Ok(inputs[1].iter().copied().chain([columns]).collect()),
            table => Err(format!("rows of a table of shape {table:?}")),
        }
    }

    fn infer_all(&self, inputs: &[Type]) -> Result<Vec<Type>, String> {
        check_indices(&inputs[1..])?;
        let table = shapes_of(&inputs[..1], Element::F32)?;
        Ok(vec![Type::real(self.infer(&[table[0], &inputs[1].shape])?)])
    }

    fn evaluate(&self, _: &[&Tensor]) -> Tensor {
        unreachable!("an operand holds integers")
    }

    fn evaluate_all(&self, inputs: &[&Data]) -> Vec<Data> {
        let shape = self.infer(&[inputs[0].shape(), inputs[1].shape()]).expect("checked at import");
        let indices = inputs[1].integers().expect("checked at import");
        let flat = indices.clone().into_shape_with_order(vec![indices.len()]).expect("as many elements");
        let rows = IndexSelect { axis: 0 }.evaluate_all(&[inputs[0], &flat.into()]).remove(0);
        let Data::F32(rows) = rows else { unreachable!("the table holds real numbers") };
        vec![rows.into_shape_with_order(shape).expect("as many elements").into()]
    }

    fn target(&self) -> &'static str {
        "aten.embedding.default"
    }

    composite!();
}
