//! A logit becomes `log(x · 1 / (1 - x))`.

use super::Builder;
use crate::graph::{Node, ValueId};
use crate::ops::Op;
use crate::ops::binary::Binary;
use crate::ops::clamp::{Clamp, ClampKind};
use crate::ops::unary::Unary;

pub(super) fn run(builder: &mut Builder<'_>, node: &Node) -> Option<Vec<ValueId>> {
    let Op::Unary(Unary::Logit { eps }) = node.op else { return None };
    let mut x = node.inputs[0];
    if let Some(eps) = eps {
        let (min, max) = (Some(eps as f32), Some((1.0 - eps) as f32));
        x = builder.push(node, Clamp { min, max, kind: ClampKind::Clamp }, &[x]);
    }
    let negative = builder.number(node, -1.0);
    let negative = builder.push(node, Binary::Mul, &[x, negative]);
    let one = builder.number(node, 1.0);
    let rest = builder.push(node, Binary::Add, &[negative, one]);
    let reciprocal = builder.push(node, Unary::Reciprocal, &[rest]);
    let odds = builder.push(node, Binary::Mul, &[x, reciprocal]);
    Some(vec![builder.push(node, Unary::Log, &[odds])])
}
