//! Gives each output an operator of its own.
//!
//! SPIR-V lets an output be an input, a constant or what another output already is; the software Vulkan device then
//! leaves one of them unwritten.

use super::Lowered;
use quantize_runtime::ops::{Op, Reshape};

/// The graph with a RESHAPE, which changes nothing, before every output that no operator makes or that is used twice.
pub(super) fn separate_outputs(mut lowered: Lowered) -> Lowered {
    for index in 0..lowered.graph.outputs.len() {
        let value = lowered.graph.outputs[index].value;
        let made = lowered.graph.nodes.iter().any(|node| node.outputs.contains(&value));
        let seen = lowered.graph.outputs[..index].iter().any(|port| port.value == value);
        if made && !seen {
            continue;
        }
        let (element, shape) = (lowered.graph.values[value.0 as usize].element, lowered.shape(value));
        let reshape = Reshape { input: value, shape: shape.dims().iter().map(|&dim| dim as i32).collect() };
        let label = lowered.graph.outputs[index].name.clone();
        lowered.graph.outputs[index].value = lowered.push(Op::Reshape(reshape), element, shape, label);
    }
    lowered
}
