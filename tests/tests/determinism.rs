//! The same crate in two folders gives the same files, byte for byte.

use quantize_tests::fixture::Fixture;

#[test]
fn two_folders_give_the_same_bytes() {
    let files = ["first", "second"].map(|place| {
        let place = format!("determinism/{place}");
        let fixture = Fixture::new(env!("CARGO_TARGET_TMPDIR"), &place, "determinism");
        fixture.copy("examples/digits/src/main.rs", "src/main.rs");
        fixture.copy("examples/digits/src/npy.rs", "src/npy.rs");
        for model in ["digits_cnn.onnx", "calib.npy", "eval_x.npy", "eval_y.npy", "eval_float.npy"] {
            fixture.copy(&format!("examples/digits/models/{model}"), &format!("models/{model}"));
        }
        let build = fixture.build();
        ["Digits.vgf", "Digits.rs", "Digits.toml"].map(|file| (file, build.output(file)))
    });
    for ((file, first), (_, second)) in files[0].iter().zip(&files[1]) {
        assert!(first == second, "{file} differs");
    }
}
