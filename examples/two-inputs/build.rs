//! Quantizes the networks named by the `#[quantize]` attributes of this package.

fn main() {
    quantize_build::compile();
}
