//! Chooses the set of kernels for the target: rustc tells the code of no Arm feature that they need.

use std::env;

/// Cores of Armv8-M Mainline whose vectors (MVE) hold integers, as `target-cpu` names them.
const MVE_CORES: [&str; 3] = ["cortex-m52", "cortex-m55", "cortex-m85"];
/// Cores of Armv8-M Mainline that multiply pairs of halves (the DSP extension).
const DSP_CORES: [&str; 3] = ["cortex-m33", "cortex-m35p", "star-mc1"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let sets = ["armv6m", "armv7em", "armv7m", "mve", "portable", "riscv32"].map(|set| format!("{set:?}")).join(", ");
    println!("cargo:rustc-check-cfg=cfg(kernels, values({sets}))");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    println!("cargo:rustc-cfg=kernels=\"{}\"", kernels(&target, &flags));
}

/// The folder of `src/kernels` for a target that is compiled with these flags.
fn kernels(target: &str, flags: &str) -> &'static str {
    match target.split('-').next() {
        Some("thumbv6m" | "thumbv8m.base") => "armv6m",
        Some("thumbv7em") => "armv7em",
        Some("thumbv7m") => "armv7m",
        Some("thumbv8m.main") if has(flags, "mve", &MVE_CORES) => "mve",
        Some("thumbv8m.main") if has(flags, "dsp", &DSP_CORES) => "armv7em",
        Some("thumbv8m.main") => "armv7m",
        Some(name) if name.starts_with("riscv32im") || name.starts_with("riscv32gc") => "riscv32",
        _ => "portable",
    }
}

/// Whether the last flag that is about a feature switches it on, or else the core has it.
fn has(flags: &str, feature: &str, cores: &[&str]) -> bool {
    // A flag and its value are two arguments, or one.
    let options = || flags.split('\x1f').map(|flag| flag.strip_prefix("-C").unwrap_or(flag).trim());
    let mut features =
        options().filter_map(|option| option.strip_prefix("target-feature=")).flat_map(|list| list.split(','));
    match features.rfind(|switch| switch.get(1..).is_some_and(|name| name.split('.').next() == Some(feature))) {
        Some(switch) => switch.starts_with('+'),
        None => options().filter_map(|option| option.strip_prefix("target-cpu=")).any(|core| cores.contains(&core)),
    }
}
