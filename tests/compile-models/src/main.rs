//! Compiles the models of a crate as its build script would, with the variables that Cargo sets for one.

fn main() {
    quantize_build::compile();
}
