//! Quantizes the network of `src/lib.rs`, and tells the linker where the board has its memory.

fn main() {
    quantize_build::compile();

    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
}
