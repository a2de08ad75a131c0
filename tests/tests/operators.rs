//! `docs/operators.md` says what becomes of each API of PyTorch that upstream documents; `BLESS=1` rewrites it.

use std::fmt::Write;
use std::path::Path;

use quantize_build::frontend::onnx;
use quantize_tests::probes::executors::{self, Names};
use quantize_tests::probes::{self, Api, Form, Origin, Outcome, Probe, Program};
use quantize_tests::{outside, repository};
use serde_json::Value;

/// Until the table.
const INTRODUCTION: &str = "\
# Operators

Written by `BLESS=1 cargo test -p quantize-tests --test operators`; without `BLESS` the test compares. Each row is an API of PyTorch
that ExecuTorch documents for its VGF backend, with the probe in `tests/data/probes` that calls it. The columns:

| column | content |
| --- | --- |
| ATen | operators of the exported program |
| ONNX | operators of the same network in ONNX, and the opsets whose form is imported |
| documented | forms that upstream documents: activations, and `int4` for weights of four bits |
| int8, int16, int4, f32 | `yes`: a probe quantized as a whole in this form, or left in float, gives the same outputs in every executor that follows |
| interpreter, generated code, TOSA reference, Vulkan | forms whose outputs agree there: integers in each bit, f32 within 1e-4; Vulkan runs one form |
| note | why there is no form in int8, and where the network from ONNX is another one |

f32 results are also within 1e-4 of torch's, quantized ones within 4 quanta of 8 bits on average.
`i32` in place of `yes`: the API works on integers, which nothing quantizes. `named`: a rule `op(target = \"…\")` quantizes it, the
global rule does not, as upstream's does not.

";

/// A row, and whether everything that it claims was shown.
struct Row {
    text: String,
    /// The cell about int8.
    int8: &'static str,
    is_proven: bool,
}

/// A probe's network from ONNX.
struct Onnx {
    /// Operators, each with the opsets whose form is read.
    operators: String,
    /// What is other than from the exported program.
    note: Option<String>,
}

/// Programs by executor.
struct Runs {
    generated: Names,
    reference: Names,
    vulkan: Names,
}

#[test]
fn document_says_what_becomes_of_each_api() {
    let apis = probes::apis();
    let outcomes: Vec<Vec<(Form, Outcome)>> = apis.iter().map(outcomes).collect();
    let programs: Vec<Vec<&Program>> =
        outcomes.iter().map(|outcomes| outcomes.iter().filter_map(program).collect()).collect();
    let all: Vec<&Program> = programs.iter().flatten().copied().collect();
    let first: Vec<&Program> = programs.iter().filter_map(|programs| programs.first().copied()).collect();

    let tmp = env!("CARGO_TARGET_TMPDIR");
    let generated = executors::generated(&all, tmp);
    let folder = Path::new(tmp).join("operators");
    // Programs that were there in an earlier run.
    let _ = std::fs::remove_dir_all(&folder);
    let Some(reference) = executors::reference(&all, &folder.join("reference")) else { return };
    let Some(vulkan) = executors::vulkan(&first, &folder.join("vulkan")) else { return };
    let runs = Runs { generated, reference, vulkan };
    let rows: Vec<Row> = apis.iter().zip(&outcomes).map(|(api, outcomes)| row(api, outcomes, &runs)).collect();
    let text: String = rows.iter().map(|row| row.text.as_str()).collect();
    let summary = summary(&rows);
    println!("{text}{summary}");

    let columns = "API | ATen | ONNX | documented | int8 | int16 | int4 | f32 | interpreter | generated code | TOSA reference | Vulkan | note";
    let rule = " --- |".repeat(columns.split('|').count());
    let text = format!("{INTRODUCTION}{summary}\n\n| {columns} |\n|{rule}\n{text}");
    let path = repository("docs/operators.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).expect("writable");
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<&str> = text.lines().filter(|line| !committed.lines().any(|old| old == *line)).collect();
    assert!(
        text == committed,
        "docs/operators.md differs:\n{}\nrun `BLESS=1 cargo test -p quantize-tests --test operators` and read the difference",
        differing.join("\n")
    );
}

/// How many APIs are shown to work, and how.
fn summary(rows: &[Row]) -> String {
    let count = |int8: &[&str]| rows.iter().filter(|row| row.is_proven && int8.contains(&row.int8)).count();
    let proven = rows.iter().filter(|row| row.is_proven).count();
    format!(
        "{proven} of {} APIs run: {} quantized to int8, {} on integers, {} in float. {} are refused for the reason in the note.",
        rows.len(),
        count(&["yes", "named"]),
        count(&["i32"]),
        count(&["float"]),
        rows.len() - proven,
    )
}

/// The list of APIs is upstream's.
#[test]
fn every_documented_api_has_a_probe() {
    let Some(path) = outside::shared("oracle/supported-apis.json") else { return };
    let read =
        |path| -> Value { serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON") };
    let mut ours = read(probes::folder().join("apis.json"))["apis"].take();
    for api in ours.as_array_mut().expect("a list") {
        api.as_object_mut().expect("an object").remove("probe");
    }
    assert_eq!(ours, read(path)["apis"]);
}

/// What becomes of the probe in every form that is documented or general.
fn outcomes(api: &Api) -> Vec<(Form, Outcome)> {
    let probe = Probe(&api.probe);
    let mut outcomes = vec![(Form::Int8, probe.program(Form::Int8))];
    // Without real numbers all forms are the same.
    if !matches!(&outcomes[0].1, Outcome::Runs(program) if program.origin == Origin::Network) {
        let documented = [Form::Int16, Form::Int4].into_iter().filter(|form| api.documented().contains(&form.name()));
        outcomes.extend(documented.chain([Form::Real]).map(|form| (form, probe.program(form))));
    }
    outcomes
}

fn program((_, outcome): &(Form, Outcome)) -> Option<&Program> {
    if let Outcome::Runs(program) = outcome { Some(program) } else { None }
}

fn row(api: &Api, outcomes: &[(Form, Outcome)], runs: &Runs) -> Row {
    let agree = |names: &Names| {
        let programs = outcomes.iter().filter_map(|outcome| Some((outcome.0, program(outcome)?)));
        let forms = programs
            .filter(|(_, program)| names.contains(&program.name))
            .map(|(form, program)| if program.origin == Origin::Network { "i32" } else { form.name() });
        forms.collect::<Vec<_>>().join(", ")
    };
    let all = outcomes.iter().filter_map(program).map(|program| program.name.clone()).collect();
    let is_shown = |program: &Program| runs.generated.contains(&program.name) && runs.reference.contains(&program.name);
    let cell = |form: Form| match outcomes.iter().find(|(of, _)| *of == form) {
        Some((_, Outcome::Runs(program))) if !is_shown(program) => "differs",
        Some((_, Outcome::Runs(program))) => match program.origin {
            Origin::Global => "yes",
            Origin::Named => "named",
            Origin::Network => "i32",
        },
        Some((_, Outcome::Float(_))) => "float",
        Some((_, Outcome::Missing(_))) => "no",
        None => "",
    };
    let mut notes: Vec<String> = Vec::new();
    for (_, outcome) in outcomes {
        if let Outcome::Float(reason) | Outcome::Missing(reason) = outcome
            && !notes.contains(&line(reason))
        {
            notes.push(line(reason));
        }
    }
    let is_documented = |form: Form| api.documented().contains(&form.name());
    if cell(Form::Int8) == "float" && !is_documented(Form::Int8) {
        notes.insert(0, "documented in float only".to_owned());
    }
    let onnx = from_onnx(api, outcomes);
    notes.extend(onnx.note);
    let first = outcomes.iter().find_map(program);
    let is_done = |(form, outcome): &(Form, Outcome)| match outcome {
        Outcome::Runs(program) => is_shown(program),
        Outcome::Float(_) => !is_documented(*form),
        Outcome::Missing(_) => false,
    };
    let is_proven = outcomes.iter().all(is_done) && first.is_some_and(|program| runs.vulkan.contains(&program.name));
    let mut text = String::new();
    let names: Vec<String> = api.names.iter().map(|name| format!("`{}`", name.replace('|', "\\|"))).collect();
    let operators: Vec<String> = Probe(&api.probe).operators().iter().map(|operator| format!("`{operator}`")).collect();
    let cells = [
        names.join(", "),
        operators.join(", "),
        onnx.operators,
        api.documented().join(", "),
        cell(Form::Int8).to_owned(),
        cell(Form::Int16).to_owned(),
        cell(Form::Int4).to_owned(),
        cell(Form::Real).to_owned(),
        agree(&all),
        agree(&runs.generated),
        agree(&runs.reference),
        agree(&runs.vulkan),
        notes.join("; "),
    ];
    let _ = writeln!(text, "| {} |", cells.join(" | "));
    Row { text, int8: cell(Form::Int8), is_proven }
}

/// What becomes of the probe as ONNX, of which the programs from the exported program have the expected integers.
fn from_onnx(api: &Api, outcomes: &[(Form, Outcome)]) -> Onnx {
    let probe = Probe(&api.probe);
    let Some(operators) = probe.onnx_operators() else {
        return Onnx { operators: String::new(), note: Some("torch does not write ONNX".to_owned()) };
    };
    let read = |operator: &String| match onnx::opsets(operator) {
        Some(opsets) => format!("`{operator}` {}–{}", opsets.start(), opsets.end()),
        None => format!("`{operator}`"),
    };
    let note = outcomes.iter().find_map(|outcome| {
        let expected = program(outcome)?;
        match probe.program_from_onnx(outcome.0) {
            Outcome::Runs(program) if program.samples == expected.samples => None,
            Outcome::Runs(_) => Some(format!("ONNX: other numbers in {}", outcome.0.name())),
            Outcome::Float(reason) | Outcome::Missing(reason) => Some(format!("ONNX: {}", line(&reason))),
        }
    });
    Onnx { operators: operators.iter().map(read).collect::<Vec<_>>().join(", "), note }
}

/// A message as a cell of a table: what a report says below its headline.
fn line(message: &str) -> String {
    let (_, details) = message.split_once(" is not supported\n").unwrap_or(("", message));
    details.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
