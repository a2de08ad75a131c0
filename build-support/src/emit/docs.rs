//! The documentation of the user's struct: what the network is made of and what it costs.

use super::{Interface, PortInfo, Program, dimensions, step, thousands};
use std::fmt::Write as _;

/// Markdown with a table of inputs and outputs and one of steps.
pub(super) fn markdown(interface: &Interface, program: Program<'_>) -> String {
    let plan = program.plan;
    let results: usize = interface.outputs.iter().map(|port| port.shape.iter().product::<usize>()).sum();
    let mut text = format!(
        "`{}` as an int8 program: {} MACs a run; {} bytes of RAM for the arena and {} for results as f32; \
         {} bytes of VGF.\n\n\
         | | name | shape | scale | zero point |\n| --- | --- | --- | --- | --- |\n",
        interface.model_path,
        thousands(plan.macs),
        thousands(plan.arena_bytes as u64),
        thousands(4 * results as u64),
        thousands(program.file.len() as u64),
    );
    for (what, ports) in [("input", &interface.inputs), ("output", &interface.outputs)] {
        for PortInfo { name, shape, scale, zero_point } in ports {
            let shape = dimensions(shape);
            _ = writeln!(text, "| {what} | `{name}` | {shape} | {scale} | {zero_point} |");
        }
    }
    text += "\n| step | module | operator | result | MACs |\n| --- | --- | --- | --- | --- |\n";
    for (index, step) in plan.steps.iter().enumerate() {
        let (label, operator) = step::names(step, program);
        let (result, macs) = (dimensions(step.output.shape.dims()), thousands(step.macs));
        _ = writeln!(text, "| {index} | `{label}` | {operator} | {result} | {macs} |");
    }
    text
}
