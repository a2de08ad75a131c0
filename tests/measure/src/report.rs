//! What was counted, as text.

use crate::goals::Goal;
use crate::{Costs, Measured};
use std::fmt::Write as _;

/// Lines for the terminal.
pub(crate) fn lines(measured: &Measured) -> String {
    let generated = &measured.generated;
    let mut text =
        format!("{}: {} MACs, VGF {}, arena {}\n", measured.name, generated.macs, generated.vgf, generated.arena[0]);
    for Costs { core, size, run, .. } in &measured.costs {
        let [loads, stores] = run.accesses;
        _ = writeln!(
            text,
            "  {:4} {:>11} instructions {} a MAC  loads {loads} stores {stores}  flash {} code {} RAM {} stack {}",
            core.name,
            run.instructions,
            ratio(run.instructions, generated.macs),
            size.flash,
            size.code,
            size.ram,
            run.stack
        );
    }
    if !measured.peer.is_empty() {
        text += &peers([measured]);
    }
    if measured.costs.iter().any(|costs| costs.steps.is_some()) {
        text += &steps(measured);
    }
    text
}

/// A table of networks that microflow runs too: instructions, flash, and RAM with the stack.
fn peers<'a>(measured: impl IntoIterator<Item = &'a Measured>) -> String {
    let mut text = "\
| network | core | instructions | microflow | times fewer | flash | microflow | RAM and stack | microflow |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"
    .to_owned();
    for Measured { name, costs, peer, .. } in measured {
        for (Costs { core, size, run, .. }, (peer_size, peer_run)) in costs.iter().zip(peer) {
            let numbers = [
                [run.instructions, peer_run.instructions],
                [size.flash, peer_size.flash],
                [size.ram + run.stack, peer_size.ram + peer_run.stack],
            ];
            let [instructions, flash, ram] = numbers.map(|pair| pair.map(thousands).join(" | "));
            let times = peer_run.instructions as f64 / run.instructions as f64;
            _ = writeln!(text, "| {name} | {} | {instructions} | {times:.1} | {flash} | {ram} |", core.name);
        }
    }
    text
}

/// A table of steps with the instructions per MAC on each core, or instructions where a step has no MACs.
fn steps(measured: &Measured) -> String {
    let cores: Vec<&str> = measured.costs.iter().map(|costs| costs.core.name).collect();
    let mut text = format!("| step | operator | result | MACs | {} |\n", cores.join(" | "));
    text += &format!("| --- | --- | --- | ---: |{}\n", " ---: |".repeat(cores.len()));
    for (index, step) in measured.generated.steps.iter().enumerate() {
        _ = write!(text, "| `{}` | {} | {} | {} |", step.module, step.operator, step.result, thousands(step.macs));
        for costs in &measured.costs {
            let instructions = costs.steps.as_ref().expect("counted for all cores")[index];
            match step.macs {
                0 => _ = write!(text, " ({}) |", thousands(instructions)),
                macs => _ = write!(text, " {} |", ratio(instructions, macs)),
            }
        }
        text += "\n";
    }
    text
}

/// The document.
pub(crate) fn document(measured: &[Measured]) -> String {
    let mut text = "\
# What generated code costs on microcontrollers

Written by `cargo run -p quantize-measure -- --write`; counted in QEMU, between markers around one call of `run_quantized`. Programs
are compiled at opt-level 3 with LTO. Instructions are no cycles: an M7 executes up to two at once, and memory has no wait states here.

| core | target |
| --- | --- |
"
    .to_owned();
    for core in &crate::CORES {
        _ = writeln!(text, "| {} | `{}` |", core.name, core.target);
    }
    let (layers, networks): (Vec<&Measured>, Vec<&Measured>) = measured.iter().partition(|measured| measured.is_layer);
    text += "
## Goals

Limits of several cores are in the order of the columns; a figure above its own is bold.

";
    text += &goals(measured);
    text += "
## Layers

Instructions per MAC of one layer of each kind, of sizes that no network here has. The last row is a dot product alone: 1024 terms
of one row or of four with the same operand, whichever the notes of the firmware kit have as least. What bounds each:

- pointwise: on an M55 the activations of 32, 48 or 64 inputs stay in registers: for four results of 48 inputs 24 instructions multiply
  and 14 rescale, store and go on. On an M4 four places are widened once for all channels. On an M0 and RV32 the products take 4.6 and
  3.5 instructions each; the rest is spent once for each result, on rescaling, without a long multiplication on an M0, and on finding
  constants. On an M3 four rows share an activation, with a load and a multiplication for each product.
- fully connected: the same for one place, whose biases contain the zero point, so that weights are read once.
- Other convolutions first gather what a window covers; the first one of a network has few channels, so that rows are short.
- depthwise: no operand is shared between channels, and a result has as many terms as its window has places. Loads, widening and
  rescaling bound it: on an M55 17 instructions for a tap of sixteen channels, where a product alone takes 4 of them.

";
    let cores: Vec<&str> = crate::CORES.iter().map(|core| core.name).collect();
    text += &format!("| layer | result | MACs | {} |\n", cores.join(" | "));
    text += &format!("| --- | --- | ---: |{}\n", " ---: |".repeat(cores.len()));
    for layer in layers {
        let steps = layer.generated.steps.iter().enumerate();
        let (index, step) = steps.max_by_key(|(_, step)| step.macs).expect("a layer is a step");
        _ = write!(text, "| {} | {} | {} |", layer.name, step.result, thousands(step.macs));
        for costs in &layer.costs {
            _ = write!(text, " {} |", ratio(costs.steps.as_ref().expect("counted for all cores")[index], step.macs));
        }
        text += "\n";
    }
    text += &format!("| dot product | | | {} |\n", crate::CORES.map(|core| core.dot_product).join(" | "));
    text += "
## Networks

Flash is all of the program but its input: start-up, code and VGF file, of which the last three embed the constants only. RAM is the
arena and results, stack the deepest inside `run_quantized`, in bytes; none exceeds what the manifest says. The bound is what is live
at one step, below which no arena can be.

| network | core | MACs | instructions | per MAC | loads | stores | flash | VGF | code | RAM | bound | stack |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
";
    for Measured { name, generated, costs, .. } in &networks {
        for Costs { core, size, run, .. } in costs {
            let [loads, stores] = run.accesses.map(thousands);
            _ = writeln!(
                text,
                "| {name} | {} | {} | {} | {} | {loads} | {stores} | {} | {} | {} | {} | {} | {} |",
                core.name,
                thousands(generated.macs),
                thousands(run.instructions),
                ratio(run.instructions, generated.macs),
                thousands(size.flash),
                thousands(generated.vgf as u64),
                thousands(size.code),
                thousands(size.ram),
                thousands(generated.arena[1] as u64),
                thousands(run.stack)
            );
        }
    }
    text += "
## Beside microflow

microflow 0.1.3 on the models of its package, compiled and counted the same way; it works on the stack. Ours are the same models, with
the same parameters, and embed constants only, as it does.

";
    text += &peers(networks.iter().copied());
    text += "
## Steps

Instructions per MAC of each step; in parentheses instructions of steps without MACs. The markers between steps keep the compiler from
moving work across, so that sums differ a little from the table above.
";
    for network in networks {
        _ = write!(text, "\n### {}\n\n{}", network.name, steps(network));
    }
    text
}

/// A table of goals with the figures on each core.
fn goals(measured: &[Measured]) -> String {
    let cores: Vec<&str> = crate::CORES.iter().map(|core| core.name).collect();
    let mut text = format!("| goal | at most | {} |\n", cores.join(" | "));
    text += &format!("| --- | ---: |{}\n", " ---: |".repeat(cores.len()));
    for Goal { what, figures, digits } in crate::goals::goals(measured) {
        let number = |number: f64| match digits {
            0 => thousands(number as u64), // a count of bytes
            _ => format!("{number:.digits$}"),
        };
        let mut limits: Vec<String> = figures.iter().map(|(_, _, limit)| number(*limit)).collect();
        limits.dedup();
        _ = write!(text, "| {what} | {} |", limits.join(", "));
        for name in &cores {
            match figures.iter().find(|(core, ..)| core == name) {
                Some((_, figure, limit)) if figure > limit => _ = write!(text, " **{}** |", number(*figure)),
                Some((_, figure, _)) => _ = write!(text, " {} |", number(*figure)),
                None => text += " |",
            }
        }
        text += "\n";
    }
    text
}

fn ratio(instructions: u64, macs: u64) -> String {
    format!("{:.3}", instructions as f64 / macs as f64)
}

/// A number with spaces between groups of three digits.
fn thousands(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().ok().expect("a count").to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
