//! Mistakes in the attribute → the compiler's messages, one file for each.

#[test]
fn each_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
