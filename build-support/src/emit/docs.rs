//! The documentation of the user's struct: what the network is made of and what it costs.

use super::{Codes, Content, Interface, PortInfo, Program, dimensions, step, thousands};
use quantize_syntax::attr::Embed;
use std::fmt::Write as _;

/// Markdown with a table of inputs and outputs and one of steps.
pub(super) fn markdown(interface: &Interface, program: Program<'_>) -> String {
    let plan = program.plan;
    let layers: usize = plan.strips.iter().map(|strip| strip.steps.len()).sum();
    let saved = match layers {
        0 => String::new(),
        _ => format!(
            " ({} fewer as {layers} layers are computed a row at a time)",
            thousands((plan.without_strips - plan.arena_bytes) as u64)
        ),
    };
    let mut text = format!(
        "`{}` as a program: {} MACs a run; {} bytes of RAM for the arena{saved} and {} for results; \
         {} bytes of {}.\n\n\
         | | name | shape | type | scale | zero point |\n| --- | --- | --- | --- | --- | --- |\n",
        interface.model_path,
        thousands(plan.macs),
        thousands(plan.arena_bytes as u64),
        thousands(interface.result_bytes() as u64),
        thousands(program.image.bytes() as u64),
        match interface.embed {
            Embed::Vgf => "VGF",
            Embed::Constants => "constants",
        },
    );
    for (what, ports) in [("input", &interface.inputs), ("output", &interface.outputs)] {
        for PortInfo { name, shape, content, .. } in ports {
            let content = match content {
                Content::Quantized(Codes { dtype, scale, zero_point, .. }) => {
                    format!("{} | {scale} | {zero_point}", dtype.name())
                }
                Content::Real => "f32 | | ".to_owned(),
                Content::Integers => "i32 | | ".to_owned(),
                Content::Truths => "bool | | ".to_owned(),
            };
            _ = writeln!(text, "| {what} | `{name}` | {} | {content} |", dimensions(shape));
        }
    }
    text += "\n| step | module | operator | result | MACs |\n| --- | --- | --- | --- | --- |\n";
    for (index, step) in plan.steps.iter().enumerate() {
        let (label, operator) = step::names(step, program);
        let (result, macs) = (dimensions(step.output().shape.dims()), thousands(step.macs));
        _ = writeln!(text, "| {index} | `{label}` | {operator} | {result} | {macs} |");
    }
    text
}
