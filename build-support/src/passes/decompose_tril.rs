//! A lower triangle becomes a choice between elements and zero.

use super::{Builder, RESHAPE};
use crate::graph::{Data, Node, Tensor, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::choose::Choose;
use crate::ops::compare::Compare;
use crate::ops::constant::Constant;
use crate::ops::tril::Tril;
use crate::ops::view::View;
use ndarray::ArrayD;

/// Rows and columns up to which codes of 8 bits tell their numbers apart.
const COUNTABLE: usize = 256;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Tril(tril) = node.op else { return None };
    let shape = builder.shape(node.output());
    let (rows, columns) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    let mask = mask(builder, node, tril, rows, columns);
    let zero = builder.push(node, Constant::scalar_tensor(0.0), &[]);
    Some(vec![builder.push(node, Choose, &[mask, node.inputs[0], zero])])
}

/// Which elements stay: upstream compares the numbers of rows and columns, and quantizes these.
pub(super) fn mask(builder: &mut Builder<'_>, node: &Node, tril: Tril, rows: usize, columns: usize) -> ValueId {
    if rows.max(columns) > COUNTABLE {
        let keeps = ArrayD::from_shape_fn(vec![rows, columns], |at| tril.keeps(at[0], at[1]));
        return builder.push(node, Constant { data: Data::Bool(keeps), target: "aten.ones.default" }, &[]);
    }
    let numbers = |builder: &mut Builder<'_>, count: usize, shape: [usize; 2]| {
        let numbers = Tensor::from_shape_fn(vec![count], |at| at[0] as f32);
        let numbers = builder.constant("arange", numbers);
        builder.push_as(RESHAPE, node, View { shape: shape.to_vec() }, &[numbers])
    };
    let mut row = numbers(builder, rows, [rows, 1]);
    if tril.diagonal != 0 {
        let diagonal = builder.number(node, tril.diagonal as f64);
        row = builder.push(node, Binary::Add, &[row, diagonal]);
    }
    let column = numbers(builder, columns, [1, columns]);
    builder.push(node, Compare::Ge, &[row, column])
}
