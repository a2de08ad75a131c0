//! docs/errors.md: every message that the other tests provoke, from their golden files.
//!
//! Cargo runs test files in the order of their names, this one after those that write the golden files with `BLESS=1`.

use std::fs;

use quantize_tests::{repository, texts};

/// Name of each file in a folder with this extension, as words, and the text in it; sorted.
fn texts_in(folder: &str, extension: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(repository(folder)).expect("a folder").map(|entry| entry.expect("readable").path());
    let mut files: Vec<_> = entries.filter(|file| file.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    let read = |file: std::path::PathBuf| {
        let stem = file.file_stem().expect("a file has a name").to_string_lossy().replace('_', " ");
        (stem, fs::read_to_string(&file).expect("a text"))
    };
    files.into_iter().map(read).collect()
}

/// One section of the document: each text under the name of its case.
fn section(title: &str, introduction: &str, texts: &[(String, String)]) -> String {
    let block = |(case, text): &(String, String)| format!("\n### {case}\n\n```text\n{}\n```\n", text.trim_end());
    format!("\n## {title}\n\n{introduction}\n{}", texts.iter().map(block).collect::<String>())
}

#[test]
fn every_message_is_in_the_document() {
    let (warnings, errors): (Vec<_>, Vec<_>) = texts_in("tests/data/diagnostics", "txt")
        .into_iter()
        .partition(|(case, _)| ["warnings", "slow"].contains(&case.as_str()));
    let document = [
        "# Messages\n\nEvery message of `#[quantize]` and `include_quantized!` as the compiler shows it: what was found, where, and \
         what to write instead.\nTests make these mistakes and compare the texts; `BLESS=1 TRYBUILD=overwrite cargo test -p \
         quantize-macros -p quantize-tests --test ui --test configuration --test diagnostics --test lock --test messages` writes \
         them and this file.\nAll mistakes of a crate are reported in one build, and each once: code that uses the struct compiles \
         beside them.\n"
            .to_owned(),
        section(
            "Found by the build script",
            "What is wrong with files, samples, rules and operators. Build scripts that name models get the same messages, see \
             `included`.",
            &errors,
        ),
        section("Found in the arguments", "What the macro cannot read.", &texts_in("quantize-macros/tests/ui", "stderr")),
        section(
            "Found in quantize.toml and in conditions",
            "What Cargo and the compiler print, where models share configurations or depend on features and targets.",
            &texts_in("tests/data/configuration", "txt"),
        ),
        section(
            "Found in the lock file",
            "What does not fit the model, with both values, and what `cargo quantize lock` says (`difference`).",
            &texts_in("tests/data/lock", "txt"),
        ),
        section("Warnings", "What Cargo prints when the build script has run; the manifest keeps it.", &warnings),
    ]
    .concat();
    texts::compare("docs/errors.md", &document).unwrap_or_else(|difference| panic!("{difference}\nrun with BLESS=1"));
}
