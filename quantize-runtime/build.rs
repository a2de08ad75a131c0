//! Chooses the set of kernels for the target: rustc tells the code of no Arm feature that they need.

use std::env;

/// Cores of Armv8-M Mainline whose vectors (MVE) hold integers, as `target-cpu` names them.
const MVE_CORES: [&str; 3] = ["cortex-m52", "cortex-m55", "cortex-m85"];
/// Cores of Armv8-M Mainline that multiply pairs of halves (the DSP extension).
const DSP_CORES: [&str; 3] = ["cortex-m33", "cortex-m35p", "star-mc1"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(kernels, values(\"armv6m\", \"armv7em\", \"mve\"))");
    let target = env::var("TARGET").unwrap_or_default();
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if let Some(set) = kernels(&target, &flags) {
        println!("cargo:rustc-cfg=kernels=\"{set}\"");
    }
}

/// The folder of `src/kernels` for a target that is compiled with these flags; `None` where the portable kernels are it.
fn kernels(target: &str, flags: &str) -> Option<&'static str> {
    match target.split('-').next()? {
        "thumbv6m" | "thumbv8m.base" => Some("armv6m"),
        "thumbv7em" => Some("armv7em"),
        "thumbv8m.main" if has(flags, "mve", &MVE_CORES) => Some("mve"),
        "thumbv8m.main" if has(flags, "dsp", &DSP_CORES) => Some("armv7em"),
        _ => None,
    }
}

/// Whether the last flag that is about a feature switches it on, or else the core has it.
fn has(flags: &str, feature: &str, cores: &[&str]) -> bool {
    // A flag and its value are two arguments, or one.
    let options = || flags.split('\x1f').map(|flag| flag.strip_prefix("-C").unwrap_or(flag).trim());
    let features =
        options().filter_map(|option| option.strip_prefix("target-feature=")).flat_map(|list| list.split(','));
    let switches =
        features.filter(|switch| switch.get(1..).is_some_and(|name| name.split('.').next() == Some(feature)));
    match switches.last() {
        Some(switch) => switch.starts_with('+'),
        None => options().filter_map(|option| option.strip_prefix("target-cpu=")).any(|core| cores.contains(&core)),
    }
}
