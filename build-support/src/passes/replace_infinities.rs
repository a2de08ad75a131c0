//! Infinities in constants of quantized nodes become numbers that leave the other elements a usable scale.

use crate::graph::{Data, Graph, ValueId};
use crate::ops::Op;

/// Upstream's default for what stands for -∞.
const LOWEST: f32 = -256.0;
/// Upstream's default for what stands for +∞.
const LARGEST: f32 = 255.0;

/// Replaces infinities in constants that only quantized nodes read, and the largest floats too where a node holds them.
pub(super) fn run(graph: &mut Graph, selected: &[bool]) {
    let mut readers = vec![(false, false); graph.value_count()];
    for (node, &selected) in graph.nodes.iter_mut().zip(selected) {
        for input in &node.inputs {
            let (quantized, float) = &mut readers[input.index()];
            *(if selected { quantized } else { float }) = true;
        }
        match &mut node.op {
            Op::Constant(constant) if selected => {
                if let Data::F32(tensor) = &mut constant.data {
                    tensor.mapv_inplace(finite_number);
                }
            }
            Op::MaskedFill(fill) if selected => fill.value = finite_number(fill.value),
            _ => {}
        }
    }
    for (index, readers) in (0..).zip(readers) {
        if readers == (true, false) {
            graph.map_constant(ValueId(index), |x| match x {
                f32::INFINITY => LARGEST,
                f32::NEG_INFINITY => LOWEST,
                x if x.is_nan() => 0.0,
                x => x,
            });
        }
    }
}

fn finite_number(x: f32) -> f32 {
    match x {
        f32::INFINITY | f32::MAX => LARGEST,
        f32::NEG_INFINITY | f32::MIN => LOWEST,
        x => x,
    }
}
