//! Lower triangle of matrices; decomposed before annotation.

use super::{Pattern, Room};
use crate::graph::{Node, Tensor};
use crate::lower::Lowering;

/// Elements `[…, r, c]` with `c ≤ r + diagonal`, zeros elsewhere.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tril {
    /// The last diagonal that stays; 0 is the main one.
    pub diagonal: i64,
}

impl Tril {
    /// Whether an element stays.
    pub(crate) fn keeps(self, row: usize, column: usize) -> bool {
        column as i64 <= row as i64 + self.diagonal // sizes are far below 2^63
    }
}

impl Room for Tril {
    const NAME: &'static str = "tril";

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        if inputs[0].len() >= 2 { Ok(inputs[0].to_vec()) } else { Err(format!("a triangle of {:?}", inputs[0])) }
    }

    fn evaluate(&self, inputs: &[&Tensor]) -> Tensor {
        let mut output = inputs[0].clone();
        let rank = output.ndim();
        for (at, x) in output.indexed_iter_mut() {
            if !self.keeps(at[rank - 2], at[rank - 1]) {
                *x = 0.0;
            }
        }
        output
    }

    fn target(&self) -> &'static str {
        "aten.tril.default"
    }

    composite!();
}
