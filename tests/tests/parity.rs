//! `docs/parity.md` says what this version computes; `BLESS=1` rewrites it.

use std::fmt::Write;
use std::path::Path;

use quantize_tests::golden::Case;
use quantize_tests::golden::parity::Parity;
use quantize_tests::{outside, repository};

/// The model files of a case, by front-end.
const FRONT_ENDS: [(&str, &str); 2] = [("ONNX", "model.onnx"), ("torch.export", "model.pt2")];

/// Until the first table.
const INTRODUCTION: &str = "\
# Parity with the reference quantizer

Written by `BLESS=1 cargo test -p quantize-tests --test parity`; without `BLESS` the test compares. Each case is a network taken
through ExecuTorch's `VgfQuantizer` (profile INT) with recordings of every step. The columns, equal ones of all:

| column | compared |
| --- | --- |
| float nodes | for each operator, whether it works on integers or stays in float |
| observers | for each observer of an activation, the tensors it watches, the operands that read them, and what shares it |
| weights | integer weights, biases and constants, given the recorded parameters; bit for bit |
| integers | outputs of the integer program, given the recorded parameters and integer inputs; bit for bit |
| transposes | TRANSPOSE operators of our integer program, and of upstream's |
| scales | largest relative difference of scales from our own calibration, flips apart |
| zero points | largest difference of zero points from our own calibration |
| flips | observers whose search stops at another bin, because float forwards differ in the last bits |
| within 1 | outputs from our own calibration within one quantum of the recorded ones |
| largest | largest difference of outputs, in quanta; of outputs in float in 1/127 of the largest |

";

/// After the last table.
const DIFFERENCES: &str = "
## Deliberate differences

Faults of the reference flow that are not copied:

- `uint8_io` in the full profile: its in-graph quantization casts codes above 127 to int8, which saturates. The integer program
  reads and writes unsigned codes by RESCALE, as the integer profile does, and so do regions in float beside them.
- Table operators before a linear layer at the model's end are rejected by its full profile (`mlp`, `mixed_configs`); here both
  profiles lower.
- An activation fused into a layer whose observer also watches negative numbers, as before a concatenation, is lost by its
  lowering; here a clamp follows the layer.
- The negation of a tensor whose result has another scale is lowered as if it had the same; here it is rescaled.
- A convolution that a batch normalization and another node read is folded for both, which changes the network; here the
  normalization stays an operator.
- Operators that its quantizer forgets, such as the function `relu6`, are quantized where a rule names the very operator.
- Dynamic quantization and trained ranges (`dynamic_mlp`, `mlp_qat`) are not part of this version.
";

#[test]
fn document_says_what_this_version_does() {
    let Some(folder) = outside::shared("oracle/golden") else { return };
    let text = document(&folder);
    let path = repository("docs/parity.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).expect("writable");
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = text.lines().zip(committed.lines()).find(|(new, old)| new != old);
    assert!(
        text == committed,
        "docs/parity.md differs, first at {differing:?}\nrun `BLESS=1 cargo test -p quantize-tests --test parity` and read the difference"
    );
}

/// The same of cases elsewhere: `GOLDENS=folder cargo test -p quantize-tests --test parity -- --ignored --nocapture`.
#[test]
#[ignore = "needs a folder of cases"]
fn cases_of_another_folder_are_shown() {
    let folder = std::env::var_os("GOLDENS").expect("GOLDENS names a folder of cases");
    println!("{}", document(Path::new(&folder)));
}

fn document(folder: &Path) -> String {
    let (mut text, mut missing, mut strays) = (INTRODUCTION.to_owned(), String::new(), String::new());
    let cases = Case::all(folder);
    for (front_end, file) in FRONT_ENDS {
        let columns =
            ["case", "float nodes", "observers", "weights", "integers", "transposes", "scales", "zero points", "flips"];
        let _ = writeln!(text, "## {front_end}\n\n| {} | within 1 | largest |", columns.join(" | "));
        let _ = writeln!(text, "|{}", " --- |".repeat(columns.len() + 2));
        for case in &cases {
            let name = &case.name;
            match Parity::measure(case, file) {
                Err(error) => _ = writeln!(missing, "- `{name}`, {front_end}: {}", line(&error)),
                Ok(parity) => {
                    text.push_str(&row(name, &parity));
                    if let Some(error) = &parity.missing {
                        let _ = writeln!(missing, "- `{name}`, {front_end}, annotated only: {}", line(error));
                    }
                    if !parity.strays.is_empty() {
                        let _ = writeln!(strays, "- `{name}`, {front_end}: {}", parity.strays.join(", "));
                    }
                }
            }
        }
        text.push('\n');
    }
    for (title, list) in [("Elsewhere than upstream's", strays), ("Not covered", missing)] {
        let list = if list.is_empty() { "Nothing.\n".to_owned() } else { list };
        let _ = write!(text, "## {title}\n\n{list}\n");
    }
    text.trim_end().to_owned() + "\n" + DIFFERENCES
}

fn row(name: &str, parity: &Parity) -> String {
    let Parity { float_nodes, observers, weights, integers, outputs, .. } = parity;
    if parity.missing.is_some() && outputs.total == 0 {
        return format!("| {name} | {float_nodes} | {observers} | {weights} | | | | | | | |\n");
    }
    let integers = if integers.total == 0 { String::new() } else { integers.to_string() };
    let transposes = parity.transposes.map_or(String::new(), |[ours, theirs]| format!("{ours}, {theirs}"));
    let scales = if parity.scales == 0.0 { "0".to_owned() } else { format!("{:.0e}", parity.scales) };
    let flips: Vec<String> = parity.flips.iter().map(|(id, difference)| format!("{id} {difference:.0e}")).collect();
    let within = 100.0 * outputs.equal as f64 / outputs.total.max(1) as f64;
    format!(
        "| {name} | {float_nodes} | {observers} | {weights} | {integers} | {transposes} | {scales} | {} | {} | {within:.1} % | {:.1} |\n",
        parity.zero_points,
        flips.join(", "),
        parity.largest,
    )
}

/// A message on one line, shortened.
fn line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
