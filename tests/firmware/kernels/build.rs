//! Writes the memory map of the board that QEMU runs the image on.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("TARGET").expect("Cargo sets it");
    let (flash, ram, aliases) = match target.split('-').next() {
        // mps2-an385, an386 and an500; the first of them runs the instructions of a Cortex-M0, too.
        Some("thumbv6m" | "thumbv7m" | "thumbv7em") => ("0x00000000, LENGTH = 4M", "0x20000000, LENGTH = 4M", ""),
        // mps3-an547
        Some("thumbv8m.main") => ("0x00000000, LENGTH = 512K", "0x20000000, LENGTH = 512K", ""),
        // virt
        Some("riscv32imac" | "riscv32imc") => ("0x80000000, LENGTH = 4M", "0x80400000, LENGTH = 4M", RISCV_ALIASES),
        _ => return,
    };
    let map = format!("MEMORY\n{{\n    FLASH : ORIGIN = {flash}\n    RAM : ORIGIN = {ram}\n}}\n{aliases}");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    fs::write(out.join("memory.x"), map).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", out.display());
}

/// What riscv-rt calls these regions.
const RISCV_ALIASES: &str = "\
REGION_ALIAS(\"REGION_TEXT\", FLASH);
REGION_ALIAS(\"REGION_RODATA\", FLASH);
REGION_ALIAS(\"REGION_DATA\", RAM);
REGION_ALIAS(\"REGION_BSS\", RAM);
REGION_ALIAS(\"REGION_HEAP\", RAM);
REGION_ALIAS(\"REGION_STACK\", RAM);
";
