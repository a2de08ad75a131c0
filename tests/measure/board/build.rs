//! Writes the memory map of the board in QEMU that runs programs for this target.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("TARGET").expect("Cargo sets it");
    let map = match target.as_str() {
        // mps3-an547: ITCM and SRAM.
        "thumbv8m.main-none-eabihf" => memory([0x0000_0000, 512], [0x2100_0000, 4096]),
        // mps2-an385, -an386, -an500.
        _ if target.starts_with("thumb") => memory([0x0000_0000, 4096], [0x2000_0000, 4096]),
        // virt has RAM only, a part of which stands for flash.
        _ => {
            let regions = [
                ("TEXT", "FLASH"),
                ("RODATA", "FLASH"),
                ("DATA", "RAM"),
                ("BSS", "RAM"),
                ("HEAP", "RAM"),
                ("STACK", "RAM"),
            ];
            let aliases = regions.map(|(alias, region)| format!("REGION_ALIAS(\"REGION_{alias}\", {region});\n"));
            memory([0x8000_0000, 4096], [0x8040_0000, 4096]) + &aliases.concat()
        }
    };
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    fs::write(folder.join("memory.x"), map).expect("OUT_DIR can be written");
    println!("cargo:rustc-link-search={}", folder.display());
}

/// Two regions by origin and KiB.
fn memory([flash, flash_kib]: [u32; 2], [ram, ram_kib]: [u32; 2]) -> String {
    format!(
        "MEMORY\n{{\n  FLASH : ORIGIN = {flash:#x}, LENGTH = {flash_kib}K\n  RAM : ORIGIN = {ram:#x}, LENGTH = {ram_kib}K\n}}\n"
    )
}
