//! Models of one crate do not touch each other: each has the files that it has alone.

use quantize_tests::fixture::Fixture;

const FIRST: &str = r#"
#[quantize(model = "models/mlp.onnx", calibration = "models/calib.npy", global = int8(per_tensor))]
struct First;
"#;

const SECOND: &str = r#"
#[quantize(
    model = "models/mlp.onnx",
    calibration = "models/calib.npy",
    global = int8,
    module(name = "fc1", config = snorm),
    node(name = "tanh", config = None)
)]
struct Second;
"#;

/// Code and artifact of some models in a crate that has just these.
fn files(place: &str, models: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), place, "neighbours");
    fixture.use_libm();
    fixture.copy("tests/data/goldens/mlp/model.onnx", "models/mlp.onnx");
    fixture.copy("tests/data/goldens/mlp/calib_in_0.npy", "models/calib.npy");
    let sources: String = models.iter().map(|(_, source)| *source).collect();
    fixture.write("src/main.rs", format!("use quantize_runtime::quantize;\n{sources}\nfn main() {{}}\n"));
    let build = fixture.build();
    let names = models.iter().flat_map(|(name, _)| ["vgf", "rs"].map(|extension| format!("{name}.{extension}")));
    names.map(|name| build.output(&name)).collect()
}

#[test]
fn models_with_different_rules_have_the_files_that_they_have_alone() {
    let models = [("First", FIRST), ("Second", SECOND)];
    let together = files("neighbours", &models);
    let alone: Vec<Vec<u8>> = models.iter().flat_map(|model| files("neighbour", &[*model])).collect();
    assert_eq!(together.len(), 4);
    assert!(together == alone, "a file depends on the other model");
    assert_ne!(together[0], together[2]);
}
