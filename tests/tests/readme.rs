//! The README's example compiles as it stands.

use std::fs;

use quantize_tests::fixture::Fixture;
use quantize_tests::repository;

/// The Rust blocks of a Markdown text whose first line is a comment with a file name, such as `// build.rs`.
fn files(markdown: &str) -> Vec<(&str, &str)> {
    let blocks = markdown.split("```rust\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.filter_map(|block| Some((block.strip_prefix("// ")?.split_whitespace().next()?, block))).collect()
}

/// The value of an argument of the attribute: `models/kws.onnx` where the text has `model = "models/kws.onnx"`.
fn argument<'a>(source: &'a str, name: &str) -> &'a str {
    let value = source.split(&format!("{name} = \"")).nth(1).and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("the example has no `{name}`"))
}

#[test]
fn the_example_compiles() {
    let readme = fs::read_to_string(repository("README.md")).expect("the repository has a README");
    let files = files(&readme);
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), "readme", "readme");
    for (file, block) in &files {
        fixture.write(file, block);
    }
    let main = files.iter().find(|(file, _)| *file == "src/main.rs");
    let (_, main) = main.expect("the README has a block that starts with `// src/main.rs`");
    fixture.copy("examples/digits/models/digits_cnn.onnx", argument(main, "model"));
    fixture.copy("examples/digits/models/calib.npy", argument(main, "calibration"));
    fixture.build();
}
