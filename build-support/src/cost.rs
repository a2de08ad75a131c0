//! What a program costs (flash, RAM, work), and the layers and tensors to blame where that is more than a budget allows.

use crate::emit::{Image, Interface, Program, dimensions, step_names, thousands};
use crate::manifest;
use crate::plan::{Live, Step};
use crate::sensor;
use quantize_syntax::attr::{Attr, Embed};
use quantize_syntax::budget::Resource;
use quantize_syntax::manifest::Flash;
use quantize_syntax::{ArgPath, Diagnostics};
use std::collections::BTreeMap;
use std::ops::Range;

/// Lines about layers or tensors in a message.
const WORST: usize = 5;

/// Bytes of the model in flash, by part.
///
/// Of the images the second one has packed constants.
pub(crate) fn flash(interface: &Interface, [image, packed]: [&Image<'_>; 2], file: &[u8]) -> Flash {
    Flash {
        embed: interface.embed.word().to_owned(),
        embedded: image.bytes(),
        vgf: file.len(),
        constants: image.constant_bytes(),
        copies: image.copied(),
        tables: sensor::table_bytes(interface),
        layout: interface.layout.word().to_owned(),
        packed: packed.bytes() + packed.copied(),
    }
}

/// The largest arena within the budget of RAM.
pub(crate) fn most_arena_bytes(attr: &Attr, interface: &Interface) -> usize {
    let limit = attr.budget.iter().find(|(resource, _)| *resource == Resource::Ram);
    limit.map_or(usize::MAX, |(_, limit)| interface.arena_within(limit.value.try_into().unwrap_or(usize::MAX)))
}

/// An error at each limit of the attribute that the program exceeds.
pub(crate) fn check(attr: &Attr, interface: &Interface, program: Program<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for (resource, limit) in &attr.budget {
        let cost = match resource {
            Resource::Flash => (program.image.bytes() + program.image.copied() + sensor::table_bytes(interface)) as u64,
            Resource::Ram => interface.memory_bytes(program.plan) as u64,
            Resource::Macs => program.plan.macs,
        };
        if cost > limit.value {
            let (parts, worst) = match resource {
                Resource::Flash => (flash_parts(interface, program), constants(program)),
                Resource::Ram => (ram_parts(interface, program), tensors(program)),
                Resource::Macs => (String::new(), layers(program)),
            };
            let unit = if *resource == Resource::Macs { "MACs a run" } else { "bytes" };
            let message = format!(
                "`{}` needs {} {unit}, {} more than the budget of {}{parts}{}",
                interface.struct_name,
                thousands(cost),
                thousands(cost - limit.value),
                resource.text(limit.value),
                worst.into_iter().take(WORST).map(|line| format!("\n  {line}")).collect::<String>(),
            );
            diagnostics.error(ArgPath::Budget(*resource), message);
        }
    }
    diagnostics
}

fn flash_parts(interface: &Interface, program: Program<'_>) -> String {
    let image = program.image;
    let advice = match interface.embed {
        Embed::Vgf => {
            let saved = thousands((image.bytes() - image.constant_bytes()) as u64);
            format!("; `embed = constants` leaves {saved} out")
        }
        Embed::Constants => String::new(),
    };
    let part = |bytes: usize, what: &str| match bytes {
        0 => String::new(),
        bytes => format!("; {} are {what}", thousands(bytes as u64)),
    };
    let copies = part(image.copied(), "constants that kernels need in another form");
    let tables = part(sensor::table_bytes(interface), "tables of `from`");
    format!(", without machine code{advice}{copies}{tables}; the largest constants:")
}

fn ram_parts(interface: &Interface, program: Program<'_>) -> String {
    let plan = program.plan;
    let results = interface.memory_bytes(plan) - plan.arena_bytes;
    let least = match plan.strips.iter().map(|strip| strip.steps.len()).sum::<usize>() {
        0 => "there are no layers that need less when they are computed a row at a time".to_owned(),
        layers => {
            let saved = thousands((plan.without_strips - plan.arena_bytes) as u64);
            format!("that is the least, with {layers} layers computed a row at a time, which saves {saved}")
        }
    };
    format!(
        ", without the stack: {} for the arena, {} for results; {least}; the largest tensors where most is live:",
        thousands(plan.arena_bytes as u64),
        thousands(results as u64)
    )
}

/// Layers by the constants that they are the first to read, the largest first.
fn constants(program: Program<'_>) -> Vec<String> {
    let graph = program.graph;
    let mut is_counted = vec![false; graph.values.len()];
    let mut layers: BTreeMap<&str, usize> = BTreeMap::new();
    for (node, label) in graph.nodes.iter().zip(program.labels) {
        for value in node.op.inputs().into_iter().map(|id| id.0 as usize) {
            let range = graph.values[value].constant.as_ref().and_then(|constant| constant.range.as_ref());
            if !std::mem::replace(&mut is_counted[value], true) {
                *layers.entry(label).or_default() += range.map_or(0, Range::len);
            }
        }
    }
    let mut layers: Vec<_> = layers.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    layers.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    layers.into_iter().map(|(label, bytes)| format!("`{label}`: {}", thousands(bytes as u64))).collect()
}

/// The tensors that live where most do, the largest first.
fn tensors(program: Program<'_>) -> Vec<String> {
    let mut live: Vec<&Live> = program.plan.peak.iter().collect();
    live.sort_by_key(|live| std::cmp::Reverse(live.bytes));
    let line = |live: &Live| {
        let tensor = manifest::tensor(program.graph, program.labels, live);
        format!("`{tensor}`: {}", thousands(live.bytes as u64))
    };
    live.into_iter().map(line).collect()
}

/// Steps by their work, the most first.
fn layers(program: Program<'_>) -> Vec<String> {
    let mut steps: Vec<&Step<'_>> = program.plan.steps.iter().filter(|step| step.macs > 0).collect();
    steps.sort_by_key(|step| std::cmp::Reverse(step.macs));
    let line = |step: &Step<'_>| {
        let (label, operator) = step_names(step, program);
        let shape = dimensions(step.output().shape.dims());
        format!("`{label}`: {operator} to {shape}, {}", thousands(step.macs))
    };
    steps.into_iter().map(line).collect()
}
