//! The cores that programs are measured on, and what one run counts there.

use crate::repository;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A core, the target that programs are compiled for and the board in QEMU that has it.
pub(crate) struct Core {
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    board: &'static str,
    /// The runtime's set of kernels for it.
    pub(crate) kernels: &'static str,
    /// Instructions per MAC of dot products of 1024 terms, of one row or of four with a common operand, as the kit's notes have.
    pub(crate) dot_product: &'static str,
}

pub(crate) const CORES: [Core; 6] = [
    // The board of the M0 in QEMU has too little memory; an M3 executes the same instructions.
    Core { name: "M0", target: "thumbv6m-none-eabi", board: "mps2-an385", kernels: "armv6m", dot_product: "5.39" },
    Core { name: "M3", target: "thumbv7m-none-eabi", board: "mps2-an385", kernels: "armv7m", dot_product: "2.89" },
    Core { name: "M4", target: "thumbv7em-none-eabihf", board: "mps2-an386", kernels: "armv7em", dot_product: "1.44" },
    Core { name: "M7", target: "thumbv7em-none-eabihf", board: "mps2-an500", kernels: "armv7em", dot_product: "1.44" },
    Core {
        name: "M55",
        target: "thumbv8m.main-none-eabihf",
        board: "mps3-an547",
        kernels: "mve",
        dot_product: "0.167",
    },
    Core {
        name: "RV32",
        target: "riscv32imac-unknown-none-elf",
        board: "virt",
        kernels: "riscv32",
        dot_product: "3.45",
    },
];

/// What a program did in its regions.
pub(crate) struct Run {
    /// Instructions in all regions.
    pub(crate) instructions: u64,
    /// Instructions of each region.
    pub(crate) regions: Vec<u64>,
    /// Instructions that load, and that store.
    pub(crate) accesses: [u64; 2],
    /// Bytes of the deepest stack inside a region, with the frame of `main`.
    pub(crate) stack: u64,
    /// The checksum of the results.
    pub(crate) checksum: String,
}

/// Bytes of a program.
pub(crate) struct Size {
    /// Code, constants and initial values, without the input, which a sensor would give.
    pub(crate) flash: u64,
    /// Code alone.
    pub(crate) code: u64,
    /// Static memory.
    pub(crate) ram: u64,
}

/// A program or folder of the firmware kit.
fn kit(path: &str) -> PathBuf {
    let path = repository("../shared/firmware").join(path);
    assert!(path.exists(), "{} is missing: programs are run by that kit", path.display());
    path
}

/// The variables with which Cargo compiles for these cores.
pub(crate) fn environment(cores: &[&Core]) -> Vec<(String, String)> {
    let mut setup = Command::new("bash");
    let said = output(setup.arg(kit("setup.sh")).args(cores.iter().map(|core| core.target)));
    let variables = said.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Core {
    /// Runs a program.
    pub(crate) fn run(&self, program: &Path) -> Run {
        let mut roi = Command::new("bash");
        roi.arg(kit("roi/roi.sh")).args(["--board", self.board, "--timeout", "600"]).arg(program);
        let ran = roi.output().expect("bash runs");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{} on {}: {}: {said}", program.display(), self.name, ran.status);
        let counts: Value = serde_json::from_slice(&ran.stdout).expect("counts");
        let number = |name: &str| counts[name].as_u64().unwrap_or_else(|| panic!("{name} in {counts}"));
        let regions = counts["per_region"].as_array().expect("a list");
        Run {
            instructions: number("instructions"),
            regions: regions.iter().map(|region| region.as_u64().expect("a count")).collect(),
            accesses: [number("load_instructions"), number("store_instructions")],
            stack: number("stack_bytes_in_region"),
            checksum: said.lines().last().unwrap_or_default().to_owned(),
        }
    }
}

/// The bytes of a program with an input of so many bytes.
pub(crate) fn size(program: &Path, input: u64) -> Size {
    let said = output(Command::new("bash").arg(kit("size.sh")).arg(program));
    let sizes: Value = serde_json::from_str(&said).expect("sizes");
    let number = |name: &str| sizes[name].as_u64().unwrap_or_else(|| panic!("{name} in {sizes}"));
    Size { flash: number("flash") - input, code: number("text"), ram: number("ram_static") }
}

/// What a command prints; a panic with all it said where it fails.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
